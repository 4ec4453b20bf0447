// HighwayHash with NEON, which every 64-bit ARM processor has: two lanes in a register.

#if defined(__aarch64__) && !defined(ARRAYRECORD_PORTABLE)

#include <arm_neon.h>

#include <cstdint>

namespace arrayrecord {
namespace {

struct Lanes {
  uint64x2_t front, back;

  static Lanes Load(const void* from) {
    const uint8_t* bytes = static_cast<const uint8_t*>(from);
    return {vreinterpretq_u64_u8(vld1q_u8(bytes)), vreinterpretq_u64_u8(vld1q_u8(bytes + 16))};
  }

  static Lanes Of(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return {vcombine_u64(vcreate_u64(a), vcreate_u64(b)),
            vcombine_u64(vcreate_u64(c), vcreate_u64(d))};
  }

  void Store(uint64_t* to) const {
    vst1q_u64(to, front);
    vst1q_u64(to + 2, back);
  }

  uint64_t First() const { return vgetq_lane_u64(front, 0); }

  void Add(const Lanes& other) {
    front = vaddq_u64(front, other.front);
    back = vaddq_u64(back, other.back);
  }

  void Xor(const Lanes& other) {
    front = veorq_u64(front, other.front);
    back = veorq_u64(back, other.back);
  }

  Lanes LowTimesHigh(const Lanes& high) const {
    return {vmull_u32(vmovn_u64(front), vshrn_n_u64(high.front, 32)),
            vmull_u32(vmovn_u64(back), vshrn_n_u64(high.back, 32))};
  }

  Lanes Zip() const { return {ZipPair(front), ZipPair(back)}; }

  Lanes Permute() const { return {SwapHalves(back), SwapHalves(front)}; }

  void RotateHalves(int n) {
    front = RotatePair(front, n);
    back = RotatePair(back, n);
  }

 private:
  static uint64x2_t ZipPair(uint64x2_t pair) {
    static const uint8_t kOrder[16] = {3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7};
    return vreinterpretq_u64_u8(vqtbl1q_u8(vreinterpretq_u8_u64(pair), vld1q_u8(kOrder)));
  }

  static uint64x2_t SwapHalves(uint64x2_t pair) {
    return vreinterpretq_u64_u32(vrev64q_u32(vreinterpretq_u32_u64(pair)));
  }

  static uint64x2_t RotatePair(uint64x2_t pair, int n) {
    const uint32x4_t halves = vreinterpretq_u32_u64(pair);
    // A shift to the left by a negative number is one to the right.
    return vreinterpretq_u64_u32(
        vorrq_u32(vshlq_u32(halves, vdupq_n_s32(n)), vshlq_u32(halves, vdupq_n_s32(n - 32))));
  }
};

}  // namespace
}  // namespace arrayrecord

#define HIGHWAY_TARGET
#include "highway_rounds.h"

namespace arrayrecord {

const HighwayImplementation kHighwayNeon = {"neon", [] { return true; }, Mix, FinishHash,
                                            FinishPacket};

}  // namespace arrayrecord

#endif  // __aarch64__
