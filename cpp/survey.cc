#include "survey.h"

#include <algorithm>
#include <cstring>

#include "buffer.h"
#include "simple_chunk.h"
#include "transpose_decoder.h"

namespace arrayrecord {
namespace {

// How far from a damaged chunk the next one is looked for by what the index, or the damaged header
// itself, says of it. For what is further away there are block headers.
constexpr uint64_t kMaxGuess = 1 << 20;
// Larger records are decoded piece by piece.
constexpr uint64_t kPiece = 1 << 20;

}  // namespace

bool Survey::Has(uint64_t end, uint64_t* need) const {
  if (end <= window_.end) return true;
  *need = end;
  return false;
}

// Copies the header of the chunk at `begin`, which is in the window; false if its hash is wrong.
bool Survey::TakeHeader(uint64_t begin, ChunkHeader* header, uint64_t* hash) const {
  uint8_t bytes[kChunkHeaderSize];
  uint64_t pos = begin;
  for (uint64_t have = 0; have < kChunkHeaderSize;) {
    if (pos % kBlockSize == 0) pos += kBlockHeaderSize;
    const uint64_t n = std::min(kChunkHeaderSize - have, RemainingInBlock(pos));
    std::memcpy(bytes + have, At(pos), n);
    have += n;
    pos += n;
  }
  *hash = Load64(bytes);
  return header->Decode(bytes);
}

bool Survey::Fits(const ChunkHeader& header, uint64_t begin) const {
  const uint64_t left = file_size_ - begin;
  return header.data_size <= left && header.num_records <= left && header.End(begin) <= file_size_;
}

// Whether a chunk begins at a position by all that can be told from its header.
Survey::Look Survey::LookForChunk(uint64_t position, uint64_t* need) const {
  if (!CanBeginChunk(position)) return kBad;
  if (position == file_size_) return kGood;
  const uint64_t end = Advance(position, kChunkHeaderSize);
  if (end > file_size_) return kBad;
  if (!Has(end, need)) return kNeedMore;
  ChunkHeader header;
  uint64_t hash;
  return TakeHeader(position, &header, &hash) ? kGood : kBad;
}

// The first place behind `position` where the index has a chunk begin, or itself begins; 0 if there
// is none.
uint64_t Survey::NextIndexed(uint64_t position) const {
  if (index_ == nullptr || index_->num_chunks() == 0) return 0;
  uint64_t low = 0, high = index_->num_chunks();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (index_->Get(middle).begin <= position) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < index_->num_chunks()) return index_->Get(low).begin;
  const uint64_t end = index_->Get(low - 1).end;
  return end > position ? end : 0;
}

// The end of a chunk by a header that may be wrong; 0 if it cannot be.
uint64_t Survey::GuessEnd(const ChunkHeader& header, uint64_t begin) const {
  return Fits(header, begin) ? header.End(begin) : 0;
}

// Ends a piece that is damage where the next chunk begins, or where the window does not tell of
// one. `claimed` is the damaged header.
bool Survey::FindNext(uint64_t position, const ChunkHeader& claimed, ar_piece* piece,
                      uint64_t* need) const {
  // The nearest first. Of the damaged header its number of records may be what is wrong.
  ChunkHeader bytes_only;
  bytes_only.data_size = claimed.data_size;
  uint64_t guesses[] = {NextIndexed(position), GuessEnd(claimed, position),
                        GuessEnd(bytes_only, position)};
  std::sort(std::begin(guesses), std::end(guesses));
  for (uint64_t guess : guesses) {
    if (guess <= position || guess - position > kMaxGuess) continue;
    const Look look = LookForChunk(guess, need);
    if (look == kNeedMore) return false;
    if (look == kBad) continue;
    piece->end = guess;
    return true;
  }
  const uint64_t first = position + RemainingInBlock(position);
  for (uint64_t block = first; block < file_size_; block += kBlockSize) {
    if (file_size_ - block < kBlockHeaderSize) break;
    if (!Has(block + kBlockHeaderSize, need)) {
      if (block <= position + kBlockSize) return false;
      piece->end = block;  // the search goes on from there
      return true;
    }
    BlockHeader header;
    if (!header.Decode(At(block))) continue;
    uint64_t found = 0;
    if (header.previous_chunk < block - position) {
      found = block - header.previous_chunk;
    } else if (header.next_chunk <= file_size_ - block) {
      found = block + header.next_chunk;
    }
    // What is not in the window is taken on the word of the block header.
    uint64_t ignored;
    if (found <= position || LookForChunk(found, &ignored) == kBad) continue;
    piece->end = found;
    return true;
  }
  piece->end = file_size_;
  return true;
}

