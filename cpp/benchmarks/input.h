// Files that are read.
#ifndef ARRAYRECORD_BENCHMARKS_INPUT_H_
#define ARRAYRECORD_BENCHMARKS_INPUT_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "block.h"
#include "view.h"
#include "workers.h"

namespace arrayrecord::floor {

int OpenFile(const std::string& path);
uint64_t FileSize(int fd);
void ReadAt(int fd, uint64_t position, uint8_t* out, uint64_t size);

// Takes the block headers out of the file's bytes [begin, end), which are at `from`, and puts what
// is left to `to`; both may be the same.
void Unblock(const uint8_t* from, uint64_t begin, uint64_t end, uint8_t* to);

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

  Footer(int fd, uint64_t file_size);
};

}  // namespace arrayrecord::floor

#endif  // ARRAYRECORD_BENCHMARKS_INPUT_H_
