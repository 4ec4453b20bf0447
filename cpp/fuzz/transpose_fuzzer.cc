// Transposed chunks with right hashes: any data is decoded, and any records are encoded and come
// back as they were.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "hash.h"
#include "records_chunk.h"
#include "transpose_encoder.h"

namespace arrayrecord {
namespace {

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

struct Decoded {
  std::vector<uint64_t> sizes;
  std::string values;
};

bool Decode(ByteSpan data, uint64_t num_records, uint64_t decoded_size, Decoded* decoded) {
  Chunk chunk;
  chunk.header.type = ChunkType::kTransposed;
  chunk.header.data_size = data.size;
  chunk.header.data_hash = Hash(data.data, data.size);
  chunk.header.num_records = num_records;
  chunk.header.decoded_data_size = decoded_size;
  chunk.data = data.data;
  RecordsChunk records;
  if (!records.Open(chunk, /*max_size=*/UINT64_MAX).ok()) return false;
  decoded->sizes.resize(num_records);
  decoded->values.resize(decoded_size);
  Require(records.DecodeSizes(decoded->sizes.data()).ok());
  Require(records.DecodeValues(reinterpret_cast<uint8_t*>(decoded->values.data())).ok());
  uint64_t sum = 0;
  for (uint64_t size : decoded->sizes) sum += size;
  Require(sum == decoded_size);
  return true;
}

void RoundTrip(const Decoded& records, uint8_t choice) {
  static constexpr Compression kCompressions[] = {
      {Codec::kNone, 0, 0}, {Codec::kZstd, 1, 20}, {Codec::kBrotli, 1, 0}, {Codec::kSnappy, 1, 0}};
  std::string data;
  Require(AppendTransposedData(kCompressions[choice % 4], uint64_t{1} << (choice / 4 % 32),
                               AsBytes(records.values), records.sizes.data(), records.sizes.size(),
                               &data)
              .ok());
  Decoded back;
  Require(Decode(AsBytes(data), records.sizes.size(), records.values.size(), &back));
  Require(back.sizes == records.sizes && back.values == records.values);
}

}  // namespace
}  // namespace arrayrecord

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  if (size < 8 || size > 100000) return 0;
  Decoded records;
  if (data[0] & 1) {
    const uint8_t separator = data[2];
    records.sizes.push_back(0);
    for (size_t i = 8; i < size; ++i) {
      if (data[i] == separator) {
        records.sizes.push_back(0);
      } else {
        ++records.sizes.back();
        records.values.push_back(static_cast<char>(data[i]));
      }
    }
    RoundTrip(records, data[1]);
    return 0;
  }
  uint16_t num_records;
  uint32_t decoded_size;
  std::memcpy(&num_records, data + 2, sizeof(num_records));
  std::memcpy(&decoded_size, data + 4, sizeof(decoded_size));
  // What is decoded can be encoded; there is no writer of no records.
  if (Decode(ByteSpan(data + 8, size - 8), num_records, decoded_size % (1 << 24), &records) &&
      num_records > 0) {
    RoundTrip(records, data[1]);
  }
  return 0;
}
