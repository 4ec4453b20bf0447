#include "read_records.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace arrayrecord {
namespace {

// Of chunks that are read by one call: what stays in the cache until it has been decoded.
constexpr uint64_t kReadSize = 256 << 10;

// Records that take more than this, or than a reader that goes through them may have in memory, are
// not decoded all at once if some of them are enough.
constexpr uint64_t kMaxDecodedAtOnce = 4 << 20;

// What is kept of the list of a chunk's records when the chunk is done.
constexpr size_t kMaxKeptBegins = 1 << 20;

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

// Repetitions may make a sum as large as they like.
uint64_t SaturatingSum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

}  // namespace

void RecordsRead::Clear() {
  if (open_) CloseChunk();
  run_ = ChunkIndex::Walk();
  run_end_ = 0;
  encoded_.GiveBack();
  decoded_.GiveBack();
  range_begin_ = range_end_ = 0;
  list_.clear();
  next_ = 0;
  begun_ = false;
  failure_ = Status();
  extents_.clear();
  laid_out_ = false;
  given_ = nullptr;
  extent_ = 0;
  extent_base_ = 0;
}

Status RecordsRead::SetRange(const Reader& reader, uint64_t begin, uint64_t end) {
  AR_TRY(reader.CheckRange(begin, end));
  Clear();
  reader_ = &reader;
  index_ = &reader.index();
  is_range_ = true;
  range_begin_ = begin;
  range_end_ = end;
  return Status();
}

Status RecordsRead::SetSorted(const Reader& reader, const uint64_t* records, size_t n) {
  if (!std::is_sorted(records, records + n)) {
    return Status(AR_INVALID_ARGUMENT, "the record numbers decrease");
  }
  if (n > 0) AR_TRY(reader.CheckRecord(records[n - 1]));
  Clear();
  reader_ = &reader;
  index_ = &reader.index();
  list_.assign(records, records + n);
  is_range_ = false;
  return Status();
}

const std::vector<ar_extent>& RecordsRead::Extents(uint64_t max_gap) {
  // Once they are in use they stay as they are.
  if (!begun_ && given_ == nullptr) LayOut(max_gap);
  return extents_;
}

void RecordsRead::LayOut(uint64_t max_gap) {
  extents_.clear();
  auto add = [&](uint64_t begin, uint64_t end) {
    if (extents_.empty() || begin - (extents_.back().position + extents_.back().size) > max_gap) {
      extents_.push_back({begin, 0});
    }
    extents_.back().size = end - extents_.back().position;
  };
  if (is_range_ && range_begin_ < range_end_) {
    const ChunkIndex::Extent all =
        index_->extent(index_->ChunkOf(range_begin_), index_->ChunkOf(range_end_ - 1) + 1);
    add(all.begin, all.end);
  }
  uint64_t chunk_end = 0;  // record
  for (uint64_t record : list_) {
    if (record < chunk_end) continue;
    const uint64_t chunk = index_->ChunkOf(record);
    chunk_end = index_->FirstRecord(chunk + 1);
    const ChunkIndex::Extent extent = index_->extent(chunk, chunk + 1);
    add(extent.begin, extent.end);
  }
  extents_size_ = 0;
  for (const ar_extent& extent : extents_) extents_size_ += extent.size;
  laid_out_ = true;
}

Status RecordsRead::SetBytes(uint8_t* bytes, uint64_t size) {
  if (reader_ == nullptr || begun_ || given_ != nullptr) {
    return Status(AR_FAILED_PRECONDITION, "the read has its bytes, or has begun without them");
  }
  if (!laid_out_) LayOut(0);
  if (size != extents_size_) {
    return Status(AR_INVALID_ARGUMENT, "the extents have " + std::to_string(extents_size_) +
                                           " bytes, not " + std::to_string(size));
  }
  given_ = bytes;
  return Status();
}

// The place of a chunk in the caller's bytes. Chunks come in order.
uint8_t* RecordsRead::BytesAt(uint64_t position) {
  while (position >= extents_[extent_].position + extents_[extent_].size) {
    extent_base_ += extents_[extent_].size;
    ++extent_;
  }
  return given_ + extent_base_ + (position - extents_[extent_].position);
}

Status RecordsRead::Next(uint8_t* out, uint64_t out_size, size_t max_records, uint64_t* offsets,
                         ReadProgress* progress) {
  *progress = ReadProgress();
  offsets[0] = 0;
  if (!failure_.ok()) return failure_.Clone();
  if (given_ == nullptr && !reader_->has_file()) {
    return Status(AR_FAILED_PRECONDITION, "the reader has no file, and the read no bytes");
  }
  Output output = {out, out_size, max_records, offsets, progress};
  failure_ = Caught([&] {
    return is_range_ ? Run(Range{range_begin_, range_end_}, &output)
                     : Run(Sorted{list_.data(), list_.size()}, &output);
  });
  if (!open_) decoded_.GiveBack();
  if ((!open_ && run_.number() == run_end_) || !failure_.ok()) encoded_.GiveBack();
  return failure_.ok() ? Status() : failure_.Clone();
}

