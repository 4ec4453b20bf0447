#include "fuzz_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "chunk.h"
#include "file.h"
#include "layout.h"

namespace arrayrecord {
namespace {

// Repairs the chunk at `begin` if there could be one, as far as it can be told what it is.
uint64_t RepairChunk(std::string* file, uint64_t begin) {
  if (!CanBeginChunk(begin) || begin >= file->size()) return 0;
  uint8_t* at = reinterpret_cast<uint8_t*>(file->data()) + begin;
  uint64_t block = begin % kBlockSize == 0 ? kBlockHeaderSize : 0;
  // Only chunks within one block: the others are for chunk_fuzzer.
  if (RemainingInBlock(begin + block) < kChunkHeaderSize ||
      file->size() - begin < block + kChunkHeaderSize) {
    return 0;
  }
  uint8_t* header = at + block;
  const uint64_t room = RemainingInBlock(begin + block) - kChunkHeaderSize;
  const uint64_t data_size = std::min<uint64_t>(Load64(header + 8), room);
  if (data_size > file->size() - begin - block - kChunkHeaderSize) return 0;
  Store64(header + 8, data_size);
  Store64(header + 16, Hash(header + kChunkHeaderSize, data_size));
  Store64(header, Hash(header + 8, kChunkHeaderSize - 8));
  const uint64_t end = begin + block + kChunkHeaderSize + data_size;
  if (block != 0) {
    BlockHeader block_header;
    block_header.next_chunk = end - begin;
    block_header.Encode(at);
  }
  return end;
}

}  // namespace

std::string FuzzFile(const uint8_t* data, size_t size) {
  if (size <= 8 || size > 8192) return std::string();
  const size_t split = Load64(data) % (size - 8);
  std::string file(2 * kTailSize, '\0');
  file.replace(0, split, reinterpret_cast<const char*>(data) + 8, split);
  file.replace(kTailSize, size - 8 - split, reinterpret_cast<const char*>(data) + 8 + split,
               size - 8 - split);
  for (uint64_t at = 64; at != 0 && at < kTailSize;) at = RepairChunk(&file, at);
  RepairChunk(&file, kTailSize);
  return file;
}

int FuzzDescriptor(const std::string& file) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  Require(fd >= 0);
  std::string copy = file;
  std::vector<iovec> pieces = {{copy.data(), copy.size()}};
  Require(File(fd, /*owned=*/false).Write(&pieces).ok());
  return fd;
}

}  // namespace arrayrecord
