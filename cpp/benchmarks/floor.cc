// What the hardware allows: for each operation the bare loop that it cannot do without, straight on
// system calls, codec libraries and hashes, with memory that is there already. The library is
// measured against this.
//
//   floor --op=random --file=F [--threads=2] [--batch=1024] [--count=K] [--repeat=R] [--io=mmap]
//   floor --op=sequential --file=F ...     all chunks, as runs that the threads share
//   floor --op=get --file=F ...            `count` single records, one after the other per thread
//   floor --op=open --file=F ...           the index, read, verified and decompressed
//   floor --op=write --source=F.tfrecord [--file=OUT] [--codec=zstd:3] [--group_size=1]
//   floor --serve                          a request a line, as words or as JSON; an answer a line
//
// Each timing gives a line {"op": ..., "seconds": ..., "records": ..., "bytes": ...}. The clock
// starts when files are open, their index is known and the input of a write is in memory. Files
// must not change while a --serve that has read them is running.
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <fcntl.h>
#include <snappy.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <random>
#include <stdexcept>
#include <system_error>

#include "chunk.h"
#include "layout.h"
#include "options.h"
#include "reader.h"
#include "request.h"
#include "simple_chunk.h"
#include "workers.h"

namespace arrayrecord::floor {
namespace {

[[noreturn]] void Fail(const std::string& why) { throw std::runtime_error(why); }
[[noreturn]] void FailSystem(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}
void Check(const Status& status) {
  if (!status.ok()) Fail(status.message());
}

void ReadAt(int fd, uint64_t position, uint8_t* out, uint64_t size) {
  while (size > 0) {
    const ssize_t n = pread(fd, out, size, static_cast<off_t>(position));
    if (n < 0) FailSystem("pread");
    if (n == 0) Fail("the file has become shorter");
    out += n, position += static_cast<uint64_t>(n), size -= static_cast<uint64_t>(n);
  }
}

// ---- Chunks
// --------------------------------------------------------------------------------------

// The address of nothing may be null, which memcpy does not allow.
void Copy(const uint8_t* from, size_t size, uint8_t* to) {
  if (size > 0) std::memcpy(to, from, size);
}

uint64_t TakeVarint(ByteSpan* in) {
  uint64_t v = 0;
  if (!TakeVarint64(in, &v)) Fail("a number is cut off");
  return v;
}

// Takes the block headers out of the file's bytes [begin, end), which are at `from`, and puts what
// is left to `to`; both may be the same.
void Unblock(const uint8_t* from, uint64_t begin, uint64_t end, uint8_t* to) {
  for (uint64_t at = begin; at < end;) {
    if (at % kBlockSize == 0) at = std::min(end, at + kBlockHeaderSize);
    const uint64_t n = std::min(end - at, RemainingInBlock(at));
    if (to != from + (at - begin)) std::memmove(to, from + (at - begin), n);
    to += n;
    at += n;
  }
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

// The sizes of a chunk's records, into worker->sizes.
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

// All values of a chunk: where they are, or decompressed into worker->values.
const uint8_t* PlainValues(const View& view, Worker* worker) {
  if (view.codec == Codec::kNone) return view.values.data;
  uint8_t* out = worker->values.Get(view.decoded_size);
  Decompress(view.codec, view.values, view.decoded_size, worker->decompressor, out);
  return out;
}

// ---- Files
// ---------------------------------------------------------------------------------------

struct ChunkPlace {
  uint64_t begin, end;  // in the file
  uint64_t first_record, num_records, decoded_size;
};

// The index of a file as the loops like it best.
struct Input {
  int fd = -1;
  const uint8_t* map = nullptr;  // with --io=mmap
  uint64_t file_size = 0;
  std::vector<ChunkPlace> chunks;
  std::vector<size_t> runs;  // of chunks, about kRunBytes each: where each begins, and the end
  uint64_t num_records = 0, decoded_size = 0, group_size = 1;

  static constexpr uint64_t kRunBytes = 512 << 10;

  Input(const std::string& path, bool mapped);
  ~Input() {
    if (map != nullptr) munmap(const_cast<uint8_t*>(map), file_size);
    if (fd >= 0) close(fd);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const ChunkPlace& Of(uint64_t record) const { return chunks[record / group_size]; }

  // The file's bytes [begin, end), which the caller may change only if there is no map.
  const uint8_t* Bytes(uint64_t begin, uint64_t end, Buffer* buffer) const {
    if (map != nullptr) return map + begin;
    uint8_t* out = buffer->Get(end - begin);
    ReadAt(fd, begin, out, end - begin);
    return out;
  }
  // A chunk without block headers, out of bytes got from above.
  const uint8_t* Joined(const ChunkPlace& chunk, const uint8_t* bytes, Buffer* buffer) const {
    if (chunk.begin / kBlockSize == (chunk.end - 1) / kBlockSize) {
      return chunk.begin % kBlockSize == 0 ? bytes + kBlockHeaderSize : bytes;
    }
    uint8_t* to =
        map != nullptr ? buffer->Get(chunk.end - chunk.begin) : const_cast<uint8_t*>(bytes);
    Unblock(bytes, chunk.begin, chunk.end, to);
    return to;
  }
  View Load(const ChunkPlace& chunk, Worker* worker) const {
    return View(Joined(chunk, Bytes(chunk.begin, chunk.end, &worker->chunk), &worker->joined));
  }
  // A map's memory is on its way while another chunk is worked on.
  void Prefetch(const ChunkPlace& chunk) const {
    if (map == nullptr) return;
    const uint64_t end = std::min(chunk.end, chunk.begin + 1024);
    for (uint64_t at = chunk.begin; at < end; at += 64) __builtin_prefetch(map + at);
  }
};

// The footer: read, verified and decompressed.
struct Footer {
  uint64_t begin = 0, end = 0;
  uint64_t num_records = 0;
  uint64_t sizes_size = 0, values_size = 0;
  std::unique_ptr<uint8_t[]> sizes, values;

  Footer(int fd, uint64_t file_size) : end(file_size - kTailSize) {
    uint8_t tail[kTailSize];
    ReadAt(fd, end, tail, kTailSize);
    Check(LocateFooter(tail, kTailSize, file_size, ByteSpan(), &begin));
    std::unique_ptr<uint8_t[]> bytes(new uint8_t[end - begin]);
    ReadAt(fd, begin, bytes.get(), end - begin);
    Unblock(bytes.get(), begin, end, bytes.get());
    const View view(bytes.get());
    num_records = view.num_records;
    values_size = view.decoded_size;
    sizes_size = view.sizes.size;
    if (view.codec != Codec::kNone) {
      ByteSpan in = view.sizes;
      sizes_size = TakeVarint(&in);
    }
    std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> zstd(ZSTD_createDCtx(), ZSTD_freeDCtx);
    sizes.reset(new uint8_t[sizes_size]);
    floor::Decompress(view.codec, view.sizes, sizes_size, zstd.get(), sizes.get());
    values.reset(new uint8_t[values_size]);
    floor::Decompress(view.codec, view.values, values_size, zstd.get(), values.get());
  }
};

uint64_t FileSize(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) FailSystem("fstat");
  if (info.st_size < static_cast<off_t>(kMinFileSize)) Fail("not an ArrayRecord file");
  return static_cast<uint64_t>(info.st_size);
}

int OpenFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) FailSystem(path);
  return fd;
}

Input::Input(const std::string& path, bool mapped) : fd(OpenFile(path)), file_size(FileSize(fd)) {
  const Footer footer(fd, file_size);
  ByteSpan sizes(footer.sizes.get(), footer.sizes_size);
  ByteSpan values(footer.values.get(), footer.values_size);
  for (uint64_t i = 0; i < footer.num_records; ++i) {
    const ByteSpan record = values.Take(TakeVarint(&sizes));
    if (i == 0) continue;  // of the file as a whole
    FooterEntry entry;
    Check(entry.Parse(record));
    if (!chunks.empty()) chunks.back().end = entry.chunk_offset;
    chunks.push_back({entry.chunk_offset, footer.begin, num_records, entry.num_records,
                      entry.decoded_data_size});
    num_records += entry.num_records;
    decoded_size += entry.decoded_data_size;
  }
  if (chunks.empty()) Fail("no records");
  group_size = chunks[0].num_records;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (runs.empty() || chunks[i].end - chunks[runs.back()].begin > kRunBytes) runs.push_back(i);
  }
  runs.push_back(chunks.size());
  if (mapped) {
    void* at = mmap(nullptr, file_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) FailSystem("mmap");
    map = static_cast<const uint8_t*>(at);
  }
}

