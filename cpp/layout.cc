#include "layout.h"

#include "chunk.h"

namespace arrayrecord {
namespace {

constexpr uint64_t kMagic = 0x71930e704fdae05e;
constexpr uint64_t kVersion = 1;
// A message that only this library has, which others skip (docs/format.md section 6.8).
constexpr uint64_t kOwnFields = 1000;
constexpr uint64_t kGapBegin = 1;
constexpr uint64_t kGapEnd = 2;
constexpr uint64_t kDigest = 3;

enum WireType {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5
};

void AppendVarintField(uint64_t field, uint64_t value, std::string* out) {
  AppendVarint64(field << 3 | kVarint, out);
  AppendVarint64(value, out);
}

void AppendBytesField(uint64_t field, const std::string& value, std::string* out) {
  AppendVarint64(field << 3 | kLengthDelimited, out);
  AppendVarint64(value.size(), out);
  *out += value;
}

// Takes field `number`, below 16, if it comes next with a value below 2^49. Looks at 8 bytes at
// once and without a branch for each, so 8 must be readable: a tag and a varint of up to 7.
inline bool TakeShortField(uint64_t number, const uint8_t** in, uint64_t* value) {
  const uint64_t word = Load64(*in);
  // The highest bit of each byte after the tag that ends a varint.
  const uint64_t ends = ~word & 0x8080808080808000;
  if ((word & 0xff) != (number << 3 | kVarint) || ends == 0) return false;
  *in += __builtin_ctzll(ends) / 8 + 1;
  // The bytes up to the first end, 7 bits of each; then neighbours are joined, to 14, 28, 56 bits.
  uint64_t v = (word & (ends ^ (ends - 1)) & 0x7f7f7f7f7f7f7f00) >> 8;
  v = (v & 0x007f007f007f007f) | (v & 0x7f007f007f007f00) >> 1;
  v = (v & 0x00003fff00003fff) | (v & 0x3fff00003fff0000) >> 2;
  *value = (v & 0x000000000fffffff) | (v & 0x0fffffff00000000) >> 4;
  return true;
}

// The same, faster for values below 128, which most fields but the offset have.
inline bool TakeTinyField(uint64_t number, const uint8_t** in, uint64_t* value) {
  if ((*in)[1] >= 0x80) return TakeShortField(number, in, value);
  if ((*in)[0] != (number << 3 | kVarint)) return false;
  *value = (*in)[1];
  *in += 2;
  return true;
}

// An entry as all known writers put it, the three fields in order. From the record on `readable`
// bytes can be looked at; false for anything unusual, which may still be valid.
inline bool ParseUsualEntry(ByteSpan record, size_t readable, FooterEntry* entry) {
  if (readable < 3 * 8) return false;
  const uint8_t* in = record.data;
  const uint8_t* const end = record.data + record.size;
  return TakeShortField(1, &in, &entry->chunk_offset) &&
         TakeTinyField(2, &in, &entry->decoded_data_size) &&
         TakeTinyField(3, &in, &entry->num_records) && in == end;
}

struct Field {
  uint64_t number = 0;
  uint64_t wire_type = 0;
  uint64_t varint = 0;
  ByteSpan bytes;

