#if defined(__linux__) && !defined(ARRAYRECORD_PORTABLE)

#include <fcntl.h>
#include <sched.h>
#include <sys/random.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "platform.h"

namespace arrayrecord {
namespace platform {
namespace {

std::string DescriptorPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

}  // namespace

int OpenNameless(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);
  if (fd < 0) return -1;
  if (access(DescriptorPath(fd).c_str(), F_OK) == 0) return fd;
  close(fd);  // without /proc it would never get a name
  errno = EOPNOTSUPP;
  return -1;
}

int LinkNameless(int fd, const std::string& name) {
  return linkat(AT_FDCWD, DescriptorPath(fd).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
}

int RenameNoReplace(const std::string& from, const std::string& to) {
#if defined(RENAME_NOREPLACE)
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
#else  // a C library without it, such as older ones of musl
  (void)from;
  (void)to;
  errno = ENOSYS;
  return -1;
#endif
}

int OpenTemporary(std::string* name) { return mkostemp(name->data(), O_CLOEXEC); }

int Reserve(int fd, uint64_t size) { return posix_fallocate(fd, 0, static_cast<off_t>(size)); }

int MakeHole(int fd, uint64_t begin, uint64_t end) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                   static_cast<off_t>(end - begin));
}

int Sync(int fd) { return fsync(fd); }

ssize_t WriteSome(int fd, const iovec* pieces, size_t n) {
  return writev(fd, pieces, static_cast<int>(std::min<size_t>(n, IOV_MAX)));
}

bool RandomBytes(void* out, size_t size) {
  return getrandom(out, size, 0) == static_cast<ssize_t>(size);
}

size_t UsableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return static_cast<size_t>(CPU_COUNT(&set));
  return std::thread::hardware_concurrency();  // more processors than the set has room for
}

void BlockedBefore(const void* context, sigset_t* mask) {
  *mask = static_cast<const ucontext_t*>(context)->uc_sigmask;
}

}  // namespace platform
}  // namespace arrayrecord

#endif  // __linux__
