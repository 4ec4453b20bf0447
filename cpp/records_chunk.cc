#include "records_chunk.h"

#include <algorithm>

namespace arrayrecord {

Status ParseDataChunk(uint8_t* bytes, const IndexedChunk& indexed, Chunk* chunk) {
  AR_TRY(ParseChunk(bytes, indexed.begin, indexed.end, chunk));
  const ChunkHeader& header = chunk->header;
  if (header.type != ChunkType::kSimple && header.type != ChunkType::kTransposed) {
    return Corrupt("chunk of type " + std::to_string(static_cast<int>(header.type)) +
                   " where records should be")
        .At(chunk->begin);
  }
  if (header.num_records != indexed.num_records) {
    return Corrupt("chunk with " + std::to_string(header.num_records) +
                   " records where the index says " + std::to_string(indexed.num_records))
        .At(chunk->begin);
  }
  if (header.decoded_data_size != indexed.decoded_size) {
    return Corrupt("chunk with records of " + std::to_string(header.decoded_data_size) +
                   " bytes where the index says " + std::to_string(indexed.decoded_size))
        .At(chunk->begin);
  }
  if (chunk->end != indexed.end) {
    AR_TRY(CheckPadding(bytes + (chunk->end - chunk->begin), chunk->end, indexed.end));
  }
  return chunk->VerifyData();
}

Status RecordsChunk::Open(const Chunk& chunk, uint64_t max_size) {
  const ChunkHeader& header = chunk.header;
  num_records_ = header.num_records;
  decoded_size_ = header.decoded_data_size;
  transposed_.reset();
  if (header.type == ChunkType::kSimple) return simple_.Open(chunk);
  auto records = std::make_unique<TransposedRecords>();
  AR_TRY(DecodeTransposed(ByteSpan(chunk.data, header.data_size), num_records_, decoded_size_,
                          max_size, records.get())
             .At(chunk.begin));
  transposed_ = std::move(records);
  return Status();
}

Status RecordsChunk::DecodeSizes(uint64_t* sizes) const {
  if (transposed_ == nullptr) return simple_.DecodeSizes(sizes);
  std::copy(transposed_->sizes.begin(), transposed_->sizes.end(), sizes);
  return Status();
}

Status RecordsChunk::DecodeValues(uint8_t* out) const {
  if (transposed_ == nullptr) return simple_.DecodeValues(out);
  std::copy_n(transposed_->values.data(), decoded_size_, out);
  return Status();
}

const uint8_t* RecordsChunk::plain_values() const {
  return transposed_ != nullptr ? transposed_->values.data() : simple_.plain_values();
}

size_t RecordsChunk::memory() const {
  if (transposed_ == nullptr) return 0;
  return transposed_->values.capacity() + transposed_->sizes.capacity() * sizeof(uint64_t);
}

}  // namespace arrayrecord