  bool IsVarint(uint64_t n) const { return number == n && wire_type == kVarint; }
  bool IsBytes(uint64_t n) const { return number == n && wire_type == kLengthDelimited; }
};

bool TakeField(ByteSpan* in, Field* field, int group_depth);

// Skips fields up to the end of group `number`.
bool SkipGroup(ByteSpan* in, uint64_t number, int depth) {
  constexpr int kMaxDepth = 100;
  if (depth > kMaxDepth) return false;
  for (;;) {
    Field field;
    if (!TakeField(in, &field, depth)) return false;
    if (field.wire_type == kEndGroup) return field.number == number;
  }
}

bool TakeField(ByteSpan* in, Field* field, int group_depth) {
  uint64_t tag = 0, size;
  TakeVarint64(in, &tag);  // or it stays 0, which is no tag
  if (tag > UINT32_MAX || tag >> 3 == 0) return false;
  field->number = tag >> 3;
  field->wire_type = tag & 7;
  switch (field->wire_type) {
    case kVarint:
      return TakeVarint64(in, &field->varint);
    case kLengthDelimited:
      if (!TakeVarint64(in, &size) || size > in->size) return false;
      field->bytes = in->Take(size);
      return true;
    case kFixed64:
    case kFixed32:
      size = field->wire_type == kFixed64 ? 8 : 4;
      if (size > in->size) return false;
      in->Take(size);
      return true;
    case kStartGroup:
      return SkipGroup(in, field->number, group_depth + 1);
    case kEndGroup:
      return group_depth > 0;
    default:
      return false;
  }
}

// Calls use(field) for each field; unknown ones are for `use` to ignore.
template <typename Use>
bool ParseMessage(ByteSpan in, Use use) {
  while (in.size > 0) {
    Field field;
    if (!TakeField(&in, &field, 0)) return false;
    if (!use(field)) return false;
  }
  return true;
}

}  // namespace

std::string FooterMetadata::Serialize() const {
  std::string metadata, out;
  AppendVarintField(1, kVersion, &metadata);
  AppendVarintField(2, num_chunks, &metadata);
  AppendVarintField(3, num_records, &metadata);
  if (has_writer_options) AppendBytesField(4, writer_options, &metadata);
  std::string own;
  if (gap.begin != gap.end) {
    AppendVarintField(kGapBegin, gap.begin, &own);
    AppendVarintField(kGapEnd, gap.end, &own);
  }
  if (has_digest) AppendVarintField(kDigest, digest, &own);
  if (!own.empty()) AppendBytesField(kOwnFields, own, &metadata);
  AppendBytesField(1, metadata, &out);
  return out;
}

Status FooterMetadata::Parse(ByteSpan record) {
  *this = FooterMetadata();
  bool has_metadata = false;
  uint32_t version = 0;
  bool ok = ParseMessage(record, [&](const Field& outer) {
    if (!outer.IsBytes(1)) return true;
    has_metadata = true;
    return ParseMessage(outer.bytes, [&](const Field& f) {
      if (f.IsVarint(1)) version = static_cast<uint32_t>(f.varint);
      if (f.IsVarint(2)) num_chunks = f.varint;
      if (f.IsVarint(3)) num_records = f.varint;
      if (f.IsBytes(4)) {
        has_writer_options = true;
        writer_options.assign(reinterpret_cast<const char*>(f.bytes.data), f.bytes.size);
      }
      if (!f.IsBytes(kOwnFields)) return true;
      return ParseMessage(f.bytes, [&](const Field& own) {
        if (own.IsVarint(kGapBegin)) gap.begin = own.varint;
        if (own.IsVarint(kGapEnd)) gap.end = own.varint;
        if (own.IsVarint(kDigest)) {
          has_digest = true;
          digest = own.varint;
        }
        return true;
      });
    });
  });
  if (!ok) return Corrupt("the first footer record is not a valid message");
  if (!has_metadata) return Corrupt("the footer has no ArrayRecord metadata");
  if (version != kVersion) {
    return Status(AR_UNIMPLEMENTED,
                  "ArrayRecord version " + std::to_string(version) + "; only 1 is known");
  }
  return Status();
}

void FooterEntry::AppendTo(std::string* out) const {
  AppendVarintField(1, chunk_offset, out);
  AppendVarintField(2, decoded_data_size, out);
  AppendVarintField(3, num_records, out);
}

Status FooterEntry::Parse(ByteSpan record) {
  *this = FooterEntry();
  bool has_offset = false;
  bool ok = ParseMessage(record, [&](const Field& f) {
    if (f.IsVarint(1)) {
      chunk_offset = f.varint;
      has_offset = true;
    }
    if (f.IsVarint(2)) decoded_data_size = f.varint;
    if (f.IsVarint(3)) num_records = f.varint;
    return true;
  });
  if (!ok) return Corrupt("index entry is not a valid message");
  if (!has_offset) return Corrupt("index entry without a chunk offset");
  return Status();
}

uint64_t FooterEntry::DigestPart(uint64_t header_hash) const {
  uint8_t bytes[32];
  Store64(bytes, chunk_offset);
  Store64(bytes + 8, decoded_data_size);
  Store64(bytes + 16, num_records);
  Store64(bytes + 24, header_hash);
  return Hash(bytes, sizeof(bytes));
}

Status TakeFooterEntries(const uint64_t* sizes, size_t n, ByteSpan* in, FooterEntry* entries,
                         size_t* parsed) {
  ByteSpan left = *in;
  for (size_t i = 0; i < n; ++i) {
    const size_t readable = left.size;
    const ByteSpan record = left.Take(sizes[i]);
    if (ParseUsualEntry(record, readable, &entries[i])) continue;
    *parsed = i;
    AR_TRY(entries[i].Parse(record));
  }
  *parsed = n;
  *in = left;
  return Status();
}

std::string SerializePostscript(uint64_t footer_offset) {
  std::string out;
  AppendVarintField(1, footer_offset, &out);
  AppendVarintField(2, kMagic, &out);
  return out;
}

Status ParsePostscript(ByteSpan record, uint64_t* footer_offset) {
  bool has_offset = false;
  uint64_t magic = 0;
  bool ok = ParseMessage(record, [&](const Field& f) {
    if (f.IsVarint(1)) {
      *footer_offset = f.varint;
      has_offset = true;
    }
    if (f.IsVarint(2)) magic = f.varint;
    return true;
  });
  if (!ok) return Corrupt("the postscript is not a valid message");
  if (!has_offset) return Corrupt("the postscript has no footer offset");
  if (magic != kMagic) return Corrupt("the postscript has the wrong magic number");
  return Status();
}

std::string Signature() {
  uint8_t bytes[kSignatureEnd];
  BlockHeader block;
  block.next_chunk = kSignatureEnd;
  block.Encode(bytes);
  ChunkHeader header;
  header.type = ChunkType::kSignature;
  header.data_hash = Hash(nullptr, 0);
  header.Encode(bytes + kBlockHeaderSize);
  return std::string(reinterpret_cast<const char*>(bytes), sizeof(bytes));
}

}  // namespace arrayrecord
