// Compressed blocks: a size prefix and one zstd, brotli or snappy stream, or the bare bytes
// (docs/format.md section 3). Codec state is kept per thread.
#ifndef ARRAYRECORD_CODEC_H_
#define ARRAYRECORD_CODEC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "status.h"
#include "varint.h"

struct ZSTD_DCtx_s;
struct BrotliDecoderStateStruct;

namespace arrayrecord {

// The compression_type byte of a chunk.
enum class Codec : uint8_t { kNone = 0, kBrotli = 'b', kZstd = 'z', kSnappy = 's' };

struct Compression {
  Codec codec = Codec::kZstd;
  int level = 3;
  int window_log = 0;  // 0: not set
};

// Appends the compressed block of `in` to `out`. AR_RESOURCE_EXHAUSTED if the codec cannot hold so
// much (snappy: 2^32 - 1 bytes).
Status Compress(const Compression& compression, ByteSpan in, std::string* out);

// Splits a block into the size it claims to have uncompressed and its stream.
Status SplitBlock(Codec codec, ByteSpan block, uint64_t* size, ByteSpan* stream);

// Decompresses a block into exactly `size` bytes; anything else is AR_DATA_LOSS.
Status Decompress(Codec codec, ByteSpan block, uint8_t* out, uint64_t size);

// Decompresses a block piece by piece. Takes little memory beside that of its codec's window.
// Snappy cannot do that.
class BlockStream {
 public:
  static bool CanRead(Codec codec) { return codec == Codec::kBrotli || codec == Codec::kZstd; }

  // Begins to read a block of `size` bytes. The block must stay where it is.
  Status Open(Codec codec, ByteSpan block, uint64_t size);
  // The next bytes, not more than are left. With the last one it is known that there are no others.
  Status Read(uint8_t* out, uint64_t size);
  Status Skip(uint64_t size);
  uint64_t left() const { return left_; }
  void Close() { *this = BlockStream(); }

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
    void operator()(BrotliDecoderStateStruct* decoder) const;
  };

  Status ReadPiece(uint8_t** out, size_t* size);
  Status Mismatch() const;

  std::unique_ptr<ZSTD_DCtx_s, Free> zstd_;
  std::unique_ptr<BrotliDecoderStateStruct, Free> brotli_;
  ByteSpan in_;
  uint64_t size_ = 0;
  uint64_t left_ = 0;
  bool ended_ = false;  // the codec says so
};

// What is made room for on the word of `encoded` bytes: 64 MiB do not hurt anybody, and more honest
// data reaches without a second thought.
constexpr uint64_t CredibleSize(uint64_t encoded) {
  constexpr uint64_t kFree = 64 << 20, kOrdinaryRatio = 256;
  return kOrdinaryRatio * encoded > kFree ? kOrdinaryRatio * encoded : kFree;
}

// Checks, before memory is allocated for it, that a block can really hold `size` bytes. Cheap for
// all but blocks of extreme density, which are decompressed once without keeping the result.
Status CheckPlausibleSize(Codec codec, ByteSpan block, uint64_t size);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CODEC_H_
