#include "writer.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "append.h"
#include "layout.h"
#include "records_chunk.h"
#include "simple_chunk.h"
#include "transpose_encoder.h"

namespace arrayrecord {
namespace {

// Enough work to be worth handing to another thread.
constexpr size_t kJobBytes = 256 << 10;
constexpr size_t kJobRecords = 16 << 10;
// Memory of one job that is kept for the next.
constexpr size_t kMaxKeptMemory = 4 << 20;

// Uncompressed chunks of more records are copied when they are encoded: the gap in front of each
// must hold all sizes, however large.
constexpr size_t kMaxGroupInPlace = 1024;
constexpr size_t kMaxJobsPerCall = 8;

const uint8_t kZeros[4096] = {};

Status DecodeOwn(const uint8_t* bytes, ChunkHeader* header) {
  return header->Decode(bytes) ? Status() : Status(AR_INTERNAL, "wrong hash in an encoded chunk");
}

}  // namespace

Status FdSink::Append(const uint8_t* data, size_t size) {
  if (size == 0) return Status();
  if (!FollowsLast(data)) {
    if (pieces_.size() == kMaxPieces || sizeof(small_) - small_used_ < kSmall) AR_TRY(Release());
    if (size <= kSmall) {
      data = static_cast<uint8_t*>(std::memcpy(small_ + small_used_, data, size));
      small_used_ += size;
    }
  }
  appended_ += size;
  if (FollowsLast(data)) {
    pieces_.back().iov_len += size;
  } else {
    pieces_.push_back({const_cast<uint8_t*>(data), size});
  }
  return Status();
}

Status FdSink::Release() {
  // The old tail may be written below.
  tail_ = 1 - tail_;
  const size_t tail_size = appended_ % kPage;
  for (size_t left = tail_size; left > 0;) {
    iovec& last = pieces_.back();
    const size_t n = std::min(left, last.iov_len);
    left -= n;
    last.iov_len -= n;
    std::memcpy(tails_[tail_] + left, static_cast<uint8_t*>(last.iov_base) + last.iov_len, n);
    if (last.iov_len == 0) pieces_.pop_back();
  }
  AR_TRY(file_.Write(&pieces_));
  pieces_.clear();
  small_used_ = 0;
  if (tail_size > 0) pieces_.push_back({tails_[tail_], tail_size});
  return Status();
}

Status NamedFileSink::Create(const std::string& path, const WriterOptions& options,
                             std::unique_ptr<Sink>* sink) {
  auto created = std::make_unique<NamedFileSink>();
  created->path_ = path;
  NamedFile::Options named;
  named.replace = !options.no_overwrite;
  named.sync = !options.no_sync;
  AR_TRY(created->file_.Create(path, named));
  created->sink_ = std::make_unique<FdSink>(created->file_.fd());
  *sink = std::move(created);
  return Status();
}

Status NamedFileSink::Close() {
  AR_TRY(sink_->Close().In(path_.c_str()));
  return file_.Publish();
}

Status MemorySink::Append(const uint8_t* data, size_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  bytes_.Append(data, size);
  return Status();
}

size_t MemorySink::available() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return bytes_.size();
}

size_t MemorySink::Take(uint8_t* out, size_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  return bytes_.Take(out, size);
}

void Writer::Job::Clear() {
  records.clear();
  sizes.clear();
  chunks.clear();
  encoded_chunks.clear();
  task = nullptr;
  begun = encoded = false;
}

Writer::Writer(const WriterOptions& options, std::unique_ptr<Sink> sink)
    : options_(options),
      current_(std::make_unique<Job>()),
      sink_(std::move(sink)),
      footer_(options.compression, options.group_size, options.ToString()),
      has_digest_(!options.no_digest) {
  size_t threads = MaxThreads();
  parallelism_ =
      options.max_parallelism == 0 ? threads : std::min<size_t>(threads, options.max_parallelism);
  done_jobs_.reserve(MaxJobs() + 1);
  const bool in_place = options.compression.codec == Codec::kNone && !options.transpose &&
                        options.group_size <= kMaxGroupInPlace;
  gap_ = in_place ? MaxPlainPrefix(options.group_size) : 0;
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
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // There may be no memory for a message; nothing may be thrown here.
    if (failure_.ok()) {
      failure_ = Caught([] { return Status(AR_CANCELLED, "the writer has been dropped"); });
    }
  }
  (void)Caught([&] { return WaitForJobs(0, std::chrono::milliseconds(0)); });
}

