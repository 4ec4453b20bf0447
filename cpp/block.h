// Blocks: the file is cut at every multiple of 64 KiB, and a 24-byte block header stands at each of
// those positions, interrupting whatever chunk is there (docs/format.md sections 2.2 and 2.4).
//
//   0         24                          65536     65560
//   +---------+----------- ... -----------+---------+----------- ...
//   | header  |  65512 bytes of chunks    | header  |  65512 bytes of chunks
//   +---------+----------- ... -----------+---------+----------- ...
//
// A block header says where the interrupted chunk begins and ends, so that chunks can be found from
// any block. Positions of chunks count block headers; sizes of chunks do not.
#ifndef ARRAYRECORD_BLOCK_H_
#define ARRAYRECORD_BLOCK_H_

#include <algorithm>
#include <cstdint>

#include "hash.h"
#include "varint.h"

namespace arrayrecord {

constexpr uint64_t kBlockSize = 65536;
constexpr uint64_t kBlockHeaderSize = 24;
constexpr uint64_t kBlockUsable = kBlockSize - kBlockHeaderSize;

// Bytes from `pos` to the next block boundary, 0 at a boundary.
constexpr uint64_t RemainingInBlock(uint64_t pos) {
  return (kBlockSize - pos % kBlockSize) % kBlockSize;
}

// A chunk begins at a boundary (before the block header) or after a block header, not in one.
constexpr bool CanBeginChunk(uint64_t pos) {
  return pos % kBlockSize == 0 || pos % kBlockSize > kBlockHeaderSize;
}

constexpr uint64_t RoundUpToChunkBoundary(uint64_t pos) {
  return CanBeginChunk(pos) ? pos : pos + (kBlockHeaderSize + 1 - pos % kBlockSize);
}

// The position after `size` chunk bytes that are written from chunk boundary `pos`.
constexpr uint64_t Advance(uint64_t pos, uint64_t size) {
  return pos + size +
         kBlockHeaderSize * ((size + (pos + kBlockUsable - 1) % kBlockSize) / kBlockUsable);
}

// The number of chunk bytes between chunk boundaries `from` and `to`: the inverse of Advance.
constexpr uint64_t ChunkBytesBetween(uint64_t from, uint64_t to) {
  return (to - std::min(to % kBlockSize, kBlockHeaderSize)) -
         (from - std::min(from % kBlockSize, kBlockHeaderSize)) -
         kBlockHeaderSize * (to / kBlockSize - from / kBlockSize);
}

struct BlockHeader {
  uint64_t previous_chunk = 0;  // block position - begin of the interrupted chunk
  uint64_t next_chunk = 0;      // end of the interrupted chunk - block position

  void Encode(uint8_t* out) const {
    Store64(out + 8, previous_chunk);
    Store64(out + 16, next_chunk);
    Store64(out, Hash(out + 8, 16));
  }

  // False if the hash does not match.
  bool Decode(const uint8_t* in) {
    previous_chunk = Load64(in + 8);
    next_chunk = Load64(in + 16);
    return Load64(in) == Hash(in + 8, 16);
  }
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_BLOCK_H_
