// How the loops give up.
#ifndef ARRAYRECORD_BENCHMARKS_FAIL_H_
#define ARRAYRECORD_BENCHMARKS_FAIL_H_

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include "status.h"

namespace arrayrecord::floor {

[[noreturn]] inline void Fail(const std::string& why) { throw std::runtime_error(why); }
[[noreturn]] inline void FailSystem(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}
inline void Check(const Status& status) {
  if (!status.ok()) Fail(status.message());
}

}  // namespace arrayrecord::floor

#endif  // ARRAYRECORD_BENCHMARKS_FAIL_H_
