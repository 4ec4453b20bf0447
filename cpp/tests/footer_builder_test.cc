// The index of a file in the making, and what it is made of: queues of bytes, and compressors that
// take them piece by piece.
#include "footer_builder.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "hash.h"
#include "simple_chunk.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

std::string TakeAll(ByteQueue* queue) {
  std::string all(queue->size(), '\0');
  EXPECT_EQ(queue->Take(Data(all), all.size() + 1), all.size());
  return all;
}

std::string Noise(size_t size, uint32_t seed) {
  std::string s(size, '\0');
  for (char& c : s) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return s;
}

TEST(ByteQueueTest, BytesComeOutInOrderWhateverThePieces) {
  const std::string source = Noise(3 << 20, 1);
  for (size_t step : {1u, 7u, 4096u, 300000u}) {
    ByteQueue queue;
    std::string out;
    size_t in = 0;
    for (size_t turn = 0; in < source.size() && turn < 40000; ++turn) {
      const size_t n = std::min(source.size() - in, turn % 5 * step);
      if (n <= ByteQueue::kMinPiece && turn % 2 == 0) {
        queue.AppendWhole(Data(source) + in, n);
      } else {
        queue.Append(Data(source) + in, n);
      }
      in += n;
      if (turn % 3 == 0) {
        std::string some(turn % 7 * step, '\0');
        some.resize(queue.Take(Data(some), some.size()));
        out += some;
      }
      ASSERT_EQ(queue.size(), in - out.size());
      ASSERT_LE(queue.memory(), 2 * queue.size() + 3 * ByteQueue::kMaxPiece);
    }
    out += TakeAll(&queue);
    EXPECT_TRUE(out == source.substr(0, in)) << step;
    EXPECT_EQ(queue.size(), 0u);
    EXPECT_LE(queue.memory(), ByteQueue::kMaxPiece) << "memory of what was taken is kept";
  }
}

TEST(ByteQueueTest, GrowingDoesNotTakeTwiceTheMemory) {
  ByteQueue queue;
  const std::string some = Noise(10, 2);
  for (int i = 0; i < 1000000; ++i) {
    queue.AppendWhole(Data(some), some.size());
    ASSERT_LE(queue.memory(), 1.01 * queue.size() + 2 * ByteQueue::kMaxPiece);
  }
  const ByteSpan first = queue.piece(0);
  queue.Append(Data(some), 1);
  EXPECT_EQ(queue.piece(0).data, first.data) << "pieces stay where they are";
  const size_t before = queue.memory();
  queue.PopPiece();
  EXPECT_LT(queue.memory(), before);
}

TEST(StreamCompressorTest, SameAsInOneGo) {
  const Compression kCompressions[] = {{Codec::kNone, 0, 0},   {Codec::kZstd, 3, 20},
                                       {Codec::kZstd, -5, 0},  {Codec::kBrotli, 6, 0},
                                       {Codec::kBrotli, 0, 0}, {Codec::kBrotli, 2, 26},
                                       {Codec::kSnappy, 1, 0}};
  for (const Compression& compression : kCompressions) {
    for (size_t size : {0u, 1u, 6u, 7u, 1000u, 65536u, 200001u, 1500000u}) {
      std::string source = Noise(size / 2, 3);
      for (size_t i = 0; source.size() < size; ++i) source += std::to_string(i);
      source.resize(size);
      for (size_t step : {1000u, 65536u, 1000000u}) {
        size_t at = 0;
        ByteQueue out;
        const Status status = CompressStream(
            compression, size,
            [&] {
              const ByteSpan piece(Data(source) + at, std::min(step, size - at));
              at += piece.size;
              return piece;
            },
            &out);
        ASSERT_EQ(status.message(), "");
        const std::string block = TakeAll(&out);
        std::string back(size, '\0'), whole;
        EXPECT_EQ(Decompress(compression.codec, AsBytes(block), Data(back), size).message(), "")
            << static_cast<int>(compression.codec) << " " << size << " " << step;
        EXPECT_TRUE(back == source);
        ASSERT_TRUE(Compress(compression, AsBytes(source), &whole).ok());
        EXPECT_LE(block.size(), whole.size() + whole.size() / 100 + 100);
        if (compression.codec == Codec::kNone || compression.codec == Codec::kSnappy) {
          EXPECT_TRUE(block == whole);
        }
      }
    }
  }
}

TEST(StreamCompressorTest, MoreThanSnappyCanHold) {
  ByteQueue out;
  bool asked = false;
  const auto source = [&] {
    asked = true;
    return ByteSpan();
  };
  EXPECT_EQ(CompressStream({Codec::kSnappy, 1, 0}, uint64_t{1} << 32, source, &out).code(),
            AR_RESOURCE_EXHAUSTED);
  EXPECT_FALSE(asked);
}

TEST(StreamCompressorTest, FewerBytesThanPromised) {
  ByteQueue out;
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    EXPECT_EQ(CompressStream(
                  {codec, 1, 0}, 10, [] { return ByteSpan(); }, &out)
                  .code(),
              AR_INTERNAL);
  }
}