template <typename Wanted>
Status RecordsRead::Run(const Wanted& wanted, Output* out) {
  while (next_ < wanted.size() && out->records_left() > 0) {
    begun_ = true;
    if (!open_) AR_TRY(OpenNext(wanted));
    const uint64_t number = cached_ != nullptr ? index_->ChunkOf(first_) : run_.number();
    Status status = Deliver(wanted, out);
    if (!status.ok()) {
      return std::move(status)
          .At(index_->extent(number, number + 1).begin)
          .InChunk(number)
          .InRecord(wanted[next_]);
    }
    if (open_) break;
  }
  return Status();
}

template <typename Wanted>
Status RecordsRead::OpenNext(const Wanted& wanted) {
  const uint64_t record = wanted[next_];
  uint64_t number = run_.number();
  Status status;
  if (number == run_end_) {
    number = index_->ChunkOf(record);
    if (wanted.size() == 1 && given_ == nullptr && index_->RecordsIn(number) > 1) {
      const IndexedChunk chunk = index_->Get(number);
      status = reader_->CheckLimits(chunk);
      if (status.ok() && reader_->CanCache(chunk)) status = reader_->Open(number, chunk, &cached_);
      if (status.ok() && cached_ != nullptr) {
        open_ = true;
        first_ = index_->FirstRecord(number);
        items_end_ = 1;
        return Status();
      }
    }
    if (status.ok()) status = ReadRun(wanted);
  }
  if (status.ok()) status = OpenChunkOfRun(wanted);
  if (status.ok()) return status;
  return std::move(status)
      .At(index_->extent(number, number + 1).begin)
      .InChunk(number)
      .InRecord(record);
}

// Gets the chunks from that of the next item on that lie side by side and all have records wanted.
template <typename Wanted>
Status RecordsRead::ReadRun(const Wanted& wanted) {
  const ChunkIndex::Walk begin(*index_, index_->ChunkOf(wanted[next_]));
  const IndexedChunk first = {begin.begin(), begin.end(), index_->RecordsIn(begin.number()),
                              index_->DecodedSize(begin.number())};
  AR_TRY(reader_->CheckLimits(first));
  ChunkIndex::Walk end = begin;
  uint64_t i = next_, last_end;
  do {
    i = wanted.After(i, index_->FirstRecord(end.number() + 1));
    last_end = end.end();
    end.Next();
  } while (i < wanted.size() && wanted[i] < index_->FirstRecord(end.number() + 1) &&
           end.end() - begin.begin() <= kReadSize);
  if (given_ != nullptr) {
    run_bytes_ = BytesAt(begin.begin());
  } else {
    AR_TRY(reader_->ReadChunks(first, last_end, &encoded_));
    run_bytes_ = encoded_.data();
  }
  run_ = begin;
  run_end_ = end.number();
  run_base_ = begin.begin();
  return Status();
}

template <typename Wanted>
Status RecordsRead::OpenChunkOfRun(const Wanted& wanted) {
  const uint64_t number = run_.number();
  first_ = index_->FirstRecord(number);
  const uint64_t end = index_->FirstRecord(number + 1);
  const IndexedChunk indexed = {run_.begin(), run_.end(), end - first_,
                                index_->DecodedSize(number)};
  AR_TRY(reader_->CheckLimits(indexed));
  Chunk chunk;
  AR_TRY(ParseDataChunk(run_bytes_ + (run_.begin() - run_base_), indexed, &chunk));
  AR_TRY(records_.Open(chunk, reader_->options().max_chunk_size));
  items_end_ = wanted.After(next_, end);
  open_ = true;
  return Status();
}

void RecordsRead::CloseKeptChunk() {
  open_ = false;
  sized_ = false;
  if (decoding_) stream_.Close();
  decoding_ = false;
  values_ = nullptr;
  repeated_.Free();
  records_.Clear();
  if (begins_.capacity() > kMaxKeptBegins) begins_ = std::vector<uint64_t>();
  if (cached_ != nullptr) {
    cached_.reset();
  } else {
    run_.Next();
  }
}

Status RecordsRead::CheckSizes(const uint64_t* sizes, uint64_t n) const {
  // All together being small enough, each is.
  if (reader_->IsFree(records_.decoded_size())) return Status();
  for (uint64_t i = 0; i < n; ++i) AR_TRY(reader_->CheckRecordSize(sizes[i]));
  return Status();
}

