#include "chunk.h"

#include <algorithm>
#include <cstring>

namespace arrayrecord {

void ChunkHeader::Encode(uint8_t* out) const {
  Store64(out + 8, data_size);
  Store64(out + 16, data_hash);
  Store64(out + 24, static_cast<uint64_t>(type) | num_records << 8);
  Store64(out + 32, decoded_data_size);
  Store64(out, Hash(out + 8, kChunkHeaderSize - 8));
}

bool ChunkHeader::Decode(const uint8_t* in) {
  data_size = Load64(in + 8);
  data_hash = Load64(in + 16);
  uint64_t word = Load64(in + 24);
  type = static_cast<ChunkType>(word & 0xff);
  num_records = word >> 8;
  decoded_data_size = Load64(in + 32);
  return Load64(in) == Hash(in + 8, kChunkHeaderSize - 8);
}

uint64_t ChunkHeader::End(uint64_t begin) const {
  return std::max(Advance(begin, kChunkHeaderSize + data_size),
                  RoundUpToChunkBoundary(begin + num_records));
}

ChunkHeader SealChunk(ChunkType type, uint64_t num_records, uint64_t decoded_data_size,
                      uint8_t* chunk, size_t size) {
  ChunkHeader header;
  header.type = type;
  header.data_size = size - kChunkHeaderSize;
  header.data_hash = Hash(chunk + kChunkHeaderSize, header.data_size);
  header.num_records = num_records;
  header.decoded_data_size = decoded_data_size;
  header.Encode(chunk);
  return header;
}

void SealChunk(ChunkType type, uint64_t num_records, uint64_t decoded_data_size, size_t begin,
               std::string* bytes) {
  SealChunk(type, num_records, decoded_data_size, reinterpret_cast<uint8_t*>(&(*bytes)[begin]),
            bytes->size() - begin);
}

Status Chunk::VerifyData() const {
  if (Hash(data, header.data_size) == header.data_hash) return Status();
  return Corrupt("chunk data hash mismatch").At(begin);
}

namespace {

// Walks through the bytes of one chunk, taking block headers out of the way.
class ChunkBytes {
 public:
  ChunkBytes(uint8_t* bytes, uint64_t begin, uint64_t limit)
      : bytes_(bytes), begin_(begin), limit_(limit), pos_(begin) {}

  // Verifies block headers as they come; those met before the end of the chunk is known must
  // already be known to agree with each other.
  void SetEnd(uint64_t end) { end_ = end; }
  uint64_t end_from_block_headers() const { return seen_end_; }

  // Steps over a block header if one is here.
  Status SkipBlockHeader() {
    if (pos_ % kBlockSize != 0) return Status();
    if (limit_ - pos_ < kBlockHeaderSize) return CutOff();
    BlockHeader header;
    if (!header.Decode(here())) return Corrupt("block header hash mismatch").At(pos_);
    if (header.previous_chunk != pos_ - begin_) {
      return Corrupt("block header contradicts the beginning of its chunk").At(pos_);
    }
    uint64_t end = pos_ + header.next_chunk;
    uint64_t& known = end_ != 0 ? end_ : seen_end_;
    if (known == 0) known = end;
    if (end != known) return Corrupt("block header contradicts the end of its chunk").At(pos_);
    pos_ += kBlockHeaderSize;
    return Status();
  }

  // The longest piece of at most `max` bytes that no block header interrupts.
  Status Next(uint64_t max, uint8_t** piece, uint64_t* size) {
    AR_TRY(SkipBlockHeader());
    uint64_t n = std::min(max, RemainingInBlock(pos_));
    if (n > limit_ - pos_) return CutOff();
    *piece = here();
    *size = n;
    pos_ += n;
    return Status();
  }

 private:
  uint8_t* here() const { return bytes_ + (pos_ - begin_); }
  Status CutOff() const {
    return Corrupt("chunk runs past the place where it must end").At(begin_);
  }

  uint8_t* const bytes_;
  const uint64_t begin_;
  const uint64_t limit_;
  uint64_t pos_;
  uint64_t end_ = 0;       // known from the chunk header
  uint64_t seen_end_ = 0;  // claimed by block headers inside the chunk header
};

// Takes the header of a chunk that must end before `limit`. Most time with small chunks is spent
// here.
__attribute__((always_inline)) inline Status TakeHeader(ChunkBytes* bytes, uint64_t begin,
                                                        uint64_t limit, Chunk* chunk) {
  if (!CanBeginChunk(begin)) return Corrupt("no chunk can begin here").At(begin);
  ChunkBytes& in = *bytes;
  uint8_t* piece = nullptr;
  uint64_t size = 0;
  AR_TRY(in.Next(kChunkHeaderSize, &piece, &size));
  uint8_t joined[kChunkHeaderSize];
  if (size < kChunkHeaderSize) {
    std::memcpy(joined, piece, size);
    for (uint64_t have = size; have < kChunkHeaderSize; have += size) {
      AR_TRY(in.Next(kChunkHeaderSize - have, &piece, &size));
      std::memcpy(joined + have, piece, size);
    }
    piece = joined;
  }
  ChunkHeader& header = chunk->header;
  if (!header.Decode(piece)) return Corrupt("chunk header hash mismatch").At(begin);

  // The first check keeps the second from wrapping around; records have only 56 bits.
  if (header.data_size > limit - begin || header.End(begin) > limit) {
    return Corrupt("chunk runs past the place where it must end").At(begin);
  }
  chunk->begin = begin;
  chunk->end = header.End(begin);
  if (in.end_from_block_headers() != 0 && in.end_from_block_headers() != chunk->end) {
    return Corrupt("block header contradicts the end of its chunk").At(begin);
  }
  in.SetEnd(chunk->end);
  return Status();
}

}  // namespace

Status ParseChunkHead(uint8_t* bytes, uint64_t size, uint64_t begin, uint64_t limit, Chunk* chunk) {
  ChunkBytes in(bytes, begin, std::min(limit, begin + size));
  return TakeHeader(&in, begin, limit, chunk);
}

Status CheckPadding(uint8_t* bytes, uint64_t begin, uint64_t end) {
  for (uint64_t at = begin; at < end;) {
    Chunk padding;
    const Status status = ParseChunk(bytes + (at - begin), at, end, &padding);
    if (!status.ok() || padding.header.type != ChunkType::kPadding) {
      return Corrupt("the chunk ends before the place where the index says that the next begins")
          .At(begin);
    }
    at = padding.end;
  }
  return Status();
}

Status ParseChunk(uint8_t* bytes, uint64_t begin, uint64_t limit, Chunk* chunk) {
  ChunkBytes in(bytes, begin, limit);
  AR_TRY(TakeHeader(&in, begin, limit, chunk));
  const ChunkHeader& header = chunk->header;
  chunk->data = bytes;
  if (header.data_size == 0) return Status();
  uint8_t* piece = nullptr;
  uint64_t size = 0;
  AR_TRY(in.Next(header.data_size, &piece, &size));
  chunk->data = piece;
  uint8_t* out = piece + size;
  for (uint64_t have = size; have < header.data_size; have += size) {
    AR_TRY(in.Next(header.data_size - have, &piece, &size));
    std::memmove(out, piece, size);
    out += size;
  }
  return Status();
}

}  // namespace arrayrecord
