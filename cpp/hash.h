// The hash that protects headers and data: HighwayHash64 under the format's key (docs/format.md
// section 2.1).
#ifndef ARRAYRECORD_HASH_H_
#define ARRAYRECORD_HASH_H_

#include <cstddef>
#include <cstdint>

#include "highway.h"
#include "varint.h"

namespace arrayrecord {

// The key is "Riegeli/records\n", twice.
constexpr HighwayState kHashStart =
    HighwayStart(0x2f696c6567656952, 0x0a7364726f636572, 0x2f696c6567656952, 0x0a7364726f636572);

inline uint64_t Hash(const void* data, size_t size) {
  const uint8_t* bytes = static_cast<const uint8_t*>(data);
  // The size of what a chunk's header protects.
  if (size == kHighwayPacketSize) return Highway().finish_packet(kHashStart, bytes);
  return Highway().finish(kHashStart, bytes, size);
}

// Of pieces one after the other.
uint64_t HashPieces(const ByteSpan* pieces, size_t n);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_HASH_H_
