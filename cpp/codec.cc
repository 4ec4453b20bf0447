#include "codec.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <snappy.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>
#include <new>

#include "buffer.h"

namespace arrayrecord {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using ZstdCompressor = std::unique_ptr<ZSTD_CCtx, Deleter<ZSTD_freeCCtx>>;
using ZstdDecompressor = std::unique_ptr<ZSTD_DCtx, Deleter<ZSTD_freeDCtx>>;
using BrotliEncoder = std::unique_ptr<BrotliEncoderState, Deleter<BrotliEncoderDestroyInstance>>;
using BrotliDecoder = std::unique_ptr<BrotliDecoderState, Deleter<BrotliDecoderDestroyInstance>>;

// One per thread: making a context costs more than compressing a small record, and setting one up
// costs something, too.
struct ThreadZstdCompressor {
  ZstdCompressor context{ZSTD_createCCtx()};
  int level = 0, window_log = -1;  // as the context is set up

  static ThreadZstdCompressor& Get() {
    thread_local ThreadZstdCompressor compressor;
    if (compressor.context == nullptr) throw std::bad_alloc();
    return compressor;
  }
  // An error code of zstd, or 0.
  size_t SetUp(const Compression& c) {
    if (level == c.level && window_log == c.window_log) return 0;
    window_log = -1;
    ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
    size_t code = ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, c.level);
    if (!ZSTD_isError(code) && c.window_log != 0) {
      code = ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, c.window_log);
    }
    if (ZSTD_isError(code)) return code;
    level = c.level;
    window_log = c.window_log;
    return 0;
  }
};

ZSTD_DCtx* ThreadZstdDecompressor() {
  thread_local ZstdDecompressor context(ZSTD_createDCtx());
  if (context == nullptr) throw std::bad_alloc();
  return context.get();
}

constexpr size_t kMaxRawZstd = 6;
constexpr size_t kMaxSnappyLiteral = 14;

bool IsOutOfMemory(size_t zstd_code) {
  return ZSTD_getErrorCode(zstd_code) == ZSTD_error_memory_allocation;
}

Status InvalidZstd(size_t code) {
  if (IsOutOfMemory(code)) return Status::OutOfMemory();
  return Corrupt(std::string("invalid zstd data: ") + ZSTD_getErrorName(code));
}

Status InvalidBrotli(const BrotliDecoderState* decoder) {
  const BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(decoder);
  if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
      code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES) {
    return Status::OutOfMemory();
  }
  return Corrupt(std::string("invalid brotli data: ") + BrotliDecoderErrorString(code));
}

Status ZstdFailure(const char* what, size_t code) {
  if (IsOutOfMemory(code)) return Status::OutOfMemory();
  std::string message = std::string("zstd: ") + what + ": " + ZSTD_getErrorName(code);
  return Status(AR_INTERNAL, std::move(message));
}

// Appends what `write` makes of at most `bound` bytes. It goes through memory of the thread: that
// of `out` would have to be set to zero first.
template <typename Write>
Status AppendAtMost(size_t bound, std::string* out, Write write) {
  ThreadBuffer buffer(kCompressedBlock);
  uint8_t* const block = buffer.Get(bound);
  size_t written = 0;
  AR_TRY(write(block, &written));
  out->append(reinterpret_cast<const char*>(block), written);
  return Status();
}

// A zstd frame that holds `in` as it is; what zstd makes of so few bytes, in far less time. The
// sizes of a chunk of one record are such.
void AppendRawZstdFrame(ByteSpan in, std::string* out) {
  const uint8_t size = static_cast<uint8_t>(in.size);
  const uint8_t header[] = {0x28,
                            0xb5,
                            0x2f,
                            0xfd,  // magic number
                            0x20,
                            size,  // one segment of this size
                            static_cast<uint8_t>(size << 3 | 1),
                            0x00,
                            0x00};  // the last block, raw, of this size
  out->append(reinterpret_cast<const char*>(header), sizeof(header));
  out->append(reinterpret_cast<const char*>(in.data), in.size);
}

