#include "hash.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

// Every implementation that this machine can run, by name.
std::vector<const HighwayImplementation*> Runnable() {
  std::vector<const HighwayImplementation*> runnable;
  for (const HighwayImplementation* implementation : HighwayImplementations()) {
    if (implementation->runs_here()) runnable.push_back(implementation);
  }
  return runnable;
}

class HighwayTest : public testing::TestWithParam<const HighwayImplementation*> {};

INSTANTIATE_TEST_SUITE_P(, HighwayTest, testing::ValuesIn(Runnable()), [](const auto& info) {
  std::string name = info.param->name;
  name.erase(std::remove(name.begin(), name.end(), '.'), name.end());
  return name;
});

// The published vectors: the first n of the bytes 00 01 02 ... under the key 00 01 ... 1f.
TEST_P(HighwayTest, PublishedVectors) {
  constexpr uint64_t kHashes[] = {
      0x907a56de22c26e53, 0x7eab43aac7cddd78, 0xb8d0569ab0b53d62, 0x5c6befab8a463d80,
      0xf205a46893007eda, 0x2b8a1668e4a94541, 0xbd4ccc325befca6f, 0x4d02ae1738f59482,
      0xe1205108e55f3171, 0x32d2644ec77a1584, 0xf6e10acdb103a90b, 0xc3bbf4615b415c15,
      0x243cc2040063fa9c, 0xa89a58ce65e641ff, 0x24b031a348455a23, 0x40793f86a449f33b,
      0xcfab3489f97eb832, 0x19fe67d2c8c5c0e2, 0x04dd90a69c565cc2, 0x75d9518e2371c504,
      0x38ad9b1141d3dd16, 0x0264432ccd8a70e0, 0xa9db5a6288683390, 0xd7b05492003f028c,
      0x205f615aea59e51e, 0xeee0c89621052884, 0x1bfc1a93a7284f4f, 0x512175b5b70da91d,
      0xf71f8976a0a2c639, 0xae093fef1f84e3e7, 0x22ca92b01161860f, 0x9fc7007ccf035a68,
      0xa0c964d9ecd580fc, 0x2c90f73ca03181fc, 0x185cf84e5691eb9e, 0x4fc1f5ef2752aa9b,
      0xf5b7391a5e0a33eb, 0xb9b84b83b4e96c9c, 0x5e42fe712a5cd9b4, 0xa150f2f90c3f97dc,
      0x7fa522d75e2d637d, 0x181ad0cc0dffd32b, 0x3889ed981e854028, 0xfb4297e8c586ee2d,
      0x6d064a45bb28059c, 0x90563609b3ec860c, 0x7aa4fce94097c666, 0x1326bac06b911e08,
      0xb926168d2b154f34, 0x9919848945b1948d, 0xa2a98fc534825ebe, 0xe9809095213ef0b6,
      0x582e5483707bc0e9, 0x086e9414a88a6af5, 0xee86b98d20f6743d, 0xf89b7ff609b1c0a7,
      0x4c7d9cc19e22c3e8, 0x9a97005024562a6f, 0x5dd41cf423e6ebef, 0xdf13609c0468e227,
      0x6e0da4f64188155a, 0xb755ba4b50d7d4a1, 0x887a3484647479bd, 0xab8eebe9bf2139a0,
      0x75542c5d4cd2a6ff,
  };
  constexpr HighwayState start =
      HighwayStart(0x0706050403020100, 0x0f0e0d0c0b0a0908, 0x1716151413121110, 0x1f1e1d1c1b1a1918);
  std::vector<uint8_t> bytes;
  for (const uint64_t hash : kHashes) {
    EXPECT_EQ(GetParam()->finish(start, bytes.data(), bytes.size()), hash) << bytes.size();
    bytes.push_back(static_cast<uint8_t>(bytes.size()));
  }
  EXPECT_EQ(GetParam()->finish_packet(start, bytes.data()), kHashes[kHighwayPacketSize]);
}

TEST_P(HighwayTest, EqualsThePortableOne) {
  std::mt19937_64 random(1);
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<char>(random()));
  for (int round = 0; round < 20000; ++round) {
    const size_t begin = random() % 500;
    const size_t size = random() % (round % 8 == 0 ? 4000 : 200);
    const uint8_t* data = reinterpret_cast<const uint8_t*>(bytes.data()) + begin;
    const HighwayState start = HighwayStart(random(), random(), random(), random());
    const uint64_t hash = kHighwayPortable.finish(start, data, size);
    ASSERT_EQ(GetParam()->finish(start, data, size), hash) << size;
    ASSERT_EQ(GetParam()->finish_packet(start, data),
              kHighwayPortable.finish(start, data, kHighwayPacketSize));
    // In two parts.
    const size_t packets = random() % (size / kHighwayPacketSize + 1);
    HighwayState state = start;
    GetParam()->mix(&state, data, packets);
    const size_t taken = packets * kHighwayPacketSize;
    ASSERT_EQ(GetParam()->finish(state, data + taken, size - taken), hash) << size;
    ++bytes[random() % bytes.size()];
  }
}

// A byte too many would be one that nobody may read, behind the end of a mapping.
TEST_P(HighwayTest, ReadsNothingBehindTheEnd) {
  for (size_t size = 0; size <= 100; ++size) {
    const std::vector<uint8_t> bytes(size, 7);
    std::vector<uint8_t> longer(bytes);
    longer.resize(size + kHighwayPacketSize, 8);
    // The sanitizer sees what is read behind the first.
    EXPECT_EQ(GetParam()->finish(kHashStart, bytes.data(), size),
              GetParam()->finish(kHashStart, longer.data(), size));
  }
}

TEST_P(HighwayTest, IsRight) { EXPECT_TRUE(HighwayIsRight(*GetParam())); }

// What the check at the start is for: an instruction that does something else.
template <int wrong>
HighwayImplementation Broken() {
  HighwayImplementation broken = kHighwayPortable;
  if (wrong == 0) {
    broken.mix = [](HighwayState* state, const uint8_t* packets, size_t n) {
      kHighwayPortable.mix(state, packets, n);
      state->mul1[3] ^= n;
    };
  } else if (wrong == 1) {
    broken.finish = [](const HighwayState& state, const uint8_t* data, size_t size) {
      // Only one kind of rest, as Google's library of 2020 does it without SSE4.1.
      return kHighwayPortable.finish(state, data, size) ^ (size == 33);
    };
  } else {
    broken.finish_packet = [](const HighwayState& state, const uint8_t* packet) {
      return kHighwayPortable.finish_packet(state, packet) + 1;
    };
  }
  return broken;
}

TEST(HashTest, TheCheckAtTheStartFindsWhatIsBroken) {
  EXPECT_FALSE(HighwayIsRight(Broken<0>()));
  EXPECT_FALSE(HighwayIsRight(Broken<1>()));
  EXPECT_FALSE(HighwayIsRight(Broken<2>()));
}

TEST(HashTest, TheFastestThatRunsIsChosen) { EXPECT_EQ(&Highway(), Runnable().front()); }

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
