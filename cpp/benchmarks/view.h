// Chunks in memory: verified, and decompressed.
#ifndef ARRAYRECORD_BENCHMARKS_VIEW_H_
#define ARRAYRECORD_BENCHMARKS_VIEW_H_

#include <zstd.h>

#include <cstdint>
#include <cstring>

#include "chunk.h"
#include "fail.h"
#include "simple_chunk.h"
#include "workers.h"

namespace arrayrecord::floor {

// The address of nothing may be null, which memcpy does not allow.
inline void Copy(const uint8_t* from, size_t size, uint8_t* to) {
  if (size > 0) std::memcpy(to, from, size);
}

inline uint64_t TakeVarint(ByteSpan* in) {
  uint64_t v = 0;
  if (!TakeVarint64(in, &v)) Fail("a number is cut off");
  return v;
}

// A verified chunk in memory.
struct View {
  Codec codec;
  uint64_t num_records, decoded_size;
  ByteSpan sizes, values;

  explicit View(const uint8_t* chunk) {
    if (Load64(chunk) != Hash(chunk + 8, kChunkHeaderSize - 8)) Fail("header hash mismatch");
    const uint64_t data_size = Load64(chunk + 8);
    const uint8_t* data = chunk + kChunkHeaderSize;
    if (Load64(chunk + 16) != Hash(data, data_size)) Fail("data hash mismatch");
    if (chunk[24] != static_cast<uint8_t>(ChunkType::kSimple)) Fail("not a simple chunk");
    num_records = Load64(chunk + 24) >> 8;
    decoded_size = Load64(chunk + 32);
    values = ByteSpan(data, data_size);
    codec = static_cast<Codec>(values.Take(1).data[0]);
    sizes = values.Take(TakeVarint(&values));
  }
};

void Decompress(Codec codec, ByteSpan in, uint64_t size, ZSTD_DCtx* zstd, uint8_t* out);

// The sizes of a chunk's records, into worker->sizes.
void DecodeSizes(const View& view, Worker* worker);

// All values of a chunk: where they are, or decompressed into worker->values.
const uint8_t* PlainValues(const View& view, Worker* worker);

}  // namespace arrayrecord::floor

#endif  // ARRAYRECORD_BENCHMARKS_VIEW_H_
