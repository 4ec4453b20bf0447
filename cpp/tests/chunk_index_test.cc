#include "chunk_index.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

struct Chunks {
  std::vector<uint64_t> offsets;
  std::vector<uint64_t> counts;
  uint64_t end;
};

Status Build(const Chunks& chunks, bool offloaded, ChunkIndex* index) {
  AR_TRY(index->Start(chunks.offsets.size(), chunks.end, offloaded));
  uint64_t records = 0;
  for (size_t i = 0; i < chunks.offsets.size(); ++i) {
    AR_TRY(index->Add(chunks.offsets[i], chunks.counts[i]));
    records += chunks.counts[i];
  }
  return index->Finish(records);
}

// Chunks of about `spacing` bytes; what they hold depends on `kind`.
Chunks Make(std::mt19937_64* rng, size_t n, uint64_t spacing, char kind) {
  Chunks chunks;
  uint64_t at = 64 + (*rng)() % spacing;
  for (size_t i = 0; i < n; ++i) {
    while (at % 65536 >= 1 && at % 65536 <= 24) ++at;
    chunks.offsets.push_back(at);
    chunks.counts.push_back(kind == '1' ? 1 : kind == 'g' ? 9 : 1 + (*rng)() % 30);
    at += 41 + (*rng)() % spacing;
  }
  if (kind == 'g' && n > 1) chunks.counts.back() = 4;
  chunks.end = at;
  return chunks;
}

TEST(ChunkIndexTest, AgreesWithPlainVectors) {
  std::mt19937_64 rng(7);
  for (bool offloaded : {false, true}) {
    for (char kind : {'1', 'g', 'u'}) {
      for (size_t n : {1u, 2u, 63u, 64u, 65u, 1000u, 20000u}) {
        for (uint64_t spacing : {1u, 100u, 100000u, 1u << 30}) {
          const Chunks chunks = Make(&rng, n, spacing, kind);
          ChunkIndex index;
          ASSERT_EQ(Build(chunks, offloaded, &index).message(), "");
          ASSERT_EQ(index.num_chunks(), n);
          ASSERT_EQ(index.group_size(), chunks.counts[0]);
          for (size_t from : {size_t{0}, n / 2, n - 1}) {
            ChunkIndex::Walk walk(index, from);
            for (size_t c = from; c < n; ++c, walk.Next()) {
              ASSERT_EQ(walk.number(), c);
              ASSERT_EQ(walk.begin(), chunks.offsets[c]);
              ASSERT_EQ(walk.end(), c + 1 < n ? chunks.offsets[c + 1] : chunks.end);
            }
            ASSERT_EQ(walk.begin(), chunks.end);
          }
          uint64_t record = 0;
          for (size_t c = 0; c < n; ++c) {
            const auto extent = index.extent(c, c + 1);
            ASSERT_EQ(extent.begin, chunks.offsets[c]);
            ASSERT_EQ(extent.end, c + 1 < n ? chunks.offsets[c + 1] : chunks.end);
            ASSERT_EQ(index.FirstRecord(c), record);
            ASSERT_EQ(index.RecordsIn(c), chunks.counts[c]);
            ASSERT_EQ(index.ChunkOf(record), c);
            record += chunks.counts[c];
            ASSERT_EQ(index.ChunkOf(record - 1), c);
          }
          ASSERT_EQ(index.num_records(), record);
          ASSERT_EQ(index.extent(0, n).end, chunks.end);
        }
      }
    }
  }
}

TEST(ChunkIndexTest, RunsAreTheShortestThatSpanEnough) {
  std::mt19937_64 rng(8);
  const Chunks chunks = Make(&rng, 500, 300, '1');
  ChunkIndex index;
  ASSERT_TRUE(Build(chunks, false, &index).ok());
  auto offset = [&](uint64_t c) { return c < 500 ? chunks.offsets[c] : chunks.end; };
  for (uint64_t c = 0; c < 500; c += 7) {
    for (uint64_t bytes : {0u, 1u, 50u, 1000u, 20000u, 100000000u}) {
      uint64_t want = c + 1;
      while (want < 500 && offset(want) - offset(c) < bytes) ++want;
      EXPECT_EQ(index.RunOf(c, bytes), want) << c << " " << bytes;
    }
  }
  EXPECT_EQ(index.RunOf(500, 10), 500u);
}

TEST(ChunkIndexTest, TakesTwoBytesAChunkAtMost) {
  std::mt19937_64 rng(9);
  const Chunks chunks = Make(&rng, 200000, 1500, '1');
  ChunkIndex index;
  ASSERT_TRUE(Build(chunks, false, &index).ok());
  EXPECT_LE(index.bytes(), 2 * 200000u);
}

TEST(ChunkIndexTest, EmptyFile) {
  ChunkIndex index;
  ASSERT_TRUE(Build({{}, {}, 64}, false, &index).ok());
  EXPECT_EQ(index.num_chunks(), 0u);
  EXPECT_EQ(index.num_records(), 0u);
  EXPECT_EQ(index.group_size(), 0u);
}

TEST(ChunkIndexTest, ImpossibleOffsetsAndCounts) {
  const Chunks kBad[] = {
      {{63}, {1}, 1000},          {{64, 64}, {1, 1}, 1000},    {{200, 100}, {1, 1}, 1000},
      {{1000}, {1}, 1000},        {{2000}, {1}, 1000},         {{65537}, {1}, 100000},
      {{65560}, {1}, 100000},     {{64, 103}, {1, 1}, 1000},   {{64}, {0}, 1000},
      {{64}, {937}, 1000},        {{64, 200}, {137, 1}, 1000}, {{UINT64_MAX}, {1}, 1000},
      {{64}, {UINT64_MAX}, 1000},
  };
  for (const Chunks& bad : kBad) {
    ChunkIndex index;
    EXPECT_EQ(Build(bad, false, &index).code(), AR_DATA_LOSS) << bad.offsets[0];
  }
  ChunkIndex index;
  ASSERT_TRUE(index.Start(1, 1000, false).ok());
  ASSERT_TRUE(index.Add(64, 3).ok());
  EXPECT_EQ(index.Finish(4).code(), AR_DATA_LOSS);
}

}  // namespace
}  // namespace arrayrecord
