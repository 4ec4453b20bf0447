#include "records_chunk.h"

#include <algorithm>

namespace arrayrecord {

Status RecordsChunk::Open(const Chunk& chunk, uint64_t num_records) {
  const ChunkHeader& header = chunk.header;
  if (header.type != ChunkType::kSimple && header.type != ChunkType::kTransposed) {
    return Corrupt("chunk of type " + std::to_string(static_cast<int>(header.type)) +
                   " where records should be")
        .At(chunk.begin);
  }
  if (header.num_records != num_records) {
    return Corrupt("chunk with " + std::to_string(header.num_records) +
                   " records where the index says " + std::to_string(num_records))
        .At(chunk.begin);
  }
  AR_TRY(chunk.VerifyData());
  num_records_ = header.num_records;
  decoded_size_ = header.decoded_data_size;
  transposed_.reset();
  if (header.type == ChunkType::kSimple) return simple_.Open(chunk);
  auto records = std::make_unique<TransposedRecords>();
  AR_TRY(DecodeTransposed(ByteSpan(chunk.data, header.data_size), num_records_, decoded_size_,
                          records.get())
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
  std::copy_n(transposed_->values.get(), decoded_size_, out);
  return Status();
}

const uint8_t* RecordsChunk::plain_values() const {
  return transposed_ != nullptr ? transposed_->values.get() : simple_.plain_values();
}

}  // namespace arrayrecord
