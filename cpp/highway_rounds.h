// The rounds of HighwayHash on a type `Lanes` of four 64-bit numbers. No header of its own: each
// implementation includes it once, after it has defined Lanes and HIGHWAY_TARGET, the attribute
// that all functions with such instructions need.

#include "highway.h"
#include "varint.h"

#define HIGHWAY_INLINE HIGHWAY_TARGET __attribute__((always_inline)) inline

namespace arrayrecord {
namespace {

struct Rounds {
  Lanes v0, v1, mul0, mul1;

  HIGHWAY_INLINE explicit Rounds(const HighwayState& state)
      : v0(Lanes::Load(state.v0)),
        v1(Lanes::Load(state.v1)),
        mul0(Lanes::Load(state.mul0)),
        mul1(Lanes::Load(state.mul1)) {}

  HIGHWAY_INLINE void Store(HighwayState* state) const {
    v0.Store(state->v0);
    v1.Store(state->v1);
    mul0.Store(state->mul0);
    mul1.Store(state->mul1);
  }

  HIGHWAY_INLINE void Update(const Lanes& packet) {
    Lanes sum = mul0;
    sum.Add(packet);
    v1.Add(sum);
    mul0.Xor(v1.LowTimesHigh(v0));
    v0.Add(mul1);
    mul1.Xor(v0.LowTimesHigh(v1));
    v0.Add(v1.Zip());
    v1.Add(v0.Zip());
  }

  HIGHWAY_INLINE void UpdateAll(const uint8_t* packets, size_t n) {
    for (size_t i = 0; i < n; ++i) Update(Lanes::Load(packets + i * kHighwayPacketSize));
  }

  // The last bytes, fewer than a packet's.
  HIGHWAY_INLINE void UpdateRest(const uint8_t* rest, size_t size) {
    const uint64_t both = (uint64_t{size} << 32) + size;
    v0.Add(Lanes::Of(both, both, both, both));
    v1.RotateHalves(static_cast<int>(size));
    // Put together in registers: the processor would have to wait for pieces in memory.
    uint64_t packet[4] = {};
    if (size >= 16) {
      packet[0] = Load64(rest);
      packet[1] = Load64(rest + 8);
      packet[2] = size >= 24 ? Load64(rest + 16) : size >= 20 ? Load32(rest + 16) : 0;
      packet[3] = (size >= 28 ? Load32(rest + 24) : 0) | Load32(rest + size - 4) << 32;
    } else {
      packet[0] = size >= 8 ? Load64(rest) : size >= 4 ? Load32(rest) : 0;
      packet[1] = size >= 12 ? Load32(rest + 8) : 0;
      const size_t words = size & ~size_t{3};
      const size_t odd = size - words;
      if (odd > 0) {
        packet[2] = uint64_t{rest[words]} | uint64_t{rest[words + odd / 2]} << 8 |
                    uint64_t{rest[size - 1]} << 16;
      }
    }
    Update(Lanes::Of(packet[0], packet[1], packet[2], packet[3]));
  }

  HIGHWAY_INLINE uint64_t Finish() {
    for (int i = 0; i < 4; ++i) Update(v0.Permute());
    v0.Add(mul0);
    v1.Add(mul1);
    v0.Add(v1);
    return v0.First();
  }
};

HIGHWAY_TARGET void Mix(HighwayState* state, const uint8_t* packets, size_t n) {
  Rounds rounds(*state);
  rounds.UpdateAll(packets, n);
  rounds.Store(state);
}

HIGHWAY_TARGET uint64_t FinishHash(const HighwayState& state, const uint8_t* data, size_t size) {
  Rounds rounds(state);
  const size_t n = size / kHighwayPacketSize;
  rounds.UpdateAll(data, n);
  const size_t rest = size % kHighwayPacketSize;
  if (rest > 0) rounds.UpdateRest(data + n * kHighwayPacketSize, rest);
  return rounds.Finish();
}

HIGHWAY_TARGET uint64_t FinishPacket(const HighwayState& state, const uint8_t* packet) {
  Rounds rounds(state);
  rounds.Update(Lanes::Load(packet));
  return rounds.Finish();
}

}  // namespace
}  // namespace arrayrecord
