#include "batch.h"

#include <algorithm>
#include <utility>

#include "read_records.h"
#include "thread_pool.h"

namespace arrayrecord {
namespace {

// Memory is made room for in pieces of about this size, unless records that were looked at need
// more: the index may claim anything.
constexpr uint64_t kPieceSize = 4 << 20;

// Waking a thread for less costs more than it gains.
constexpr uint64_t kMinBytesPerThread = 64 << 10;

// Different records in increasing order, and where they are in the end.
struct Part {
  const uint64_t* records;
  size_t n;
  ByteSpan* found;
  std::vector<Buffer> memory;
  Status status;
};

// About what records will take, but no more than a piece.
uint64_t Guess(const ChunkIndex& index, const uint64_t* records, size_t n) {
  uint64_t size = 0;
  for (size_t i = 0; i < n && size < kPieceSize; ++i) {
    const uint64_t chunk = index.ChunkOf(records[i]);
    const uint64_t decoded = std::min(index.DecodedSize(chunk), uint64_t{1} << 40);
    size += (decoded + index.RecordsIn(chunk) - 1) / index.RecordsIn(chunk);
  }
  return std::min(size, kPieceSize);
}

Status ReadPart(const Reader& reader, Part* part) {
  RecordsRead read;
  AR_TRY(read.SetSorted(reader, part->records, part->n));
  std::vector<uint64_t> offsets(part->n + 1);
  uint64_t at_least = 1;  // so that empty records lie somewhere, too
  for (size_t done = 0; done < part->n;) {
    Buffer memory(std::max(at_least, Guess(reader.index(), part->records + done, part->n - done)));
    ReadProgress progress;
    AR_TRY(read.Next(memory.data(), memory.capacity(), part->n - done, offsets.data(), &progress));
    for (size_t i = 0; i < progress.num_records; ++i) {
      part->found[done + i] = ByteSpan(memory.data() + offsets[i], offsets[i + 1] - offsets[i]);
    }
    done += progress.num_records;
    at_least = std::max<uint64_t>(progress.room.chunk, 1);
    if (progress.num_records > 0) part->memory.push_back(std::move(memory));
  }
  return Status();
}

// Divides records into parts that take about the same time.
std::vector<Part> Divide(const ChunkIndex& index, const std::vector<uint64_t>& records,
                         size_t parallelism, ByteSpan* found) {
  std::vector<uint64_t> sums;  // of what the chunks up to each record take, in file and memory
  if (parallelism > 1) {
    sums.reserve(records.size());
    uint64_t sum = 0, last = AR_NONE;
    for (uint64_t record : records) {
      const uint64_t chunk = index.ChunkOf(record);
      if (chunk != last) {
        const IndexedChunk indexed = index.Get(chunk);
        sum += indexed.end - indexed.begin + std::min(indexed.decoded_size, uint64_t{1} << 40);
      }
      last = chunk;
      sums.push_back(sum);
    }
  }
  std::vector<Part> parts;
  // Twice as many as threads, in case one thread is slower than the others.
  const uint64_t most =
      sums.empty() ? 1 : std::min<uint64_t>(2 * parallelism, sums.back() / kMinBytesPerThread + 1);
  for (size_t begin = 0; begin < records.size();) {
    size_t end = records.size();
    if (parts.size() + 1 < most) {
      const uint64_t until = sums.back() / most * (parts.size() + 1);
      end = static_cast<size_t>(std::lower_bound(sums.begin(), sums.end(), until) - sums.begin());
      // Not within a chunk.
      while (end < records.size() && (end <= begin || sums[end] == sums[end - 1])) ++end;
    }
    parts.push_back({&records[begin], end - begin, found + begin, {}, Status()});
    begin = end;
  }
  return parts;
}

}  // namespace

Status Batch::Read(const Reader& reader, const uint64_t* records, size_t n, size_t parallelism,
                   std::unique_ptr<Batch>* batch) {
  if (!reader.has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
  for (size_t i = 0; i < n; ++i) AR_TRY(reader.CheckRecord(records[i]));
  std::vector<uint64_t> different(records, records + n);
  if (!std::is_sorted(records, records + n)) std::sort(different.begin(), different.end());
  different.erase(std::unique(different.begin(), different.end()), different.end());

  if (parallelism == 0) parallelism = MaxThreads();
  std::vector<ByteSpan> found(different.size());
  std::vector<Part> parts = Divide(reader.index(), different, parallelism, found.data());
  ParallelFor(parts.size(), parallelism,
              [&](size_t i) { parts[i].status = ReadPart(reader, &parts[i]); });

  auto read = std::make_unique<Batch>();
  for (Part& part : parts) {
    AR_TRY(std::move(part.status));
    for (Buffer& memory : part.memory) read->memory_.push_back(std::move(memory));
  }
  if (different.size() == n && std::equal(different.begin(), different.end(), records)) {
    read->records_ = std::move(found);
  } else {
    read->records_.reserve(n);
    for (size_t i = 0; i < n; ++i) {
      const auto at = std::lower_bound(different.begin(), different.end(), records[i]);
      read->records_.push_back(found[static_cast<size_t>(at - different.begin())]);
    }
  }
  *batch = std::move(read);
  return Status();
}

}  // namespace arrayrecord