// The first block header in a chunk that is not as it must be; AR_NONE if all are.
uint64_t Survey::BadBlockHeader(uint64_t begin, uint64_t end) const {
  for (uint64_t block = begin + RemainingInBlock(begin); block < end; block += kBlockSize) {
    BlockHeader header;
    if (!header.Decode(At(block)) || header.previous_chunk != block - begin ||
        header.next_chunk != end - block) {
      return block;
    }
  }
  return AR_NONE;
}

// Moves the data of a chunk together, whatever the block headers among it hold.
const uint8_t* Survey::Gather(const ChunkHeader& header, uint64_t begin) {
  uint64_t pos = Advance(begin, kChunkHeaderSize);
  if (pos % kBlockSize == 0 && header.data_size > 0) pos += kBlockHeaderSize;
  uint8_t* const data = window_.bytes + (pos - window_.begin);
  for (uint64_t have = 0; have < header.data_size;) {
    if (pos % kBlockSize == 0) pos += kBlockHeaderSize;
    const uint64_t n = std::min(header.data_size - have, RemainingInBlock(pos));
    if (data + have != At(pos)) std::memmove(data + have, At(pos), n);
    have += n;
    pos += n;
  }
  return data;
}

bool Survey::Next(uint64_t position, ar_piece* piece, uint64_t* need) {
  *piece = ar_piece();
  piece->begin = piece->fault_at = position;
  const uint64_t header_end = Advance(position, kChunkHeaderSize);
  if (header_end > file_size_) {
    piece->end = file_size_;
    piece->fault = AR_FAULT_CUT_OFF;
    return true;
  }
  if (!Has(header_end, need)) return false;
  BlockHeader block;
  const bool elsewhere =
      position % kBlockSize == 0 && block.Decode(At(position)) && block.previous_chunk != 0;
  ChunkHeader header;
  uint64_t hash;
  if (!TakeHeader(position, &header, &hash) || elsewhere) {
    piece->fault = AR_FAULT_CHUNK_HEADER;
    return FindNext(position, elsewhere ? ChunkHeader() : header, piece, need);
  }
  if (header.type != ChunkType::kSignature && header.type != ChunkType::kPadding) {
    const FooterEntry entry = {position, header.decoded_data_size, header.num_records};
    piece->digest = entry.DigestPart(hash);
  }
  piece->chunk_type = static_cast<uint32_t>(header.type);
  piece->num_records = header.num_records;
  piece->decoded_size = header.decoded_data_size;
  if (!Fits(header, position)) {
    piece->fault = AR_FAULT_CUT_OFF;
    return FindNext(position, header, piece, need);
  }
  piece->end = header.End(position);
  if (piece->end - position > std::max(options_.max_chunk_size, kMaxGuess)) {
    piece->fault = AR_FAULT_TOO_LARGE;
    return true;
  }
  if (!Has(piece->end, need)) return false;
  const uint64_t bad_block = BadBlockHeader(position, piece->end);
  Chunk chunk;
  chunk.begin = position;
  chunk.end = piece->end;
  chunk.header = header;
  chunk.data = Gather(header, position);
  piece->fault = Check(chunk);
  if (piece->fault == AR_FAULT_NONE && bad_block != AR_NONE) {
    piece->fault = AR_FAULT_BLOCK_HEADER;
    piece->fault_at = bad_block;
  }
  return true;
}