// Record numbers from the file of the request, or all of them in random order.
std::vector<uint64_t> Order(const Request& request, uint64_t num_records) {
  std::vector<uint64_t> order;
  if (!request.indices.empty()) {
    std::ifstream in(request.indices, std::ios::binary);
    for (uint64_t i; in.read(reinterpret_cast<char*>(&i), sizeof(i));) order.push_back(i);
    if (order.empty()) Fail("no record numbers in " + request.indices);
    if (*std::max_element(order.begin(), order.end()) >= num_records) Fail("numbers too large");
    return order;
  }
  order.resize(num_records);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(request.seed));
  return order;
}

// ---- Loops
// ---------------------------------------------------------------------------------------

// Takes [begin, end) of `total` in turns, a few per worker.
class Turns {
 public:
  Turns(size_t total, size_t step) : total_(total), step_(std::max<size_t>(step, 1)) {}
  bool Next(size_t* begin, size_t* end) {
    *begin = next_.fetch_add(step_);
    *end = std::min(total_, *begin + step_);
    return *begin < total_;
  }

 private:
  const size_t total_, step_;
  std::atomic<size_t> next_{0};
};

// Memory for what is read, which the workers take from the front.
struct Slab {
  Buffer buffer;
  std::atomic<uint64_t> used{0};
  uint64_t size = 0;

