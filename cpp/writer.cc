#include "writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>

#include "layout.h"
#include "simple_chunk.h"
#include "transpose_encoder.h"

namespace arrayrecord {
namespace {

// Enough work to be worth handing to another thread.
constexpr size_t kJobBytes = 256 << 10;
constexpr size_t kJobRecords = 16 << 10;
// Memory of one job that is kept for the next.
constexpr size_t kMaxKeptMemory = 4 << 20;

const uint8_t kZeros[4096] = {};

}  // namespace

Status FdSink::Append(const uint8_t* data, size_t size) {
  if (size == 0) return Status();
  if (!FollowsLast(data)) {
    if (pieces_.size() == kMaxPieces || sizeof(small_) - small_used_ < kSmall) AR_TRY(Flush());
    if (size <= kSmall) {
      data = static_cast<uint8_t*>(std::memcpy(small_ + small_used_, data, size));
      small_used_ += size;
    }
  }
  if (FollowsLast(data)) {
    pieces_.back().iov_len += size;
  } else {
    pieces_.push_back({const_cast<uint8_t*>(data), size});
  }
  return Status();
}

Status FdSink::Flush() {
  Status status = file_.Write(&pieces_);
  pieces_.clear();
  small_used_ = 0;
  return status;
}

Status NamedFileSink::Create(const std::string& path, std::unique_ptr<Sink>* sink) {
  static std::atomic<unsigned> counter{0};
  std::unique_ptr<NamedFileSink> created(new NamedFileSink());
  created->path_ = path;
  std::string temporary =
      path + ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(counter++);
  int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return Status::Os(errno, "cannot create " + temporary);
  created->temporary_ = temporary;
  created->file_ = File(fd, /*owned=*/true);
  created->sink_ = std::make_unique<FdSink>(fd);
  *sink = std::move(created);
  return Status();
}

NamedFileSink::~NamedFileSink() {
  if (!temporary_.empty()) std::remove(temporary_.c_str());
}

Status NamedFileSink::Close() {
  AR_TRY(sink_->Close());
  AR_TRY(file_.Close());
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return Status::Os(errno, "cannot rename " + temporary_ + " to " + path_);
  }
  temporary_.clear();
  return Status();
}

Status MemorySink::Append(const uint8_t* data, size_t size) {
  bytes_.append(reinterpret_cast<const char*>(data), size);
  return Status();
}

size_t MemorySink::Take(uint8_t* out, size_t size) {
  size_t n = bytes_.copy(reinterpret_cast<char*>(out), std::min(size, available()), taken_);
  taken_ += n;
  if (taken_ == bytes_.size()) {
    bytes_.clear();
    taken_ = 0;
  }
  return n;
}

Writer::Writer(const WriterOptions& options, std::unique_ptr<Sink> sink)
    : options_(options), sink_(std::move(sink)), current_(std::make_unique<Job>()) {
  size_t threads = Processors();
  parallelism_ =
      options.max_parallelism == 0 ? threads : std::min<size_t>(threads, options.max_parallelism);
}

Status Writer::Create(const WriterOptions& options, std::unique_ptr<Sink> sink,
                      std::unique_ptr<Writer>* writer) {
  std::unique_ptr<Writer> created(new Writer(options, std::move(sink)));
  const std::string signature = Signature();
  AR_TRY(
      created->sink_->Append(reinterpret_cast<const uint8_t*>(signature.data()), signature.size()));
  created->position_ = signature.size();
  *writer = std::move(created);
  return Status();
}

Writer::~Writer() {
  for (auto& job : jobs_) {
    if (job->task) job->task->Cancel();
  }
}

// Does the work unless it fails, which it then does for good. Exceptions, too, leave records or
// chunks behind that are taken in half: a later call would make a file of them.
template <typename Work>
Status Writer::Sticky(Work work) {
  try {
    Status status = work();
    if (!status.ok()) failure_ = status.Clone();
    return status;
  } catch (const std::bad_alloc&) {
    failure_ = Status(AR_RESOURCE_EXHAUSTED, "out of memory");
  } catch (const std::length_error&) {
    failure_ = Status(AR_RESOURCE_EXHAUSTED, "a record larger than memory can be");
  } catch (const std::exception& e) {
    failure_ = Status(AR_INTERNAL, e.what());
  }
  return failure_.Clone();
}

