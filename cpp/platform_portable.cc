#if !defined(__linux__) || defined(ARRAYRECORD_PORTABLE)

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <vector>

#include "platform.h"

namespace arrayrecord {
namespace platform {

int OpenNameless(const std::string&) {
  errno = EOPNOTSUPP;
  return -1;
}

int LinkNameless(int, const std::string&) {
  errno = EOPNOTSUPP;
  return -1;
}

int RenameNoReplace(const std::string&, const std::string&) {
  errno = ENOSYS;
  return -1;
}

int OpenTemporary(std::string* name) {
  const int fd = mkstemp(name->data());
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

int Reserve(int fd, uint64_t size) {
  // Bytes that were written have room.
  const std::vector<char> zeros(std::min<uint64_t>(size, 1 << 20));
  for (uint64_t at = 0; at < size;) {
    const size_t n = static_cast<size_t>(std::min<uint64_t>(size - at, zeros.size()));
    const ssize_t written = pwrite(fd, zeros.data(), n, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    at += static_cast<uint64_t>(written);
  }
  return 0;
}

int MakeHole(int, uint64_t, uint64_t) {
  errno = EOPNOTSUPP;
  return -1;
}

int Sync(int fd) {
#if defined(F_FULLFSYNC)  // macOS: fsync leaves the bytes in the disk's own memory
  if (fcntl(fd, F_FULLFSYNC) == 0) return 0;
#endif
  return fsync(fd);
}

ssize_t WriteSome(int fd, const iovec* pieces, size_t) {
  // Systems differ in how much a writev may be asked for; a write of an int's bytes suits all.
  return write(fd, pieces->iov_base, std::min<size_t>(pieces->iov_len, 0x7ffff000));
}

bool RandomBytes(void* out, size_t size) {
  const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n;
  do {
    n = read(fd, out, size);
  } while (n < 0 && errno == EINTR);
  const int failed = n < 0 ? errno : EIO;
  close(fd);
  errno = failed;
  return n == static_cast<ssize_t>(size);
}

size_t UsableProcessors() { return std::thread::hardware_concurrency(); }

void BlockedBefore(const void*, sigset_t* mask) {
  pthread_sigmask(SIG_SETMASK, nullptr, mask);  // the handler blocks none
}

}  // namespace platform
}  // namespace arrayrecord

#endif