// Chunks as files have them: `distance` bytes apart, more or less.
std::vector<FooterEntry> Chunks(size_t n, uint64_t distance, uint64_t group_size) {
  std::vector<FooterEntry> chunks;
  uint64_t position = kSignatureEnd;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t records = i % 1000 == 999 ? group_size + i % 7 : group_size;
    chunks.push_back({position, distance * (i % 3) / 2, records});
    position += distance + i * 7919 % (distance / 2);
  }
  return chunks;
}

TEST(FooterBuilderTest, SameBytesAsMadeInOnePlace) {
  for (Codec codec : {Codec::kNone, Codec::kSnappy}) {
    const Compression compression = {codec, 1, 0};
    for (size_t n : {0u, 1u, 2u, 1000u, 300000u}) {
      const std::vector<FooterEntry> chunks = Chunks(n, 5000, 3);
      FooterBuilder builder(compression, 3, "the options");
      FooterMetadata metadata;
      metadata.has_writer_options = true;
      metadata.writer_options = "the options";
      metadata.num_chunks = n;
      for (const FooterEntry& chunk : chunks) {
        ASSERT_TRUE(builder.Add(chunk).ok());
        metadata.num_records += chunk.num_records;
      }
      std::string values = metadata.Serialize(), want;
      std::vector<uint64_t> sizes = {values.size()};
      for (const FooterEntry& chunk : chunks) {
        const size_t before = values.size();
        chunk.AppendTo(&values);
        sizes.push_back(values.size() - before);
      }
      ASSERT_TRUE(
          AppendSimpleChunk(compression, AsBytes(values), sizes.data(), sizes.size(), &want).ok());

      ChunkHeader header;
      ByteQueue data;
      ASSERT_EQ(builder.Finish(&header, &data).message(), "");
      std::string got(kChunkHeaderSize, '\0');
      header.Encode(Data(got));
      got += TakeAll(&data);
      EXPECT_TRUE(got == want) << n;
    }
  }
}

TEST(FooterBuilderTest, FewBytesAChunk) {
  const struct {
    uint64_t distance, bytes;
  } kCases[] = {{100, 4}, {1500, 5}, {100000, 6}, {1 << 20, 8}, {100 << 20, 9}};
  for (const auto& [distance, bytes] : kCases) {
    constexpr size_t kChunks = 300000;
    FooterBuilder builder({Codec::kZstd, 1, 0}, 1, "");
    size_t most = 0;
    for (const FooterEntry& chunk : Chunks(kChunks, distance, 1)) {
      ASSERT_TRUE(builder.Add(chunk).ok());
      most = std::max(most, builder.memory());
    }
    EXPECT_LE(most, bytes * kChunks + 2 * ByteQueue::kMaxPiece) << distance;
    ChunkHeader header;
    ByteQueue data;
    ASSERT_TRUE(builder.Finish(&header, &data).ok());
    EXPECT_EQ(builder.memory(), 0u) << "the chunks are gone";
  }
}

// The limit is noticed by the chunk that crosses it; what was there before is still good.
TEST(FooterBuilderTest, LargerThanTheCodecCanHold) {
  for (uint64_t limit : {0u, 50u, 1000u, 100000u}) {
    FooterBuilder builder({Codec::kNone, 0, 0}, 1, std::string(50, 'o'), limit);
    Status status;
    size_t added = 0;
    for (const FooterEntry& chunk : Chunks(20000, 50, 1)) {
      status = builder.Add(chunk);
      if (!status.ok()) break;
      ++added;
    }
    EXPECT_EQ(status.code(), AR_RESOURCE_EXHAUSTED) << limit;
    EXPECT_EQ(builder.Add({uint64_t{1} << 40, 1, 1}).code(), AR_RESOURCE_EXHAUSTED);
    ChunkHeader header;
    ByteQueue data;
    ASSERT_TRUE(builder.Finish(&header, &data).ok());
    EXPECT_EQ(header.num_records, added + 1);
    if (limit >= 1000) {
      EXPECT_LE(header.decoded_data_size, limit);
      EXPECT_GE(header.decoded_data_size, limit - 150) << "refused too early";
    }
  }
  EXPECT_EQ(MaxBlockSize(Codec::kSnappy), UINT32_MAX);
  EXPECT_EQ(MaxBlockSize(Codec::kZstd), UINT64_MAX);
}

TEST(HashTest, PiecesAreHashedAsOne) {
  const std::string all = Noise(100000, 4);
  for (size_t step : {1u, 31u, 32u, 33u, 70000u}) {
    std::vector<ByteSpan> pieces;
    for (size_t at = 0; at < all.size(); at += step) {
      pieces.emplace_back(Data(all) + at, std::min(step, all.size() - at));
    }
    EXPECT_EQ(HashPieces(pieces.data(), pieces.size()), Hash(all.data(), all.size())) << step;
  }
}

}  // namespace
}  // namespace arrayrecord
