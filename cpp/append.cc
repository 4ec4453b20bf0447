#include "append.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "platform.h"
#include "records_chunk.h"

namespace arrayrecord {
namespace {

// What is left free for new chunks before the old end, at least.
constexpr uint64_t kRoom = 1 << 20;

Status WriteAt(int fd, uint64_t position, const uint8_t* data, uint64_t size) {
  while (size > 0) {
    const ssize_t n = pwrite(fd, data, size, static_cast<off_t>(position));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Status::Io(errno, "cannot write").At(position);
    data += n;
    position += static_cast<uint64_t>(n);
    size -= static_cast<uint64_t>(n);
  }
  return Status();
}

uint64_t NextBlock(uint64_t position) { return position + RemainingInBlock(position); }

}  // namespace

Status AppendBase::Open(int fd, const WriterOptions& wanted) {
  options = wanted;
  File own;
  AR_TRY(File::Duplicate(fd, &own));
  AR_TRY(own.Size(&file_size));
  AR_TRY(Reader::Open(std::move(own), ReaderOptions(), &reader));
  const ChunkIndex& index = reader->index();
  const uint64_t n = index.num_chunks();
  data_end = n > 0 ? index.extent(n - 1, n).end : reader->metadata_extent().end;
  kept_chunks = n;
  has_digest = reader->has_digest() && !options.no_digest;
  digest = reader->digest();
  if (n == 0) return Status();
  for (uint64_t c = 0; c + 1 < n; ++c) {
    if (index.RecordsIn(c) != index.group_size()) {
      return Status(AR_FAILED_PRECONDITION, "the file has groups of different sizes").InChunk(c);
    }
  }
  if (n > 1 ? index.group_size() != options.group_size : index.group_size() > options.group_size) {
    return Status(AR_INVALID_ARGUMENT, "the file has groups of " +
                                           std::to_string(index.group_size()) + " records, not " +
                                           std::to_string(options.group_size));
  }
  const IndexedChunk last = index.Get(n - 1);
  if (last.num_records == options.group_size) return Status();
  // The others are not looked at: they stay where they are.
  AR_TRY(reader->CheckLimits(last));
  Buffer bytes;
  AR_TRY(reader->ReadChunks(last, last.end, &bytes));
  Chunk chunk;
  AR_TRY(ParseDataChunk(bytes.data(), last, &chunk).At(last.begin).InChunk(n - 1));
  RecordsChunk records;
  AR_TRY(records.Open(chunk, ReaderOptions().max_chunk_size));
  last_sizes.resize(records.num_records());
  AR_TRY(records.DecodeSizes(last_sizes.data()));
  last_records.resize(records.decoded_size());
  AR_TRY(records.DecodeValues(reinterpret_cast<uint8_t*>(last_records.data())));
  last_chunk.resize(kChunkHeaderSize);
  chunk.header.Encode(reinterpret_cast<uint8_t*>(last_chunk.data()));
  last_chunk.append(reinterpret_cast<const char*>(chunk.data), chunk.header.data_size);
  const FooterEntry entry = {last.begin, last.decoded_size, last.num_records};
  digest -= entry.DigestPart(Load64(AsBytes(last_chunk).data));
  kept_chunks = n - 1;
  const Gap& gap = reader->gap();
  data_end = gap.end == last.begin ? gap.begin : last.begin;
  return Status();
}

Status AppendBase::MakeEnd(uint64_t position, const Gap& gap, std::string* end) const {
  auto memory = std::make_unique<MemorySink>();
  MemorySink* const sink = memory.get();
  Writer writer(options, std::move(memory));
  AR_TRY(writer.GoOnBehind(*this, position));
  writer.footer_.SetGap(gap);
  if (!last_chunk.empty()) {
    const uint8_t* const header = AsBytes(last_chunk).data;
    ChunkHeader decoded;
    if (!decoded.Decode(header)) return Status(AR_INTERNAL, "wrong hash in a chunk in memory");
    AR_TRY(writer.AppendDataChunk(decoded, header, header + kChunkHeaderSize));
  }
  AR_TRY(writer.FinishFile());
  end->resize(sink->available());
  sink->Take(reinterpret_cast<uint8_t*>(end->data()), end->size());
  return Status();
}

Status Writer::GoOnBehind(const AppendBase& base, uint64_t position) {
  const ChunkIndex& index = base.reader->index();
  for (uint64_t c = 0; c < base.kept_chunks; ++c) {
    const IndexedChunk chunk = index.Get(c);
    AR_TRY(footer_.Add({chunk.begin, chunk.decoded_size, chunk.num_records}));
  }
  position_ = position;
  has_digest_ = base.has_digest;
  digest_ = base.digest;
  return Status();
}

Status Writer::Append(int fd, const WriterOptions& options, std::unique_ptr<Writer>* writer) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return Status::Io(errno, "cannot append to the file");
  if ((flags & O_ACCMODE) != O_RDWR || (flags & O_APPEND) != 0) {
    return Status(
        AR_INVALID_ARGUMENT,
        "a descriptor to append records by must be for reading and writing, at any place");
  }
  // Until the descriptor, and what was duplicated from it, is closed.
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return Status::Io(errno, "another process appends to the file");
  }
  auto base = std::make_shared<AppendBase>();
  AR_TRY(base->Open(fd, options));
  std::unique_ptr<Writer> created(new Writer(options, std::make_unique<AppendSink>(fd, base)));
  AR_TRY(created->GoOnBehind(*base, base->data_end));
  created->base_ = std::move(base);
  created->appends_ = true;
  *writer = std::move(created);
  return Status();
}

