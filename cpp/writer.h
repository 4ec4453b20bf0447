// Writing ArrayRecord files. Records are collected into jobs of one or more chunks, jobs are
// encoded by the pool, and their bytes go out in order. The output is only ever appended to, so it
// can be a file, a pipe or memory.
#ifndef ARRAYRECORD_WRITER_H_
#define ARRAYRECORD_WRITER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "chunk.h"
#include "file.h"
#include "options.h"
#include "reader.h"
#include "status.h"
#include "thread_pool.h"

namespace arrayrecord {

// Where finished bytes go.
class Sink {
 public:
  virtual ~Sink() = default;
  // Pieces of up to kSmall bytes are copied; larger ones must stay where they are until Flush.
  virtual Status Append(const uint8_t* data, size_t size) = 0;
  virtual Status Flush() { return Status(); }
  // After the last byte.
  virtual Status Close() { return Status(); }

  static constexpr size_t kSmall = 64;
};

// Writes to a descriptor that somebody else owns, many pieces by one call.
class FdSink : public Sink {
 public:
  explicit FdSink(int fd) : file_(fd, /*owned=*/false) {}
  Status Append(const uint8_t* data, size_t size) override;
  Status Flush() override;
  Status Close() override { return Flush(); }

 private:
  static constexpr size_t kMaxPieces = 1024;  // what the system takes at once

  bool FollowsLast(const uint8_t* data) const {
    return !pieces_.empty() &&
           static_cast<uint8_t*>(pieces_.back().iov_base) + pieces_.back().iov_len == data;
  }

  File file_;
  std::vector<iovec> pieces_;
  size_t small_used_ = 0;
  uint8_t small_[kMaxPieces * kSmall];
};

// Writes to a temporary file, which gets its name when it is closed.
class NamedFileSink : public Sink {
 public:
  static Status Create(const std::string& path, std::unique_ptr<Sink>* sink);
  ~NamedFileSink() override;
  Status Append(const uint8_t* data, size_t size) override { return sink_->Append(data, size); }
  Status Flush() override { return sink_->Flush(); }
  Status Close() override;

 private:
  std::string path_;
  std::string temporary_;  // empty once it has its name
  File file_;
  std::unique_ptr<FdSink> sink_;
};

// Keeps the bytes until they are taken away.
class MemorySink : public Sink {
 public:
  Status Append(const uint8_t* data, size_t size) override;
  size_t available() const { return bytes_.size() - taken_; }
  size_t Take(uint8_t* out, size_t size);

 private:
  std::string bytes_;
  size_t taken_ = 0;
};

class Writer {
 public:
  // Writes the beginning of the file.
  static Status Create(const WriterOptions& options, std::unique_ptr<Sink> sink,
                       std::unique_ptr<Writer>* writer);
  // Drops what is not encoded yet.
  ~Writer();

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
    std::string records;
    std::vector<uint64_t> sizes;
    std::string chunks;  // encoded: each chunk's header and data
    Status status;
    std::shared_ptr<Task> task;

    size_t memory() const { return records.capacity() + chunks.capacity(); }
    void Clear() {
      records.clear();
      sizes.clear();
      chunks.clear();
      task = nullptr;
    }
  };

  Writer(const WriterOptions& options, std::unique_ptr<Sink> sink);
  template <typename Work>
  Status Sticky(Work work);
  Status Usable() const;
  Status WriteRecords(const uint8_t* data, const uint64_t* sizes, size_t n);
  Status CopyChunkRange(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* bytes);
  Status Submit();
  Status Drain(size_t max_jobs);
  static void Encode(const WriterOptions& options, Job* job);
  Status FinishFile();

  // Places an encoded chunk in the file; AppendDataChunk also enters it in the index.
  Status AppendDataChunk(const uint8_t* header, const uint8_t* data);
  Status AppendChunk(const ChunkHeader& header, const uint8_t* header_bytes, const uint8_t* data);
  Status AppendSimpleChunkOf(const Compression& compression, const std::string& values,
                             const std::vector<uint64_t>& sizes);
  Status AppendEncodedChunk(const std::string& chunk);
  Status Pad();

  const WriterOptions options_;
  std::unique_ptr<Sink> sink_;
  size_t parallelism_;
  uint64_t position_ = 0;
  std::unique_ptr<Job> current_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::vector<std::unique_ptr<Job>> done_jobs_;  // whose memory serves the next ones
  bool ended_by_short_chunk_ = false;
  bool closed_ = false;
  Status failure_;
  // The index so far, as it will stand in the footer: an entry for each chunk.
  std::string index_entries_;
  std::vector<uint64_t> index_sizes_;
  uint64_t num_records_ = 0;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_WRITER_H_
