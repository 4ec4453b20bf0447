#include "simple_chunk.h"

namespace arrayrecord {

Status AppendSimpleChunk(const Compression& compression, ByteSpan values, const uint64_t* sizes,
                         size_t n, std::string* out) {
  if (n > kMaxRecordsInChunk) return Status(AR_RESOURCE_EXHAUSTED, "too many records in one chunk");
  const size_t begin = out->size();
  out->append(kChunkHeaderSize, '\0');
  out->push_back(static_cast<char>(compression.codec));

  thread_local std::string plain_sizes, sizes_block;
  plain_sizes.clear();
  sizes_block.clear();
  for (size_t i = 0; i < n; ++i) AppendVarint64(sizes[i], &plain_sizes);
  AR_TRY(Compress(compression, AsBytes(plain_sizes), &sizes_block));
  AppendVarint64(sizes_block.size(), out);
  out->append(sizes_block);
  AR_TRY(Compress(compression, values, out));

  SealChunk(ChunkType::kSimple, n, values.size, begin, out);
  return Status();
}

uint8_t* SealPlainChunk(uint8_t* values, uint64_t values_size, const uint64_t* sizes, size_t n,
                        ChunkHeader* header) {
  uint64_t sizes_size = 0;
  for (size_t i = 0; i < n; ++i) sizes_size += VarintSize(sizes[i]);
  uint8_t* const chunk = values - (kChunkHeaderSize + 1 + VarintSize(sizes_size) + sizes_size);
  uint8_t* to = chunk + kChunkHeaderSize;
  *to++ = static_cast<uint8_t>(Codec::kNone);
  to += PutVarint64(sizes_size, to);
  for (size_t i = 0; i < n; ++i) to += PutVarint64(sizes[i], to);
  *header = SealChunk(ChunkType::kSimple, n, values_size, chunk,
                      static_cast<size_t>(values + values_size - chunk));
  return chunk;
}

Status SimpleChunk::Open(const Chunk& chunk) {
  if (chunk.header.type != ChunkType::kSimple) {
    return Corrupt("chunk of type " + std::to_string(static_cast<int>(chunk.header.type)) +
                   " where records should be")
        .At(chunk.begin);
  }
  num_records_ = chunk.header.num_records;
  decoded_size_ = chunk.header.decoded_data_size;
  ByteSpan in(chunk.data, chunk.header.data_size);
  if (in.size == 0) return Corrupt("records chunk without data").At(chunk.begin);
  codec_ = static_cast<Codec>(in.Take(1).data[0]);
  uint64_t sizes_size;
  if (!TakeVarint64(&in, &sizes_size) || sizes_size > in.size) {
    return Corrupt("record sizes run past the end of the chunk").At(chunk.begin);
  }
  sizes_ = in.Take(sizes_size);
  values_ = in;
  return CheckPlausibleSize(codec_, values_, decoded_size_).At(chunk.begin);
}

Status SimpleChunk::DecodeSizes(uint64_t* sizes) const {
  RecordSizes all;
  AR_TRY(all.Open(*this));
  AR_TRY(all.Next(sizes, num_records_));
  return all.Finish();
}

Status RecordSizes::Open(const SimpleChunk& chunk) {
  left_ = chunk.decoded_size_;
  is_only_ = chunk.num_records_ == 1;
  if (is_only_) return Status();
  uint64_t plain_size;
  AR_TRY(SplitBlock(chunk.codec_, chunk.sizes_, &plain_size, &plain_));
  if (plain_size > kMaxVarint64 * chunk.num_records_) {
    return Corrupt("too many bytes of record sizes");
  }
  if (chunk.codec_ != Codec::kNone) {
    decoded_.reset(new uint8_t[plain_size]);
    AR_TRY(Decompress(chunk.codec_, chunk.sizes_, decoded_.get(), plain_size));
    plain_ = ByteSpan(decoded_.get(), plain_size);
  }
  return Status();
}

Status RecordSizes::Next(uint64_t* sizes, size_t n) {
  if (is_only_) {
    sizes[0] = left_;
    left_ = 0;
    return Status();
  }
  ByteSpan plain = plain_;
  uint64_t left = left_;
  for (size_t i = 0; i < n; ++i) {
    if (!TakeVarint64(&plain, &sizes[i])) return Corrupt("fewer record sizes than records");
    if (sizes[i] > left) return Corrupt("record sizes add up to more than the chunk holds");
    left -= sizes[i];
  }
  plain_ = plain;
  left_ = left;
  return Status();
}

Status RecordSizes::Finish() const {
  if (left_ != 0) return Corrupt("record sizes add up to less than the chunk holds");
  if (plain_.size != 0) return Corrupt("more record sizes than records");
  return Status();
}

}  // namespace arrayrecord
