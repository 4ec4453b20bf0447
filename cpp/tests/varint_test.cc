#include "varint.h"

#include <string>

#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

bool Take(const std::string& bytes, uint64_t* value, size_t* left) {
  ByteSpan in = AsBytes(bytes);
  bool ok = TakeVarint64(&in, value);
  *left = in.size;
  return ok;
}

TEST(VarintTest, RoundTrip) {
  for (int bits = 0; bits <= 64; ++bits) {
    for (int64_t delta : {-1, 0, 1}) {
      const uint64_t v = (bits == 64 ? 0 : uint64_t{1} << bits) + static_cast<uint64_t>(delta);
      std::string bytes;
      AppendVarint64(v, &bytes);
      EXPECT_EQ(bytes.size(), VarintSize(v));
      uint64_t back;
      size_t left;
      ASSERT_TRUE(Take(bytes + "x", &back, &left));
      EXPECT_EQ(back, v);
      EXPECT_EQ(left, 1u);
      EXPECT_FALSE(Take(bytes.substr(0, bytes.size() - 1), &back, &left)) << "cut off";
    }
  }
}

TEST(VarintTest, LongerThanNeededIsAccepted) {
  uint64_t v;
  size_t left;
  EXPECT_TRUE(Take(std::string("\x80\x00", 2), &v, &left));
  EXPECT_EQ(v, 0u);
  EXPECT_TRUE(Take(std::string("\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00", 10), &v, &left));
  EXPECT_EQ(v, 1u);
}

TEST(VarintTest, TooLongOrTooLargeIsRefused) {
  uint64_t v;
  size_t left;
  EXPECT_FALSE(Take("", &v, &left));
  EXPECT_FALSE(Take(std::string(9, '\xff') + "\x02", &v, &left)) << "65 bits";
  EXPECT_FALSE(Take(std::string(10, '\x80') + std::string(1, '\0'), &v, &left)) << "11 bytes";
  EXPECT_TRUE(Take(std::string(9, '\xff') + "\x01", &v, &left));
  EXPECT_EQ(v, UINT64_MAX);
}

}  // namespace
}  // namespace arrayrecord