Status ZstdCompress(const Compression& c, ByteSpan in, std::string* out) {
  if (in.size <= kMaxRawZstd) {
    AppendRawZstdFrame(in, out);
    return Status();
  }
  ThreadZstdCompressor& compressor = ThreadZstdCompressor::Get();
  const size_t code = compressor.SetUp(c);
  if (ZSTD_isError(code)) return ZstdFailure("cannot set up", code);
  return AppendAtMost(ZSTD_compressBound(in.size), out, [&](uint8_t* dst, size_t* written) {
    size_t n = ZSTD_compress2(compressor.context.get(), dst, ZSTD_compressBound(in.size), in.data,
                              in.size);
    if (ZSTD_isError(n)) return ZstdFailure("cannot compress", n);
    *written = n;
    return Status();
  });
}

Status BrotliCompress(const Compression& c, ByteSpan in, std::string* out) {
  BrotliEncoder encoder(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr));
  if (encoder == nullptr) throw std::bad_alloc();
  int window_log = c.window_log != 0 ? c.window_log : BROTLI_DEFAULT_WINDOW;
  bool ok = BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_QUALITY, c.level) &&
            BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_LARGE_WINDOW,
                                      window_log > BROTLI_MAX_WINDOW_BITS) &&
            BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_LGWIN, window_log) &&
            BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_SIZE_HINT,
                                      static_cast<uint32_t>(std::min<size_t>(in.size, UINT32_MAX)));
  if (!ok) return Status(AR_INTERNAL, "brotli: cannot set up the encoder");
  const uint8_t* next_in = in.data;
  size_t available_in = in.size;
  // The encoder's own output buffers are appended as they fill up: no bound on the size is known.
  while (!BrotliEncoderIsFinished(encoder.get())) {
    size_t available_out = 0;
    if (!BrotliEncoderCompressStream(encoder.get(), BROTLI_OPERATION_FINISH, &available_in,
                                     &next_in, &available_out, nullptr, nullptr)) {
      return Status::OutOfMemory();  // nothing else can go wrong
    }
    size_t n = 0;
    const uint8_t* piece = BrotliEncoderTakeOutput(encoder.get(), &n);
    out->append(reinterpret_cast<const char*>(piece), n);
  }
  return Status();
}

// Levels came with snappy 1.2; older libraries have only the first.
template <typename Char>
auto SnappyRawCompress(const Char* in, size_t size, char* out, size_t* written, int level, int)
    -> decltype(snappy::RawCompress(in, size, out, written, {level})) {
  return snappy::RawCompress(in, size, out, written, {level});
}
template <typename Char>
void SnappyRawCompress(const Char* in, size_t size, char* out, size_t* written, int, long) {
  snappy::RawCompress(in, size, out, written);
}

// What snappy makes of so few bytes: its size, and one literal.
void AppendSnappyLiteral(ByteSpan in, std::string* out) {
  out->push_back(static_cast<char>(in.size));
  out->push_back(static_cast<char>((in.size - 1) << 2));
  out->append(reinterpret_cast<const char*>(in.data), in.size);
}

Status SnappyCompress(const Compression& c, ByteSpan in, std::string* out) {
  if (in.size > UINT32_MAX) {
    return Status(AR_RESOURCE_EXHAUSTED, "snappy cannot compress a chunk of " +
                                             std::to_string(in.size) +
                                             " bytes; the limit is 4294967295");
  }
  if (in.size > 0 && in.size <= kMaxSnappyLiteral) {
    AppendSnappyLiteral(in, out);
    return Status();
  }
  return AppendAtMost(snappy::MaxCompressedLength(in.size), out, [&](uint8_t* dst, size_t* n) {
    SnappyRawCompress(reinterpret_cast<const char*>(in.data), in.size, reinterpret_cast<char*>(dst),
                      n, c.level, 0);
    return Status();
  });
}

Status UnknownCodec(Codec codec) {
  return Status(AR_UNIMPLEMENTED,
                "unknown compression type " + std::to_string(static_cast<int>(codec)));
}

