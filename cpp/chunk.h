// Chunks: a 40-byte header, data, and zeros if there are more records than bytes (docs/format.md
// sections 2.3 to 2.11).
//
//   0             8           16          24           32                 40
//   +-------------+-----------+-----------+------------+------------------+-- ... --+
//   | header_hash | data_size | data_hash | type, n    | decoded size     | data    |
//   +-------------+-----------+-----------+------------+------------------+-- ... --+
//
// Block headers (block.h) may interrupt a chunk at any byte.
#ifndef ARRAYRECORD_CHUNK_H_
#define ARRAYRECORD_CHUNK_H_

#include <cstdint>
#include <string>

#include "block.h"
#include "status.h"
#include "varint.h"

namespace arrayrecord {

constexpr uint64_t kChunkHeaderSize = 40;
constexpr uint64_t kMaxRecordsInChunk = (uint64_t{1} << 56) - 1;
constexpr uint64_t kSignatureEnd = kBlockHeaderSize + kChunkHeaderSize;

enum class ChunkType : uint8_t {
  kSignature = 's',
  kMetadata = 'm',
  kPadding = 'p',
  kSimple = 'r',
  kTransposed = 't',
};

struct ChunkHeader {
  ChunkType type = ChunkType::kPadding;
  uint64_t data_size = 0;
  uint64_t data_hash = 0;
  uint64_t num_records = 0;
  uint64_t decoded_data_size = 0;

  void Encode(uint8_t* out) const;
  // False if the hash does not match.
  bool Decode(const uint8_t* in);
  // Where a chunk with this header that begins at `begin` ends. The caller has made sure that
  // begin + data_size and begin + num_records are below 2^63.
  uint64_t End(uint64_t begin) const;
};

// Fills in the header of a chunk of `size` bytes, header and data.
ChunkHeader SealChunk(ChunkType type, uint64_t num_records, uint64_t decoded_data_size,
                      uint8_t* chunk, size_t size);
// The same for one that stands from `begin` on in `bytes`.
void SealChunk(ChunkType type, uint64_t num_records, uint64_t decoded_data_size, size_t begin,
               std::string* bytes);

// A chunk in memory, with its block headers taken out.
struct Chunk {
  uint64_t begin = 0;  // position in the file
  uint64_t end = 0;
  ChunkHeader header;
  const uint8_t* data = nullptr;  // header.data_size bytes

  Status VerifyData() const;
};

// Finds the chunk that begins at file position `begin`. `bytes` are the file's bytes
// [begin, limit), of which the chunk must be a prefix; where block headers interrupt the data it is
// moved together in place. Verifies the header and all block headers, not the data. chunk->data
// points into `bytes`.
Status ParseChunk(uint8_t* bytes, uint64_t begin, uint64_t limit, Chunk* chunk);

// As far as the header, for which `size` bytes are there: kChunkHeadSize are enough. Only the
// header and the positions of the chunk are set.
constexpr uint64_t kChunkHeadSize = kBlockHeaderSize + kChunkHeaderSize;
Status ParseChunkHead(uint8_t* bytes, uint64_t size, uint64_t begin, uint64_t limit, Chunk* chunk);

// Whether there are only padding chunks from `begin` to `end`. `bytes` are those of the file.
Status CheckPadding(uint8_t* bytes, uint64_t begin, uint64_t end);

// Where the padding ends that makes a file go on at a block boundary.
constexpr uint64_t PaddedEnd(uint64_t pos) {
  const uint64_t room = RemainingInBlock(pos);
  return pos + room + (room != 0 && room < kChunkHeaderSize ? kBlockSize : 0);
}

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CHUNK_H_
