// The index at its edges: any run of chunks, numbers as large as they get, and a temporary file
// that cannot be had.
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <vector>

#include "block.h"
#include "chunk_index.h"
#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

struct Chunks {
  std::vector<uint64_t> offsets, counts, first_records = {0};
  uint64_t end = 0;

  void Add(uint64_t offset, uint64_t count) {
    offsets.push_back(offset);
    counts.push_back(count);
    first_records.push_back(first_records.back() + count);
  }
  // Something different for each, now and then very large.
  static uint64_t Size(uint64_t i) { return i % 97 == 0 ? uint64_t{1} << i % 55 : i * 7919 % 1000; }
  Status Build(bool offloaded, ChunkIndex* index) const {
    AR_TRY(index->Start(offsets.size(), end, offloaded));
    for (size_t i = 0; i < offsets.size(); ++i) AR_TRY(index->Add(offsets[i], counts[i], Size(i)));
    return index->Finish(first_records.back());
  }
  uint64_t Offset(size_t i) const { return i < offsets.size() ? offsets[i] : end; }
  size_t ChunkOf(uint64_t record) const {
    size_t c = 0;
    while (first_records[c + 1] <= record) ++c;
    return c;
  }
};

void ExpectSame(const ChunkIndex& index, const Chunks& chunks, std::mt19937_64* rng) {
  const size_t n = chunks.offsets.size();
  ASSERT_EQ(index.num_chunks(), n);
  ASSERT_EQ(index.num_records(), chunks.first_records.back());
  for (int i = 0; i < 300; ++i) {
    const uint64_t begin = (*rng)() % n, end = begin + 1 + (*rng)() % (n - begin);
    const auto extent = index.extent(begin, end);
    ASSERT_EQ(extent.begin, chunks.Offset(begin)) << begin;
    ASSERT_EQ(extent.end, chunks.Offset(end)) << end;
    uint64_t size = 0;
    for (uint64_t k = begin; k < end; ++k) size += Chunks::Size(k);
    ASSERT_EQ(index.DecodedSize(begin, end), size);
    ASSERT_EQ(index.DecodedSize(begin), Chunks::Size(begin));
    const uint64_t record = (*rng)() % index.num_records();
    const size_t c = chunks.ChunkOf(record);
    ASSERT_EQ(index.ChunkOf(record), c) << record;
    ASSERT_EQ(index.FirstRecord(c), chunks.first_records[c]);
    ASSERT_EQ(index.RecordsIn(c), chunks.counts[c]);
  }
}

// Dense runs with wide gaps between them: many ones in one word, then words without any.
TEST(ChunkIndexLimitsTest, ClustersAndGaps) {
  std::mt19937_64 rng(21);
  for (bool offloaded : {false, true}) {
    for (int round = 0; round < 20; ++round) {
      Chunks chunks;
      uint64_t at = 64;
      const uint64_t gap = uint64_t{1} << (20 + rng() % 15);
      for (int i = 0; i < 600; ++i) {
        at = RoundUpToChunkBoundary(at);
        const uint64_t count = round % 2 == 0 ? 3 : 1 + rng() % 40;
        chunks.Add(at, count);
        at += rng() % 50 == 0 ? gap + rng() % gap : 41 + rng() % 8;
      }
      chunks.end = RoundUpToChunkBoundary(at + (round % 3 == 0 ? gap * 100 : 0));
      ChunkIndex index;
      ASSERT_EQ(chunks.Build(offloaded, &index).message(), "");
      ExpectSame(index, chunks, &rng);
    }
  }
}

// One chunk, or two far apart, in a file as large as files get.
TEST(ChunkIndexLimitsTest, HugePositions) {
  std::mt19937_64 rng(22);
  for (uint64_t end : {uint64_t{1} << 32, uint64_t{1} << 62, uint64_t{INT64_MAX} - 65535}) {
    Chunks one;
    one.end = end;
    one.Add(end - 100, 7);
    ChunkIndex index;
    ASSERT_EQ(one.Build(false, &index).message(), "");
    ExpectSame(index, one, &rng);
    Chunks two;
    two.end = end;
    two.Add(64, uint64_t{1} << 30);
    two.Add(end - 100, 7);
    ChunkIndex other;
    ASSERT_EQ(two.Build(true, &other).message(), "");
    ExpectSame(other, two, &rng);
    EXPECT_LE(other.bytes(), 200u);
    Chunks none;
    none.end = end;
    ChunkIndex empty;
    EXPECT_EQ(none.Build(false, &empty).message(), "");
    EXPECT_EQ(empty.num_records(), 0u);
  }
}

// The first chunk that is unlike the others, at every place, longer or shorter.
TEST(ChunkIndexLimitsTest, OneUnevenChunkAnywhere) {
  std::mt19937_64 rng(23);
  const size_t n = 130;
  for (size_t odd = 0; odd < n; ++odd) {
    for (uint64_t count : {1u, 9u, 11u, 500u}) {
      Chunks chunks;
      for (size_t i = 0; i < n; ++i) chunks.Add(100 + 1000 * i, i == odd ? count : 10);
      chunks.end = 100 + 1000 * n;
      ChunkIndex index;
      ASSERT_EQ(chunks.Build(false, &index).message(), "");
      for (size_t c = 0; c < n; ++c) {
        ASSERT_EQ(index.FirstRecord(c), chunks.first_records[c]);
        ASSERT_EQ(index.ChunkOf(chunks.first_records[c]), c);
        ASSERT_EQ(index.ChunkOf(chunks.first_records[c + 1] - 1), c);
      }
    }
  }
}

class TmpDir {
 public:
  explicit TmpDir(const char* dir) {
    if (const char* old = std::getenv("TMPDIR")) old_ = old, had_ = true;
    setenv("TMPDIR", dir, 1);
  }
  ~TmpDir() { had_ ? setenv("TMPDIR", old_.c_str(), 1) : unsetenv("TMPDIR"); }

 private:
  std::string old_;
  bool had_ = false;
};

// The data file is there; what is missing must not be mistaken for it.
TEST(ChunkIndexLimitsTest, NoPlaceForTheTemporaryFile) {
  Chunks chunks;
  chunks.end = 1000;
  chunks.Add(64, 1);
  {
    TmpDir missing("/no/such/directory");
    ChunkIndex index;
    Status status = chunks.Build(true, &index);
    EXPECT_EQ(status.code(), AR_IO);
    EXPECT_NE(status.message().find("/no/such/directory"), std::string::npos) << status.message();
  }
  TmpDir empty("");
  ChunkIndex index;
  EXPECT_EQ(chunks.Build(true, &index).message(), "") << "an empty TMPDIR means the usual place";
}

// A full disk is an error when the index is opened, not a signal when it is read.
TEST(ChunkIndexLimitsTest, NoRoomForTheTemporaryFile) {
  struct rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  struct rlimit small = old;
  small.rlim_cur = 16 << 10;
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Chunks chunks;
  for (uint64_t i = 0; i < 100000; ++i) chunks.Add(100 + 65536 * i, 1);
  chunks.end = 65536 * uint64_t{100001};
  ChunkIndex index;
  Status status = chunks.Build(true, &index);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), AR_IO) << status.message();
}

}  // namespace
}  // namespace arrayrecord
