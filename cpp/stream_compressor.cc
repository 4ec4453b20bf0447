#include "stream_compressor.h"

#include <brotli/encode.h>
#include <snappy-sinksource.h>
#include <snappy.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace arrayrecord {
namespace {

Status Wrong(const char* what) {
  return Status(AR_INTERNAL, std::string("cannot compress: ") + what);
}

Status ZstdStream(const Compression& c, uint64_t size, const ByteInput& in, ByteQueue* out) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  if (context == nullptr) throw std::bad_alloc();
  size_t code = ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, c.level);
  if (!ZSTD_isError(code) && c.window_log != 0) {
    code = ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, c.window_log);
  }
  if (!ZSTD_isError(code)) code = ZSTD_CCtx_setPledgedSrcSize(context.get(), size);
  std::vector<uint8_t> buffer(ZSTD_CStreamOutSize());
  bool ended = false;
  while (!ZSTD_isError(code) && !ended) {
    const ByteSpan piece = in();
    const ZSTD_EndDirective directive = piece.size > 0 ? ZSTD_e_continue : ZSTD_e_end;
    ZSTD_inBuffer input = {piece.data, piece.size, 0};
    do {
      ZSTD_outBuffer output = {buffer.data(), buffer.size(), 0};
      code = ZSTD_compressStream2(context.get(), &output, &input, directive);
      if (ZSTD_isError(code)) break;
      out->Append(buffer.data(), output.pos);
    } while (directive == ZSTD_e_end ? code != 0 : input.pos < input.size);
    ended = directive == ZSTD_e_end;
  }
  if (!ZSTD_isError(code)) return Status();
  if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) return Status::OutOfMemory();
  return Wrong(ZSTD_getErrorName(code));
}

Status BrotliStream(const Compression& c, uint64_t size, const ByteInput& in, ByteQueue* out) {
  const std::unique_ptr<BrotliEncoderState, decltype(&BrotliEncoderDestroyInstance)> encoder(
      BrotliEncoderCreateInstance(nullptr, nullptr, nullptr), &BrotliEncoderDestroyInstance);
  if (encoder == nullptr) throw std::bad_alloc();
  const int window_log = c.window_log != 0 ? c.window_log : BROTLI_DEFAULT_WINDOW;
  bool ok = BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_QUALITY, c.level) &&
            BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_LARGE_WINDOW,
                                      window_log > BROTLI_MAX_WINDOW_BITS) &&
            BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_LGWIN, window_log) &&
            BrotliEncoderSetParameter(encoder.get(), BROTLI_PARAM_SIZE_HINT,
                                      static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX)));
  while (ok && !BrotliEncoderIsFinished(encoder.get())) {
    ByteSpan piece = in();
    const BrotliEncoderOperation operation =
        piece.size > 0 ? BROTLI_OPERATION_PROCESS : BROTLI_OPERATION_FINISH;
    do {
      size_t available_out = 0;
      ok = BrotliEncoderCompressStream(encoder.get(), operation, &piece.size, &piece.data,
                                       &available_out, nullptr, nullptr);
      size_t n = 0;
      const uint8_t* output = BrotliEncoderTakeOutput(encoder.get(), &n);
      out->Append(output, n);
    } while (ok && (piece.size > 0 || BrotliEncoderHasMoreOutput(encoder.get())));
  }
  return ok ? Status() : Status::OutOfMemory();  // nothing else can go wrong
}

class SnappyIn : public snappy::Source {
 public:
  SnappyIn(uint64_t size, const ByteInput& in) : left_(size), in_(in) {}
  size_t Available() const override { return left_; }
  const char* Peek(size_t* size) override {
    static const uint8_t kZeros[4096] = {};
    if (piece_.size == 0 && left_ > 0) {
      piece_ = in_();
      // Snappy would ask for ever; that bytes were missing is noticed in the end.
      if (piece_.size == 0) piece_ = ByteSpan(kZeros, std::min(left_, sizeof(kZeros)));
    }
    *size = piece_.size;
    return reinterpret_cast<const char*>(piece_.data);
  }
  void Skip(size_t n) override {
    piece_.Take(n);
    left_ -= n;
  }

 private:
  size_t left_;
  const ByteInput& in_;
  ByteSpan piece_;
};

class SnappyOut : public snappy::Sink {
 public:
  explicit SnappyOut(ByteQueue* out) : out_(out) {}
  void Append(const char* bytes, size_t n) override {
    out_->Append(reinterpret_cast<const uint8_t*>(bytes), n);
  }

 private:
  ByteQueue* const out_;
};

// Levels came with snappy 1.2; older libraries have only the first.
template <typename In>
auto SnappyCompress(In* in, SnappyOut* out, int level, int)
    -> decltype(snappy::Compress(in, out, {level})) {
  return snappy::Compress(in, out, {level});
}
template <typename In>
void SnappyCompress(In* in, SnappyOut* out, int, long) {
  snappy::Compress(in, out);
}

}  // namespace

uint64_t MaxBlockSize(Codec codec) { return codec == Codec::kSnappy ? UINT32_MAX : UINT64_MAX; }

Status CompressStream(const Compression& compression, uint64_t size, const ByteInput& in,
                      ByteQueue* out) {
  if (size > MaxBlockSize(compression.codec)) {
    return Status(AR_RESOURCE_EXHAUSTED, "more bytes than the codec can compress");
  }
  if (compression.codec != Codec::kNone) {
    uint8_t prefix[kMaxVarint64];
    out->Append(prefix, PutVarint64(size, prefix));
  }
  uint64_t given = 0;
  const ByteInput counted = [&] {
    const ByteSpan piece = in();
    given += piece.size;
    return piece;
  };
  switch (compression.codec) {
    case Codec::kNone:
      for (ByteSpan piece = counted(); piece.size > 0; piece = counted()) {
        out->Append(piece.data, piece.size);
      }
      break;
    case Codec::kZstd:
      AR_TRY(ZstdStream(compression, size, counted, out));
      break;
    case Codec::kBrotli:
      AR_TRY(BrotliStream(compression, size, counted, out));
      break;
    case Codec::kSnappy: {
      SnappyIn from(size, counted);
      SnappyOut sink(out);
      SnappyCompress(&from, &sink, compression.level, 0);
      break;
    }
  }
  return given == size ? Status() : Wrong("not as many bytes as were promised");
}

}  // namespace arrayrecord
