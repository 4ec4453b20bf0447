// Transposed chunks made to do harm, and those at the very edge of what is allowed.
#include <functional>
#include <string>

#include "codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test_util.h"
#include "transpose_decoder.h"
#include "transpose_util.h"

namespace arrayrecord {
namespace {

using ::testing::HasSubstr;

// One empty record and no values.
TransposedParts EmptyRecord() {
  TransposedParts p;
  p.AddState(3, 0);
  return p;
}

// One record, field 1 with the varint 5, which is in the only buffer.
TransposedParts OneVarint() {
  TransposedParts p;
  p.AddState(3, 0);
  p.AddState(8, 2 + 0, 0, 0);
  p.first = 1;
  p.buckets = {"\x05"};
  p.buffer_sizes = {1};
  p.decoded_size = 2;
  return p;
}

void ExpectRecords(const TransposedParts& p, const Records& want, Codec codec = Codec::kNone) {
  Records records;
  ASSERT_EQ(DecodeTransposed(p, &records, codec).message(), "");
  EXPECT_EQ(records, want);
}

void ExpectCorrupt(const TransposedParts& p, const char* message, Codec codec = Codec::kNone) {
  Records records;
  const Status status = DecodeTransposed(p, &records, codec);
  EXPECT_EQ(status.code(), AR_DATA_LOSS) << message;
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST(TransposeHostileTest, HeaderLargerThanAnyThatIsNeeded) {
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    // States that nothing leads to do no other harm. A header of one empty record has at most 192
    // bytes: 2 counts, 2 for the number of states, 2 for each state, the first state.
    TransposedParts p = EmptyRecord();
    for (int i = 0; i < 92; ++i) p.AddState(0, 0);
    ExpectRecords(p, {""}, codec);  // 190 bytes
    p.AddState(0, 0);
    ExpectRecords(p, {""}, codec);  // 192 bytes
    p.AddState(0, 0);
    ExpectCorrupt(p, "a block is larger than it can be", codec);
  }
}

TEST(TransposeHostileTest, HeaderThatCompressesTooWell) {
  TransposedParts p;
  p.AddState(3, 0);
  const std::string text(200000, 'x');
  p.buckets = {std::string("\xc0\x9a\x0c") + text};
  p.buffer_sizes = {p.buckets[0].size()};
  p.AddState(10, 0, -1, 0);
  p.first = 1;
  p.decoded_size = 1 + p.buckets[0].size();
  // 3 MiB and 5 MiB of states.
  for (const uint64_t states : {uint64_t{3} << 19, uint64_t{5} << 19}) {
    p.ids.resize(states, 0);
    p.next.resize(states, 0);
    p.next[1] = states;
    if (states < uint64_t{4} << 19) {
      ExpectRecords(p, {"\x0a" + p.buckets[0]}, Codec::kZstd);
    } else {
      ExpectCorrupt(p, "a block is larger than it can be", Codec::kZstd);
    }
  }
}

TEST(TransposeHostileTest, MoreTransitionsThanMoves) {
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    TransposedParts p;
    p.AddState(3, 1);
    p.AddState(0, 1);
    p.transitions = std::string(192, '\0');
    ExpectRecords(p, {""}, codec);
    p.transitions += '\0';
    ExpectCorrupt(p, "a block is larger than it can be", codec);
  }
}

// Values that no record takes would be memory for nothing.
TEST(TransposeHostileTest, BucketsLargerThanTheRecords) {
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    TransposedParts p = OneVarint();
    p.buckets = {"\x05", std::string(11, 'x')};
    p.buffer_sizes = {1, 11};
    ExpectRecords(p, {"\x08\x05"}, codec);
    p.buckets[1] += 'x';
    p.buffer_sizes[1] = 12;
    ExpectCorrupt(p, "a block is larger than it can be", codec);
    p.buckets = {std::string(64 << 20, 'x')};
    p.buffer_sizes = {64 << 20};
    ExpectCorrupt(p, "a block is larger than it can be", codec);
  }
}

