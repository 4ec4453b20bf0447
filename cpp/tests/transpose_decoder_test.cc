#include <functional>
#include <string>
#include <vector>

#include "codec.h"
#include "gtest/gtest.h"
#include "test_util.h"
#include "transpose_util.h"

namespace arrayrecord {
namespace {

TEST(TransposeDecoderTest, ExampleOfTheFormat) {
  Records records;
  ASSERT_EQ(DecodeTransposed(SixRecordsTransposed(), &records).message(), "");
  EXPECT_EQ(records, SixRecords());
}

TEST(TransposeDecoderTest, EveryCodec) {
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    Records records;
    ASSERT_EQ(DecodeTransposed(SixRecordsTransposed().Data(codec), 6, 22, &records).message(), "");
    EXPECT_EQ(records, SixRecords());
  }
}

TEST(TransposeDecoderTest, EmptyRecordsNeedNothingButMoves) {
  TransposedParts p;
  p.ids = {3};
  p.next = {0};
  Records records;
  ASSERT_TRUE(DecodeTransposed(p, &records).ok());
  EXPECT_EQ(records, Records{""});
  p.transitions = std::string("\x03\x00", 2);
  p.num_records = 6;
  records.clear();
  ASSERT_TRUE(DecodeTransposed(p, &records).ok());
  EXPECT_EQ(records, Records(6));
}

// Each rule of docs/format.md, sections 5.3 to 5.6, broken once.
TEST(TransposeDecoderTest, BrokenRules) {
  const struct {
    const char* what;
    std::function<void(TransposedParts*)> change;
  } kBroken[] = {
      {"too many records claimed", [](TransposedParts* p) { ++p->num_records; }},
      {"too few records claimed", [](TransposedParts* p) { --p->num_records; }},
      {"output too short", [](TransposedParts* p) { ++p->decoded_size; }},
      {"output too long", [](TransposedParts* p) { --p->decoded_size; }},
      {"no output allowed", [](TransposedParts* p) { p->decoded_size = 0; }},
      {"no states",
       [](TransposedParts* p) {
         p->ids.clear(), p->next.clear(), p->subtypes.clear(), p->buffers.clear();
       }},
      {"id 4", [](TransposedParts* p) { p->ids[10] = 4; }},
      {"id 7", [](TransposedParts* p) { p->ids[10] = 7; }},
      {"id 15", [](TransposedParts* p) { p->ids[10] = 15; }},
      {"next out of range", [](TransposedParts* p) { p->next[0] = 24; }},
      {"first out of range", [](TransposedParts* p) { p->first = 12; }},
      {"subtype 138", [](TransposedParts* p) { p->subtypes[1] = 138; }},
      {"too few subtypes", [](TransposedParts* p) { p->subtypes.pop_back(); }},
      {"too many subtypes", [](TransposedParts* p) { p->subtypes.push_back(0); }},
      {"buffer out of range", [](TransposedParts* p) { p->buffers[1] = 5; }},
      {"too few buffers", [](TransposedParts* p) { p->buffers.pop_back(); }},
      {"buffers longer than the bucket", [](TransposedParts* p) { p->buffer_sizes[0] = 9; }},
      {"buffers shorter than the buckets", [](TransposedParts* p) { p->buffer_sizes[4] = 0; }},
      {"no buckets for buffers", [](TransposedParts* p) { p->buckets.clear(); }},
      {"a bucket too many", [](TransposedParts* p) { p->buckets.push_back("x"); }},
      {"value buffer used up", [](TransposedParts* p) { p->subtypes[4] = 3; }},
      {"length beyond the text", [](TransposedParts* p) { p->buckets[2] = "\x06"; }},
      {"submessage without an end", [](TransposedParts* p) { p->ids[3] = 0; }},
      {"submessage without a start", [](TransposedParts* p) { p->ids[10] = 0; }},
      {"move to no state", [](TransposedParts* p) { p->transitions[0] = '\x30'; }},
      {"moves missing", [](TransposedParts* p) { p->transitions.pop_back(); }},
      {"moves left over", [](TransposedParts* p) { p->transitions.push_back('\x00'); }},
      {"implicit circle", [](TransposedParts* p) { p->next[0] = 12, p->next[11] = 12; }},
      {"repeats left over", [](TransposedParts* p) { p->transitions.back() |= 3; }},
  };
  for (const auto& broken : kBroken) {
    TransposedParts p = SixRecordsTransposed();
    broken.change(&p);
    Records records;
    EXPECT_EQ(DecodeTransposed(p, &records).code(), AR_DATA_LOSS) << broken.what;
  }
}

TEST(TransposeDecoderTest, EveryTruncation) {
  const std::string data = SixRecordsTransposed().Data();
  for (size_t n = 0; n < data.size(); ++n) {
    Records records;
    EXPECT_EQ(DecodeTransposed(data.substr(0, n), 6, 22, &records).code(), AR_DATA_LOSS) << n;
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
    EXPECT_EQ(DecodeTransposed(data + header, 1, 0, &records).code(), AR_DATA_LOSS);
  }
}

// Work and memory that grow out of proportion: long chains of states that make nothing, visited
// again and again by transitions that compress to nothing.
TEST(TransposeDecoderTest, ChainsThatMakeNothing) {
  for (uint64_t id : {uint64_t{0}, uint64_t{14}}) {  // no-op, end of a submessage
    TransposedParts p;
    const uint64_t n = 50000;
    for (uint64_t i = 0; i < n; ++i) {
      p.ids.push_back(id);
      p.next.push_back(i + 1 < n ? n + i + 1 : 0);
    }
    p.transitions = std::string(10 << 20, '\x03');
    p.decoded_size = uint64_t{1} << 40;
    Records records;
    EXPECT_EQ(
        DecodeTransposed(p.Data(Codec::kZstd), p.num_records, p.decoded_size, &records).code(),
        AR_DATA_LOSS);
  }
}

TEST(TransposeDecoderTest, LargeOutputGrowsAsItComes) {
  // Records of one inlined varint, and the claim of a terabyte.
  TransposedParts p;
  p.ids = {3, 8};
  p.next = {1, 2};
  p.subtypes = {10};
  p.first = 1;
  p.transitions = "\x03";
  p.decoded_size = uint64_t{1} << 40;
  Records records;
  EXPECT_EQ(DecodeTransposed(p, &records).code(), AR_DATA_LOSS);
}

TEST(TransposeDecoderTest, InAFile) {
  RawFile file;
  file.AddRecords({"before"});
  const TransposedParts p = SixRecordsTransposed();
  file.AddChunk(ChunkType::kTransposed, p.Data(), p.num_records, p.decoded_size);
  Records back;
  ASSERT_EQ(ReadFile(file.Finish(), &back).message(), "");
  Records want = SixRecords();
  want.insert(want.begin(), "before");
  EXPECT_EQ(back, want);
}

}  // namespace
}  // namespace arrayrecord
