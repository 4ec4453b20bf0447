// Many records at once, in any order.
#ifndef ARRAYRECORD_BATCH_H_
#define ARRAYRECORD_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "buffer.h"
#include "reader.h"
#include "status.h"

namespace arrayrecord {

// The records, in memory of its own. A record that is asked for more than once is there once.
class Batch {
 public:
  // On up to `parallelism` threads; 0: as many as there are.
  static Status Read(const Reader& reader, const uint64_t* records, size_t n, size_t parallelism,
                     std::unique_ptr<Batch>* batch);

  ByteSpan Record(size_t i) const { return records_[i]; }

 private:
  std::vector<ByteSpan> records_;
  std::vector<Buffer> memory_;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_BATCH_H_
