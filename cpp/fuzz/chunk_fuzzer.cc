// One chunk at any place in a file, with right hashes, and its records, simple or transposed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "chunk.h"
#include "simple_chunk.h"
#include "transpose_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  if (size < 24) return 0;
  const uint64_t begin = Load64(data) % (2 * kBlockSize);
  ChunkHeader header;
  header.type = ChunkType::kSimple;
  header.num_records = Load64(data + 8) & kMaxRecordsInChunk;
  header.decoded_data_size = Load64(data + 16);
  if (data[15] & 1) header.num_records %= 1000;
  if (data[23] & 1) header.decoded_data_size %= 100000;
  data += 24;
  size -= 24;

  // As bytes of a file, wherever the block headers fall and whatever they say.
  std::string bytes(reinterpret_cast<const char*>(data), size);
  Chunk chunk;
  if (ParseChunk(reinterpret_cast<uint8_t*>(bytes.data()), begin, begin + size, &chunk).ok()) {
    (void)chunk.VerifyData();
  }

  // As the data of a transposed chunk.
  TransposedRecords records;
  if (header.num_records <= 100000 && header.decoded_data_size <= 100 << 20 &&
      DecodeTransposed(ByteSpan(data, size), header.num_records, header.decoded_data_size,
                       uint64_t{4} << 30, &records)
          .ok()) {
    uint64_t total = 0;
    for (uint64_t s : records.sizes) total += s;
    if (total != header.decoded_data_size) __builtin_trap();
  }

  // As the data of a simple chunk whose hashes are right.
  header.data_size = size;
  chunk.header = header;
  chunk.data = data;
  SimpleChunk simple;
  if (!simple.Open(chunk).ok() || header.num_records > 10000 ||
      header.decoded_data_size > 100 << 20) {
    return 0;
  }
  std::vector<uint64_t> sizes(header.num_records);
  if (!simple.DecodeSizes(sizes.data()).ok()) return 0;
  uint64_t sum = 0;
  for (uint64_t s : sizes) sum += s;
  if (sum != header.decoded_data_size) __builtin_trap();
  std::string values(header.decoded_data_size, '\0');
  (void)simple.DecodeValues(reinterpret_cast<uint8_t*>(values.data()));
  return 0;
}
