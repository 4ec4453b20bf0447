#include "named_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "platform.h"

namespace arrayrecord {
namespace {

constexpr mode_t kPermissions = 0777;

template <typename Call>
int IgnoringEintr(Call call) {
  int result;
  do {
    result = call();
  } while (result != 0 && errno == EINTR);
  return result;
}

// The absolute path of something that exists, without symbolic links; empty if there is none.
std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> found(realpath(path.c_str(), nullptr),
                                                          &std::free);
  if (found == nullptr && errno == ENOMEM) throw std::bad_alloc();
  return found == nullptr ? std::string() : std::string(found.get());
}

}  // namespace

Status NamedFile::Create(const std::string& path, const Options& options) {
  options_ = options;
  path_ = path;
  const size_t slash = path.rfind('/');
  const std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  if (base.empty() || base == "." || base == "..") {
    return Status(AR_INVALID_ARGUMENT, "cannot create " + path + ": the name ends in a directory");
  }
  struct stat info;
  if (lstat(path.c_str(), &info) == 0) {
    if (!options.replace) {
      errno = EEXIST;
      return Failed("create");
    }
    // Renaming over a symbolic link would replace the link, and over /dev/stdout the device.
    if (stat(path.c_str(), &info) != 0) return Failed("create");
    if (!S_ISREG(info.st_mode)) {
      errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
      return Failed("replace what is no regular file,");
    }
    target_ = RealPath(path);
    if (target_.empty()) return Failed("create");
    directory_ = target_.substr(0, target_.rfind('/'));
  } else {
    if (errno != ENOENT) return Failed("create");
    directory_ = RealPath(slash == std::string::npos ? "." : path.substr(0, slash + 1));
    if (directory_.empty()) return Failed("create");
    if (directory_ == "/") directory_.clear();
    target_ = directory_ + "/" + base;
  }
  AR_TRY(Open());
  // At once: what replaces a private file is private while it is written.
  bool replaces;
  return KeepPermissions(&replaces);
}

NamedFile::~NamedFile() { Drop(); }

Status NamedFile::Open() {
  fd_ = platform::OpenNameless(directory_ + "/");
  if (fd_ < 0) return OpenHidden();
  return Lock() ? Status() : Failed("lock");
}

Status NamedFile::OpenHidden() {
  // Somebody who cleans up may hold the lock, or have removed the file, in the moment between the
  // two calls: then another one is made.
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    const std::string name = NewTemporaryName();
    if (name.empty()) return Failed("get random bytes for");
    fd_ = open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) return Failed("create");
    temporary_ = name;
    const bool locked = Lock();
    if (!locked && errno != EWOULDBLOCK) return Failed("lock");
    struct stat info;
    if (locked && fstat(fd_, &info) == 0 && info.st_nlink > 0) return Status();
    Drop();
  }
  errno = EAGAIN;
  return Failed("lock");
}

// Whether the file is locked now. It is, too, where there are no locks.
bool NamedFile::Lock() const {
  return IgnoringEintr([&] { return flock(fd_, LOCK_EX | LOCK_NB); }) == 0 || errno == ENOSYS ||
         errno == EOPNOTSUPP || errno == ENOLCK || errno == EINVAL;
}

Status NamedFile::KeepPermissions(bool* replaces) const {
  struct stat old, now;
  *replaces = lstat(target_.c_str(), &old) == 0;
  if (!*replaces) return errno == ENOENT ? Status() : Failed("create");
  if (fstat(fd_, &now) != 0) return Failed("create");
  if (S_ISREG(old.st_mode) && (old.st_mode & kPermissions) != (now.st_mode & kPermissions) &&
      fchmod(fd_, old.st_mode & kPermissions) != 0) {
    return Failed("keep the permissions of");
  }
  return Status();
}

Status NamedFile::Publish() {
  // Again: the target may be newer than this file.
  bool replaces;
  AR_TRY(KeepPermissions(&replaces));
  if (options_.sync && IgnoringEintr([&] { return platform::Sync(fd_); }) != 0)
    return Failed("sync");
  // A network file system reports here what it reports when a file is closed; the lock stays.
  const int copy = fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0 || close(copy) != 0) return Failed("close");
  AR_TRY(TakeName());
  if (options_.sync) {
    Status status = SyncDirectory();
    if (!status.ok()) {
      if (!replaces) GiveNameBack();
      return status;
    }
  }
  Drop();
  return Status();
}

Status NamedFile::TakeName() {
  auto link_to = [&](const std::string& name) {
    return IgnoringEintr([&] { return platform::LinkNameless(fd_, name); });
  };
  if (temporary_.empty()) {
    if (link_to(target_) == 0) return Status();
    if (!options_.replace || errno != EEXIST) return Failed("name");
    // A link cannot replace, and a rename wants a name to begin with.
    const std::string name = NewTemporaryName();
    if (name.empty()) return Failed("get random bytes for");
    if (link_to(name) != 0) return Failed("name");
    temporary_ = name;
  }
  if (options_.replace) {
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) return Failed("name");
    temporary_.clear();
    return Status();
  }
  if (IgnoringEintr([&] { return platform::RenameNoReplace(temporary_, target_); }) == 0) {
    temporary_.clear();
    return Status();
  }
  if (errno != EINVAL && errno != ENOSYS) return Failed("name");
  // Here only links know that a name is taken. Drop takes the other name away.
  return link(temporary_.c_str(), target_.c_str()) == 0 ? Status() : Failed("name");
}

Status NamedFile::SyncDirectory() const {
  const int fd = open((directory_ + "/").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("sync the directory of");
  const int result = IgnoringEintr([&] { return fsync(fd); });
  const int failed = errno;
  close(fd);
  // Some file systems know no such thing. It says nothing about the disk.
  if (result == 0 || failed == EINVAL || failed == EOPNOTSUPP) return Status();
  errno = failed;
  return Failed("sync the directory of");
}

// Takes the name away from what was published, unless somebody else has published over it.
void NamedFile::GiveNameBack() const {
  struct stat ours, now;
  if (fstat(fd_, &ours) == 0 && lstat(target_.c_str(), &now) == 0 && ours.st_dev == now.st_dev &&
      ours.st_ino == now.st_ino) {
    unlink(target_.c_str());
  }
}

// The hidden name goes first: while there is one the file is locked.
void NamedFile::Drop() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
  temporary_.clear();
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

// Empty if there is no randomness, which errno then explains. Numbers of processes would repeat
// from container to container.
std::string NamedFile::NewTemporaryName() const {
  constexpr size_t kRandom = 26;
  uint8_t random[kRandom];
  if (!platform::RandomBytes(random, sizeof(random))) return "";
  std::string name = directory_ + "/.arrayrecord-";
  for (uint8_t byte : random) name += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte % 32];
  return name + ".tmp";
}

// By errno.
Status NamedFile::Failed(const char* what) const {
  return Status::Os(errno, std::string("cannot ") + what + " " + path_);
}

}  // namespace arrayrecord
