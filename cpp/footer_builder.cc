#include "footer_builder.h"

#include <utility>
#include <vector>

#include "hash.h"

namespace arrayrecord {
namespace {

// Of what compressors are given at a time.
constexpr size_t kPiece = 64 << 10;
// What the footer's first record has besides the writer's options, at most.
constexpr uint64_t kMaxFirst = 128;

}  // namespace

// The chunks in order, as the footer has them.
class FooterBuilder::Walk {
 public:
  // `consume`: gives up the memory of chunks that it has passed.
  Walk(FooterBuilder* builder, bool consume) : builder_(builder), consume_(consume) {}

  bool Next(FooterEntry* entry) {
    while (left_.size == 0) {
      ByteQueue& chunks = builder_->chunks_;
      if (consume_ && piece_ > 0) {
        chunks.PopPiece();
        --piece_;
      }
      if (piece_ == chunks.num_pieces()) return false;
      left_ = chunks.piece(piece_++);
    }
    uint64_t distance = 0;
    TakeVarint64(&left_, &distance);
    TakeVarint64(&left_, &entry->decoded_data_size);
    entry->num_records = builder_->group_size_;
    if (distance % 2 != 0) TakeVarint64(&left_, &entry->num_records);
    offset_ += distance / 2;
    entry->chunk_offset = offset_;
    return true;
  }

 private:
  FooterBuilder* const builder_;
  const bool consume_;
  size_t piece_ = 0;  // the next one
  ByteSpan left_;     // of the one before
  uint64_t offset_ = 0;
};

FooterBuilder::FooterBuilder(const Compression& compression, uint64_t group_size,
                             std::string writer_options, uint64_t max_size)
    : compression_(compression),
      group_size_(group_size),
      writer_options_(std::move(writer_options)),
      max_size_(max_size) {}

Status FooterBuilder::Add(const FooterEntry& chunk) {
  const uint64_t entries_size = entries_size_ + chunk.Size();
  const uint64_t first_size = kMaxFirst + writer_options_.size();
  if (max_size_ < first_size || entries_size > max_size_ - first_size) {
    return Status(AR_RESOURCE_EXHAUSTED,
                  "the index would be larger than " + std::to_string(max_size_) +
                      " bytes, which is all that the codec can compress; the file has " +
                      std::to_string(num_chunks_) + " chunks (another codec, or larger groups)");
  }
  const bool is_group = chunk.num_records == group_size_;
  uint8_t bytes[3 * kMaxVarint64];
  size_t n = PutVarint64((chunk.chunk_offset - last_offset_) << 1 | (is_group ? 0 : 1), bytes);
  n += PutVarint64(chunk.decoded_data_size, bytes + n);
  if (!is_group) n += PutVarint64(chunk.num_records, bytes + n);
  chunks_.AppendWhole(bytes, n);
  last_offset_ = chunk.chunk_offset;
  entries_size_ = entries_size;
  num_records_ += chunk.num_records;
  ++num_chunks_;
  return Status();
}

std::string FooterBuilder::Metadata() const {
  FooterMetadata metadata;
  metadata.num_chunks = num_chunks_;
  metadata.num_records = num_records_;
  metadata.has_writer_options = true;
  metadata.writer_options = writer_options_;
  metadata.gap = gap_;
  metadata.has_digest = has_digest_;
  metadata.digest = digest_;
  return metadata.Serialize();
}

Status FooterBuilder::Finish(ChunkHeader* header, ByteQueue* data) {
  const std::string first = Metadata();
  const uint64_t values_size = first.size() + entries_size_;
  std::string piece;
  FooterEntry entry;

  // No entry is so long that its size takes two bytes.
  const uint64_t sizes_size = VarintSize(first.size()) + num_chunks_;
  ByteQueue sizes;
  bool begun = false;
  Walk for_sizes(this, false);
  AR_TRY(CompressStream(
      compression_, sizes_size,
      [&] {
        piece.clear();
        if (!std::exchange(begun, true)) AppendVarint64(first.size(), &piece);
        while (piece.size() < kPiece && for_sizes.Next(&entry))
          AppendVarint64(entry.Size(), &piece);
        return AsBytes(piece);
      },
      &sizes));

  std::string prefix(1, static_cast<char>(compression_.codec));
  AppendVarint64(sizes.size(), &prefix);
  data->Append(AsBytes(prefix).data, prefix.size());
  for (; sizes.num_pieces() > 0; sizes.PopPiece()) {
    data->Append(sizes.piece(0).data, sizes.piece(0).size);
  }

  begun = false;
  Walk for_values(this, true);
  AR_TRY(CompressStream(
      compression_, values_size,
      [&] {
        piece.clear();
        if (!std::exchange(begun, true)) piece = first;
        while (piece.size() < kPiece && for_values.Next(&entry)) entry.AppendTo(&piece);
        return AsBytes(piece);
      },
      data));

  header->type = ChunkType::kSimple;
  header->num_records = num_chunks_ + 1;
  header->decoded_data_size = values_size;
  header->data_size = data->size();
  std::vector<ByteSpan> pieces(data->num_pieces());
  for (size_t i = 0; i < pieces.size(); ++i) pieces[i] = data->piece(i);
  header->data_hash = HashPieces(pieces.data(), pieces.size());
  return Status();
}

}  // namespace arrayrecord
