// Files that appear under their name when they are complete: temporary, then named.
#ifndef ARRAYRECORD_NAMED_FILE_H_
#define ARRAYRECORD_NAMED_FILE_H_

#include <string>

#include "file.h"
#include "status.h"

namespace arrayrecord {

// A file that is being written. It has no name, where the system knows such files, or a hidden one
// (".arrayrecord-", 26 characters of A to Z and 2 to 7, ".tmp") in the directory of its target, and
// is locked (flock) as long as it is open. Go's package storage does the same in local_upload.go,
// and removes hidden ones that nobody has locked. One thread at a time.
class NamedFile {
 public:
  struct Options {
    bool replace = true;  // a file of that name, whose permission bits are kept
    bool sync = true;     // has Publish wait for the disk
  };

  // The directory must exist. A symbolic link is followed: what it leads to is replaced.
  Status Create(const std::string& path, const Options& options);
  NamedFile() = default;
  NamedFile(const NamedFile&) = delete;
  NamedFile& operator=(const NamedFile&) = delete;
  // Drops the file unless it was published.
  ~NamedFile();

  int fd() const { return fd_; }

  // Gives the file its name in one step and closes it. When that fails nothing of it is left, but
  // for one exception: a file that has replaced another stays, complete, if only syncing its
  // directory fails.
  Status Publish();

 private:
  Status Open();
  Status OpenHidden();
  bool Lock() const;
  Status KeepPermissions(bool* replaces) const;
  Status TakeName();
  Status SyncDirectory() const;
  void GiveNameBack() const;
  void Drop();
  std::string NewTemporaryName() const;
  Status Failed(const char* what) const;

  Options options_;
  std::string path_;       // as asked for
  std::string target_;     // absolute, symbolic links resolved
  std::string directory_;  // of target_
  std::string temporary_;  // the hidden name, empty while there is none
  int fd_ = -1;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_NAMED_FILE_H_