Status Mismatch(const char* codec, uint64_t size) {
  return Corrupt(std::string(codec) + " data does not decompress to the " + std::to_string(size) +
                 " bytes it must have");
}

Status WrongClaim(uint64_t claimed, uint64_t size) {
  return Corrupt("compressed block of " + std::to_string(claimed) + " bytes where " +
                 std::to_string(size) + " are needed");
}

Status ZstdDecompress(ByteSpan in, uint8_t* out, uint64_t size) {
  // The one-shot call below would take several frames; the format allows one.
  size_t frame = ZSTD_findFrameCompressedSize(in.data, in.size);
  if (ZSTD_isError(frame)) return InvalidZstd(frame);
  if (frame != in.size) return Corrupt("bytes after the zstd frame");
  size_t n = ZSTD_decompressDCtx(ThreadZstdDecompressor(), out, size, in.data, in.size);
  if (ZSTD_isError(n)) return InvalidZstd(n);
  return n == size ? Status() : Mismatch("zstd", size);
}

BrotliDecoder NewBrotliDecoder() {
  BrotliDecoder decoder(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr));
  if (decoder == nullptr) throw std::bad_alloc();
  BrotliDecoderSetParameter(decoder.get(), BROTLI_DECODER_PARAM_LARGE_WINDOW, 1);
  return decoder;
}

Status BrotliDecompress(ByteSpan in, uint8_t* out, uint64_t size) {
  BrotliDecoder decoder = NewBrotliDecoder();
  const uint8_t* next_in = in.data;
  size_t available_in = in.size;
  size_t available_out = size;
  BrotliDecoderResult result = BrotliDecoderDecompressStream(decoder.get(), &available_in, &next_in,
                                                             &available_out, &out, nullptr);
  if (result == BROTLI_DECODER_RESULT_ERROR) return InvalidBrotli(decoder.get());
  if (result != BROTLI_DECODER_RESULT_SUCCESS || available_out != 0) {
    return Mismatch("brotli", size);
  }
  return available_in == 0 ? Status() : Corrupt("bytes after the brotli stream");
}

Status SnappyDecompress(ByteSpan in, uint8_t* out, uint64_t size) {
  const char* data = reinterpret_cast<const char*>(in.data);
  size_t inner;
  if (!snappy::GetUncompressedLength(data, in.size, &inner)) return Corrupt("invalid snappy data");
  if (inner != size) return Mismatch("snappy", size);
  if (!snappy::RawUncompress(data, in.size, reinterpret_cast<char*>(out))) {
    return Corrupt("invalid snappy data");
  }
  return Status();
}

}  // namespace

Status Compress(const Compression& compression, ByteSpan in, std::string* out) {
  if (compression.codec == Codec::kNone) {
    out->append(reinterpret_cast<const char*>(in.data), in.size);
    return Status();
  }
  AppendVarint64(in.size, out);
  switch (compression.codec) {
    case Codec::kBrotli:
      return BrotliCompress(compression, in, out);
    case Codec::kZstd:
      return ZstdCompress(compression, in, out);
    case Codec::kSnappy:
      return SnappyCompress(compression, in, out);
    default:
      return UnknownCodec(compression.codec);
  }
}

Status SplitBlock(Codec codec, ByteSpan block, uint64_t* size, ByteSpan* stream) {
  switch (codec) {
    case Codec::kNone:
      *size = block.size;
      break;
    case Codec::kBrotli:
    case Codec::kZstd:
    case Codec::kSnappy:
      if (!TakeVarint64(&block, size)) return Corrupt("compressed block without a size");
      break;
    default:
      return UnknownCodec(codec);
  }
  *stream = block;
  return Status();
}

Status Decompress(Codec codec, ByteSpan block, uint8_t* out, uint64_t size) {
  uint64_t claimed;
  ByteSpan stream;
  AR_TRY(SplitBlock(codec, block, &claimed, &stream));
  if (claimed != size) return WrongClaim(claimed, size);
  uint8_t nowhere;  // the libraries want a valid pointer even for nothing
  if (out == nullptr) out = &nowhere;
  switch (codec) {
    case Codec::kBrotli:
      return BrotliDecompress(stream, out, size);
    case Codec::kZstd:
      return ZstdDecompress(stream, out, size);
    case Codec::kSnappy:
      return SnappyDecompress(stream, out, size);
    default:
      std::copy_n(stream.data, stream.size, out);
      return Status();
  }
}