Status Writer::Usable() const {
  if (!failure_.ok()) return failure_.Clone();
  if (closed_) return Status(AR_FAILED_PRECONDITION, "the writer is closed");
  return Status();
}

Status Writer::SetMetadata(ByteSpan message) {
  AR_TRY(Usable());
  if (position_ != kSignatureEnd || !jobs_.empty() || !current_->sizes.empty()) {
    return Status(AR_FAILED_PRECONDITION, "metadata must come once, before the first record");
  }
  std::string chunk(kChunkHeaderSize, '\0');
  const uint64_t size = message.size;
  AR_TRY(AppendTransposedData(options_.compression, UINT64_MAX, message, &size, 1, &chunk));
  SealChunk(ChunkType::kMetadata, 0, message.size, 0, &chunk);
  return Sticky([&] {
    AR_TRY(AppendEncodedChunk(chunk));
    return options_.pad_to_block_boundary ? Pad() : Status();
  });
}

Status Writer::Write(const uint8_t* data, const uint64_t* sizes, size_t n) {
  AR_TRY(Usable());
  if (ended_by_short_chunk_ && n > 0) {
    return Status(AR_FAILED_PRECONDITION,
                  "a chunk shorter than the group size has been copied; it must be the last");
  }
  return Sticky([&] { return WriteRecords(data, sizes, n); });
}

Status Writer::WriteRecords(const uint8_t* data, const uint64_t* sizes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    current_->records.append(reinterpret_cast<const char*>(data), sizes[i]);
    current_->sizes.push_back(sizes[i]);
    data += sizes[i];
    if (current_->sizes.size() % options_.group_size == 0 &&
        (current_->records.size() >= kJobBytes || current_->sizes.size() >= kJobRecords)) {
      AR_TRY(Submit());
    }
  }
  return Status();
}

Status Writer::Submit() {
  if (current_->sizes.empty()) return Status();
  jobs_.push_back(std::move(current_));
  if (done_jobs_.empty()) {
    current_ = std::make_unique<Job>();
  } else {
    current_ = std::move(done_jobs_.back());
    done_jobs_.pop_back();
  }
  Job* job = jobs_.back().get();
  if (parallelism_ > 1) {
    job->task = std::make_shared<Task>([this, job] { Encode(options_, job); });
    ThreadPool::Shared().Submit(job->task);
    return Drain(2 * parallelism_);
  }
  Encode(options_, job);
  return Drain(0);
}

// Puts jobs out, in order, until at most `max_jobs` are left and none of them is done.
Status Writer::Drain(size_t max_jobs) {
  while (!jobs_.empty()) {
    Job* job = jobs_.front().get();
    if (job->task) {
      if (jobs_.size() <= max_jobs && !job->task->done()) return Status();
      job->task->Finish(std::chrono::milliseconds(options_.saturation_delay_ms));
    }
    AR_TRY(std::move(job->status));
    const uint8_t* chunk = reinterpret_cast<const uint8_t*>(job->chunks.data());
    const uint8_t* end = chunk + job->chunks.size();
    while (chunk < end) {
      const uint8_t* data = chunk + kChunkHeaderSize;
      AR_TRY(AppendDataChunk(chunk, data));
      chunk = data + Load64(chunk + 8);
    }
    AR_TRY(sink_->Flush());
    if (job->memory() <= kMaxKeptMemory) {
      job->Clear();
      done_jobs_.push_back(std::move(jobs_.front()));
    }
    jobs_.pop_front();
  }
  return Status();
}