  void Reserve(uint64_t n) {
    if (n > size) std::memset(buffer.Get(n), 1, n);  // its pages, too, are there before the clock
    size = std::max(size, n);
  }
  uint8_t* Take(uint64_t n) {
    const uint64_t at = used.fetch_add(n, std::memory_order_relaxed);
    if (at + n > size) Fail("a batch has a record twice");
    return buffer.bytes.get() + at;
  }
};

constexpr size_t kAhead = 4;  // chunks on their way from memory

// In the order of the file, with neighbours read together.
void RandomBatch(const Input& in, const uint64_t* records, size_t n, Workers* workers, Slab* slab) {
  slab->used = 0;
  std::vector<uint64_t> sorted(records, records + n);
  std::sort(sorted.begin(), sorted.end());
  Turns turns(n, n / (8 * workers->size()));
  workers->Run([&](Worker* worker, size_t) {
    for (size_t i, end; turns.Next(&i, &end);) {
      while (i < end) {
        const uint64_t begin = in.chunks[sorted[i]].begin;
        size_t run_end = i + 1;
        while (run_end < end && sorted[run_end] == sorted[run_end - 1] + 1 &&
               in.chunks[sorted[run_end]].end - begin <= Input::kRunBytes / 2) {
          ++run_end;
        }
        const uint8_t* bytes = in.Bytes(begin, in.chunks[sorted[run_end - 1]].end, &worker->chunk);
        for (; i < run_end; ++i) {
          if (i + kAhead < end) in.Prefetch(in.chunks[sorted[i + kAhead]]);
          const ChunkPlace& chunk = in.chunks[sorted[i]];
          const View view(in.Joined(chunk, bytes + (chunk.begin - begin), &worker->joined));
          floor::Decompress(view.codec, view.values, view.decoded_size, worker->decompressor,
                            slab->Take(view.decoded_size));
          worker->bytes += view.decoded_size;
          ++worker->records;
        }
      }
    }
  });
}

// With several records in a chunk: each chunk once.
void RandomBatchOfGroups(const Input& in, const uint64_t* records, size_t n, Workers* workers,
                         Slab* slab) {
  slab->used = 0;
  std::vector<uint64_t> sorted(records, records + n);
  std::sort(sorted.begin(), sorted.end());
  std::vector<size_t> parts;  // where the records of each chunk begin, and the end
  for (size_t i = 0; i < n; ++i) {
    if (i == 0 || sorted[i] / in.group_size != sorted[i - 1] / in.group_size) parts.push_back(i);
  }
  parts.push_back(n);
  Turns turns(parts.size() - 1, 1);
  workers->Run([&](Worker* worker, size_t) {
    for (size_t part, end; turns.Next(&part, &end);) {
      const ChunkPlace& chunk = in.Of(sorted[parts[part]]);
      const View view = in.Load(chunk, worker);
      DecodeSizes(view, worker);
      const uint8_t* values = PlainValues(view, worker);
      uint64_t at = chunk.first_record;
      for (size_t i = parts[part]; i < parts[part + 1]; ++i) {
        for (; at < sorted[i]; ++at) values += worker->sizes[at - chunk.first_record];
        const uint64_t size = worker->sizes[at - chunk.first_record];
        Copy(values, size, slab->Take(size));
        worker->bytes += size;
        ++worker->records;
      }
    }
  });
}

