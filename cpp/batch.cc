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

// Larger pieces are not kept for the next batch.
constexpr uint64_t kMaxKeptPiece = 32 << 20;

// Waking a thread for less costs more than it gains.
constexpr uint64_t kMinBytesPerThread = 64 << 10;

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

}  // namespace

Status Batch::ReadPart(const Reader& reader, Part* part) {
  RecordsRead read;
  AR_TRY(read.SetSorted(reader, part->records, part->n));
  std::vector<uint64_t> offsets(part->n + 1);
  uint64_t at_least = 1;  // so that empty records lie somewhere, too
  size_t piece = 0;
  for (size_t done = 0; done < part->n;) {
    if (piece == part->memory.size()) part->memory.emplace_back();
    Buffer& memory = part->memory[piece];
    memory.Get(std::max(at_least, Guess(reader.index(), part->records + done, part->n - done)));
    ReadProgress progress;
    AR_TRY(read.Next(memory.data(), memory.capacity(), part->n - done, offsets.data(), &progress));
    for (size_t i = 0; i < progress.num_records; ++i) {
      part->found[done + i] = ByteSpan(memory.data() + offsets[i], offsets[i + 1] - offsets[i]);
    }
    done += progress.num_records;
    at_least = std::max<uint64_t>(progress.room.chunk, 1);
    if (progress.num_records > 0) ++piece;
  }
  return Status();
}

void Batch::AddPart(size_t begin, size_t end) {
  if (num_parts_ == parts_.size()) parts_.emplace_back();
  Part& part = parts_[num_parts_++];
  part.records = &different_[begin];
  part.n = end - begin;
  part.found = &found_[begin];
}

// Divides the records into parts that take about the same time.
void Batch::Divide(const ChunkIndex& index, size_t parallelism) {
  num_parts_ = 0;
  std::vector<uint64_t> sums;  // of what the chunks up to each record take, in file and memory
  if (parallelism > 1) {
    sums.reserve(different_.size());
    uint64_t sum = 0, last = AR_NONE;
    for (uint64_t record : different_) {
      const uint64_t chunk = index.ChunkOf(record);
      if (chunk != last) {
        const IndexedChunk indexed = index.Get(chunk);
        sum += indexed.end - indexed.begin + std::min(indexed.decoded_size, uint64_t{1} << 40);
      }
      last = chunk;
      sums.push_back(sum);
    }
  }
  // Twice as many as threads, in case one thread is slower than the others.
  const uint64_t most =
      sums.empty() ? 1 : std::min<uint64_t>(2 * parallelism, sums.back() / kMinBytesPerThread + 1);
  for (size_t begin = 0; begin < different_.size();) {
    size_t end = different_.size();
    if (num_parts_ + 1 < most) {
      const uint64_t until = sums.back() / most * (num_parts_ + 1);
      end = static_cast<size_t>(std::lower_bound(sums.begin(), sums.end(), until) - sums.begin());
      // Not within a chunk.
      while (end < sums.size() && (end <= begin || sums[end] == sums[end - 1])) ++end;
    }
    AddPart(begin, end);
    begin = end;
  }
}

Status Batch::Read(const Reader& reader, const uint64_t* records, size_t n, size_t parallelism) {
  records_.clear();
  for (Part& part : parts_) {
    for (Buffer& memory : part.memory) {
      if (memory.capacity() > kMaxKeptPiece) memory.Free();
    }
  }
  if (!reader.has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
  for (size_t i = 0; i < n; ++i) AR_TRY(reader.CheckRecord(records[i]));
  different_.assign(records, records + n);
  if (!std::is_sorted(records, records + n)) std::sort(different_.begin(), different_.end());
  different_.erase(std::unique(different_.begin(), different_.end()), different_.end());
  found_.resize(different_.size());

  if (parallelism == 0) parallelism = MaxThreads();
  Divide(reader.index(), parallelism);
  ParallelFor(num_parts_, parallelism,
              [&](size_t i) { parts_[i].status = ReadPart(reader, &parts_[i]); });
  for (size_t i = 0; i < num_parts_; ++i) AR_TRY(std::move(parts_[i].status));

  if (different_.size() == n && std::equal(different_.begin(), different_.end(), records)) {
    records_ = found_;
    return Status();
  }
  records_.reserve(n);
  for (size_t i = 0; i < n; ++i) {
    const auto at = std::lower_bound(different_.begin(), different_.end(), records[i]);
    records_.push_back(found_[static_cast<size_t>(at - different_.begin())]);
  }
  return Status();
}

}  // namespace arrayrecord
