// Making transposed chunks (docs/format.md sections 5.9 to 5.11).
#ifndef ARRAYRECORD_TRANSPOSE_ENCODER_H_
#define ARRAYRECORD_TRANSPOSE_ENCODER_H_

#include <cstdint>
#include <string>

#include "chunk.h"
#include "codec.h"
#include "status.h"

namespace arrayrecord {

// Appends the data of a transposed chunk with the `n` records that lie one after the other in
// `values`. Records that are protobuf messages are taken apart, others kept whole. Columns of
// fields are compressed together up to `bucket_size` bytes. AR_RESOURCE_EXHAUSTED for records of
// 4 GiB, which no reader could read.
Status AppendTransposedData(const Compression& compression, uint64_t bucket_size, ByteSpan values,
                            const uint64_t* sizes, size_t n, std::string* out);

// Appends a whole chunk, 40-byte header and data.
Status AppendTransposedChunk(const Compression& compression, uint64_t bucket_size, ByteSpan values,
                             const uint64_t* sizes, size_t n, std::string* out);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_TRANSPOSE_ENCODER_H_