TEST(TransposeHostileTest, EmptyBuckets) {
  TransposedParts p = OneVarint();
  p.buckets = {"\x05", "", ""};
  ExpectRecords(p, {"\x08\x05"});
  p.buckets = {"", "\x05"};
  ExpectCorrupt(p, "invalid buckets or buffers");
  p.buffer_sizes = {0, 1};
  p.buffers = {1};
  ExpectRecords(p, {"\x08\x05"});
  p = EmptyRecord();
  p.buckets = {"", "x"};
  ExpectCorrupt(p, "invalid buckets or buffers");
}

TEST(TransposeHostileTest, BytesLeftOver) {
  TransposedParts p = OneVarint();
  p.after_header = std::string(1, '\0');
  ExpectCorrupt(p, "bytes after the header");
  for (Codec codec : {Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    p = OneVarint();
    ExpectRecords(p, {"\x08\x05"}, codec);
    p.after_bucket = "x";
    Records records;
    EXPECT_EQ(DecodeTransposed(p, &records, codec).code(), AR_DATA_LOSS);
  }
}

TEST(TransposeHostileTest, UnknownCompression) {
  std::string data = OneVarint().Data();
  data[0] = 'x';
  Records records;
  EXPECT_EQ(DecodeTransposed(data, 1, 2, &records).code(), AR_UNIMPLEMENTED);
}

TEST(TransposeHostileTest, EveryInvalidState) {
  for (uint64_t id : {4, 5, 6, 7, 15, 23, 0x7fffffff}) {
    TransposedParts p = EmptyRecord();
    p.AddState(id, 0);
    ExpectCorrupt(p, "invalid state");
  }
  for (int subtype = 0; subtype < 256; ++subtype) {
    TransposedParts p = OneVarint();
    p.AddState(8, 0, subtype);
    if (subtype < 10) p.buffers.push_back(0);
    if (subtype < 138) {
      p.next[1] = 3;
      ExpectRecords(p, {"\x08\x05"});
    } else {
      ExpectCorrupt(p, "invalid state machine");
    }
  }
  TransposedParts p = EmptyRecord();
  p.AddState(uint64_t{1} << 32, 0);
  ExpectCorrupt(p, "invalid state machine");
  p = EmptyRecord();
  p.next[0] = uint64_t{1} << 32;
  ExpectCorrupt(p, "invalid state machine");
  p = EmptyRecord();
  p.first = 1;
  ExpectCorrupt(p, "invalid state machine");
}

TEST(TransposeHostileTest, ImplicitCircles) {
  TransposedParts p = EmptyRecord();
  p.AddState(0, 2);
  ExpectRecords(p, {""});
  p.next[1] = 2 + 1;  // to itself, though nothing leads there
  ExpectCorrupt(p, "states that lead in a circle");
  p = EmptyRecord();
  for (uint64_t i = 1; i < 10; ++i) p.AddState(0, 10 + (i == 9 ? 4 : i + 1));
  ExpectCorrupt(p, "states that lead in a circle");
  p.next[6] = 0;
  ExpectRecords(p, {""});
}

TEST(TransposeHostileTest, WrongOrderOfSubmessages) {
  const struct {
    std::vector<uint64_t> ids;  // in the order of decoding
    uint64_t decoded_size;
    const char* message;  // empty if it is valid
  } kOrders[] = {
      {{14, 2, 3}, 2, ""},
      {{14, 22, 2, 2, 3}, 4, ""},
      {{14, 22, 14, 2, 22, 2, 2, 2, 3}, 8, ""},
      {{2, 14, 3}, 2, "a submessage begins that did not end"},
      {{14, 2, 2, 3}, 4, "a submessage begins that did not end"},
      {{14, 3, 2}, 2, "a record begins within a submessage"},
      {{14, 14, 2, 3}, 4, "a record begins within a submessage"},
      {{3, 14, 14, 2}, 4, "a submessage does not begin"},
      {{3, 14, 2}, 2, "bytes before the first record"},
      {{14, 2}, 2, "too few records"},
      {{14, 2, 3, 3}, 2, "too many records"},
  };
  for (const auto& order : kOrders) {
    TransposedParts p;
    const uint64_t n = order.ids.size();
    for (uint64_t i = 0; i < n; ++i) p.AddState(order.ids[i], i + 1 < n ? n + i + 1 : 0);
    p.decoded_size = order.decoded_size;
    if (*order.message != '\0') {
      ExpectCorrupt(p, order.message);
      continue;
    }
    Records records;
    EXPECT_EQ(DecodeTransposed(p, &records).message(), "");
  }
}

TEST(TransposeHostileTest, ValuesThatAreNotThere) {
  const struct {
    uint64_t id;
    int subtype;
    std::string enough, short_of_it;
  } kFields[] = {
      {8, 0, "\x05", ""},
      {8, 9, std::string(10, '\x01'), std::string(9, '\x01')},
      {9, -1, "12345678", "1234567"},
      {13, -1, "1234", "123"},
      {10, -1,
       std::string("\x03"
                   "abc"),
       std::string("\x03"
                   "ab")},
      {10, -1, std::string(1, '\0'), "\x80"},
      {10, -1, std::string("\x81\x80\x80\x80\x00x", 6),
       std::string("\x81\x80\x80\x80\x80\x00x", 7)},
      {10, -1, "\x01x", "\xff\xff\xff\xff\x0f"},
      {1, -1, "\x01x", ""},
  };
  for (const auto& field : kFields) {
    for (bool enough : {true, false}) {
      const std::string& value = enough ? field.enough : field.short_of_it;
      TransposedParts p;
      p.AddState(3, 0);
      p.AddState(field.id, field.id == 1 ? 0 : 2, field.subtype, 0);
      p.first = 1;
      p.buckets = {value};
      p.buffer_sizes = {value.size()};
      // The buffer of values is that of lengths here, too.
      p.decoded_size = field.id == 1 ? value.size() - enough : value.size() + 1;
      Records records;
      const Status status = DecodeTransposed(p, &records);
      if (enough) {
        EXPECT_EQ(status.message(), "") << field.id;
      } else {
        EXPECT_EQ(status.code(), AR_DATA_LOSS);
        EXPECT_THAT(status.message(), HasSubstr("a buffer is too short"));
      }
    }
  }
}

// What sets or keeps bit 7 of a varint's bytes is not the buffer.
TEST(TransposeHostileTest, BitsOfVarints) {
  TransposedParts p;
  p.AddState(3, 0);
  p.AddState(8, 2, 2, 0);
  p.first = 1;
  p.buckets = {"\x01\x82\x83"};
  p.buffer_sizes = {3};
  p.decoded_size = 4;
  ExpectRecords(p, {"\x08\x81\x82\x83"});
}

// Each end of a submessage takes memory, so it is refused when there is no room for the beginnings.
TEST(TransposeHostileTest, OpenSubmessagesWithoutRoom) {
  for (const uint64_t depth : {uint64_t{1000}, uint64_t{3} << 20}) {
    TransposedParts p;
    p.AddState(14, 0);
    p.transitions = std::string(depth / 4, '\x03');
    p.decoded_size = 2 * depth - 2;
    ExpectCorrupt(p, depth == 1000 ? "decodes to more than it should" : "nested too deeply");
  }
}

TEST(TransposeHostileTest, SizesThatOverflow) {
  TransposedParts p = OneVarint();
  p.decoded_size = UINT64_MAX;
  ExpectCorrupt(p, "decodes to less than it should");
  p.num_records = UINT64_MAX;
  ExpectCorrupt(p, "too few records");
  p = OneVarint();
  p.buffer_sizes = {UINT64_MAX, 2};
  ExpectCorrupt(p, "invalid buckets or buffers");
  p.buffer_sizes = {1, UINT64_MAX};
  ExpectCorrupt(p, "invalid buckets or buffers");
}

// All numbers of a chunk, one after the other, as they could be at worst: nothing comes of most.
TEST(TransposeHostileTest, EveryNumberReplaced) {
  const TransposedParts right = SixRecordsTransposed();
  std::vector<uint64_t TransposedParts::*> fields = {
      &TransposedParts::first, &TransposedParts::num_records, &TransposedParts::decoded_size};
  std::vector<std::vector<uint64_t> TransposedParts::*> lists = {
      &TransposedParts::buffer_sizes, &TransposedParts::ids, &TransposedParts::next,
      &TransposedParts::subtypes, &TransposedParts::buffers};
  size_t tried = 0, valid = 0;
  auto try_instead_of = [&](uint64_t* number, const TransposedParts& parts) {
    const uint64_t was = *number;
    for (uint64_t other :
         {uint64_t{0}, was - 1, was + 1, was + 2, 2 * was, uint64_t{127}, uint64_t{1} << 31,
          uint64_t{UINT32_MAX}, uint64_t{1} << 32, UINT64_MAX}) {
      if (other == was) continue;
      *number = other;
      for (Codec codec : {Codec::kNone, Codec::kZstd}) {
        Records records;
        const Status status = DecodeTransposed(parts, &records, codec);
        ++tried;
        valid += status.ok();
        EXPECT_TRUE(status.ok() || status.code() == AR_DATA_LOSS) << status.message();
      }
    }
    *number = was;
  };
  TransposedParts parts = right;
  for (auto field : fields) try_instead_of(&(parts.*field), parts);
  for (auto list : lists) {
    for (uint64_t& number : parts.*list) try_instead_of(&number, parts);
  }
  EXPECT_GT(tried, 600u);
  EXPECT_EQ(valid, 30u) << "such as another order of the same states";
}

// Data that end anywhere, and headers that do, with a byte less or more.
TEST(TransposeHostileTest, PartsOfEveryLength) {
  TransposedParts last = EmptyRecord();  // its header is the last part
  last.AddState(8, 0, 10);
  for (const TransposedParts& parts : {SixRecordsTransposed(), OneVarint(), last}) {
    const std::string data = parts.Data();
    const auto code = [&](const std::string& bytes) {
      Records records;
      return DecodeTransposed(bytes, parts.num_records, parts.decoded_size, &records).code();
    };
    EXPECT_EQ(code(data), AR_OK);
    for (Codec codec : {Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
      const std::string compressed = parts.Data(codec);
      for (size_t n = 0; n < compressed.size(); ++n) {
        EXPECT_EQ(code(compressed.substr(0, n)), AR_DATA_LOSS) << n;
      }
    }
    for (size_t n = 0; n < data.size(); ++n) EXPECT_EQ(code(data.substr(0, n)), AR_DATA_LOSS) << n;
    const size_t size = static_cast<uint8_t>(data[1]);
    ASSERT_LT(size, 127u);
    for (size_t n = 0; n < 128; ++n) {
      std::string other = data.substr(0, 1) + static_cast<char>(n);
      other += data.substr(2, std::min(n, size));
      if (n == size + 1) other += '\0';
      other += data.substr(2 + size);
      EXPECT_EQ(code(other), n == size ? AR_OK : AR_DATA_LOSS) << n;
    }
  }
}

// Records that do not fit, whatever of them it is that does not.
TEST(TransposeHostileTest, ThereIsLessRoomThanRecordsTake) {
  struct Field {
    uint64_t id;
    int subtype;
    std::string value;
  };
  std::vector<TransposedParts> all = {SixRecordsTransposed()};
  for (const Field& field : {Field{8, 2, "\x01\x02\x03"}, Field{8, 15, ""},
                             Field{9, -1, "12345678"}, Field{13, -1, "1234"},
                             Field{10, -1,
                                   "\x03"
                                   "abc"},
                             Field{11, -1, ""}, Field{10, -1, "\x7e" + std::string(126, 'x')}}) {
    for (const bool in_message : {false, true}) {
      TransposedParts p;
      const uint64_t states = in_message ? 4 : 2;
      const int buffer = field.value.empty() ? -1 : 0;
      if (in_message) p.AddState(14, states + 1);
      p.AddState(field.id, states + p.ids.size() + 1, field.subtype, buffer);
      if (in_message) p.AddState(2, states + 3);
      p.AddState(3, 0);
      if (buffer == 0) {
        p.buckets = {field.value};
        p.buffer_sizes = {field.value.size()};
      }
      const uint64_t inner = 1 + (field.subtype > 9 ? 1 : field.value.size());
      p.decoded_size = inner + (in_message ? 1 + VarintSize(inner) : 0);
      all.push_back(p);
    }
  }
  TransposedParts text;
  text.AddState(1, 0, -1, 0);
  text.buckets = {"hello\x05"};
  text.buffer_sizes = {5, 1};
  text.decoded_size = 5;
  all.push_back(text);
  for (size_t i = 0; i < all.size(); ++i) {
    TransposedParts p = all[i];
    const uint64_t whole = p.decoded_size;
    for (uint64_t size = 0; size <= whole + 1; ++size) {
      p.decoded_size = size;
      Records records;
      EXPECT_EQ(DecodeTransposed(p, &records).code(), size == whole ? AR_OK : AR_DATA_LOSS)
          << "chunk " << i << ", " << size << " of " << whole;
    }
  }
}

TEST(TransposeHostileTest, MovesToNoState) {
  TransposedParts p = EmptyRecord();
  for (const int move : {1, 2, 63}) {
    p.transitions = std::string(1, static_cast<char>(move << 2));
    ExpectCorrupt(p, "a move to no state");
  }
}

// What is decompressed on the way counts, too.
TEST(TransposeHostileTest, PartsOverTheLimit) {
  const std::string data = SixRecordsTransposed().Data(Codec::kZstd);
  const auto code = [&](uint64_t max_size) {
    TransposedRecords records;
    return DecodeTransposed(AsBytes(data), 6, 22, max_size, &records).code();
  };
  uint64_t enough = 0;
  while (enough < 1000 && code(enough) == AR_RESOURCE_EXHAUSTED) ++enough;
  EXPECT_EQ(code(enough), AR_OK);
  EXPECT_EQ(enough, 2 + 3 + 5 + 1 + 12 + 12 + 5 + 5 + 1  // the header
                        + 6 + 5 + 1                      // buckets
                        + 3);                            // transitions
}

// No memory is made room for on the word of a few bytes.
TEST(TransposeHostileTest, BucketThatClaimsTerabytes) {
  constexpr uint64_t kSize = uint64_t{1} << 43;
  std::string bucket, header, data = "z";
  AppendVarint64(kSize, &bucket);
  bucket += "no stream";
  for (uint64_t number : {uint64_t{1}, uint64_t{1}, uint64_t{bucket.size()}, kSize, uint64_t{1},
                          uint64_t{3}, uint64_t{0}, uint64_t{0}}) {
    AppendVarint64(number, &header);
  }
  std::string block;
  ASSERT_TRUE(Compress({Codec::kZstd, 1, 0}, AsBytes(header), &block).ok());
  AppendVarint64(block.size(), &data);
  data += block + bucket;
  TransposedRecords records;
  EXPECT_EQ(DecodeTransposed(AsBytes(data), 1, kSize, 2 * kSize, &records).code(), AR_DATA_LOSS);
}

// Numbers that are none, where 0 would be right.
TEST(TransposeHostileTest, NumbersOfMoreThan32Bits) {
  const std::string data = EmptyRecord().Data(), number = "\x80\x80\x80\x80\x10";
  ASSERT_EQ(data, std::string("\0\x06\0\0\x01\x03\0\0", 8));
  for (size_t at : {2u, 3u, 6u, 7u}) {
    std::string bad = data.substr(0, at) + number + data.substr(at + 1);
    bad[1] = static_cast<char>(bad.size() - 2);
    Records records;
    EXPECT_EQ(DecodeTransposed(bad, 1, 0, &records).code(), AR_DATA_LOSS) << at;
  }
}

}  // namespace
}  // namespace arrayrecord
