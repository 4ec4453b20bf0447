// Reading records in increasing order, in one pass: chunks that lie side by side are read together,
// a few at a time, then verified and decoded while they are in the processor's cache.
//
// The caller gives memory without knowing what the records will take; a read stops where it is
// full. Plans (read_plan.h) know, for the price of two passes.
#ifndef ARRAYRECORD_READ_RECORDS_H_
#define ARRAYRECORD_READ_RECORDS_H_

#include <cstddef>
#include <cstdint>

#include "reader.h"
#include "status.h"

namespace arrayrecord {

struct ReadProgress {
  uint64_t num_records = 0;   // that have been read
  uint64_t size_of_next = 0;  // what those of the next chunk take, if they did not fit
};

// Reads records [begin, end) into `out`, one after the other from offsets[0] on, and stores where
// the i-th of them ends in offsets[i + 1]. Stops before the first chunk whose records do not fit
// below `out_size`. After a failure the records before it, as `progress` tells, are good.
Status ReadRange(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* out,
                 uint64_t out_size, uint64_t* offsets, ReadProgress* progress);

// The same for `n` records that are given by their numbers, which must not decrease; they may
// repeat.
Status ReadSorted(const Reader& reader, const uint64_t* records, size_t n, uint8_t* out,
                  uint64_t out_size, uint64_t* offsets, ReadProgress* progress);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_READ_RECORDS_H_