void BlockStream::Free::operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
void BlockStream::Free::operator()(BrotliDecoderState* decoder) const {
  BrotliDecoderDestroyInstance(decoder);
}

Status BlockStream::Open(Codec codec, ByteSpan block, uint64_t size) {
  Close();
  uint64_t claimed;
  AR_TRY(SplitBlock(codec, block, &claimed, &in_));
  if (claimed != size) return WrongClaim(claimed, size);
  size_ = left_ = size;
  if (codec == Codec::kBrotli) {
    brotli_.reset(NewBrotliDecoder().release());
    return Status();
  }
  // Not that of the thread: it would keep as much memory as the window takes.
  zstd_.reset(ZSTD_createDCtx());
  if (zstd_ == nullptr) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(zstd_.get(), ZSTD_d_windowLogMax,
                         ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound);
  return Status();
}

// As much as comes out at once.
Status BlockStream::ReadPiece(uint8_t** out, size_t* size) {
  const size_t in_before = in_.size, out_before = *size;
  if (zstd_ != nullptr) {
    ZSTD_inBuffer input = {in_.data, in_.size, 0};
    ZSTD_outBuffer output = {*out, *size, 0};
    const size_t code = ZSTD_decompressStream(zstd_.get(), &output, &input);
    if (ZSTD_isError(code)) return InvalidZstd(code);
    in_.Take(input.pos);
    *out += output.pos;
    *size -= output.pos;
    ended_ = code == 0;
  } else {
    const BrotliDecoderResult result =
        BrotliDecoderDecompressStream(brotli_.get(), &in_.size, &in_.data, size, out, nullptr);
    if (result == BROTLI_DECODER_RESULT_ERROR) return InvalidBrotli(brotli_.get());
    ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
  }
  // Cut off, or it has more than there is room for.
  if (!ended_ && in_.size == in_before && *size == out_before) return Mismatch();
  return Status();
}

Status BlockStream::Mismatch() const {
  return ::arrayrecord::Mismatch(zstd_ != nullptr ? "zstd" : "brotli", size_);
}

Status BlockStream::Read(uint8_t* out, uint64_t size) {
  if (size > left_) return Status(AR_INTERNAL, "more of a block is read than there is");
  if (size == 0) return Status();
  left_ -= size;
  while (size > 0) {
    if (ended_) return Mismatch();
    AR_TRY(ReadPiece(&out, &size));
  }
  if (left_ > 0) return Status();
  while (!ended_) {
    uint8_t one_more;
    uint8_t* to = &one_more;
    size_t room = 1;
    AR_TRY(ReadPiece(&to, &room));
    if (room == 0) return Mismatch();
  }
  return in_.size == 0 ? Status() : Corrupt("bytes after the compressed stream");
}

Status BlockStream::Skip(uint64_t size) {
  constexpr uint64_t kPiece = 64 << 10;
  if (size == 0) return Status();
  std::unique_ptr<uint8_t[]> piece(new uint8_t[std::min(size, kPiece)]);
  while (size > 0) {
    const uint64_t n = std::min(size, kPiece);
    AR_TRY(Read(piece.get(), n));
    size -= n;
  }
  return Status();
}

Status CheckPlausibleSize(Codec codec, ByteSpan block, uint64_t size) {
  uint64_t claimed;
  ByteSpan stream;
  AR_TRY(SplitBlock(codec, block, &claimed, &stream));
  if (claimed != size) return WrongClaim(claimed, size);
  if (size <= CredibleSize(stream.size)) return Status();
  // A snappy element of 3 bytes stands for at most 64.
  if (!BlockStream::CanRead(codec)) return Mismatch("snappy", size);
  BlockStream all;
  AR_TRY(all.Open(codec, block, size));
  return all.Skip(size);
}

}  // namespace arrayrecord