void Sequential(const Input& in, Workers* workers) {
  Turns turns(in.runs.size() - 1, 1);
  workers->Run([&](Worker* worker, size_t) {
    for (size_t run, run_end; turns.Next(&run, &run_end);) {
      const size_t first = in.runs[run], end = in.runs[run + 1];
      const uint64_t begin = in.chunks[first].begin;
      const uint8_t* bytes = in.Bytes(begin, in.chunks[end - 1].end, &worker->chunk);
      uint64_t size = 0;
      for (size_t i = first; i < end; ++i) size += in.chunks[i].decoded_size;
      uint8_t* out = worker->slab.Get(size);
      for (size_t i = first; i < end; ++i) {
        const ChunkPlace& chunk = in.chunks[i];
        const View view(in.Joined(chunk, bytes + (chunk.begin - begin), &worker->joined));
        DecodeSizes(view, worker);
        floor::Decompress(view.codec, view.values, view.decoded_size, worker->decompressor, out);
        out += view.decoded_size;
        worker->records += view.num_records;
      }
      worker->bytes += size;
    }
  });
}

void Gets(const Input& in, const std::vector<uint64_t>& order, uint64_t first, uint64_t count,
          Workers* workers) {
  workers->Run([&](Worker* worker, size_t number) {
    for (uint64_t k = number; k < count; k += workers->size()) {
      const uint64_t record = order[(first + k) % order.size()];
      const ChunkPlace& chunk = in.Of(record);
      const View view = in.Load(chunk, worker);
      uint64_t size = view.decoded_size;
      if (view.num_records == 1) {
        floor::Decompress(view.codec, view.values, size, worker->decompressor,
                          worker->slab.Get(size));
      } else {
        DecodeSizes(view, worker);
        const uint8_t* values = PlainValues(view, worker);
        const uint64_t in_chunk = record - chunk.first_record;
        for (uint64_t i = 0; i < in_chunk; ++i) values += worker->sizes[i];
        size = worker->sizes[in_chunk];
        Copy(values, size, worker->slab.Get(size));
      }
      worker->bytes += size;
      ++worker->records;
    }
  });
}

// ---- Writing
// -------------------------------------------------------------------------------------

// The records of a TFRecord file, one after the other.
struct Records {
  std::string bytes;
  std::vector<uint64_t> sizes;
  std::vector<std::pair<size_t, size_t>> jobs;  // record and byte where each begins, and the end

  explicit Records(const std::string& path, uint64_t group_size) {
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
      if (sizes.size() % group_size == 0 &&
          (jobs.empty() || at - jobs.back().second >= kJobBytes)) {
        jobs.emplace_back(sizes.size(), at);
      }
      sizes.push_back(size);
    }
    jobs.emplace_back(sizes.size(), bytes.size());
  }

  static constexpr size_t kJobBytes = 256 << 10;
};

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

// Encodes all records; with `fd` the chunks go to a file, in any order.
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

// ---- Requests
// ------------------------------------------------------------------------------------

class Program {
 public:
  // Does what is asked once and tells how it went, as JSON without a line's end.
  std::string Answer(const Request& request) {
    if (request.threads == 0 || request.count == 0 || request.batch == 0 ||
        request.group_size == 0) {
      Fail("threads, count, batch and group_size must be positive");
    }
    if (workers_ == nullptr || workers_->size() != request.threads) {
      workers_ = std::make_unique<Workers>(request.threads);
    }
    for (Worker& worker : workers_->all()) worker.records = worker.bytes = 0;
    double seconds;
    if (request.op == "open") {
      seconds = Open(request);
    } else if (request.op == "write") {
      seconds = WriteAll(request);
    } else {
      seconds = Read(request);
    }
    uint64_t records = 0, bytes = 0;
    for (const Worker& worker : workers_->all()) records += worker.records, bytes += worker.bytes;
    char line[200];
    std::snprintf(line, sizeof(line),
                  R"({"op": "%s", "seconds": %.9f, "records": %llu, "bytes": %llu})",
                  request.op.c_str(), seconds, static_cast<unsigned long long>(records),
                  static_cast<unsigned long long>(bytes));
    return line;
  }

