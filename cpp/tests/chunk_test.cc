#include "chunk.h"

#include <string>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

std::string Pattern(size_t n) {
  std::string s(n, '\0');
  for (size_t i = 0; i < n; ++i) s[i] = static_cast<char>(i * 7 + i / 256);
  return s;
}

std::string Simple(uint64_t begin, const std::string& data, uint64_t num_records = 1) {
  ChunkHeader header;
  header.type = ChunkType::kSimple;
  header.num_records = num_records;
  header.decoded_data_size = 77;
  return PlaceChunk(begin, header, data);
}

Status Parse(const std::string& bytes, uint64_t begin, Chunk* chunk, std::string* data) {
  const GuardedBytes guarded(bytes);
  AR_TRY(ParseChunk(guarded.data(), begin, begin + bytes.size(), chunk));
  data->assign(reinterpret_cast<const char*>(chunk->data), chunk->header.data_size);
  return chunk->VerifyData();
}

// The header and the data are interrupted by a block header at every one of their bytes.
TEST(ChunkTest, EveryAlignmentToABlock) {
  const std::string data = Pattern(150);
  for (uint64_t before = 0; before < 250; ++before) {
    const uint64_t begin = 65536 - before;
    const std::string bytes = Simple(begin, data);
    Chunk chunk;
    std::string back;
    ASSERT_EQ(Parse(bytes + "what follows", begin, &chunk, &back).message(), "") << before;
    EXPECT_EQ(back, data);
    EXPECT_EQ(chunk.begin, begin);
    EXPECT_EQ(chunk.end, begin + bytes.size());
    EXPECT_EQ(chunk.header.decoded_data_size, 77u);
  }
}

TEST(ChunkTest, DataOverManyBlocks) {
  for (size_t size : {0u, 65472u, 65473u, 131000u, 1000000u}) {
    const std::string data = Pattern(size);
    Chunk chunk;
    std::string back;
    ASSERT_EQ(Parse(Simple(64, data), 64, &chunk, &back).message(), "");
    EXPECT_EQ(back, data);
  }
}

TEST(ChunkTest, MoreRecordsThanBytesArePadded) {
  const std::string bytes = Simple(64, "x", 200000);
  EXPECT_EQ(bytes.size(), 200000u);
  Chunk chunk;
  std::string back;
  ASSERT_EQ(Parse(bytes, 64, &chunk, &back).message(), "");
  EXPECT_EQ(chunk.end, 200064u);
  EXPECT_EQ(Parse(bytes.substr(0, 199999), 64, &chunk, &back).code(), AR_DATA_LOSS);
}

// A flipped bit in a header, a block header or the data never goes unnoticed.
TEST(ChunkTest, EveryFlippedBitIsNoticed) {
  const std::string data = Pattern(100);
  for (uint64_t before : {10u, 60u, 1000u}) {
    const uint64_t begin = 65536 - before;
    const std::string good = Simple(begin, data);
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] ^= 1 << bit % 8;
      Chunk chunk;
      std::string back;
      Status status = Parse(bad, begin, &chunk, &back);
      EXPECT_EQ(status.code(), AR_DATA_LOSS) << before << " " << bit;
    }
  }
}

TEST(ChunkTest, EveryTruncationIsNoticed) {
  const std::string good = Simple(65500, Pattern(100));
  for (size_t n = 0; n < good.size(); ++n) {
    Chunk chunk;
    std::string back;
    EXPECT_EQ(Parse(good.substr(0, n), 65500, &chunk, &back).code(), AR_DATA_LOSS) << n;
  }
}

// Whoever makes files to do harm can make the hashes right.
TEST(ChunkTest, HugeSizesWithRightHashes) {
  for (uint64_t data_size : {uint64_t{960}, uint64_t{961}, uint64_t{1} << 20, uint64_t{1} << 62,
                             UINT64_MAX - 40, UINT64_MAX - 39, UINT64_MAX}) {
    for (uint64_t num_records : {uint64_t{1}, uint64_t{1000}, uint64_t{1001}, kMaxRecordsInChunk}) {
      ChunkHeader header;
      header.type = ChunkType::kSimple;
      header.data_size = data_size;
      header.num_records = num_records;
      std::string bytes(1000, '\0');
      header.Encode(Data(bytes));
      const ar_code want = data_size <= 960 && num_records <= 1000 ? AR_OK : AR_DATA_LOSS;
      Chunk chunk;
      EXPECT_EQ(ParseChunk(Data(bytes), 64, 1064, &chunk).code(), want);
      EXPECT_EQ(ParseChunkHead(Data(bytes), kChunkHeadSize, 64, 1064, &chunk).code(), want)
          << data_size << " " << num_records;
    }
  }
}

TEST(ChunkTest, BlockHeaderThatContradictsItsChunk) {
  const uint64_t begin = 65536 - 50;
  const std::string good = Simple(begin, Pattern(100));
  for (int field = 0; field < 2; ++field) {
    std::string bad = good;
    BlockHeader block;
    ASSERT_TRUE(block.Decode(Data(bad) + 50));
    (field == 0 ? block.previous_chunk : block.next_chunk) += 1;
    block.Encode(Data(bad) + 50);
    Chunk chunk;
    std::string back;
    Status status = Parse(bad, begin, &chunk, &back);
    EXPECT_EQ(status.code(), AR_DATA_LOSS);
    EXPECT_NE(status.message().find("contradicts"), std::string::npos) << status.message();
  }
}

TEST(ChunkTest, NoChunkBeginsInABlockHeader) {
  std::string bytes(kChunkHeaderSize, '\0');
  SealChunk(ChunkType::kSimple, 1, 77, 0, &bytes);
  Chunk chunk;
  std::string back;
  bytes += std::string(100, '\0');
  for (uint64_t begin : {25u, 64u, 65561u}) EXPECT_TRUE(Parse(bytes, begin, &chunk, &back).ok());
  for (uint64_t begin : {1u, 24u, 65537u, 65560u}) {
    EXPECT_EQ(Parse(bytes, begin, &chunk, &back).code(), AR_DATA_LOSS) << begin;
  }
}

}  // namespace
}  // namespace arrayrecord
