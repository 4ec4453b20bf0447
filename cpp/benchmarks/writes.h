// The loop that writes.
#ifndef ARRAYRECORD_BENCHMARKS_WRITES_H_
#define ARRAYRECORD_BENCHMARKS_WRITES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "options.h"
#include "workers.h"

namespace arrayrecord::floor {

// The records of a TFRecord file, one after the other.
struct Records {
  std::string bytes;
  std::vector<uint64_t> sizes;
  std::vector<std::pair<size_t, size_t>> jobs;  // record and byte where each begins, and the end

  Records(const std::string& path, uint64_t group_size);

  static constexpr size_t kJobBytes = 256 << 10;
};

// Encodes all records; with `fd` the chunks go to a file, in any order.
void Write(const Records& records, const WriterOptions& options, int fd, Workers* workers);

}  // namespace arrayrecord::floor

#endif  // ARRAYRECORD_BENCHMARKS_WRITES_H_
