#include "transpose_decoder.h"

#include <functional>
#include <string>
#include <vector>

#include "codec.h"
#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

// A chunk by its parts, not compressed, to be varied.
struct Parts {
  std::vector<std::string> buckets;
  std::vector<uint64_t> buffer_sizes;
  std::vector<uint64_t> ids;
  std::vector<uint64_t> next;
  std::vector<uint64_t> subtypes;
  std::vector<uint64_t> buffers;
  uint64_t first = 0;
  std::string transitions;
  uint64_t num_records = 1;
  uint64_t decoded_size = 0;

  std::string Data(Codec codec = Codec::kNone) const {
    std::string header, bucket_blocks;
    AppendVarint64(buckets.size(), &header);
    AppendVarint64(buffer_sizes.size(), &header);
    const Compression compression = {codec, 1, 0};
    for (const std::string& bucket : buckets) {
      std::string block;
      EXPECT_TRUE(Compress(compression, AsBytes(bucket), &block).ok());
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
    std::string data(1, static_cast<char>(codec)), header_block;
    EXPECT_TRUE(Compress(compression, AsBytes(header), &header_block).ok());
    AppendVarint64(header_block.size(), &data);
    data += header_block + bucket_blocks;
    EXPECT_TRUE(Compress(compression, AsBytes(transitions), &data).ok());
    return data;
  }
};

Status Decode(const std::string& data, uint64_t num_records, uint64_t decoded_size,
              Records* records) {
  TransposedRecords decoded;
  AR_TRY(DecodeTransposed(AsBytes(data), num_records, decoded_size, &decoded));
  uint64_t at = 0;
  for (uint64_t size : decoded.sizes) {
    records->emplace_back(reinterpret_cast<const char*>(decoded.values.get()) + at, size);
    at += size;
  }
  EXPECT_EQ(at, decoded_size);
  return Status();
}

Status Decode(const Parts& p, Records* records) {
  return Decode(p.Data(), p.num_records, p.decoded_size, records);
}

// Six records of docs/format.md, section 5.12: messages, text, an empty one.
Parts SixRecords() {
  Parts p;
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

const Records kSixRecords = {std::string("\x08\x05", 2),
                             std::string("\x08\x01\x12\x02\x68\x69", 6),
                             "hello",
                             "",
                             std::string("\x08\x96\x01\x1a\x02\x08\x07", 7),
                             std::string("\x08\x05", 2)};

TEST(TransposeDecoderTest, ExampleOfTheFormat) {
  Records records;
  ASSERT_EQ(Decode(SixRecords(), &records).message(), "");
  EXPECT_EQ(records, kSixRecords);
}

TEST(TransposeDecoderTest, EveryCodec) {
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    Records records;
    ASSERT_EQ(Decode(SixRecords().Data(codec), 6, 22, &records).message(), "");
    EXPECT_EQ(records, kSixRecords);
  }
}

TEST(TransposeDecoderTest, EmptyRecordsNeedNothingButMoves) {
  Parts p;
  p.ids = {3};
  p.next = {0};
  Records records;
  ASSERT_TRUE(Decode(p, &records).ok());
  EXPECT_EQ(records, Records{""});
  p.transitions = std::string("\x03\x00", 2);
  p.num_records = 6;
  records.clear();
  ASSERT_TRUE(Decode(p, &records).ok());
  EXPECT_EQ(records, Records(6));
}

// Each rule of docs/format.md, sections 5.3 to 5.6, broken once.
TEST(TransposeDecoderTest, BrokenRules) {
  const struct {
    const char* what;
    std::function<void(Parts*)> change;
  } kBroken[] = {
      {"too many records claimed", [](Parts* p) { ++p->num_records; }},
      {"too few records claimed", [](Parts* p) { --p->num_records; }},
      {"output too short", [](Parts* p) { ++p->decoded_size; }},
      {"output too long", [](Parts* p) { --p->decoded_size; }},
      {"no output allowed", [](Parts* p) { p->decoded_size = 0; }},
      {"no states",
       [](Parts* p) { p->ids.clear(), p->next.clear(), p->subtypes.clear(), p->buffers.clear(); }},
      {"id 4", [](Parts* p) { p->ids[10] = 4; }},
      {"id 7", [](Parts* p) { p->ids[10] = 7; }},
      {"id 15", [](Parts* p) { p->ids[10] = 15; }},
      {"next out of range", [](Parts* p) { p->next[0] = 24; }},
      {"first out of range", [](Parts* p) { p->first = 12; }},
      {"subtype 138", [](Parts* p) { p->subtypes[1] = 138; }},
      {"too few subtypes", [](Parts* p) { p->subtypes.pop_back(); }},
      {"too many subtypes", [](Parts* p) { p->subtypes.push_back(0); }},
      {"buffer out of range", [](Parts* p) { p->buffers[1] = 5; }},
      {"too few buffers", [](Parts* p) { p->buffers.pop_back(); }},
      {"buffers longer than the bucket", [](Parts* p) { p->buffer_sizes[0] = 9; }},
      {"buffers shorter than the buckets", [](Parts* p) { p->buffer_sizes[4] = 0; }},
      {"no buckets for buffers", [](Parts* p) { p->buckets.clear(); }},
      {"a bucket too many", [](Parts* p) { p->buckets.push_back("x"); }},
      {"value buffer used up", [](Parts* p) { p->subtypes[4] = 3; }},
      {"length beyond the text", [](Parts* p) { p->buckets[2] = "\x06"; }},
      {"submessage without an end", [](Parts* p) { p->ids[3] = 0; }},
      {"submessage without a start", [](Parts* p) { p->ids[10] = 0; }},
      {"move to no state", [](Parts* p) { p->transitions[0] = '\x30'; }},
      {"moves missing", [](Parts* p) { p->transitions.pop_back(); }},
      {"moves left over", [](Parts* p) { p->transitions.push_back('\x00'); }},
      {"implicit circle", [](Parts* p) { p->next[0] = 12, p->next[11] = 12; }},
      {"repeats left over", [](Parts* p) { p->transitions.back() |= 3; }},
  };
  for (const auto& broken : kBroken) {
    Parts p = SixRecords();
    broken.change(&p);
    Records records;
    EXPECT_EQ(Decode(p, &records).code(), AR_DATA_LOSS) << broken.what;
  }
}

TEST(TransposeDecoderTest, EveryTruncation) {
  const std::string data = SixRecords().Data();
  for (size_t n = 0; n < data.size(); ++n) {
    Records records;
    EXPECT_EQ(Decode(data.substr(0, n), 6, 22, &records).code(), AR_DATA_LOSS) << n;
  }
}

// Counts in a header of some bytes that would take gigabytes.
TEST(TransposeDecoderTest, HugeCounts) {
  for (int field = 0; field < 3; ++field) {
    std::string header;
    for (int i = 0; i < 3; ++i) AppendVarint64(i == field ? UINT32_MAX : 0, &header);
    std::string data(1, '\0');
    AppendVarint64(header.size(), &data);
    Records records;
    EXPECT_EQ(Decode(data + header, 1, 0, &records).code(), AR_DATA_LOSS);
  }
}

// Work and memory that grow out of proportion: long chains of states that make nothing, visited
// again and again by transitions that compress to nothing.
TEST(TransposeDecoderTest, ChainsThatMakeNothing) {
  for (uint64_t id : {uint64_t{0}, uint64_t{14}}) {  // no-op, end of a submessage
    Parts p;
    const uint64_t n = 50000;
    for (uint64_t i = 0; i < n; ++i) {
      p.ids.push_back(id);
      p.next.push_back(i + 1 < n ? n + i + 1 : 0);
    }
    p.transitions = std::string(10 << 20, '\x03');
    p.decoded_size = uint64_t{1} << 40;
    Records records;
    EXPECT_EQ(Decode(p.Data(Codec::kZstd), p.num_records, p.decoded_size, &records).code(),
              AR_DATA_LOSS);
  }
}

TEST(TransposeDecoderTest, LargeOutputGrowsAsItComes) {
  // Records of one inlined varint, and the claim of a terabyte.
  Parts p;
  p.ids = {3, 8};
  p.next = {1, 2};
  p.subtypes = {10};
  p.first = 1;
  p.transitions = "\x03";
  p.decoded_size = uint64_t{1} << 40;
  Records records;
  EXPECT_EQ(Decode(p, &records).code(), AR_DATA_LOSS);
}

TEST(TransposeDecoderTest, InAFile) {
  RawFile file;
  file.AddRecords({"before"});
  const Parts p = SixRecords();
  file.AddChunk(ChunkType::kTransposed, p.Data(), p.num_records, p.decoded_size);
  Records back;
  ASSERT_EQ(ReadFile(file.Finish(), &back).message(), "");
  Records want = kSixRecords;
  want.insert(want.begin(), "before");
  EXPECT_EQ(back, want);
}

}  // namespace
}  // namespace arrayrecord