// Does the work unless it fails, which it then does for good. Exceptions, too, leave records or
// chunks behind that are taken in half: a later call would make a file of them.
template <typename Work>
Status Writer::Sticky(Work work) {
  Status status = Caught(work);
  if (status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  if (failure_.ok()) failure_ = std::move(status);
  return failure_.Clone();
}

Status Writer::Usable() const {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_.ok()) return failure_.Clone();
  }
  if (closed_) return Status(AR_FAILED_PRECONDITION, "the writer is closed");
  return Status();
}

bool Writer::Idle() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return jobs_.empty();
}

Status Writer::SetMetadata(ByteSpan message) {
  AR_TRY(Usable());
  if (appends_ || !Idle() || position_ != kSignatureEnd || !current_->sizes.empty()) {
    return Status(AR_FAILED_PRECONDITION, "metadata must come once, before the first record");
  }
  std::string chunk(kChunkHeaderSize, '\0');
  const uint64_t size = message.size;
  AR_TRY(AppendTransposedData(options_.compression, UINT64_MAX, message, &size, 1, &chunk));
  SealChunk(ChunkType::kMetadata, 0, message.size, 0, &chunk);
  return Sticky([&] {
    const FooterEntry entry = {position_, message.size, 0};
    digest_ += entry.DigestPart(Load64(AsBytes(chunk).data));
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
  return Sticky([&] {
    if (n > 0) AR_TRY(BeginToAppend());
    return WriteRecords(data, sizes, n);
  });
}

Status Writer::WriteRecords(const uint8_t* data, const uint64_t* sizes, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (gap_ > 0 && current_->sizes.size() % options_.group_size == 0) {
      current_->records.append(gap_, '\0');
    }
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

// Hands the records that have been collected to the pool.
Status Writer::Submit() {
  if (current_->sizes.empty()) return Status();
  if (parallelism_ == 1) return RunHere();
  Job* job = current_.get();
  job->task = std::make_shared<Task>([this, job] { Run(job); });
  std::shared_ptr<Task> task = job->task;
  bool many;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(nullptr);
    jobs_.back() = std::move(current_);
    many = jobs_.size() > MaxJobs();
    if (!done_jobs_.empty()) {
      current_ = std::move(done_jobs_.back());
      done_jobs_.pop_back();
    }
  }
  if (current_ == nullptr) current_ = std::make_unique<Job>();
  ThreadPool::Shared().Submit(std::move(task));
  // Waking up for each job costs more than waiting for some.
  return many ? WaitForJobs(MaxJobs() / 2) : Status();
}

// Encodes the records that have been collected and puts them out, there being no jobs.
Status Writer::RunHere() {
  AR_TRY(Encode(current_.get()));
  AR_TRY(PutOut(*current_));
  AR_TRY(sink_->Release());
  if (current_->memory() > kMaxKeptMemory) {
    current_ = std::make_unique<Job>();
  } else {
    current_->Clear();
  }
  return Status();
}

// Puts out everything that has been collected.
Status Writer::Finish() {
  if (Idle()) return current_->sizes.empty() ? Status() : RunHere();
  AR_TRY(Submit());
  return WaitForJobs(0);
}

Status Writer::WaitForJobs(size_t max_left) {
  return WaitForJobs(max_left, std::chrono::milliseconds(options_.saturation_delay_ms));
}

// Encodes here, too, when the pool lets the caller wait for longer than `patience`.
Status Writer::WaitForJobs(size_t max_left, std::chrono::milliseconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  max_left_ = max_left;
  auto few = [&] { return jobs_.size() <= max_left; };
  while (!few_jobs_.wait_for(lock, patience, few)) {
    auto waiting = std::find_if(jobs_.begin(), jobs_.end(), [](auto& job) { return !job->begun; });
    if (waiting == jobs_.end()) {
      few_jobs_.wait(lock, few);
      break;
    }
    const std::shared_ptr<Task> task = (*waiting)->task;
    lock.unlock();
    task->Run();
    lock.lock();
  }
  return failure_.Clone();
}

// Encodes a job, and puts out those whose turn it is unless another thread is at it, which then
// puts out this one, too. Nothing follows a failure.
void Writer::Run(Job* job) {
  std::unique_lock<std::mutex> lock(mutex_);
  job->begun = true;
  if (failure_.ok()) {
    lock.unlock();
    Status status = Caught([&] { return Encode(job); });
    lock.lock();
    job->status = std::move(status);
  }
  job->encoded = true;
  if (putting_out_) return;
  putting_out_ = true;
  for (;;) {
    // Those that are there are written by one call.
    Job* turn[kMaxJobsPerCall];
    size_t n = 0;
    while (n < std::min(jobs_.size(), kMaxJobsPerCall) && jobs_[n]->encoded) {
      turn[n] = jobs_[n].get();
      ++n;
    }
    if (n == 0) break;
    if (failure_.ok()) {
      lock.unlock();
      Status status = Caught([&] {
        for (size_t i = 0; i < n; ++i) AR_TRY(PutOut(*turn[i]));
        return sink_->Release();
      });
      lock.lock();
      if (failure_.ok()) failure_ = std::move(status);
    }
    for (; n > 0; --n) {
      if (jobs_.front()->memory() <= kMaxKeptMemory) {
        jobs_.front()->Clear();
        done_jobs_.push_back(std::move(jobs_.front()));
      }
      jobs_.pop_front();
    }
    if (jobs_.size() <= max_left_) few_jobs_.notify_one();
  }
  putting_out_ = false;
}

Status Writer::Encode(Job* job) const {
  char* values = &job->records[0];
  job->encoded_chunks.reserve((job->sizes.size() - 1) / options_.group_size + 1);
  for (size_t i = 0; i < job->sizes.size();) {
    const uint64_t* sizes = &job->sizes[i];
    const size_t n = std::min<size_t>(options_.group_size, job->sizes.size() - i);
    const uint64_t bytes = std::accumulate(sizes, sizes + n, uint64_t{0});
    values += gap_;
    Job::EncodedChunk chunk;
    if (gap_ > 0) {
      const uint8_t* begin =
          SealPlainChunk(reinterpret_cast<uint8_t*>(values), bytes, sizes, n, &chunk.header);
      chunk.begin = static_cast<size_t>(begin - AsBytes(job->records).data);
    } else {
      chunk.begin = job->chunks.size();
      const ByteSpan group(reinterpret_cast<uint8_t*>(values), bytes);
      AR_TRY(options_.transpose
                 ? AppendTransposedChunk(options_.compression, options_.transpose_bucket_size,
                                         group, sizes, n, &job->chunks)
                 : AppendSimpleChunk(options_.compression, group, sizes, n, &job->chunks));
      AR_TRY(DecodeOwn(AsBytes(job->chunks).data + chunk.begin, &chunk.header));
    }
    job->encoded_chunks.push_back(chunk);
    values += bytes;
    i += n;
  }
  if (gap_ == 0 && job->memory() > kMaxKeptMemory) job->records = std::string();
  return Status();
}

Status Writer::PutOut(const Job& job) {
  AR_TRY(job.status.Clone());
  const uint8_t* const bytes = AsBytes(gap_ > 0 ? job.records : job.chunks).data;
  for (const Job::EncodedChunk& chunk : job.encoded_chunks) {
    const uint8_t* header = bytes + chunk.begin;
    AR_TRY(AppendDataChunk(chunk.header, header, header + kChunkHeaderSize));
  }
  return Status();
}

Status Writer::AppendDataChunk(const ChunkHeader& header, const uint8_t* header_bytes,
                               const uint8_t* data) {
  const FooterEntry entry = {position_, header.decoded_data_size, header.num_records};
  AR_TRY(footer_.Add(entry));
  digest_ += entry.DigestPart(Load64(header_bytes));
  AR_TRY(AppendChunk(header, header_bytes, data));
  return options_.pad_to_block_boundary ? Pad() : Status();
}

Status Writer::AppendChunk(const ChunkHeader& header, const uint8_t* header_bytes,
                           const uint8_t* data) {
  const uint64_t begin = position_;
  const uint64_t end = header.End(begin);
  AR_TRY(AppendPart(begin, end, header_bytes, kChunkHeaderSize));
  AR_TRY(AppendPart(begin, end, data, header.data_size));
  return FillUp(begin, end);
}

// Appends zeros up to the end of a chunk.
Status Writer::FillUp(uint64_t begin, uint64_t end) {
  while (position_ < end)
    AR_TRY(AppendPart(begin, end, kZeros, std::min<uint64_t>(end - position_, sizeof(kZeros))));
  return Status();
}

// Appends bytes of the chunk [begin, end) of the file, and the block headers that come among them.
Status Writer::AppendPart(uint64_t begin, uint64_t end, const uint8_t* data, uint64_t size) {
  // FillUp asks for as many zeros as there are bytes to the end; a block header takes the place of
  // some.
  while (size > 0 && position_ < end) {
    if (position_ % kBlockSize == 0) {
      BlockHeader block;
      block.previous_chunk = position_ - begin;
      block.next_chunk = end - position_;
      uint8_t bytes[kBlockHeaderSize];
      block.Encode(bytes);
      AR_TRY(sink_->Append(bytes, sizeof(bytes)));
      position_ += sizeof(bytes);
    }
    const uint64_t n = std::min({size, end - position_, RemainingInBlock(position_)});
    AR_TRY(sink_->Append(data, n));
    data += n;
    size -= n;
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
  return sink_->Release();
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
  if (ended_by_short_chunk_ || current_->sizes.size() % options_.group_size != 0 ||
      (base_ != nullptr && !base_->last_sizes.empty())) {
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
    AR_TRY(reader.file().ReadAt(extent.begin, bytes, extent.end - extent.begin).InChunk(begin));
  } else if (size != extent.end - extent.begin) {
    return Status(AR_INVALID_ARGUMENT, "the bytes given are not those of the chunks");
  }
  // All are good before the first one is copied: damage to another file does none to this one.
  std::vector<Chunk> chunks(end - begin);
  for (uint64_t c = begin; c < end; ++c) {
    const IndexedChunk indexed = index.Get(c);
    AR_TRY(ParseDataChunk(bytes + (indexed.begin - extent.begin), indexed, &chunks[c - begin])
               .At(indexed.begin)
               .InChunk(c));
  }
  return Sticky([&] {
    AR_TRY(BeginToAppend());
    AR_TRY(Finish());
    for (const Chunk& chunk : chunks) {
      uint8_t header[kChunkHeaderSize];
      chunk.header.Encode(header);
      AR_TRY(AppendDataChunk(chunk.header, header, chunk.data));
      ended_by_short_chunk_ = chunk.header.num_records < options_.group_size;
    }
    return sink_->Release();
  });
}

Status Writer::Close() {
  AR_TRY(Usable());
  closed_ = true;
  return Sticky([&] { return FinishFile(); });
}

Status Writer::FinishFile() {
  if (base_ != nullptr) return sink_->Close();  // nothing was appended
  AR_TRY(Finish());

  const uint64_t footer_offset = position_;
  AR_TRY(AppendFooter());
  AR_TRY(Pad());

  const std::string postscript = SerializePostscript(footer_offset);
  const std::vector<uint64_t> sizes(3, postscript.size());
  Compression none;
  none.codec = Codec::kNone;
  std::string chunk;
  AR_TRY(AppendSimpleChunk(none, AsBytes(postscript + postscript + postscript), sizes.data(),
                           sizes.size(), &chunk));
  AR_TRY(AppendEncodedChunk(chunk));
  AR_TRY(Pad());
  return sink_->Close();
}

Status Writer::AppendFooter() {
  ChunkHeader header;
  ByteQueue data;
  if (has_digest_) footer_.SetDigest(digest_);
  AR_TRY(footer_.Finish(&header, &data));
  uint8_t header_bytes[kChunkHeaderSize];
  header.Encode(header_bytes);
  const uint64_t begin = position_;
  const uint64_t end = header.End(begin);
  AR_TRY(AppendPart(begin, end, header_bytes, sizeof(header_bytes)));
  // What has gone out takes no memory any more.
  for (; data.num_pieces() > 0; data.PopPiece()) {
    AR_TRY(AppendPart(begin, end, data.piece(0).data, data.piece(0).size));
    AR_TRY(sink_->Release());
  }
  AR_TRY(FillUp(begin, end));
  return sink_->Release();
}

Status Writer::AppendEncodedChunk(const std::string& chunk) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(chunk.data());
  ChunkHeader header;
  AR_TRY(DecodeOwn(bytes, &header));
  AR_TRY(AppendChunk(header, bytes, bytes + kChunkHeaderSize));
  return sink_->Release();
}

}  // namespace arrayrecord
