// The hash that protects headers and data: HighwayHash64 under the format's key (docs/format.md
// section 2.1).
#ifndef ARRAYRECORD_HASH_H_
#define ARRAYRECORD_HASH_H_

#include <cstddef>
#include <cstdint>

#include "varint.h"

namespace arrayrecord {

uint64_t Hash(const void* data, size_t size);
// Of pieces one after the other.
uint64_t HashPieces(const ByteSpan* pieces, size_t n);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_HASH_H_
