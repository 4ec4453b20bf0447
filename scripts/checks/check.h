// What `go run ./scripts/checks` puts around each check of a copy of the core, so that one program
// can run with any of them removed:
//
//   REMOVED_CHECK  the number of the check that lets everything pass
//   FIRED_CHECKS   a file with a byte for each check, which becomes 1 when the check finds
//   something
#ifndef ARRAYRECORD_SCRIPTS_CHECK_H_
#define ARRAYRECORD_SCRIPTS_CHECK_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace checks {

constexpr size_t kMaxChecks = 1 << 16;

struct Trial {
  long removed = -1;
  unsigned char* fired = nullptr;

  Trial() {
    if (const char* number = std::getenv("REMOVED_CHECK")) removed = std::atol(number);
    const char* name = std::getenv("FIRED_CHECKS");
    if (name == nullptr) return;
    const int fd = open(name, O_RDWR | O_CLOEXEC);
    void* map =
        fd < 0 ? MAP_FAILED : mmap(nullptr, kMaxChecks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) std::abort();
    close(fd);
    fired = static_cast<unsigned char*>(map);
  }
};

// Whether check `number`, which has found something, is in place.
inline bool Fires(long number) {
  static const Trial trial;
  if (trial.fired != nullptr) __atomic_store_n(&trial.fired[number], 1, __ATOMIC_RELAXED);
  return trial.removed != number;
}

// For conditions that are true of bad input, for those that are true of good input, and for calls
// whose answer says which it is.
inline bool Bad(long number, bool bad) { return bad && Fires(number); }
inline bool Good(long number, bool good) { return good || !Fires(number); }
template <typename Status>
Status Answer(long number, Status status) {
  return status.ok() || Fires(number) ? std::move(status) : Status();
}

}  // namespace checks

#endif  // ARRAYRECORD_SCRIPTS_CHECK_H_
