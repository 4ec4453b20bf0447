// The loops that read. What they deliver they count in their workers.
#ifndef ARRAYRECORD_BENCHMARKS_READS_H_
#define ARRAYRECORD_BENCHMARKS_READS_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "fail.h"
#include "input.h"
#include "workers.h"

namespace arrayrecord::floor {

// Memory for what is read, which the workers take from the front.
struct Slab {
  Buffer buffer;
  std::atomic<uint64_t> used{0};
  uint64_t size = 0;

  void Reserve(uint64_t n) {
    if (n > size) std::memset(buffer.Get(n), 1, n);  // its pages, too, are there before the clock
    size = std::max(size, n);
  }
  uint8_t* Take(uint64_t n) {
    const uint64_t at = used.fetch_add(n, std::memory_order_relaxed);
    if (at + n > size) Fail("a batch has a record twice");
    return buffer.bytes.get() + at;
  }
};

// A batch of files with one record in a chunk: in the order of the file, with neighbours read
// together.
void RandomBatch(const Input& in, const uint64_t* records, size_t n, Workers* workers, Slab* slab);

// With several records in a chunk: each chunk once.
void RandomBatchOfGroups(const Input& in, const uint64_t* records, size_t n, Workers* workers,
                         Slab* slab);

// All chunks, as runs that the threads share.
void Sequential(const Input& in, Workers* workers);

// `count` single records, from place `first` of the order on.
void Gets(const Input& in, const std::vector<uint64_t>& order, uint64_t first, uint64_t count,
          Workers* workers);

}  // namespace arrayrecord::floor

#endif  // ARRAYRECORD_BENCHMARKS_READS_H_
