// HighwayHash for every processor.

#include <cstdint>
#include <cstring>

namespace arrayrecord {
namespace {

struct Lanes {
  uint64_t lane[4];

  static Lanes Load(const void* from) {
    Lanes out;
    std::memcpy(out.lane, from, sizeof(out.lane));
    return out;
  }

  static Lanes Of(uint64_t a, uint64_t b, uint64_t c, uint64_t d) { return {{a, b, c, d}}; }

  void Store(uint64_t* to) const { std::memcpy(to, lane, sizeof(lane)); }

  uint64_t First() const { return lane[0]; }

  void Add(const Lanes& other) {
    for (int i = 0; i < 4; ++i) lane[i] += other.lane[i];
  }

  void Xor(const Lanes& other) {
    for (int i = 0; i < 4; ++i) lane[i] ^= other.lane[i];
  }

  // The low half of each lane times the high half of the other's.
  Lanes LowTimesHigh(const Lanes& high) const {
    Lanes out;
    for (int i = 0; i < 4; ++i) out.lane[i] = (lane[i] & 0xffffffff) * (high.lane[i] >> 32);
    return out;
  }

  // The bytes of each pair of lanes in another order: 3 12 2 5 14 1 15 0, 11 4 10 13 9 6 8 7. Bytes
  // that move by the same distance move together.
  Lanes Zip() const {
    Lanes out;
    for (int i = 0; i < 4; i += 2) {
      const uint64_t x = lane[i];
      const uint64_t y = lane[i + 1];
      out.lane[i] = (x & 0xff0000) | (x << 56) | ((x & 0xff00) << 32) |
                    (((x & 0xff0000000000) | (y & 0xff000000000000)) >> 16) |
                    (((x & 0xff000000) | (y & 0xff00000000)) >> 24) | (y >> 56 << 48);
      out.lane[i + 1] = (y & 0xff0000) | (x >> 56 << 56) | ((x >> 48 & 0xff) << 40) |
                        ((y & 0xff) << 48) | ((y & 0xff00) << 24) | (y >> 40 & 0xff) << 24 |
                        (((y & 0xff000000) | (x & 0xff00000000)) >> 24);
    }
    return out;
  }

  // What the last rounds take for a packet: the pairs of lanes change places, as do the halves of
  // each lane.
  Lanes Permute() const {
    Lanes out;
    for (int i = 0; i < 4; ++i) out.lane[i] = (lane[i ^ 2] >> 32) | (lane[i ^ 2] << 32);
    return out;
  }

  // Rotates each half of each lane to the left by 0 < n < 32 bits.
  void RotateHalves(int n) {
    const auto rotate = [n](uint64_t half) {
      const uint32_t x = static_cast<uint32_t>(half);
      return uint64_t{(x << n) | (x >> (32 - n))};
    };
    for (uint64_t& x : lane) x = rotate(x) | rotate(x >> 32) << 32;
  }
};

}  // namespace
}  // namespace arrayrecord

#define HIGHWAY_TARGET
#include "highway_rounds.h"

namespace arrayrecord {

const HighwayImplementation kHighwayPortable = {"portable", [] { return true; }, Mix, FinishHash,
                                                FinishPacket};

}  // namespace arrayrecord