void Writer::Encode(const WriterOptions& options, Job* job) {
  const uint8_t* values = reinterpret_cast<const uint8_t*>(job->records.data());
  for (size_t i = 0; i < job->sizes.size();) {
    const size_t n = std::min<size_t>(options.group_size, job->sizes.size() - i);
    uint64_t bytes = 0;
    for (size_t j = i; j < i + n; ++j) bytes += job->sizes[j];
    const ByteSpan group(values, bytes);
    job->status =
        options.transpose
            ? AppendTransposedChunk(options.compression, options.transpose_bucket_size, group,
                                    &job->sizes[i], n, &job->chunks)
            : AppendSimpleChunk(options.compression, group, &job->sizes[i], n, &job->chunks);
    if (!job->status.ok()) return;
    values += bytes;
    i += n;
  }
  if (job->memory() > kMaxKeptMemory) job->records = std::string();
}

Status Writer::AppendDataChunk(const uint8_t* header_bytes, const uint8_t* data) {
  ChunkHeader header;
  if (!header.Decode(header_bytes)) return Status(AR_INTERNAL, "wrong hash in an encoded chunk");
  const size_t before = index_entries_.size();
  FooterEntry{position_, header.decoded_data_size, header.num_records}.AppendTo(&index_entries_);
  index_sizes_.push_back(index_entries_.size() - before);
  num_records_ += header.num_records;
  AR_TRY(AppendChunk(header, header_bytes, data));
  return options_.pad_to_block_boundary ? Pad() : Status();
}

Status Writer::AppendChunk(const ChunkHeader& header, const uint8_t* header_bytes,
                           const uint8_t* data) {
  const uint64_t begin = position_;
  const uint64_t end = header.End(begin);
  // The chunk's bytes come from three places.
  uint64_t header_left = kChunkHeaderSize;
  uint64_t data_left = header.data_size;
  while (position_ < end) {
    if (position_ % kBlockSize == 0) {
      BlockHeader block;
      block.previous_chunk = position_ - begin;
      block.next_chunk = end - position_;
      uint8_t bytes[kBlockHeaderSize];
      block.Encode(bytes);
      AR_TRY(sink_->Append(bytes, sizeof(bytes)));
      position_ += sizeof(bytes);
    }
    uint64_t n = std::min(end - position_, RemainingInBlock(position_));
    const uint8_t* from = kZeros;
    if (header_left > 0) {
      n = std::min(n, header_left);
      from = header_bytes + (kChunkHeaderSize - header_left);
      header_left -= n;
    } else if (data_left > 0) {
      n = std::min(n, data_left);
      from = data + (header.data_size - data_left);
      data_left -= n;
    } else {
      n = std::min<uint64_t>(n, sizeof(kZeros));
    }
    AR_TRY(sink_->Append(from, n));
    position_ += n;
  }
  return Status();
}

Status Writer::Pad() {
  if (position_ % kBlockSize == 0) return Status();
  uint64_t target = position_ + RemainingInBlock(position_);
  if (RemainingInBlock(position_) < kChunkHeaderSize) target += kBlockSize;
  const std::string zeros(ChunkBytesBetween(position_, target) - kChunkHeaderSize, '\0');
  ChunkHeader header;
  header.type = ChunkType::kPadding;
  header.data_size = zeros.size();
  header.data_hash = Hash(zeros.data(), zeros.size());
  uint8_t bytes[kChunkHeaderSize];
  header.Encode(bytes);
  AR_TRY(AppendChunk(header, bytes, reinterpret_cast<const uint8_t*>(zeros.data())));
  return sink_->Flush();
}

