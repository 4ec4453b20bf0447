// Reading records that lie side by side, in one pass: a few chunks at a time are read, verified and
// decoded while they are in the processor's cache. Reading any others is in read_plan.h.
#ifndef ARRAYRECORD_READ_RANGE_H_
#define ARRAYRECORD_READ_RANGE_H_

#include <cstddef>
#include <cstdint>

#include "reader.h"
#include "status.h"

namespace arrayrecord {

struct RangeProgress {
  uint64_t num_records = 0;   // that have been read
  uint64_t size_of_next = 0;  // what the records of the next chunk take, if they did not fit
};

// Reads records [begin, end) into `out`, one after the other from offsets[0] on, and stores where
// the i-th of them ends in offsets[i + 1]. Stops before the first chunk whose records do not fit
// below `out_size`. After a failure the records before it, as `progress` tells, are good.
Status ReadRange(const Reader& reader, uint64_t begin, uint64_t end, uint8_t* out,
                 uint64_t out_size, uint64_t* offsets, RangeProgress* progress);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_READ_RANGE_H_
