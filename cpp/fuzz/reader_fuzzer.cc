// A whole file: opened and read in every way. The hashes of the chunks are made right first, so
// that changes get past them to where they can do harm.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chunk.h"
#include "read_plan.h"
#include "reader.h"

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

void ReadAll(const std::string& file, ReadPlan::Pointer plan) {
  std::string bytes;
  for (const ar_extent& extent : plan->Extents(10)) {
    if (extent.position > file.size() || extent.size > file.size() - extent.position)
      __builtin_trap();
    bytes += file.substr(extent.position, extent.size);
  }
  if (!plan->LoadBytes(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size(), 1).ok()) return;
  if (plan->decoded_size() > 100 << 20) return;  // legal, but slow
  std::string out(plan->decoded_size(), '\0');
  std::vector<uint64_t> offsets(plan->num_records() + 1);
  (void)plan->Decode(reinterpret_cast<uint8_t*>(out.data()), out.size(), offsets.data(), 1);
}

}  // namespace
}  // namespace arrayrecord

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  // The input is the beginning of a small file and the beginning of its last block.
  if (size <= 8 || size > 8192) return 0;
  const size_t split = Load64(data) % (size - 8);
  std::string file(2 * kTailSize, '\0');
  file.replace(0, split, reinterpret_cast<const char*>(data) + 8, split);
  file.replace(kTailSize, size - 8 - split, reinterpret_cast<const char*>(data) + 8 + split,
               size - 8 - split);
  for (uint64_t at = 64; at != 0 && at < kTailSize;) at = RepairChunk(&file, at);
  RepairChunk(&file, kTailSize);

  std::string tail = file.substr(kTailSize);
  uint64_t footer;
  if (!LocateFooter(reinterpret_cast<uint8_t*>(tail.data()), tail.size(), file.size(), ByteSpan(),
                    &footer)
           .ok()) {
    return 0;
  }
  std::string index = file.substr(footer, kTailSize - footer);
  std::unique_ptr<Reader> reader;
  if (!Reader::OpenIndex(reinterpret_cast<uint8_t*>(index.data()), index.size(), footer,
                         file.size(), ReaderOptions(), &reader)
           .ok()) {
    return 0;
  }
  const uint64_t n = reader->num_records();
  ReadPlan::Pointer plan;
  if (n <= 100000 && ReadPlan::Range(*reader, 0, n, &plan).ok()) {
    ReadAll(file, std::move(plan));
  }
  std::vector<uint64_t> indices;
  for (size_t i = 0; i < 20 && n > 0; ++i) indices.push_back(Hash(&i, sizeof(i)) % n);
  if (ReadPlan::Indices(*reader, indices.data(), indices.size(), &plan).ok()) {
    ReadAll(file, std::move(plan));
  }
  return 0;
}
