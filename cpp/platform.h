// What systems do in different ways. platform_linux.cc has what Linux offers, platform_portable.cc
// the same for any system with POSIX; -DARRAYRECORD_PORTABLE selects it on Linux, too.
#ifndef ARRAYRECORD_PLATFORM_H_
#define ARRAYRECORD_PLATFORM_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>

#include "supported.h"

namespace arrayrecord {
namespace platform {

static_assert(sizeof(off_t) == 8, "positions in files take 64 bits");

// Functions return -1 and set errno when they fail, unless said otherwise.

// Opens a file without a name in a directory, which LinkNameless can give one. Fails where there
// are no such files.
int OpenNameless(const std::string& directory);
int LinkNameless(int fd, const std::string& name);

// Renames unless there is something of that name (EEXIST). ENOSYS or EINVAL where that cannot be
// done in one step.
int RenameNoReplace(const std::string& from, const std::string& to);

// Makes a file for one's own use; its name ends in XXXXXX, which is replaced.
int OpenTemporary(std::string* name);

// Makes room on the disk for the first `size` bytes of a new file. Returns the error, 0 for none.
int Reserve(int fd, uint64_t size);

// Makes zeros of the bytes [begin, end) of a file, within its size. ENOSYS or EOPNOTSUPP where that
// takes writing them.
int MakeHole(int fd, uint64_t begin, uint64_t end);

// Waits until the file's bytes are on the disk.
int Sync(int fd);

// Writes some bytes of the front of `n` > 0 pieces, which may be of any size.
ssize_t WriteSome(int fd, const iovec* pieces, size_t n);

bool RandomBytes(void* out, size_t size);

// The processors that the process may use, or all; 0 if that is not known.
size_t UsableProcessors();

// The signals that were blocked when a handler was called with `context`. Of handlers with
// SA_NODEFER and no mask.
void BlockedBefore(const void* context, sigset_t* mask);

}  // namespace platform
}  // namespace arrayrecord

#endif  // ARRAYRECORD_PLATFORM_H_
