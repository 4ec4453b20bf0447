// Transposed chunks put together by hand, for tests.
#ifndef ARRAYRECORD_TESTS_TRANSPOSE_UTIL_H_
#define ARRAYRECORD_TESTS_TRANSPOSE_UTIL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "codec.h"
#include "status.h"
#include "test_util.h"

namespace arrayrecord {

// A chunk by its parts, to be varied.
struct TransposedParts {
  std::vector<std::string> buckets;
  std::vector<uint64_t> buffer_sizes;
  std::vector<uint64_t> ids;
  std::vector<uint64_t> next;
  std::vector<uint64_t> subtypes;
  std::vector<uint64_t> buffers;
  uint64_t first = 0;
  std::string after_header;  // within the header block
  std::string after_bucket;  // within each bucket's block, behind what is compressed
  std::string transitions;
  uint64_t num_records = 1;
  uint64_t decoded_size = 0;

  std::string Data(Codec codec = Codec::kNone) const;
  // Adds a state and returns its number; `buffer` is -1 for none.
  uint64_t AddState(uint64_t id, uint64_t next_field, int subtype = -1, int buffer = -1);
};

Status DecodeTransposed(const std::string& data, uint64_t num_records, uint64_t decoded_size,
                        Records* records);
Status DecodeTransposed(const TransposedParts& parts, Records* records, Codec codec = Codec::kNone);

// Six records of docs/format.md, section 5.12: messages, text, an empty one.
TransposedParts SixRecordsTransposed();
const Records& SixRecords();

}  // namespace arrayrecord

#endif  // ARRAYRECORD_TESTS_TRANSPOSE_UTIL_H_