Status Writer::CopyChunks(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* bytes,
                          uint64_t size) {
  AR_TRY(Usable());
  const ChunkIndex& index = reader.index();
  if (begin > end || end > index.num_chunks()) {
    return Status(AR_OUT_OF_RANGE, "chunks [" + std::to_string(begin) + ", " + std::to_string(end) +
                                       ") of a file with " + std::to_string(index.num_chunks()));
  }
  if (begin == end) return Status();
  if (ended_by_short_chunk_ || current_->sizes.size() % options_.group_size != 0) {
    return Status(AR_FAILED_PRECONDITION, "chunks can only be copied to the end of a group");
  }
  for (uint64_t c = begin; c < end; ++c) {
    const uint64_t n = index.RecordsIn(c);
    if (n > options_.group_size || (n < options_.group_size && c + 1 < end)) {
      return Status(AR_FAILED_PRECONDITION,
                    "a chunk of " + std::to_string(n) +
                        " records cannot be copied to a file with groups of " +
                        std::to_string(options_.group_size))
          .InChunk(c);
    }
  }
  const ChunkIndex::Extent extent = index.extent(begin, end);
  std::unique_ptr<uint8_t[]> own;
  if (bytes == nullptr) {
    if (!reader.has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
    own.reset(new uint8_t[extent.end - extent.begin]);
    bytes = own.get();
    AR_TRY(reader.file().ReadAt(extent.begin, bytes, extent.end - extent.begin));
  } else if (size != extent.end - extent.begin) {
    return Status(AR_INVALID_ARGUMENT, "the bytes given are not those of the chunks");
  }
  return Sticky([&] { return CopyChunkRange(reader, begin, end, bytes); });
}

Status Writer::CopyChunkRange(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* bytes) {
  AR_TRY(Submit());
  AR_TRY(Drain(0));
  const ChunkIndex& index = reader.index();
  const uint64_t base = index.extent(begin, end).begin;
  for (uint64_t c = begin; c < end; ++c) {
    const ChunkIndex::Extent extent = index.extent(c, c + 1);
    Chunk chunk;
    Status status = ParseChunk(bytes + (extent.begin - base), extent.begin, extent.end, &chunk);
    if (status.ok()) status = chunk.VerifyData();
    if (status.ok() && (chunk.header.num_records != index.RecordsIn(c) ||
                        (chunk.header.type != ChunkType::kSimple &&
                         chunk.header.type != ChunkType::kTransposed))) {
      status = Corrupt("the chunk is not what the index says");
    }
    AR_TRY(std::move(status).At(extent.begin).InChunk(c));
    uint8_t header[kChunkHeaderSize];
    chunk.header.Encode(header);
    AR_TRY(AppendDataChunk(header, chunk.data));
    ended_by_short_chunk_ = chunk.header.num_records < options_.group_size;
  }
  return sink_->Flush();
}

Status Writer::Close() {
  AR_TRY(Usable());
  closed_ = true;
  return Sticky([&] { return FinishFile(); });
}

Status Writer::FinishFile() {
  AR_TRY(Submit());
  AR_TRY(Drain(0));

  const uint64_t footer_offset = position_;
  FooterMetadata metadata;
  metadata.num_chunks = index_sizes_.size();
  metadata.num_records = num_records_;
  metadata.has_writer_options = true;
  metadata.writer_options = options_.ToString();
  std::string records = metadata.Serialize();
  std::vector<uint64_t> sizes = {records.size()};
  records += index_entries_;
  sizes.insert(sizes.end(), index_sizes_.begin(), index_sizes_.end());
  AR_TRY(AppendSimpleChunkOf(options_.compression, records, sizes));
  AR_TRY(Pad());

  const std::string postscript = SerializePostscript(footer_offset);
  Compression none;
  none.codec = Codec::kNone;
  AR_TRY(AppendSimpleChunkOf(none, postscript + postscript + postscript,
                             std::vector<uint64_t>(3, postscript.size())));
  AR_TRY(Pad());
  return sink_->Close();
}

Status Writer::AppendSimpleChunkOf(const Compression& compression, const std::string& values,
                                   const std::vector<uint64_t>& sizes) {
  std::string chunk;
  AR_TRY(AppendSimpleChunk(compression, AsBytes(values), sizes.data(), sizes.size(), &chunk));
  return AppendEncodedChunk(chunk);
}

Status Writer::AppendEncodedChunk(const std::string& chunk) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(chunk.data());
  ChunkHeader header;
  if (!header.Decode(bytes)) return Status(AR_INTERNAL, "wrong hash in an encoded chunk");
  AR_TRY(AppendChunk(header, bytes, bytes + kChunkHeaderSize));
  return sink_->Flush();
}

}  // namespace arrayrecord
