// Every implementation of HighwayHash against Google's library, which nothing else links. That
// library is wrong on processors without SSE4.1, NEON or VSX, so this runs on none of those.

#include <highwayhash/highwayhash_target.h>
#include <highwayhash/instruction_sets.h>

#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "highway.h"
#include "varint.h"

namespace arrayrecord {
namespace {

TEST(HighwayOracleTest, MillionsOfRandomInputs) {
  std::mt19937_64 random(20201103);
  std::vector<uint8_t> bytes(5000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  size_t compared = 0;
  for (int round = 0; round < 1000000; ++round) {
    alignas(32) const highwayhash::HHKey key = {random(), random(), random(), random()};
    const uint64_t place = random();
    const uint8_t* data = bytes.data() + place % 512;
    const size_t size = (place >> 16) % (round % 16 == 0 ? 4000 : 130);
    highwayhash::HHResult64 expected;
    highwayhash::InstructionSets::Run<highwayhash::HighwayHash>(
        key, reinterpret_cast<const char*>(data), size, &expected);
    const HighwayState start = HighwayStart(key[0], key[1], key[2], key[3]);
    for (const HighwayImplementation* implementation : HighwayImplementations()) {
      if (!implementation->runs_here()) continue;
      ASSERT_EQ(implementation->finish(start, data, size), expected)
          << implementation->name << ", " << size << " bytes";
      ++compared;
    }
    Store64(&bytes[(place >> 32) % (bytes.size() - 8)], random());
  }
  EXPECT_GE(compared, 1000000u);
}

}  // namespace
}  // namespace arrayrecord
