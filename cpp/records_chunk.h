// The records of a data chunk, whichever kind it is.
#ifndef ARRAYRECORD_RECORDS_CHUNK_H_
#define ARRAYRECORD_RECORDS_CHUNK_H_

#include <cstdint>
#include <memory>

#include "chunk.h"
#include "chunk_index.h"
#include "simple_chunk.h"
#include "status.h"
#include "transpose_decoder.h"

namespace arrayrecord {

// Finds the chunk of records in `bytes`, those of the place that the index gives it, and verifies
// all of it: its hashes, that it has the records that the index tells of, and that it fills its
// place but for padding. Another chunk that got there is not taken for it.
Status ParseDataChunk(uint8_t* bytes, const IndexedChunk& indexed, Chunk* chunk);

// Refers to the chunk's bytes. Simple chunks are decoded when they are asked to be, transposed ones
// on opening: their sizes are not known before.
class RecordsChunk {
 public:
  // A chunk of ParseDataChunk. AR_RESOURCE_EXHAUSTED if decoding takes blocks of more than
  // `max_size` bytes.
  Status Open(const Chunk& chunk, uint64_t max_size);

  bool is_simple() const { return transposed_ == nullptr; }
  uint64_t num_records() const { return num_records_; }
  // The sum of the sizes of all records.
  uint64_t decoded_size() const { return decoded_size_; }

  // Stores the sizes of all records.
  Status DecodeSizes(uint64_t* sizes) const;
  // Stores all records, one after the other.
  Status DecodeValues(uint8_t* out) const;
  // All records, if they need no more decoding, else null.
  const uint8_t* plain_values() const;
  // Whether the records can be decoded piece by piece; begins to.
  bool can_stream() const { return is_simple() && simple_.can_stream(); }
  Status OpenStream(BlockStream* stream) const { return simple_.OpenStream(stream); }

  // Frees what this holds itself; how much that is, in bytes.
  void Clear() { transposed_.reset(); }
  size_t memory() const;

 private:
  uint64_t num_records_ = 0;
  uint64_t decoded_size_ = 0;
  SimpleChunk simple_;
  std::unique_ptr<TransposedRecords> transposed_;  // null for simple chunks
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_RECORDS_CHUNK_H_
