#include "hash.h"

#include <string>

#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

// The vectors of docs/format.md, appendix A: the first n of the bytes 00 01 02 ...
TEST(HashTest, Vectors) {
  const struct {
    size_t n;
    uint64_t hash;
  } kVectors[] = {{0, 0x72c3b1e9c0139fe1},  {1, 0x2cd57bc47907559d},  {3, 0x3bbb8da470c80319},
                  {4, 0x4d9e82979ab17ce7},  {15, 0x3402cb26fb217163}, {16, 0x3e13be3a4140f4a7},
                  {17, 0xa7084c614077eaca}, {31, 0x4d262a709c34ae7d}, {32, 0xb73f6df550f9dce4},
                  {33, 0xec2f920014eaa741}, {63, 0xbea28b7a087e1493}, {64, 0xe34b1e100f1322af},
                  {100, 0xe809487465a44f74}};
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes.push_back(static_cast<char>(i));
  for (const auto& v : kVectors) EXPECT_EQ(Hash(bytes.data(), v.n), v.hash) << v.n;
  const std::string zeros(65536, '\0');
  EXPECT_EQ(Hash(zeros.data(), zeros.size()), 0xcfe81ce3cb0a59c0);
}

TEST(HashTest, AlignmentDoesNotMatter) {
  std::string buffer(200, 'x');
  const std::string data = "seventy bytes or so, which do not begin where the processor likes it";
  for (size_t shift = 0; shift < 64; ++shift) {
    buffer.replace(shift, data.size(), data);
    EXPECT_EQ(Hash(buffer.data() + shift, data.size()), Hash(data.data(), data.size()));
  }
}

}  // namespace
}  // namespace arrayrecord
