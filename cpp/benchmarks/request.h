// What the floor program is asked to do, as --name=value words or as one JSON object.
#ifndef ARRAYRECORD_BENCHMARKS_REQUEST_H_
#define ARRAYRECORD_BENCHMARKS_REQUEST_H_

#include <cstdint>
#include <string>
#include <vector>

namespace arrayrecord::floor {

struct Request {
  std::string op;            // random, sequential, get, open or write
  std::string file;          // what is read, or written; write without one only compresses
  std::string io = "pread";  // or mmap
  uint64_t threads = 1;
  uint64_t batch = 1024;  // records in a batch of op random
  uint64_t count = 1;     // how often the operation is done in one timing
  uint64_t repeat = 1;    // timings
  uint64_t seed = 1;      // of the order, unless there are `indices`
  std::string indices;    // file of little-endian 64-bit record numbers, taken in turn
  std::string source;     // write: TFRecord file with the records
  std::string codec = "zstd:3";
  uint64_t group_size = 1;
};

// Parses words such as --op=get. Throws std::invalid_argument.
Request ParseWords(const std::vector<std::string>& words);

// Parses a line: words with spaces between them, or {"op": "get", "file": "F", ...}.
Request Parse(const std::string& line);

}  // namespace arrayrecord::floor

#endif  // ARRAYRECORD_BENCHMARKS_REQUEST_H_
