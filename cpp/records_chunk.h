// The records of a data chunk, whichever kind it is.
#ifndef ARRAYRECORD_RECORDS_CHUNK_H_
#define ARRAYRECORD_RECORDS_CHUNK_H_

#include <cstdint>
#include <memory>

#include "chunk.h"
#include "simple_chunk.h"
#include "status.h"
#include "transpose_decoder.h"

namespace arrayrecord {

// Refers to the chunk's bytes. Simple chunks are decoded when they are asked to be, transposed ones
// on opening: their sizes are not known before.
class RecordsChunk {
 public:
  // Verifies the chunk's data and makes sure that it is one of `num_records` records.
  Status Open(const Chunk& chunk, uint64_t num_records);

  uint64_t num_records() const { return num_records_; }
  // The sum of the sizes of all records.
  uint64_t decoded_size() const { return decoded_size_; }

  // Stores the sizes of all records.
  Status DecodeSizes(uint64_t* sizes) const;
  // Stores all records, one after the other.
  Status DecodeValues(uint8_t* out) const;
  // All records, if they need no more decoding, else null.
  const uint8_t* plain_values() const;

 private:
  uint64_t num_records_ = 0;
  uint64_t decoded_size_ = 0;
  SimpleChunk simple_;
  std::unique_ptr<TransposedRecords> transposed_;  // null for simple chunks
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_RECORDS_CHUNK_H_
