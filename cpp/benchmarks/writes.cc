#include "writes.h"

#include <brotli/encode.h>
#include <snappy.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>

#include "chunk.h"
#include "fail.h"
#include "view.h"

namespace arrayrecord::floor {

Records::Records(const std::string& path, uint64_t group_size) {
  std::ifstream in(path, std::ios::binary);
  if (!in) Fail("cannot open " + path);
  uint64_t size;
  char length[12], crc[4];
  while (in.read(length, sizeof(length))) {
    std::memcpy(&size, length, sizeof(size));
    const size_t at = bytes.size();
    bytes.resize(at + size);
    if (!in.read(&bytes[at], static_cast<std::streamsize>(size)) || !in.read(crc, sizeof(crc))) {
      Fail(path + " is cut off");
    }
    if (sizes.size() % group_size == 0 && (jobs.empty() || at - jobs.back().second >= kJobBytes)) {
      jobs.emplace_back(sizes.size(), at);
    }
    sizes.push_back(size);
  }
  jobs.emplace_back(sizes.size(), bytes.size());
}

namespace {

size_t Bound(Codec codec, size_t size) {
  switch (codec) {
    case Codec::kZstd:
      return ZSTD_compressBound(size);
    case Codec::kBrotli:
      return BrotliEncoderMaxCompressedSize(size);
    case Codec::kSnappy:
      return snappy::MaxCompressedLength(size);
    default:
      return size;
  }
}

// Appends the compressed block of `in` to `out`, which has room, and returns its end.
uint8_t* Compress(const Compression& c, ByteSpan in, ZSTD_CCtx* zstd, uint8_t* out) {
  if (c.codec != Codec::kNone) out += PutVarint64(in.size, out);
  size_t n = Bound(c.codec, in.size);
  bool ok = true;
  switch (c.codec) {
    case Codec::kZstd:
      n = ZSTD_compress2(zstd, out, n, in.data, in.size);
      ok = !ZSTD_isError(n);
      break;
    case Codec::kBrotli:
      ok = BrotliEncoderCompress(c.level, c.window_log ? c.window_log : BROTLI_DEFAULT_WINDOW,
                                 BROTLI_DEFAULT_MODE, in.size, in.data, &n, out);
      break;
    case Codec::kSnappy:
      snappy::RawCompress(reinterpret_cast<const char*>(in.data), in.size,
                          reinterpret_cast<char*>(out), &n);
      break;
    case Codec::kNone:
      Copy(in.data, in.size, out);
      break;
  }
  if (!ok) Fail("cannot compress");
  return out + n;
}

}  // namespace

void Write(const Records& records, const WriterOptions& options, int fd, Workers* workers) {
  Turns turns(records.jobs.size() - 1, 1);
  std::atomic<uint64_t> position{0};
  workers->Run([&](Worker* worker, size_t) {
    ZSTD_CCtx_reset(worker->compressor, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(worker->compressor, ZSTD_c_compressionLevel, options.compression.level);
    if (options.compression.window_log != 0) {
      ZSTD_CCtx_setParameter(worker->compressor, ZSTD_c_windowLog, options.compression.window_log);
    }
    const Codec codec = options.compression.codec;
    for (size_t job, job_end; turns.Next(&job, &job_end);) {
      const auto [first, first_byte] = records.jobs[job];
      const auto [end, end_byte] = records.jobs[job + 1];
      const uint8_t* values = reinterpret_cast<const uint8_t*>(records.bytes.data()) + first_byte;
      // Each chunk takes this much more than its records at most.
      const size_t n = std::min<size_t>(options.group_size, end - first);
      const size_t extra = 100 + Bound(codec, n * kMaxVarint64) + Bound(codec, 0);
      uint8_t* const out = worker->chunk.Get(2 * Bound(codec, end_byte - first_byte) +
                                             ((end - first) / n + 1) * extra);
      uint8_t* to = out;
      for (size_t i = first; i < end; i += n) {
        uint8_t* const chunk = to;
        const size_t in_chunk = std::min(n, end - i);
        uint64_t size = 0;
        uint8_t* plain = worker->plain_sizes.Get(n * kMaxVarint64);
        size_t plain_size = 0;
        for (size_t k = 0; k < in_chunk; ++k) {
          plain_size += PutVarint64(records.sizes[i + k], plain + plain_size);
          size += records.sizes[i + k];
        }
        uint8_t* sizes = worker->values.Get(extra);
        const size_t sizes_size =
            static_cast<size_t>(floor::Compress(options.compression, ByteSpan(plain, plain_size),
                                                worker->compressor, sizes) -
                                sizes);
        to += kChunkHeaderSize;
        *to++ = static_cast<uint8_t>(codec);
        to += PutVarint64(sizes_size, to);
        to = std::copy_n(sizes, sizes_size, to);
        to = floor::Compress(options.compression, ByteSpan(values, size), worker->compressor, to);
        values += size;
        ChunkHeader header;
        header.type = ChunkType::kSimple;
        header.data_size = static_cast<uint64_t>(to - chunk) - kChunkHeaderSize;
        header.data_hash = Hash(chunk + kChunkHeaderSize, header.data_size);
        header.num_records = in_chunk;
        header.decoded_data_size = size;
        header.Encode(chunk);
        worker->bytes += size;
        worker->records += in_chunk;
      }
      const uint64_t encoded = static_cast<uint64_t>(to - out);
      const uint64_t at = position.fetch_add(encoded);
      if (fd >= 0 &&
          pwrite(fd, out, encoded, static_cast<off_t>(at)) != static_cast<ssize_t>(encoded)) {
        FailSystem("pwrite");
      }
    }
  });
}

}  // namespace arrayrecord::floor
