#include "hash.h"

#include <algorithm>
#include <cstring>

namespace arrayrecord {

uint64_t HashPieces(const ByteSpan* pieces, size_t n) {
  const HighwayImplementation& highway = Highway();
  HighwayState state = kHashStart;
  uint8_t packet[kHighwayPacketSize];
  size_t filled = 0;
  for (size_t i = 0; i < n; ++i) {
    ByteSpan piece = pieces[i];
    if (filled > 0) {
      const ByteSpan front = piece.Take(std::min(piece.size, kHighwayPacketSize - filled));
      if (front.size > 0) std::memcpy(packet + filled, front.data, front.size);
      filled += front.size;
      if (filled < kHighwayPacketSize) continue;
      highway.mix(&state, packet, 1);
    }
    const ByteSpan whole = piece.Take(piece.size - piece.size % kHighwayPacketSize);
    highway.mix(&state, whole.data, whole.size / kHighwayPacketSize);
    if (piece.size > 0) std::memcpy(packet, piece.data, piece.size);
    filled = piece.size;
  }
  return highway.finish(state, packet, filled);
}

}  // namespace arrayrecord
