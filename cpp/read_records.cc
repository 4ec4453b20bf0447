#include "read_records.h"

#include <algorithm>
#include <vector>

#include "buffer.h"
#include "records_chunk.h"

namespace arrayrecord {
namespace {

// Of chunks that are read by one call: what stays in the cache until it has been decoded.
constexpr uint64_t kReadSize = 256 << 10;

// Which records are wanted. After(i, record) is the number of the first item from i on that is not
// below `record`; IsRun(i, n) tells whether n items from i on are records side by side.
struct Range {
  uint64_t begin, end;

  uint64_t size() const { return end - begin; }
  uint64_t operator[](uint64_t i) const { return begin + i; }
  uint64_t After(uint64_t, uint64_t record) const { return std::min(record, end) - begin; }
  bool IsRun(uint64_t, uint64_t) const { return true; }
};

struct Sorted {
  const uint64_t* records;
  size_t n;

  uint64_t size() const { return n; }
  uint64_t operator[](uint64_t i) const { return records[i]; }
  uint64_t After(uint64_t i, uint64_t record) const {
    while (i < n && records[i] < record) ++i;
    return i;
  }
  bool IsRun(uint64_t i, uint64_t count) const {
    for (uint64_t k = 1; k < count; ++k) {
      if (records[i + k] != records[i] + k) return false;
    }
    return true;
  }
};

template <typename Wanted>
class RecordsRead {
 public:
  RecordsRead(const Reader& reader, const Wanted& wanted, uint8_t* out, uint64_t out_size,
              uint64_t* offsets)
      : reader_(reader),
        index_(reader.index()),
        wanted_(wanted),
        out_(out),
        out_size_(out_size),
        offsets_(offsets) {}

  Status Run() {
    while (next_ < wanted_.size() && !full()) {
      const ChunkIndex::Walk begin(index_, index_.ChunkOf(wanted_[next_]));
      // The run of chunks from there that all have records wanted.
      ChunkIndex::Walk end = begin;
      uint64_t i = next_;
      do {
        i = wanted_.After(i, index_.FirstRecord(end.number() + 1));
        end.Next();
      } while (i < wanted_.size() && wanted_[i] < index_.FirstRecord(end.number() + 1) &&
               end.end() - begin.begin() <= kReadSize);
      AR_TRY(ReadChunks(begin, end));
    }
    return Status();
  }

  ReadProgress progress() const { return {next_, size_of_next_}; }

 private:
  bool full() const { return size_of_next_ != 0; }

  Status ReadChunks(const ChunkIndex::Walk& begin, const ChunkIndex::Walk& end) {
    const uint64_t size = end.begin() - begin.begin();
    uint8_t* bytes = Buffer::OfThread<kEncodedChunk>().Get(size);
    AR_TRY(AtChunk(begin, reader_.file().ReadAt(begin.begin(), bytes, size)));
    for (ChunkIndex::Walk at = begin; at.number() < end.number() && !full(); at.Next()) {
      AR_TRY(AtChunk(at, ReadChunk(at, bytes + (at.begin() - begin.begin()))));
    }
    return Status();
  }

  Status ReadChunk(const ChunkIndex::Walk& at, uint8_t* bytes) {
    Chunk chunk;
    AR_TRY(ParseChunk(bytes, at.begin(), at.end(), &chunk));
    const uint64_t first = index_.FirstRecord(at.number());
    const uint64_t end = index_.FirstRecord(at.number() + 1);
    AR_TRY(records_.Open(chunk, end - first));
    const uint64_t n = wanted_.After(next_, end) - next_;
    if (n == end - first && wanted_.IsRun(next_, n)) {
      if (!Fits(records_.decoded_size())) return Status();
      AR_TRY(records_.DecodeSizes(offsets_ + 1));
      AR_TRY(records_.DecodeValues(out_ + offsets_[0]));
    } else {
      AR_TRY(ReadSome(first, n));
      if (full()) return Status();
    }
    // From sizes to offsets.
    for (uint64_t i = 0; i < n; ++i) offsets_[i + 1] += offsets_[i];
    offsets_ += n;
    next_ += n;
    return Status();
  }

  // Reads the next `n` items from the chunk whose first record is `first`.
  Status ReadSome(uint64_t first, uint64_t n) {
    begins_.resize(records_.num_records() + 1);
    begins_[0] = 0;
    AR_TRY(records_.DecodeSizes(begins_.data() + 1));
    for (size_t i = 1; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
    uint64_t size = 0;
    for (uint64_t i = 0; i < n; ++i) {
      const uint64_t record = wanted_[next_ + i] - first;
      size += begins_[record + 1] - begins_[record];
    }
    if (!Fits(size)) return Status();
    const uint8_t* values = records_.plain_values();
    if (values == nullptr) {
      uint8_t* decoded = Buffer::OfThread<kDecodedChunk>().Get(records_.decoded_size());
      AR_TRY(records_.DecodeValues(decoded));
      values = decoded;
    }
    uint8_t* out = out_ + offsets_[0];
    for (uint64_t i = 0; i < n; ++i) {
      const uint64_t record = wanted_[next_ + i] - first;
      offsets_[i + 1] = begins_[record + 1] - begins_[record];
      out = std::copy_n(values + begins_[record], offsets_[i + 1], out);
    }
    return Status();
  }

  bool Fits(uint64_t size) {
    if (size <= out_size_ - offsets_[0]) return true;
    size_of_next_ = size;
    return false;
  }

  Status AtChunk(const ChunkIndex::Walk& chunk, Status status) const {
    if (status.ok()) return status;
    return std::move(status).At(chunk.begin()).InChunk(chunk.number()).InRecord(wanted_[next_]);
  }

  const Reader& reader_;
  const ChunkIndex& index_;
  const Wanted wanted_;
  uint64_t next_ = 0;  // item
  uint8_t* const out_;
  const uint64_t out_size_;
  uint64_t* offsets_;  // the first one is where the next item goes
  uint64_t size_of_next_ = 0;
  RecordsChunk records_;
  std::vector<uint64_t> begins_;  // of the records of a chunk
};

template <typename Wanted>
Status Read(const Reader& reader, const Wanted& wanted, uint8_t* out, uint64_t out_size,
            uint64_t* offsets, ReadProgress* progress) {
  if (!reader.has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
  RecordsRead<Wanted> read(reader, wanted, out, out_size, offsets);
  Status status = read.Run();
  *progress = read.progress();
  return status;
}

}  // namespace

Status ReadRange(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* out,
                 uint64_t out_size, uint64_t* offsets, ReadProgress* progress) {
  *progress = ReadProgress();
  AR_TRY(reader.CheckRange(begin, end));
  return Read(reader, Range{begin, end}, out, out_size, offsets, progress);
}

Status ReadSorted(const Reader& reader, const uint64_t* records, size_t n, uint8_t* out,
                  uint64_t out_size, uint64_t* offsets, ReadProgress* progress) {
  *progress = ReadProgress();
  if (!std::is_sorted(records, records + n)) {
    return Status(AR_INVALID_ARGUMENT, "the record numbers decrease");
  }
  if (n > 0) AR_TRY(reader.CheckRecord(records[n - 1]));
  return Read(reader, Sorted{records, n}, out, out_size, offsets, progress);
}

}  // namespace arrayrecord
