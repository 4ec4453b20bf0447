// Files by descriptor: positional reads, whole writes.
#ifndef ARRAYRECORD_FILE_H_
#define ARRAYRECORD_FILE_H_

#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <vector>

#include "status.h"

namespace arrayrecord {

// Owns a descriptor, or borrows one.
class File {
 public:
  File() = default;
  File(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~File() { (void)Close(); }
  File(File&& other) noexcept { *this = std::move(other); }
  File& operator=(File&& other) noexcept;

  static Status OpenForReading(const std::string& path, File* file);

  // A duplicate of a descriptor, which stays the caller's.
  static Status Duplicate(int fd, File* file);

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Status Size(uint64_t* size) const;
  // Has later reads copy from memory that the file is mapped to, instead of calling the system.
  Status Map();
  // Reads exactly `size` bytes. The end of the file comes as AR_DATA_LOSS: the index promised more.
  Status ReadAt(uint64_t position, void* out, uint64_t size) const;
  // Writes all pieces, one after the other; changes them.
  Status Write(std::vector<iovec>* pieces) const;
  Status Close();

 private:
  int fd_ = -1;
  bool owned_ = false;
  const uint8_t* map_ = nullptr;
  uint64_t map_size_ = 0;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_FILE_H_
