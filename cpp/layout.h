// The ends of an ArrayRecord file: the footer (an index of the data chunks) and the postscript that
// says where the footer is (docs/format.md section 6). Their records are protobuf messages, small
// and fixed enough to be read and written by hand.
//
//   64                F = footer offset        S - 64 KiB          S = file size
//   +-- data chunks --+-- footer + padding ----+-- postscript -----+
#ifndef ARRAYRECORD_LAYOUT_H_
#define ARRAYRECORD_LAYOUT_H_

#include <cstdint>
#include <string>

#include "status.h"
#include "varint.h"

namespace arrayrecord {

constexpr uint64_t kTailSize = AR_TAIL_SIZE;
constexpr uint64_t kMinFileSize = 2 * kTailSize;

// Bytes among the chunks of a file that are no part of it. One that has no bytes is none.
struct Gap {
  uint64_t begin, end;
};

// First record of the footer chunk.
struct FooterMetadata {
  uint64_t num_chunks = 0;
  uint64_t num_records = 0;
  bool has_writer_options = false;
  std::string writer_options;
  Gap gap = {0, 0};
  // Tells which chunks the file has, and where: the sum of what each adds, so that a chunk can be
  // taken out again.
  bool has_digest = false;
  uint64_t digest = 0;

  std::string Serialize() const;
  Status Parse(ByteSpan record);
};

// One further record of the footer chunk for each data chunk.
struct FooterEntry {
  uint64_t chunk_offset = 0;
  uint64_t decoded_data_size = 0;
  uint64_t num_records = 0;

  void AppendTo(std::string* out) const;
  // How many bytes AppendTo appends.
  size_t Size() const {
    return 3 + VarintSize(chunk_offset) + VarintSize(decoded_data_size) + VarintSize(num_records);
  }
  Status Parse(ByteSpan record);
  // What the chunk adds to the digest of the file; `header_hash` is that of its header.
  uint64_t DigestPart(uint64_t header_hash) const;
};

// Parses the next `n` entries, for less than one at a time: records of the given sizes, which `in`
// has, are taken off its front. Stops at the first that is invalid, with `*parsed` good ones
// before.
Status TakeFooterEntries(const uint64_t* sizes, size_t n, ByteSpan* in, FooterEntry* entries,
                         size_t* parsed);

std::string SerializePostscript(uint64_t footer_offset);
Status ParsePostscript(ByteSpan record, uint64_t* footer_offset);

// The 64 bytes at the beginning of every file.
std::string Signature();

}  // namespace arrayrecord

#endif  // ARRAYRECORD_LAYOUT_H_
