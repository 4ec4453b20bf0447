#include "simple_chunk.h"

#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

// Decodes chunk data with the given header fields.
Status Decode(const std::string& data, uint64_t num_records, uint64_t decoded_size,
              Records* records) {
  const GuardedBytes bytes(data);
  Chunk chunk;
  chunk.begin = 64;
  chunk.header.type = ChunkType::kSimple;
  chunk.header.num_records = num_records;
  chunk.header.decoded_data_size = decoded_size;
  chunk.header.data_size = data.size();
  chunk.data = bytes.data();
  SimpleChunk simple;
  AR_TRY(simple.Open(chunk));
  std::vector<uint64_t> sizes(num_records);
  AR_TRY(simple.DecodeSizes(sizes.data()));
  std::string values(decoded_size, '\0');
  AR_TRY(simple.DecodeValues(Data(values)));
  uint64_t at = 0;
  for (uint64_t size : sizes) {
    records->push_back(values.substr(at, size));
    at += size;
  }
  return Status();
}

std::string Plain(const std::vector<uint64_t>& sizes, const std::string& values) {
  std::string block, data(1, '\0');
  for (uint64_t size : sizes) AppendVarint64(size, &block);
  AppendVarint64(block.size(), &data);
  return data + block + values;
}

TEST(SimpleChunkTest, RoundTrip) {
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    for (const Records& records :
         {Records{""}, Records{"a"}, Records{"", "", ""},
          Records{"one", "", std::string(9999, 'x')}, TextRecords(1000, 5)}) {
      std::string values, chunk;
      std::vector<uint64_t> sizes;
      for (const std::string& r : records) {
        values += r;
        sizes.push_back(r.size());
      }
      ASSERT_TRUE(
          AppendSimpleChunk({codec, 1, 0}, AsBytes(values), sizes.data(), sizes.size(), &chunk)
              .ok());
      ChunkHeader header;
      ASSERT_TRUE(header.Decode(Data(chunk)));
      EXPECT_EQ(header.data_size, chunk.size() - kChunkHeaderSize);
      Records back;
      EXPECT_EQ(Decode(chunk.substr(kChunkHeaderSize), header.num_records, header.decoded_data_size,
                       &back)
                    .message(),
                "");
      EXPECT_EQ(back, records);
    }
  }
}

TEST(SimpleChunkTest, ExampleOfTheFormat) {
  std::string chunk;
  const uint64_t size = 1;
  ASSERT_TRUE(AppendSimpleChunk({Codec::kNone, 0, 0}, AsBytes("A"), &size, 1, &chunk).ok());
  EXPECT_EQ(chunk.substr(kChunkHeaderSize), std::string("\x00\x01\x01\x41", 4));
}

TEST(SimpleChunkTest, SizesThatDoNotFit) {
  const struct {
    const char* what;
    std::string data;
    uint64_t num_records, decoded_size;
  } kBad[] = {
      {"no data", "", 1, 0},
      {"no sizes", std::string(1, '\0'), 1, 0},
      {"sizes past the end", std::string("\x00\x05\x01", 3), 2, 1},
      {"huge sizes", std::string("\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), 2, 1},
      {"sum too low", Plain({1, 1}, "abc"), 2, 3},
      {"sum too high", Plain({2, 2}, "abc"), 2, 3},
      {"sum wraps around", Plain({UINT64_MAX, 4}, "abc"), 2, 3},
      {"too few sizes", Plain({1, 2}, "abc"), 3, 3},
      {"too many sizes", Plain({1, 2, 0}, "abc"), 2, 3},
      {"values too short", Plain({1, 2}, "ab"), 2, 3},
      {"values too long", Plain({1, 2}, "abcd"), 2, 3},
      {"no records but values", Plain({}, "abc"), 0, 3},
      {"cut varint",
       std::string("\x00\x02\x01\x80"
                   "ab",
                   6),
       2, 2},
  };
  for (const auto& bad : kBad) {
    Records records;
    EXPECT_EQ(Decode(bad.data, bad.num_records, bad.decoded_size, &records).code(), AR_DATA_LOSS)
        << bad.what;
  }
  Records records;
  EXPECT_TRUE(Decode(Plain({}, ""), 0, 0, &records).ok());
  EXPECT_TRUE(Decode(Plain({1, 2}, "abc"), 2, 3, &records).ok());
  EXPECT_EQ(records, (Records{"a", "bc"}));
}

TEST(SimpleChunkTest, MadeInPlaceIsTheSame) {
  for (size_t n : {1, 2, 127, 128, 1024}) {
    for (size_t size : {0, 1, 127, 128, 300}) {
      std::vector<uint64_t> sizes(n, size);
      sizes[n / 2] += 20000;
      const uint64_t total = std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
      std::string values(total, '\0');
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<char>(i * 31 >> 3);
      std::string want, bytes = std::string(MaxPlainPrefix(n), '!') + values;
      ASSERT_TRUE(
          AppendSimpleChunk({Codec::kNone, 0, 0}, AsBytes(values), sizes.data(), n, &want).ok());
      ChunkHeader header;
      const uint8_t* chunk =
          SealPlainChunk(Data(bytes) + MaxPlainPrefix(n), total, sizes.data(), n, &header);
      ASSERT_GE(chunk, Data(bytes));
      EXPECT_TRUE(bytes.substr(static_cast<size_t>(chunk - Data(bytes))) == want)
          << n << " " << size;
      ChunkHeader read;
      ASSERT_TRUE(read.Decode(chunk));
      EXPECT_EQ(read.data_hash, header.data_hash);
      EXPECT_EQ(read.data_size, header.data_size);
      EXPECT_EQ(read.num_records, header.num_records);
      EXPECT_EQ(read.decoded_data_size, header.decoded_data_size);
    }
  }
}

TEST(SimpleChunkTest, UnknownCompression) {
  Records records;
  EXPECT_EQ(Decode("q\x01\x01\x01x", 1, 1, &records).code(), AR_UNIMPLEMENTED);
}

// A terabyte that is claimed with a right hash is refused before it is allocated.
TEST(SimpleChunkTest, Bombs) {
  for (Codec codec : {Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    std::string sizes, values, data(1, static_cast<char>(codec));
    const uint64_t claim = uint64_t{1} << 40;
    std::string plain;
    AppendVarint64(claim, &plain);
    ASSERT_TRUE(Compress({codec, 1, 0}, AsBytes(plain), &sizes).ok());
    ASSERT_TRUE(Compress({codec, 1, 0}, AsBytes(std::string(1000, 'x')), &values).ok());
    AppendVarint64(sizes.size(), &data);
    data += sizes;
    AppendVarint64(claim, &data);
    data += values.substr(2);
    Chunk chunk;
    chunk.header = {ChunkType::kSimple, data.size(), 0, 1, claim};
    chunk.data = Data(data);
    SimpleChunk simple;
    EXPECT_EQ(simple.Open(chunk).code(), AR_DATA_LOSS);
  }
}

}  // namespace
}  // namespace arrayrecord
