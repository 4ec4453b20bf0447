// Simple chunks: the sizes of the records in one compressed block, their bytes in another
// (docs/format.md section 4).
//
//   +------+------------+--------------------+----------------------+
//   | type | sizes_size | sizes block        | values block         |
//   +------+------------+--------------------+----------------------+
#ifndef ARRAYRECORD_SIMPLE_CHUNK_H_
#define ARRAYRECORD_SIMPLE_CHUNK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chunk.h"
#include "codec.h"

namespace arrayrecord {

// Appends a whole chunk - 40-byte header and data - with the `n` records whose bytes lie one after
// the other in `values`.
Status AppendSimpleChunk(const Compression& compression, ByteSpan values, const uint64_t* sizes,
                         size_t n, std::string* out);

// The most bytes that come before the values of an uncompressed chunk of up to `n` records.
constexpr size_t MaxPlainPrefix(size_t n) {
  return kChunkHeaderSize + 1 + kMaxVarint64 + n * kMaxVarint64;
}

// Makes an uncompressed chunk of `n` records where they lie, one after the other. Writes to the
// MaxPlainPrefix(n) bytes in front of them, and returns where the chunk begins; it ends with them.
uint8_t* SealPlainChunk(uint8_t* values, uint64_t values_size, const uint64_t* sizes, size_t n,
                        ChunkHeader* header);

// The records of a verified simple chunk. Refers to the chunk's bytes.
class SimpleChunk {
 public:
  // Takes the chunk's data apart and checks that its values can be as large as the header says.
  Status Open(const Chunk& chunk);

  uint64_t num_records() const { return num_records_; }
  uint64_t decoded_size() const { return decoded_size_; }

  // Stores the sizes of all records; their sum is decoded_size().
  Status DecodeSizes(uint64_t* sizes) const;

  // Stores decoded_size() bytes: all records, one after the other.
  Status DecodeValues(uint8_t* out) const {
    return Decompress(codec_, values_, out, decoded_size_);
  }

  // The values if they are not compressed, else null: they need no decoding.
  const uint8_t* plain_values() const { return codec_ == Codec::kNone ? values_.data : nullptr; }

  // Whether the values can be decoded piece by piece; begins to.
  bool can_stream() const { return BlockStream::CanRead(codec_); }
  Status OpenStream(BlockStream* stream) const {
    return stream->Open(codec_, values_, decoded_size_);
  }

 private:
  friend class RecordSizes;

  Codec codec_ = Codec::kNone;
  uint64_t num_records_ = 0;
  uint64_t decoded_size_ = 0;
  ByteSpan sizes_;
  ByteSpan values_;
};

// The sizes of a chunk's records, in order, as many at a time as one has use for. Refers to the
// chunk's bytes.
class RecordSizes {
 public:
  Status Open(const SimpleChunk& chunk);
  // Stores the sizes of the next `n` records. The sum of all is never above decoded_size().
  Status Next(uint64_t* sizes, size_t n);
  // After those of all records: checks that nothing is left.
  Status Finish() const;

 private:
  bool is_only_ = false;                // one record: the chunk's header says its size
  std::unique_ptr<uint8_t[]> decoded_;  // what `plain_` refers to, if it was compressed
  ByteSpan plain_;                      // the sizes to come, as varints
  uint64_t left_ = 0;                   // of decoded_size()
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_SIMPLE_CHUNK_H_
