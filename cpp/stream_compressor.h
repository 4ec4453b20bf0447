// Compressed blocks of more bytes than one wants to have in one place.
#ifndef ARRAYRECORD_STREAM_COMPRESSOR_H_
#define ARRAYRECORD_STREAM_COMPRESSOR_H_

#include <cstdint>
#include <functional>

#include "byte_queue.h"
#include "codec.h"

namespace arrayrecord {

// Gives the next bytes, which stay until the next call; none at the end.
using ByteInput = std::function<ByteSpan()>;

// The most bytes that a block of the codec can hold.
uint64_t MaxBlockSize(Codec codec);

// Appends the compressed block of the `size` bytes that `in` gives. Holds some hundred KiB of them
// at a time, and what the codec needs for its window.
Status CompressStream(const Compression& compression, uint64_t size, const ByteInput& in,
                      ByteQueue* out);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_STREAM_COMPRESSOR_H_
