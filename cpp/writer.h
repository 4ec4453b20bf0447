// Writing ArrayRecord files. Records are collected into jobs of one or more chunks, the pool
// encodes them, and the thread that finds the next job encoded puts it out, so that output goes on
// beside encoding, in order. The output is only ever appended to: it can be a file, a pipe or
// memory.
#ifndef ARRAYRECORD_WRITER_H_
#define ARRAYRECORD_WRITER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "byte_queue.h"
#include "chunk.h"
#include "file.h"
#include "footer_builder.h"
#include "named_file.h"
#include "options.h"
#include "reader.h"
#include "status.h"
#include "thread_pool.h"

namespace arrayrecord {

// Where finished bytes go. One thread at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  // Pieces of up to kSmall bytes are copied; larger ones must stay where they are until Release.
  virtual Status Append(const uint8_t* data, size_t size) = 0;
  // From now on no piece need stay where it is.
  virtual Status Release() { return Status(); }
  // After the last byte.
  virtual Status Close() { return Status(); }

  static constexpr size_t kSmall = 64;
};

// Writes to a descriptor that somebody else owns, many pieces by one call, and whole pages until it
// is closed: one that is written in two parts costs the system twice.
class FdSink : public Sink {
 public:
  explicit FdSink(int fd) : file_(fd, /*owned=*/false) {}
  Status Append(const uint8_t* data, size_t size) override;
  Status Release() override;
  Status Close() override { return file_.Write(&pieces_); }

  static constexpr size_t kPage = 4096;

 private:
  static constexpr size_t kMaxPieces = 1024;  // what the system takes at once

  bool FollowsLast(const uint8_t* data) const {
    return !pieces_.empty() &&
           static_cast<uint8_t*>(pieces_.back().iov_base) + pieces_.back().iov_len == data;
  }

  File file_;
  uint64_t appended_ = 0;  // bytes, since the beginning
  std::vector<iovec> pieces_;
  size_t small_used_ = 0;
  uint8_t small_[kMaxPieces * kSmall];
  // What does not fill a page yet, while what did not before is written from the other one.
  uint8_t tails_[2][kPage];
  int tail_ = 0;
};

// Writes to a temporary file, which gets its name when it is closed.
class NamedFileSink : public Sink {
 public:
  static Status Create(const std::string& path, const WriterOptions& options,
                       std::unique_ptr<Sink>* sink);
  Status Append(const uint8_t* data, size_t size) override {
    return sink_->Append(data, size).In(path_.c_str());
  }
  Status Release() override { return sink_->Release().In(path_.c_str()); }
  Status Close() override;

 private:
  std::string path_;
  NamedFile file_;
  std::unique_ptr<FdSink> sink_;
};

// Keeps the bytes until they are taken away, which another thread may do.
class MemorySink : public Sink {
 public:
  Status Append(const uint8_t* data, size_t size) override;
  size_t available() const;
  size_t Take(uint8_t* out, size_t size);

 private:
  mutable std::mutex mutex_;
  ByteQueue bytes_;
};

struct AppendBase;

class Writer {
 public:
  // Writes the beginning of the file.
  static Status Create(const WriterOptions& options, std::unique_ptr<Sink> sink,
                       std::unique_ptr<Writer>* writer);
  // Drops what is not encoded yet.
  ~Writer();

  // Goes on with a complete file; see ar_writer_append_fd.
  static Status Append(int fd, const WriterOptions& options, std::unique_ptr<Writer>* writer);

  // Stores a RecordsMetadata message; only before the first record.
  Status SetMetadata(ByteSpan message);
  // Appends `n` records that lie one after the other.
  Status Write(const uint8_t* data, const uint64_t* sizes, size_t n);
  // Appends chunks of another file as they are; see ar_writer_copy_chunks.
  Status CopyChunks(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* bytes,
                    uint64_t size);
  Status Close();

 private:
  // Records on their way to becoming chunks of the group size.
  struct Job {
    struct EncodedChunk {
      ChunkHeader header;
      size_t begin;  // of header and data
    };

    std::string records;  // in front of each group a gap of gap_ bytes
    std::vector<uint64_t> sizes;
    std::string chunks;  // unless they were made in place
    std::vector<EncodedChunk> encoded_chunks;
    Status status;
    std::shared_ptr<Task> task;
    bool begun = false;
    bool encoded = false;

    size_t memory() const { return records.capacity() + chunks.capacity(); }
    void Clear();
  };

  friend struct AppendBase;

  Writer(const WriterOptions& options, std::unique_ptr<Sink> sink);
  // Has the file begin with the chunks of another, and go on at `position`.
  Status GoOnBehind(const AppendBase& base, uint64_t position);
  Status BeginToAppend();
  template <typename Work>
  Status Sticky(Work work);
  Status Usable() const;
  Status WriteRecords(const uint8_t* data, const uint64_t* sizes, size_t n);
  Status FinishFile();

  // How many may wait to be encoded or put out.
  size_t MaxJobs() const { return 2 * parallelism_; }
  bool Idle() const;
  Status Submit();
  Status RunHere();
  Status Finish();
  Status WaitForJobs(size_t max_left);
  Status WaitForJobs(size_t max_left, std::chrono::milliseconds patience);
  void Run(Job* job);
  Status Encode(Job* job) const;
  Status PutOut(const Job& job);

  // Only by the thread that puts jobs out, or by the caller's while there are no jobs.
  // AppendDataChunk places an encoded chunk in the file and enters it in the index.
  Status AppendDataChunk(const ChunkHeader& header, const uint8_t* header_bytes,
                         const uint8_t* data);
  Status AppendChunk(const ChunkHeader& header, const uint8_t* header_bytes, const uint8_t* data);
  Status AppendFooter();
  Status FillUp(uint64_t begin, uint64_t end);
  Status AppendPart(uint64_t begin, uint64_t end, const uint8_t* data, uint64_t size);
  Status AppendEncodedChunk(const std::string& chunk);
  Status Pad();

  const WriterOptions options_;
  size_t parallelism_;
  size_t gap_;  // 0 unless chunks are made in place

  // Of the caller's thread.
  std::unique_ptr<Job> current_;
  bool ended_by_short_chunk_ = false;
  bool appends_ = false;
  std::shared_ptr<const AppendBase> base_;  // until the first record is appended to it
  bool closed_ = false;

  // Of the thread that puts jobs out.
  std::unique_ptr<Sink> sink_;
  uint64_t position_ = 0;
  FooterBuilder footer_;
  bool has_digest_;  // not behind chunks whose digest nothing tells
  uint64_t digest_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable few_jobs_;  // no more than the caller waits for
  size_t max_left_ = 0;
  std::deque<std::unique_ptr<Job>> jobs_;  // not put out yet, in order
  bool putting_out_ = false;
  std::vector<std::unique_ptr<Job>> done_jobs_;  // whose memory serves the next ones
  Status failure_;                               // the first one
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_WRITER_H_
