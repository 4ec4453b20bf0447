#include "transpose_util.h"

#include "gtest/gtest.h"
#include "transpose_decoder.h"

namespace arrayrecord {

std::string TransposedParts::Data(Codec codec) const {
  std::string header, bucket_blocks;
  AppendVarint64(buckets.size(), &header);
  AppendVarint64(buffer_sizes.size(), &header);
  const Compression compression = {codec, 1, 0};
  for (const std::string& bucket : buckets) {
    std::string block;
    EXPECT_TRUE(Compress(compression, AsBytes(bucket), &block).ok());
    block += after_bucket;
    AppendVarint64(block.size(), &header);
    bucket_blocks += block;
  }
  for (uint64_t size : buffer_sizes) AppendVarint64(size, &header);
  AppendVarint64(ids.size(), &header);
  for (uint64_t id : ids) AppendVarint64(id, &header);
  for (uint64_t n : next) AppendVarint64(n, &header);
  for (uint64_t s : subtypes) header.push_back(static_cast<char>(s));
  for (uint64_t b : buffers) AppendVarint64(b, &header);
  AppendVarint64(first, &header);
  header += after_header;
  std::string data(1, static_cast<char>(codec)), header_block;
  EXPECT_TRUE(Compress(compression, AsBytes(header), &header_block).ok());
  AppendVarint64(header_block.size(), &data);
  data += header_block + bucket_blocks;
  EXPECT_TRUE(Compress(compression, AsBytes(transitions), &data).ok());
  return data;
}

uint64_t TransposedParts::AddState(uint64_t id, uint64_t next_field, int subtype, int buffer) {
  ids.push_back(id);
  next.push_back(next_field);
  if (subtype >= 0) subtypes.push_back(static_cast<uint64_t>(subtype));
  if (buffer >= 0) buffers.push_back(static_cast<uint64_t>(buffer));
  return ids.size() - 1;
}

Status DecodeTransposed(const std::string& data, uint64_t num_records, uint64_t decoded_size,
                        Records* records) {
  const GuardedBytes bytes(data);
  TransposedRecords decoded;
  AR_TRY(DecodeTransposed(ByteSpan(bytes.data(), data.size()), num_records, decoded_size,
                          uint64_t{4} << 30, &decoded));
  uint64_t at = 0;
  for (uint64_t size : decoded.sizes) {
    records->emplace_back(reinterpret_cast<const char*>(decoded.values.data()) + at, size);
    at += size;
  }
  EXPECT_EQ(at, decoded_size);
  return Status();
}

Status DecodeTransposed(const TransposedParts& parts, Records* records, Codec codec) {
  return DecodeTransposed(parts.Data(codec), parts.num_records, parts.decoded_size, records);
}

TransposedParts SixRecordsTransposed() {
  TransposedParts p;
  p.buckets = {std::string("\x69\x07\x05\x16\x01\x05", 6), "hello", "\x05"};
  p.buffer_sizes = {1, 1, 4, 5, 1};
  p.ids = {0x03, 0x08, 0x01, 0x1e, 0x08, 0x68, 0x02, 0x16, 0x08, 0x08, 0x02, 0x03};
  p.next = {0x00, 0x17, 0x13, 0x15, 0x17, 0x12, 0x10, 0x11, 0x17, 0x16, 0x14, 0x00};
  p.subtypes = {0x00, 0x0b, 0x00, 0x01, 0x00};
  p.buffers = {2, 3, 0, 2, 1};
  p.first = 1;
  p.transitions = "\x0d\x08\x04";
  p.num_records = 6;
  p.decoded_size = 22;
  return p;
}

const Records& SixRecords() {
  static const Records records = {std::string("\x08\x05", 2),
                                  std::string("\x08\x01\x12\x02\x68\x69", 6),
                                  "hello",
                                  "",
                                  std::string("\x08\x96\x01\x1a\x02\x08\x07", 7),
                                  std::string("\x08\x05", 2)};
  return records;
}

}  // namespace arrayrecord
