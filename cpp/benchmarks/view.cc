#include "view.h"

#include <brotli/decode.h>
#include <snappy.h>

namespace arrayrecord::floor {

void Decompress(Codec codec, ByteSpan in, uint64_t size, ZSTD_DCtx* zstd, uint8_t* out) {
  if (codec != Codec::kNone && TakeVarint(&in) != size) Fail("a chunk of another size");
  bool ok = false;
  switch (codec) {
    case Codec::kZstd:
      ok = ZSTD_decompressDCtx(zstd, out, size, in.data, in.size) == size;
      break;
    case Codec::kBrotli: {
      size_t written = size;
      ok = BrotliDecoderDecompress(in.size, in.data, &written, out) ==
               BROTLI_DECODER_RESULT_SUCCESS &&
           written == size;
      break;
    }
    case Codec::kSnappy:
      ok = snappy::RawUncompress(reinterpret_cast<const char*>(in.data), in.size,
                                 reinterpret_cast<char*>(out));
      break;
    case Codec::kNone:
      Copy(in.data, size, out);
      ok = true;
      break;
  }
  if (!ok) Fail("cannot decompress");
}

void DecodeSizes(const View& view, Worker* worker) {
  worker->sizes.resize(view.num_records);
  if (view.num_records == 1) {
    worker->sizes[0] = view.decoded_size;
    return;
  }
  ByteSpan in = view.sizes;
  if (view.codec != Codec::kNone) {
    const uint64_t size = TakeVarint(&in);
    Decompress(view.codec, view.sizes, size, worker->decompressor, worker->plain_sizes.Get(size));
    in = ByteSpan(worker->plain_sizes.bytes.get(), size);
  }
  for (uint64_t& size : worker->sizes) size = TakeVarint(&in);
}

const uint8_t* PlainValues(const View& view, Worker* worker) {
  if (view.codec == Codec::kNone) return view.values.data;
  uint8_t* out = worker->values.Get(view.decoded_size);
  Decompress(view.codec, view.values, view.decoded_size, worker->decompressor, out);
  return out;
}

}  // namespace arrayrecord::floor