 private:
  template <typename Work>
  static double Time(Work work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  double Read(const Request& request) {
    std::unique_ptr<Input>& input = inputs_[request.io + ":" + request.file];
    if (input == nullptr) input = std::make_unique<Input>(request.file, request.io == "mmap");
    if (request.op == "sequential") {
      return Time([&] {
        for (uint64_t k = 0; k < request.count; ++k) Sequential(*input, workers_.get());
      });
    }
    const std::vector<uint64_t>& order = CachedOrder(request, input->num_records);
    if (request.op == "get") {
      const double seconds =
          Time([&] { Gets(*input, order, next_, request.count, workers_.get()); });
      next_ += request.count;
      return seconds;
    }
    if (request.op != "random") Fail("unknown op " + request.op);
    const size_t batch = std::min<size_t>(request.batch, order.size());
    uint64_t largest = 0;
    for (const ChunkPlace& chunk : input->chunks) largest = std::max(largest, chunk.decoded_size);
    slab_.Reserve(std::min<uint64_t>(input->decoded_size, batch * largest));
    // Batch k has the record numbers from k * batch on, from the beginning again after the end.
    std::vector<uint64_t> records(request.count * batch);
    for (uint64_t& record : records) record = order[next_++ % order.size()];
    return Time([&] {
      for (uint64_t k = 0; k < request.count; ++k) {
        (input->group_size == 1 ? RandomBatch : RandomBatchOfGroups)(*input, &records[k * batch],
                                                                     batch, workers_.get(), &slab_);
      }
    });
  }

  double Open(const Request& request) {
    return Time([&] {
      for (uint64_t k = 0; k < request.count; ++k) {
        const int fd = OpenFile(request.file);
        const Footer footer(fd, FileSize(fd));
        close(fd);
        Worker& worker = workers_->all()[0];
        ++worker.records;
        worker.bytes += footer.sizes_size + footer.values_size;
      }
    });
  }

  double WriteAll(const Request& request) {
    std::unique_ptr<Records>& records =
        sources_[request.source + ":" + std::to_string(request.group_size)];
    if (records == nullptr) records = std::make_unique<Records>(request.source, request.group_size);
    WriterOptions options;
    Check(WriterOptions::Parse(request.codec, &options));
    options.group_size = static_cast<uint32_t>(request.group_size);
    double seconds = 0;
    for (uint64_t k = 0; k < request.count; ++k) {
      int fd = -1;
      if (!request.file.empty()) {
        fd = open(request.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0) FailSystem(request.file);
      }
      seconds += Time([&] { Write(*records, options, fd, workers_.get()); });
      if (fd < 0) continue;
      close(fd);
      unlink(request.file.c_str());  // no reader would take it for a file
    }
    return seconds;
  }

  const std::vector<uint64_t>& CachedOrder(const Request& request, uint64_t num_records) {
    const std::string name =
        request.file + ":" + request.indices + ":" + std::to_string(request.seed);
    if (name != order_name_) {
      order_ = Order(request, num_records);
      order_name_ = name;
      next_ = 0;
    }
    return order_;
  }

  std::unique_ptr<Workers> workers_;
  std::map<std::string, std::unique_ptr<Input>> inputs_;
  std::map<std::string, std::unique_ptr<Records>> sources_;
  Slab slab_;
  std::string order_name_;
  std::vector<uint64_t> order_;
  uint64_t next_ = 0;  // place in the order
};

void Serve() {
  Program program;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    std::string answer;
    try {
      answer = program.Answer(Parse(line));
    } catch (const std::exception& e) {
      std::string why = e.what();
      std::replace(why.begin(), why.end(), '"', '\'');
      std::replace(why.begin(), why.end(), '\\', '/');
      answer = "{\"error\": \"" + why + "\"}";
    }
    std::cout << answer << std::endl;
  }
}

}  // namespace
}  // namespace arrayrecord::floor

int main(int argc, char** argv) {
  using namespace arrayrecord::floor;
  try {
    if (argc == 2 && std::string(argv[1]) == "--serve") {
      Serve();
      return 0;
    }
    const Request request = ParseWords(std::vector<std::string>(argv + 1, argv + argc));
    Program program;
    for (uint64_t k = 0; k < request.repeat; ++k) {
      std::cout << program.Answer(request) << std::endl;
    }
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "floor: " << e.what() << "\n";
    return 1;
  }
}
