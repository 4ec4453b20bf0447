#include "read_range.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "buffer.h"
#include "records_chunk.h"

namespace arrayrecord {
namespace {

// Of chunks that are read by one call: what stays in the cache until it has been decoded.
constexpr uint64_t kReadSize = 256 << 10;

class RangeRead {
 public:
  RangeRead(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* out, uint64_t out_size,
            uint64_t* offsets)
      : reader_(reader),
        index_(reader.index()),
        record_(begin),
        end_(end),
        out_(out),
        out_size_(out_size),
        offsets_(offsets) {}

  Status Run() {
    if (record_ == end_) return Status();
    ChunkIndex::Walk chunk(index_, index_.ChunkOf(record_));
    const uint64_t end = index_.ChunkOf(end_ - 1) + 1;
    while (chunk.number() < end && !full()) {
      ChunkIndex::Walk run_end = chunk;
      do {
        run_end.Next();
      } while (run_end.number() < end && run_end.end() - chunk.begin() <= kReadSize);
      AR_TRY(ReadChunks(&chunk, run_end));
    }
    return Status();
  }

  uint64_t record() const { return record_; }
  uint64_t size_of_next() const { return size_of_next_; }

 private:
  bool full() const { return size_of_next_ != 0; }

  Status ReadChunks(ChunkIndex::Walk* chunk, const ChunkIndex::Walk& end) {
    const uint64_t begin = chunk->begin();
    uint8_t* bytes = Buffer::OfThread<kEncodedChunk>().Get(end.begin() - begin);
    AR_TRY(AtChunk(*chunk, reader_.file().ReadAt(begin, bytes, end.begin() - begin)));
    for (; chunk->number() < end.number() && !full(); chunk->Next()) {
      AR_TRY(AtChunk(*chunk, ReadChunk(*chunk, bytes + (chunk->begin() - begin))));
    }
    return Status();
  }

  Status ReadChunk(const ChunkIndex::Walk& at, uint8_t* bytes) {
    Chunk chunk;
    AR_TRY(ParseChunk(bytes, at.begin(), at.end(), &chunk));
    const uint64_t first = index_.FirstRecord(at.number());
    const uint64_t num_records = index_.FirstRecord(at.number() + 1) - first;
    AR_TRY(records_.Open(chunk, num_records));
    const uint64_t skip = record_ - first;
    const uint64_t n = std::min(end_ - record_, num_records - skip);
    if (n == num_records) {
      if (!Fits(records_.decoded_size())) return Status();
      AR_TRY(records_.DecodeSizes(offsets_ + 1));
      AR_TRY(records_.DecodeValues(out_ + offsets_[0]));
    } else {
      AR_TRY(ReadPart(num_records, skip, n));
      if (full()) return Status();
    }
    // From sizes to offsets.
    for (uint64_t i = 0; i < n; ++i) offsets_[i + 1] += offsets_[i];
    offsets_ += n;
    record_ += n;
    return Status();
  }

  // Reads `n` records of a chunk after `skip`.
  Status ReadPart(uint64_t num_records, uint64_t skip, uint64_t n) {
    sizes_.resize(num_records);
    AR_TRY(records_.DecodeSizes(sizes_.data()));
    const auto wanted = sizes_.cbegin() + static_cast<ptrdiff_t>(skip);
    const auto end = wanted + static_cast<ptrdiff_t>(n);
    const uint64_t size = std::accumulate(wanted, end, uint64_t{0});
    if (!Fits(size)) return Status();
    const uint8_t* values = records_.plain_values();
    if (values == nullptr) {
      uint8_t* decoded = Buffer::OfThread<kDecodedChunk>().Get(records_.decoded_size());
      AR_TRY(records_.DecodeValues(decoded));
      values = decoded;
    }
    std::copy_n(values + std::accumulate(sizes_.cbegin(), wanted, uint64_t{0}), size,
                out_ + offsets_[0]);
    std::copy(wanted, end, offsets_ + 1);
    return Status();
  }

  bool Fits(uint64_t size) {
    if (size <= out_size_ - offsets_[0]) return true;
    size_of_next_ = size;
    return false;
  }

  Status AtChunk(const ChunkIndex::Walk& chunk, Status status) const {
    if (status.ok()) return status;
    return std::move(status).At(chunk.begin()).InChunk(chunk.number()).InRecord(record_);
  }

  const Reader& reader_;
  const ChunkIndex& index_;
  uint64_t record_;  // the next one
  const uint64_t end_;
  uint8_t* const out_;
  const uint64_t out_size_;
  uint64_t* offsets_;  // the first one is where the next record goes
  uint64_t size_of_next_ = 0;
  RecordsChunk records_;
  std::vector<uint64_t> sizes_;
};

}  // namespace

Status ReadRange(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* out,
                 uint64_t out_size, uint64_t* offsets, RangeProgress* progress) {
  *progress = RangeProgress();
  AR_TRY(reader.CheckRange(begin, end));
  if (!reader.has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
  RangeRead read(reader, begin, end, out, out_size, offsets);
  Status status = read.Run();
  progress->num_records = read.record() - begin;
  progress->size_of_next = read.size_of_next();
  return status;
}

}  // namespace arrayrecord
