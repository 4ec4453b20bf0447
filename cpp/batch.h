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
  // Takes these records in place of the former ones, whose memory is used again; after a failure
  // there are none. On up to `parallelism` threads; 0: as many as there are.
  Status Read(const Reader& reader, const uint64_t* records, size_t n, size_t parallelism);

  size_t size() const { return records_.size(); }
  ByteSpan Record(size_t i) const { return records_[i]; }

 private:
  // Different records in increasing order, which one thread reads.
  struct Part {
    const uint64_t* records;
    size_t n;
    ByteSpan* found;             // where they are in the end
    std::vector<Buffer> memory;  // of this batch, or of an earlier one
    Status status;
  };

  void Divide(const ChunkIndex& index, size_t parallelism);
  void AddPart(size_t begin, size_t end);
  static Status ReadPart(const Reader& reader, Part* part);

  std::vector<ByteSpan> records_;
  std::vector<uint64_t> different_;  // the numbers of the records, each once and in order
  std::vector<ByteSpan> found_;      // these records
  std::vector<Part> parts_;          // the first num_parts_ are those of this batch
  size_t num_parts_ = 0;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_BATCH_H_