// Delivers as many items of the open chunk as there is room for, and closes it if that are all.
template <typename Wanted>
Status RecordsRead::Deliver(const Wanted& wanted, Output* out) {
  if (cached_ != nullptr) {
    const ByteSpan record = cached_->Record(wanted[next_] - first_);
    AR_TRY(reader_->CheckRecordSize(record.size));
    if (record.size > out->bytes_left()) {
      out->progress->room = {record.size, record.size};
      return Status();
    }
    std::copy_n(record.data, record.size, out->bytes + out->offsets[0]);
    out->offsets[1] = out->offsets[0] + record.size;
    out->Advance(1);
    ++next_;
    CloseChunk();
    return Status();
  }

  const uint64_t n = items_end_ - next_;
  if (!decoding_ && n == records_.num_records() && n <= out->records_left() &&
      records_.decoded_size() <= out->bytes_left() && wanted.IsRun(next_, n)) {
    return DeliverWhole(wanted, out);
  }
  if (!sized_) AR_TRY(FindSizes(wanted));
  const uint64_t most = std::min<uint64_t>(n, out->records_left());
  uint64_t count = 0, size = 0;
  for (; count < most; ++count) {
    const uint64_t next_size = SizeOf(wanted[next_ + count]);
    if (next_size > out->bytes_left() - size) break;
    size += next_size;
    out->offsets[count + 1] = out->offsets[0] + size;
  }
  const bool full = count < most;
  if (full && out->progress->num_records > 0) {
    // Chunks are divided only when they are alone.
    count = 0;
    size = 0;
  }
  if (count > 0) AR_TRY(Copy(wanted, count, out->bytes + out->offsets[0]));
  out->Advance(count);
  next_ += count;
  remaining_ -= size;
  if (full) out->progress->room = {SizeOf(wanted[next_]), remaining_};
  if (next_ == items_end_) CloseChunk();
  return Status();
}

// All records of the chunk, straight to where they belong.
template <typename Wanted>
Status RecordsRead::DeliverWhole(const Wanted&, Output* out) {
  const uint64_t n = records_.num_records();
  uint64_t* offsets = out->offsets;
  if (n == 1) {
    offsets[1] = records_.decoded_size();  // which is in bounds
  } else if (sized_) {
    for (uint64_t i = 0; i < n; ++i) offsets[i + 1] = begins_[i + 1] - begins_[i];
  } else {
    AR_TRY(records_.DecodeSizes(offsets + 1));
    AR_TRY(CheckSizes(offsets + 1, n));
  }
  AR_TRY(records_.DecodeValues(out->bytes + offsets[0]));
  for (uint64_t i = 0; i < n; ++i) offsets[i + 1] += offsets[i];
  out->Advance(n);
  next_ += n;
  CloseChunk();
  return Status();
}

template <typename Wanted>
Status RecordsRead::FindSizes(const Wanted& wanted) {
  const uint64_t n = records_.num_records();
  begins_.resize(n + 1);
  begins_[0] = 0;
  AR_TRY(records_.DecodeSizes(begins_.data() + 1));
  AR_TRY(CheckSizes(begins_.data() + 1, n));
  for (uint64_t i = 1; i <= n; ++i) begins_[i] += begins_[i - 1];
  const uint64_t items = items_end_ - next_;
  if (wanted.IsRun(next_, items)) {
    const uint64_t first = wanted[next_] - first_;
    remaining_ = begins_[first + items] - begins_[first];
  } else {
    remaining_ = 0;
    for (uint64_t i = next_; i < items_end_; ++i) {
      remaining_ = SaturatingSum(remaining_, SizeOf(wanted[i]));
    }
  }
  sized_ = true;
  return Status();
}

// The next `n` items, one after the other.
template <typename Wanted>
Status RecordsRead::Copy(const Wanted& wanted, uint64_t n, uint8_t* out) {
  if (!decoding_) {
    values_ = records_.plain_values();
    const uint64_t most = std::min(kMaxDecodedAtOnce, reader_->options().readahead_memory);
    if (values_ == nullptr && records_.decoded_size() > most && records_.can_stream()) {
      AR_TRY(records_.OpenStream(&stream_));
      streamed_ = AR_NONE;
    } else if (values_ == nullptr) {
      uint8_t* decoded = decoded_.Get(records_.decoded_size());
      AR_TRY(records_.DecodeValues(decoded));
      values_ = decoded;
    }
    decoding_ = true;
  }
  if (values_ == nullptr) return CopyFromStream(wanted, n, out);
  if (wanted.IsRun(next_, n)) {
    const uint64_t first = wanted[next_] - first_;
    std::copy_n(values_ + begins_[first], begins_[first + n] - begins_[first], out);
    return Status();
  }
  for (uint64_t i = next_; i < next_ + n; ++i) {
    out = std::copy_n(values_ + begins_[wanted[i] - first_], SizeOf(wanted[i]), out);
  }
  return Status();
}

template <typename Wanted>
Status RecordsRead::CopyFromStream(const Wanted& wanted, uint64_t n, uint8_t* out) {
  const uint8_t* last = repeated_.data();
  for (uint64_t i = next_; i < next_ + n; ++i) {
    const uint64_t record = wanted[i], size = SizeOf(record);
    if (record == streamed_) {
      std::copy_n(last, size, out);
    } else {
      const uint64_t position = records_.decoded_size() - stream_.left();
      AR_TRY(stream_.Skip(begins_[record - first_] - position));
      AR_TRY(stream_.Read(out, size));
    }
    streamed_ = record;
    last = out;
    out += size;
  }
  if (next_ + n == items_end_ || wanted[next_ + n] != streamed_) {
    repeated_.Free();
  } else if (last != repeated_.data()) {
    Buffer repeated(SizeOf(streamed_));
    std::copy_n(last, SizeOf(streamed_), repeated.data());
    repeated_ = std::move(repeated);
  }
  return Status();
}

}  // namespace arrayrecord
