#include "block.h"

#include <random>

#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

// The examples of docs/format.md, section 2.4.
TEST(BlockTest, ExamplesOfTheFormat) {
  EXPECT_EQ(Advance(0, 40), 64u);
  EXPECT_EQ(Advance(64, 65472), 65536u);
  EXPECT_EQ(Advance(64, 65473), 65561u);
  EXPECT_EQ(Advance(65526, 10), 65536u);
  EXPECT_EQ(Advance(65526, 11), 65561u);
  EXPECT_EQ(Advance(65536, 40), 65600u);
  EXPECT_EQ(RoundUpToChunkBoundary(65537), 65561u);
}

// Advance against writing byte by byte.
TEST(BlockTest, AdvanceCountsEveryBlockHeader) {
  for (uint64_t begin : {0u, 25u, 64u, 65000u, 65511u, 65535u, 65536u, 65561u, 131071u}) {
    ASSERT_TRUE(CanBeginChunk(begin));
    uint64_t pos = begin;
    for (uint64_t n = 1; n < 140000; ++n) {
      if (pos % kBlockSize == 0) pos += kBlockHeaderSize;
      ++pos;
      ASSERT_EQ(Advance(begin, n), pos) << begin << " " << n;
      ASSERT_TRUE(CanBeginChunk(pos));
    }
  }
}

TEST(BlockTest, ChunkBytesBetweenIsTheInverseOfAdvance) {
  std::mt19937_64 rng(1);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t begin = RoundUpToChunkBoundary(rng() % 1000000);
    const uint64_t size = 1 + rng() % 300000;
    ASSERT_EQ(ChunkBytesBetween(begin, Advance(begin, size)), size) << begin << " " << size;
  }
}

TEST(BlockTest, NoChunkBeginsInABlockHeader) {
  EXPECT_TRUE(CanBeginChunk(0));
  for (uint64_t p = 1; p <= 24; ++p) {
    EXPECT_FALSE(CanBeginChunk(p));
    EXPECT_EQ(RoundUpToChunkBoundary(65536 + p), 65561u);
  }
  EXPECT_TRUE(CanBeginChunk(25));
  EXPECT_EQ(RemainingInBlock(65536), 0u);
  EXPECT_EQ(RemainingInBlock(65537), 65535u);
}

TEST(BlockTest, EveryFlippedBitOfAHeaderIsNoticed) {
  BlockHeader header;
  header.previous_chunk = 12345;
  header.next_chunk = 678;
  uint8_t bytes[kBlockHeaderSize];
  header.Encode(bytes);
  BlockHeader decoded;
  ASSERT_TRUE(decoded.Decode(bytes));
  EXPECT_EQ(decoded.previous_chunk, 12345u);
  EXPECT_EQ(decoded.next_chunk, 678u);
  for (size_t bit = 0; bit < 8 * sizeof(bytes); ++bit) {
    bytes[bit / 8] ^= 1 << bit % 8;
    EXPECT_FALSE(decoded.Decode(bytes)) << bit;
    bytes[bit / 8] ^= 1 << bit % 8;
  }
}

}  // namespace
}  // namespace arrayrecord
