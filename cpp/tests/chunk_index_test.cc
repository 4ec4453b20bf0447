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

  // What the records of chunk i take: like each other, one that is not, and very large ones.
  static uint64_t Size(size_t i) {
    if (i % 1000 < 128) return 77;
    return i % 50 == 7 ? uint64_t{1} << i % 45 : 100 + i * 7919 % 1000;
  }
};

// Adds chunks one by one if `at_once` is 0, else so many at a time.
Status Build(const Chunks& chunks, bool offloaded, ChunkIndex* index, size_t at_once = 0) {
  const size_t n = chunks.offsets.size();
  AR_TRY(index->Start(n, chunks.end, offloaded));
  uint64_t records = 0;
  std::vector<FooterEntry> entries;
  for (size_t i = 0; i < n; ++i) {
    records += chunks.counts[i];
    if (at_once == 0) {
      AR_TRY(index->Add(chunks.offsets[i], chunks.counts[i], Chunks::Size(i)));
      continue;
    }
    entries.push_back({chunks.offsets[i], Chunks::Size(i), chunks.counts[i]});
    if (entries.size() < at_once && i + 1 < n) continue;
    AR_TRY(index->Add(entries.data(), entries.size()));
    entries.clear();
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
          uint64_t record = 0, size = 0;
          for (size_t c = 0; c < n; ++c) {
            const auto extent = index.extent(c, c + 1);
            ASSERT_EQ(extent.begin, chunks.offsets[c]);
            ASSERT_EQ(extent.end, c + 1 < n ? chunks.offsets[c + 1] : chunks.end);
            ASSERT_EQ(index.FirstRecord(c), record);
            ASSERT_EQ(index.RecordsIn(c), chunks.counts[c]);
            ASSERT_EQ(index.DecodedSize(c), Chunks::Size(c)) << c;
            ASSERT_EQ(index.DecodedSize(0, c), size) << c;
            size += Chunks::Size(c);
            ASSERT_EQ(index.ChunkOf(record), c);
            record += chunks.counts[c];
            ASSERT_EQ(index.ChunkOf(record - 1), c);
          }
          ASSERT_EQ(index.num_records(), record);
          ASSERT_EQ(index.extent(0, n).end, chunks.end);
          ASSERT_EQ(index.DecodedSize(0, n), size);
        }
      }
    }
  }
}

TEST(ChunkIndexTest, RunsAreTheLongestThatFit) {
  std::mt19937_64 rng(8);
  const Chunks chunks = Make(&rng, 500, 300, '1');
  ChunkIndex index;
  ASSERT_TRUE(Build(chunks, false, &index).ok());
  auto offset = [&](uint64_t c) { return c < 500 ? chunks.offsets[c] : chunks.end; };
  for (uint64_t c = 0; c < 500; c += 7) {
    for (uint64_t bytes : {0u, 1u, 50u, 1000u, 20000u, 100000000u}) {
      for (uint64_t decoded : {uint64_t{0}, uint64_t{77}, uint64_t{5000}, UINT64_MAX}) {
        uint64_t want = c + 1, size = Chunks::Size(c);
        while (want < 500 && offset(want + 1) - offset(c) <= bytes &&
               size + Chunks::Size(want) <= decoded) {
          size += Chunks::Size(want++);
        }
        EXPECT_EQ(index.RunOf(c, bytes, decoded), want) << c << " " << bytes << " " << decoded;
      }
    }
  }
}

TEST(ChunkIndexTest, SizesThatAddUpToTooMuch) {
  for (size_t at_once : {1u, 2u}) {
    ChunkIndex index;
    ASSERT_TRUE(index.Start(3, 1000, false).ok());
    const FooterEntry entries[] = {{64, 1, 1}, {200, UINT64_MAX - 1, 1}, {300, 1, 1}};
    ASSERT_TRUE(index.Add(entries, 1).ok());
    Status status = index.Add(entries + 1, at_once);
    if (at_once == 1) {
      EXPECT_EQ(status.message(), "");
      status = index.Add(entries + 2, 1);
    }
    EXPECT_EQ(status.code(), AR_DATA_LOSS);
  }
}

