// The index of a file in the making. It has an entry for each chunk, of which there may be as many
// as records: they are kept in few bytes, and the footer is made of them piece by piece.
#ifndef ARRAYRECORD_FOOTER_BUILDER_H_
#define ARRAYRECORD_FOOTER_BUILDER_H_

#include <cstdint>
#include <string>

#include "byte_queue.h"
#include "chunk.h"
#include "codec.h"
#include "layout.h"
#include "stream_compressor.h"

namespace arrayrecord {

class FooterBuilder {
 public:
  // `max_size`: what the footer's records may have together.
  FooterBuilder(const Compression& compression, uint64_t group_size, std::string writer_options,
                uint64_t max_size);
  FooterBuilder(const Compression& compression, uint64_t group_size, std::string writer_options)
      : FooterBuilder(compression, group_size, std::move(writer_options),
                      MaxBlockSize(compression.codec)) {}

  // Enters a chunk, further back in the file than all before. AR_RESOURCE_EXHAUSTED if the footer
  // would be larger than the codec can hold.
  Status Add(const FooterEntry& chunk);

  // Notes a gap among the chunks, or before the footer.
  void SetGap(const Gap& gap) { gap_ = gap; }

  // Notes the digest of all chunks, without which the footer has none.
  void SetDigest(uint64_t digest) {
    has_digest_ = true;
    digest_ = digest;
  }

  // The memory that the chunks take so far: mostly 3 to 8 bytes each.
  size_t memory() const { return chunks_.memory(); }

  // Makes the footer chunk: its header, and its data in pieces to be put out one after the other.
  // The chunks are gone then.
  Status Finish(ChunkHeader* header, ByteQueue* data);

 private:
  class Walk;

  std::string Metadata() const;

  const Compression compression_;
  const uint64_t group_size_;
  const std::string writer_options_;
  const uint64_t max_size_;
  Gap gap_ = {0, 0};
  bool has_digest_ = false;
  uint64_t digest_ = 0;
  // Of each chunk two varints: how far it begins after the one before, doubled, and the size of its
  // records. If that many records are not a group, the first one is odd and a third has their
  // number.
  ByteQueue chunks_;
  uint64_t num_chunks_ = 0;
  uint64_t num_records_ = 0;
  uint64_t last_offset_ = 0;
  uint64_t entries_size_ = 0;  // of the footer's records but the first
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_FOOTER_BUILDER_H_
