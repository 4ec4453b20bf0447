#include "transpose_encoder.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "state_machine.h"
#include "test_util.h"
#include "transpose_decoder.h"

namespace arrayrecord {
namespace {

std::string Encode(const Records& records, Codec codec = Codec::kNone, uint64_t bucket_size = 256) {
  std::string values, data;
  std::vector<uint64_t> sizes;
  for (const std::string& r : records) {
    values += r;
    sizes.push_back(r.size());
  }
  EXPECT_EQ(AppendTransposedData({codec, 1, 0}, bucket_size, AsBytes(values), sizes.data(),
                                 sizes.size(), &data)
                .message(),
            "");
  return data;
}

void ExpectRoundTrip(const Records& records) {
  uint64_t total = 0;
  for (const std::string& r : records) total += r.size();
  for (Codec codec : {Codec::kNone, Codec::kZstd, Codec::kBrotli, Codec::kSnappy}) {
    for (uint64_t bucket_size : {uint64_t{1}, uint64_t{256}, UINT64_MAX}) {
      TransposedRecords back;
      const std::string data = Encode(records, codec, bucket_size);
      ASSERT_EQ(DecodeTransposed(AsBytes(data), records.size(), total, uint64_t{4} << 30, &back)
                    .message(),
                "");
      uint64_t at = 0;
      for (size_t i = 0; i < records.size(); ++i) {
        ASSERT_EQ(back.sizes[i], records[i].size());
        ASSERT_EQ(std::string(reinterpret_cast<char*>(back.values.data()) + at, back.sizes[i]),
                  records[i])
            << i;
        at += back.sizes[i];
      }
    }
  }
}

// A field: tag and the bytes after it.
std::string Field(uint64_t number, int wire_type, const std::string& value) {
  std::string out;
  AppendVarint64(number << 3 | static_cast<uint64_t>(wire_type), &out);
  return out + value;
}
std::string Varint(uint64_t number, uint64_t value) {
  std::string bytes;
  AppendVarint64(value, &bytes);
  return Field(number, 0, bytes);
}
std::string Bytes(uint64_t number, const std::string& value) {
  std::string length;
  AppendVarint64(value.size(), &length);
  return Field(number, 2, length + value);
}

TEST(TransposeEncoderTest, ExamplesOfTheFormat) {
  EXPECT_EQ(Encode({""}), std::string("\x00\x06\x00\x00\x01\x03\x00\x00", 8));
  EXPECT_EQ(Encode(Records(6)), std::string("\x00\x06\x00\x00\x01\x03\x00\x00\x03\x00", 10));
  const Records six = {std::string("\x08\x05"),
                       std::string("\x08\x01\x12\x02\x68\x69"),
                       "hello",
                       "",
                       std::string("\x08\x96\x01\x1a\x02\x08\x07"),
                       std::string("\x08\x05")};
  const std::string data = Encode(six);
  EXPECT_EQ(data.size(), 63u);
  EXPECT_EQ(data.substr(0, 15),
            std::string("\x00\x2e\x03\x05\x06\x05\x01\x01\x01\x04\x05\x01\x0c\x03\x08", 15));
  EXPECT_EQ(data.substr(60), "\x0d\x08\x04");
}

TEST(TransposeEncoderTest, EveryKindOfField) {
  Records records;
  for (int bits = 0; bits < 64; ++bits) records.push_back(Varint(1, uint64_t{1} << bits));
  for (uint64_t v : {0u, 1u, 2u, 3u, 4u, 127u, 128u}) records.push_back(Varint(2, v));
  records.push_back(Varint(3, UINT64_MAX));
  for (uint64_t number : {1u, 15u, 16u, 2047u, 2048u, 262144u, 33554432u, 536870911u}) {
    records.push_back(Varint(number, 300) + Field(number, 5, "1234") +
                      Field(number, 1, "12345678") + Bytes(number, "a string") + Bytes(number, "") +
                      Bytes(number, Varint(7, 9)) + Field(number, 3, Varint(1, 1)) +
                      Field(number, 4, ""));
  }
  records.push_back(Bytes(5, std::string(100000, 'x')));
  records.push_back(Field(6, 3, Field(6, 4, "")));
  ExpectRoundTrip(records);
}

TEST(TransposeEncoderTest, WhatIsNoMessageIsKeptWhole) {
  ExpectRoundTrip({"text that is no message", std::string(1, '\0'), std::string("\x08"),
                   std::string("\x08\x80\x00", 3), std::string("\x88\x00\x01", 3), "\x0e", "\x0f",
                   Field(1, 3, ""), Field(1, 4, ""), Field(1, 3, Field(2, 4, "")),
                   Field(1, 5, "123"), Field(1, 1, "1234567"), Bytes(1, "x").substr(0, 2),
                   std::string("\x0a\x81\x00x", 4), Varint(1, 5), "", std::string(3, '\xff')});
}

TEST(TransposeEncoderTest, DeepNesting) {
  for (int depth : {1, 99, 100, 101, 150, 1000}) {
    std::string message = Varint(1, 1), groups = Varint(1, 1);
    for (int i = 0; i < depth; ++i) {
      message = Bytes(2, message);
      groups = Field(3, 3, groups + Field(3, 4, ""));
    }
    ExpectRoundTrip({message, groups, message + groups});
  }
}

// Lists of states that need trees of no-ops, of two and three levels.
TEST(TransposeEncoderTest, ManyDistinctFields) {
  for (uint64_t n : {63u, 64u, 65u, 127u, 128u, 129u, 500u, 4200u}) {
    Records records;
    std::string all;
    for (uint64_t i = 1; i <= n; ++i) {
      all += Varint(i, i * 1000);
      if (i % 3 == 0) records.push_back(Varint(i, 77) + Varint(n + 1 - i, 5));
    }
    records.push_back(all);
    records.push_back(all);
    ExpectRoundTrip(records);
  }
}

TEST(TransposeEncoderTest, LongRuns) {
  std::string run;
  for (int i = 0; i < 1000; ++i) run += Varint(1, 1);
  ExpectRoundTrip({run, run + Varint(2, 1) + run, Varint(2, 1)});
}

// Whatever the sequence, the machine visits exactly its events.
TEST(StateMachineTest, VisitsTheEventsBackwards) {
  uint64_t seed = 1;
  auto random = [&seed](uint64_t n) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (seed >> 33) % n;
  };
  for (int round = 0; round < 300; ++round) {
    const uint32_t alphabet = 1 + static_cast<uint32_t>(random(round % 5 == 0 ? 3000 : 40));
    const size_t length = 1 + random(3000);
    std::vector<uint32_t> events;
    std::vector<uint32_t> number(alphabet, UINT32_MAX);
    uint32_t distinct = 0;
    for (size_t i = 0; i < length; ++i) {
      // Small numbers are frequent.
      const uint32_t e = static_cast<uint32_t>(random(7) == 0 ? random(alphabet)
                                                              : random(alphabet) % 5 % alphabet);
      if (number[e] == UINT32_MAX) number[e] = distinct++;
      events.push_back(number[e]);
    }
    const StateMachine m = BuildStateMachine(events, distinct);
    const uint32_t n = static_cast<uint32_t>(m.states.size());
    std::vector<uint32_t> visited;
    uint32_t at = m.first;
    size_t byte = 0;
    uint32_t repeat = 0;
    for (;;) {
      const StateMachine::State& s = m.states[at];
      if (s.event != StateMachine::kNoOp) visited.push_back(s.event);
      ASSERT_LE(visited.size(), events.size());
      if (s.next >= n) {
        at = s.next - n;
      } else if (repeat > 0) {
        --repeat;
        at = s.next;
      } else if (byte == m.transitions.size()) {
        break;
      } else {
        const uint8_t b = static_cast<uint8_t>(m.transitions[byte++]);
        at = s.next + (b >> 2);
        repeat = b & 3;
        ASSERT_LT(at, n);
      }
    }
    ASSERT_EQ(visited, std::vector<uint32_t>(events.rbegin(), events.rend()));
  }
}

}  // namespace
}  // namespace arrayrecord