// The first new chunk has the records of a short one.
Status Writer::BeginToAppend() {
  const std::shared_ptr<const AppendBase> base = std::exchange(base_, nullptr);
  if (base == nullptr) return Status();
  return WriteRecords(AsBytes(base->last_records).data, base->last_sizes.data(),
                      base->last_sizes.size());
}

AppendSink::~AppendSink() {
  // Without memory for that the file opens as it is.
  if (begun_ && !closed_) (void)Caught([&] { return Restore(); });
}

Status AppendSink::Append(const uint8_t* data, size_t size) {
  AR_TRY(MakeRoom(position_ + size));
  position_ += size;
  return sink_.Append(data, size);
}

// Puts the old end, once more, behind `end` and what follows it, so that the file can be written up
// to there. The file opens before that, with the end that is there, and after it, with the new one.
Status AppendSink::MakeRoom(uint64_t end) {
  if (begun_ && end <= old_end_) return Status();
  if (begun_) {
    // The first new chunk has what the last old one had, wherever the new end gets lost.
    AR_TRY(sink_.Release());
    AR_TRY(Sync());
  }
  const uint64_t free_from = begun_ ? old_end_ : base_->data_end;
  uint64_t at = std::max(end, base_->file_size);
  at = NextBlock(at + std::max(kRoom, end - base_->data_end));
  std::string bytes;
  AR_TRY(base_->MakeEnd(at, {base_->data_end, at}, &bytes));
  if (!begun_ && lseek(fd_, static_cast<off_t>(base_->data_end), SEEK_SET) < 0) {
    return Status::Io(errno, "cannot write");
  }
  const Status written = WriteAt(fd_, at, AsBytes(bytes).data, bytes.size());
  if (!written.ok()) {
    // No room: what has been written of the new end goes, and the one before it counts.
    (void)CutOff(begun_ ? old_size_ : base_->file_size);
    return written.Clone();
  }
  AR_TRY(Sync());
  // Nothing of what was there may be taken for a new chunk.
  begun_ = true;
  old_end_ = at;
  old_size_ = at + bytes.size();
  return Clear(free_from, at);
}

// Makes zeros of a part of the file.
Status AppendSink::Clear(uint64_t begin, uint64_t end) const {
  int result;
  do {
    result = platform::MakeHole(fd_, begin, end);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Status();
  if (errno != EOPNOTSUPP && errno != ENOSYS) return Status::Io(errno, "cannot write").At(begin);
  const std::vector<uint8_t> zeros(kRoom);
  for (uint64_t at = begin; at < end; at += zeros.size()) {
    AR_TRY(WriteAt(fd_, at, zeros.data(), std::min<uint64_t>(zeros.size(), end - at)));
  }
  return Status();
}

Status AppendSink::Close() {
  if (!begun_) return Status();
  AR_TRY(sink_.Close());
  AR_TRY(Sync());
  AR_TRY(CutOff(position_));
  closed_ = true;
  return Sync();
}

Status AppendSink::CutOff(uint64_t size) const {
  int result;
  do {
    result = ftruncate(fd_, static_cast<off_t>(size));
  } while (result != 0 && errno == EINTR);
  return result == 0 ? Status() : Status::Io(errno, "cannot cut off the old end");
}

Status AppendSink::Sync() const {
  if (base_->options.no_sync) return Status();
  int result;
  do {
    result = platform::Sync(fd_);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? Status() : Status::Io(errno, "cannot sync");
}

// Makes the file what it was.
Status AppendSink::Restore() const {
  std::string bytes;
  AR_TRY(base_->MakeEnd(base_->data_end, {0, 0}, &bytes));
  const uint64_t end = base_->data_end + bytes.size();
  if (end > old_end_) return Status();  // it opens as it is
  AR_TRY(WriteAt(fd_, base_->data_end, AsBytes(bytes).data, bytes.size()));
  AR_TRY(Sync());
  AR_TRY(CutOff(end));
  return Sync();
}

}  // namespace arrayrecord
