// Going on with a complete file where it is, without writing its records again. The file opens as
// it was until the last step, cutting something off, makes it the longer one; but for the moment in
// which the old end is written, when nothing of the file is changed.
//
//   before   [chunks][index][postscript]
//   at work  [chunks][new chunks ...  gap  ][old end]     the old end, once more, behind a gap
//   after    [chunks][new chunks][index][postscript]      what was behind has been cut off
//
// The old end has the last chunk, too, if that does not fill a group: its records become part of
// the first new chunk. Its index says where the gap is (docs/format.md section 6.8).
#ifndef ARRAYRECORD_APPEND_H_
#define ARRAYRECORD_APPEND_H_

#include <cstdint>
#include <memory>
#include <string>

#include "chunk_index.h"
#include "file.h"
#include "reader.h"
#include "writer.h"

namespace arrayrecord {

// What a file has before records are appended to it.
struct AppendBase {
  std::unique_ptr<Reader> reader;
  WriterOptions options;
  uint64_t file_size = 0;
  uint64_t kept_chunks = 0;  // all but a short one
  uint64_t data_end = 0;     // of those, where the new ones begin
  bool has_digest = false;
  uint64_t digest = 0;  // of those, and of metadata
  // The short one, if there is one: its header and data, and its records.
  std::string last_chunk;
  std::string last_records;
  std::vector<uint64_t> last_sizes;

  Status Open(int fd, const WriterOptions& options);
  // The end of the file as it would stand at `position`: a short chunk, index, postscript. `gap` is
  // what lies before it, or empty.
  Status MakeEnd(uint64_t position, const Gap& gap, std::string* end) const;
};

// Writes to the place behind the kept chunks, with the old end always behind all that is written.
// The file is not touched before the first byte comes. Unless it is closed the file becomes again
// what it was.
class AppendSink : public Sink {
 public:
  AppendSink(int fd, std::shared_ptr<const AppendBase> base)
      : fd_(fd), base_(std::move(base)), sink_(fd), position_(base_->data_end) {}
  ~AppendSink() override;

  Status Append(const uint8_t* data, size_t size) override;
  Status Release() override { return begun_ ? sink_.Release() : Status(); }
  Status Close() override;

 private:
  Status MakeRoom(uint64_t end);
  Status Clear(uint64_t begin, uint64_t end) const;
  Status CutOff(uint64_t size) const;
  Status Sync() const;
  Status Restore() const;

  const int fd_;
  const std::shared_ptr<const AppendBase> base_;
  FdSink sink_;
  uint64_t position_;
  uint64_t old_end_ = 0;   // where it begins
  uint64_t old_size_ = 0;  // of the file with it
  bool begun_ = false;
  bool closed_ = false;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_APPEND_H_