ar_fault Survey::Check(const Chunk& chunk) const {
  if (!chunk.VerifyData().ok()) return AR_FAULT_DATA;
  const ChunkHeader& header = chunk.header;
  switch (header.type) {
    case ChunkType::kSignature:
      return chunk.begin == 0 && header.data_size == 0 && header.num_records == 0
                 ? AR_FAULT_NONE
                 : AR_FAULT_OUT_OF_PLACE;
    case ChunkType::kPadding:
      return header.num_records == 0 ? AR_FAULT_NONE : AR_FAULT_RECORDS;
    case ChunkType::kMetadata:
      if (chunk.begin != kSignatureEnd) return AR_FAULT_OUT_OF_PLACE;
      if (header.num_records != 0) return AR_FAULT_RECORDS;
      break;
    case ChunkType::kSimple:
    case ChunkType::kTransposed:
      if (header.num_records == 0) return AR_FAULT_RECORDS;
      break;
    default:
      return AR_FAULT_UNKNOWN_TYPE;
  }
  if (!decode_) return AR_FAULT_NONE;
  if (header.decoded_data_size > options_.max_chunk_size ||
      header.num_records > options_.max_chunk_size / sizeof(uint64_t)) {
    return AR_FAULT_TOO_LARGE;
  }
  const Status status = Decode(chunk);
  if (status.ok()) return AR_FAULT_NONE;
  switch (status.code()) {
    case AR_RESOURCE_EXHAUSTED:
      return AR_FAULT_TOO_LARGE;
    case AR_UNIMPLEMENTED:
      return AR_FAULT_UNKNOWN_TYPE;
    default:
      return AR_FAULT_RECORDS;
  }
}

// Decodes all records of a chunk into nowhere.
Status Survey::Decode(const Chunk& chunk) const {
  const ChunkHeader& header = chunk.header;
  const auto too_large = [] {
    return Status(AR_RESOURCE_EXHAUSTED, "a record above max_record_size");
  };
  if (header.type != ChunkType::kSimple) {
    TransposedRecords records;
    AR_TRY(DecodeTransposed(ByteSpan(chunk.data, header.data_size),
                            std::max<uint64_t>(header.num_records, 1), header.decoded_data_size,
                            options_.max_chunk_size, &records));
    for (uint64_t size : records.sizes) {
      if (size > options_.max_record_size) return too_large();
    }
    return Status();
  }
  SimpleChunk simple;
  AR_TRY(simple.Open(chunk));
  RecordSizes sizes;
  AR_TRY(sizes.Open(simple));
  constexpr size_t kAtOnce = 256;
  uint64_t size_of[kAtOnce];
  for (uint64_t left = header.num_records; left > 0;) {
    const size_t n = std::min<uint64_t>(left, kAtOnce);
    AR_TRY(sizes.Next(size_of, n));
    if (*std::max_element(size_of, size_of + n) > options_.max_record_size) {
      return too_large();
    }
    left -= n;
  }
  AR_TRY(sizes.Finish());
  if (simple.plain_values() != nullptr) return Status();
  ThreadBuffer decoded(kDecodedChunk);
  if (header.decoded_data_size <= kPiece || !simple.can_stream()) {
    return simple.DecodeValues(decoded.Get(header.decoded_data_size));
  }
  uint8_t* const piece = decoded.Get(kPiece);
  BlockStream stream;
  AR_TRY(simple.OpenStream(&stream));
  while (stream.left() > 0) AR_TRY(stream.Read(piece, std::min(stream.left(), kPiece)));
  return Status();
}

Status FirstChunkFrom(uint64_t position, const uint8_t* block_header, uint64_t* begin) {
  BlockHeader header;
  if (!header.Decode(block_header)) {
    return Corrupt("block header hash mismatch").At(position);
  }
  if (header.next_chunk > INT64_MAX - position) {
    return Corrupt("block header of a chunk without end").At(position);
  }
  *begin = header.previous_chunk == 0 ? position : position + header.next_chunk;
  return Status();
}

}  // namespace arrayrecord
