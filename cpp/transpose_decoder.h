// Transposed chunks: protobuf messages taken apart into a state machine, whose transitions give the
// sequence of fields, and buffers, which hold the values of like fields together (docs/format.md
// section 5).
//
//   +------+-------------+--------------+----------------+-------------------+
//   | type | header_size | header block | bucket blocks  | transitions block |
//   +------+-------------+--------------+----------------+-------------------+
//
// Decoding runs backwards, from the last field of the last record to the first of the first: the
// length before a submessage can only be written once its content is known.
#ifndef ARRAYRECORD_TRANSPOSE_DECODER_H_
#define ARRAYRECORD_TRANSPOSE_DECODER_H_

#include <cstdint>
#include <vector>

#include "buffer.h"
#include "status.h"
#include "varint.h"

namespace arrayrecord {

struct TransposedRecords {
  Buffer values;  // the records one after the other
  std::vector<uint64_t> sizes;
};

// Decodes the data of a transposed chunk whose header has these numbers. Memory and time are
// bounded by the size of the data, decompressed, and the output that really comes out.
// AR_RESOURCE_EXHAUSTED if the data takes more than `max_size` bytes decompressed.
Status DecodeTransposed(ByteSpan data, uint64_t num_records, uint64_t decoded_size,
                        uint64_t max_size, TransposedRecords* records);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_TRANSPOSE_DECODER_H_