// Of chunks of one record of up to 500 bytes.
TEST(ChunkIndexTest, TakesThreeBytesAChunkAtMost) {
  std::mt19937_64 rng(9);
  const Chunks chunks = Make(&rng, 200000, 500, '1');
  ChunkIndex index;
  ASSERT_TRUE(index.Start(200000, chunks.end, false).ok());
  for (size_t i = 0; i < 200000; ++i) {
    const uint64_t end = i + 1 < 200000 ? chunks.offsets[i + 1] : chunks.end;
    ASSERT_TRUE(index.Add(chunks.offsets[i], 1, end - chunks.offsets[i] - 41).ok());
  }
  ASSERT_TRUE(index.Finish(200000).ok());
  EXPECT_LE(index.bytes(), 3 * 200000u);
}

void ExpectSame(const ChunkIndex& a, const ChunkIndex& b) {
  ASSERT_EQ(a.num_chunks(), b.num_chunks());
  ASSERT_EQ(a.num_records(), b.num_records());
  ASSERT_EQ(a.bytes(), b.bytes());
  for (size_t c = 0; c < a.num_chunks(); ++c) {
    ASSERT_EQ(a.extent(c, c + 1).begin, b.extent(c, c + 1).begin) << c;
    ASSERT_EQ(a.extent(c, c + 1).end, b.extent(c, c + 1).end) << c;
    ASSERT_EQ(a.FirstRecord(c), b.FirstRecord(c)) << c;
  }
}

TEST(ChunkIndexTest, ManyAtOnceAreAsOneByOne) {
  std::mt19937_64 rng(10);
  for (char kind : {'1', 'g', 'u'}) {
    for (size_t n : {1u, 2u, 64u, 65u, 1000u}) {
      for (uint64_t spacing : {1u, 100u, 100000u, 1u << 30}) {
        Chunks chunks = Make(&rng, n, spacing, kind);
        if (kind == 'g' && n == 1000) chunks.counts[700] = 3;  // uneven from there on
        ChunkIndex one_by_one;
        ASSERT_EQ(Build(chunks, false, &one_by_one).message(), "");
        for (size_t at_once : {1u, 3u, 64u, 100u, 5000u}) {
          ChunkIndex index;
          ASSERT_EQ(Build(chunks, false, &index, at_once).message(), "");
          ExpectSame(one_by_one, index);
        }
      }
    }
  }
}

// The error is that of the first bad chunk, wherever it is.
TEST(ChunkIndexTest, ManyAtOnceFailAsOneByOne) {
  const size_t n = 200;
  Chunks good;
  for (size_t i = 0; i < n; ++i) {
    good.offsets.push_back(100 + 1000 * i);
    good.counts.push_back(50);
  }
  good.end = 100 + 1000 * n;
  for (size_t bad = 1; bad < n; ++bad) {
    std::vector<Chunks> kinds(8, good);
    kinds[0].offsets[bad] = good.offsets[bad - 1];       // not after the one before
    kinds[1].offsets[bad] = good.offsets[bad - 1] + 39;  // no room for a header
    kinds[2].offsets[bad] = good.offsets[bad - 1] + 45;  // nor for so many records
    kinds[3].offsets[bad] = good.end;
    kinds[4].offsets[bad] = UINT64_MAX - 5;
    kinds[5].offsets[bad] = 65536 * (good.offsets[bad] / 65536) + 24;
    kinds[6].counts[bad] = 0;
    kinds[7].counts[bad] = good.end;
    for (const Chunks& chunks : kinds) {
      ChunkIndex index, other;
      const Status want = Build(chunks, false, &index);
      ASSERT_EQ(want.code(), AR_DATA_LOSS);
      const Status status = Build(chunks, false, &other, 64);
      EXPECT_EQ(status.message(), want.message()) << bad;
      ar_error error = {}, want_error = {};
      status.CopyTo(&error);
      want.CopyTo(&want_error);
      EXPECT_EQ(error.chunk, want_error.chunk) << bad;
    }
  }
}

// The last chunk has more records than bytes up to the end.
TEST(ChunkIndexTest, ManyAtOnceWithoutRoomForTheLastOne) {
  Chunks chunks;
  for (size_t i = 0; i < 200; ++i) {
    chunks.offsets.push_back(100 + 1000 * i);
    chunks.counts.push_back(50);
  }
  for (uint64_t room : {49u, 50u}) {
    chunks.end = chunks.offsets.back() + room;
    for (size_t at_once : {0u, 64u}) {
      ChunkIndex index;
      EXPECT_EQ(Build(chunks, false, &index, at_once).code(), room < 50 ? AR_DATA_LOSS : AR_OK);
    }
  }
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
  ASSERT_TRUE(index.Add(64, 3, 0).ok());
  EXPECT_EQ(index.Finish(4).code(), AR_DATA_LOSS);
}

}  // namespace
}  // namespace arrayrecord
