#include "file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "mapped_copy.h"
#include "platform.h"

namespace arrayrecord {
namespace {

// Systems move at most this much in one call.
constexpr uint64_t kMaxTransfer = 0x7ffff000;

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    (void)Close();
    fd_ = std::exchange(other.fd_, -1);
    owned_ = std::exchange(other.owned_, false);
    map_ = std::exchange(other.map_, nullptr);
    map_size_ = std::exchange(other.map_size_, 0);
  }
  return *this;
}

Status File::OpenForReading(const std::string& path, File* file) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Status::Os(errno, "cannot open " + path);
  *file = File(fd, /*owned=*/true);
  return Status();
}

Status File::Duplicate(int fd, File* file) {
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return Status::Io(errno, "cannot duplicate the file descriptor");
  *file = File(own, /*owned=*/true);
  return Status();
}

Status File::Size(uint64_t* size) const {
  struct stat info;
  if (fstat(fd_, &info) != 0) return Status::Os(errno, "cannot get the size of the file");
  if (!S_ISREG(info.st_mode)) {
    return Status(AR_INVALID_ARGUMENT, "not a regular file; records are read by position");
  }
  *size = static_cast<uint64_t>(info.st_size);
  return Status();
}

Status File::Map() {
  uint64_t size;
  AR_TRY(Size(&size));
  CatchBusErrors();
  void* map = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd_, 0);
  if (map == MAP_FAILED) return Status::Os(errno, "cannot map the file");
  map_ = static_cast<const uint8_t*>(map);
  map_size_ = size;
  return Status();
}

Status File::ReadAt(uint64_t position, void* out, uint64_t size) const {
  if (map_ != nullptr) {
    if (position <= map_size_ && size <= map_size_ - position &&
        CopyMapped(map_ + position, size, static_cast<uint8_t*>(out))) {
      return Status();
    }
    return Corrupt("the file has become shorter, or cannot be read").At(position);
  }
  char* p = static_cast<char*>(out);
  while (size > 0) {
    ssize_t n = pread(fd_, p, std::min(size, kMaxTransfer), static_cast<off_t>(position));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Status::Os(errno, "cannot read").At(position);
    if (n == 0) return Corrupt("the file has become shorter").At(position);
    p += n;
    position += static_cast<uint64_t>(n);
    size -= static_cast<uint64_t>(n);
  }
  return Status();
}

Status File::Write(std::vector<iovec>* pieces) const {
  iovec* piece = pieces->data();
  iovec* const end = piece + pieces->size();
  while (piece < end) {
    ssize_t n = platform::WriteSome(fd_, piece, static_cast<size_t>(end - piece));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Status::Os(errno, "cannot write");
    size_t written = static_cast<size_t>(n);
    for (; piece < end && written >= piece->iov_len; ++piece) written -= piece->iov_len;
    if (written > 0) {
      piece->iov_base = static_cast<char*>(piece->iov_base) + written;
      piece->iov_len -= written;
    }
  }
  return Status();
}

Status File::Close() {
  if (map_ != nullptr) munmap(const_cast<uint8_t*>(std::exchange(map_, nullptr)), map_size_);
  int fd = std::exchange(fd_, -1);
  if (fd < 0 || !owned_) return Status();
  return close(fd) == 0 ? Status() : Status::Os(errno, "cannot close");
}

}  // namespace arrayrecord
