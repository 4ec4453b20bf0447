// HighwayHash with SSE4.1: two lanes in a register.

#if defined(__x86_64__) && !defined(ARRAYRECORD_PORTABLE)

#include <smmintrin.h>

#include <cstdint>

#define HIGHWAY_TARGET __attribute__((target("sse4.1")))

namespace arrayrecord {
namespace {

struct Lanes {
  __m128i front, back;

  HIGHWAY_TARGET static Lanes Load(const void* from) {
    const __m128i* pairs = static_cast<const __m128i*>(from);
    return {_mm_loadu_si128(pairs), _mm_loadu_si128(pairs + 1)};
  }

  HIGHWAY_TARGET static Lanes Of(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return {_mm_set_epi64x(static_cast<int64_t>(b), static_cast<int64_t>(a)),
            _mm_set_epi64x(static_cast<int64_t>(d), static_cast<int64_t>(c))};
  }

  HIGHWAY_TARGET void Store(uint64_t* to) const {
    __m128i* pairs = reinterpret_cast<__m128i*>(to);
    _mm_storeu_si128(pairs, front);
    _mm_storeu_si128(pairs + 1, back);
  }

  HIGHWAY_TARGET uint64_t First() const { return static_cast<uint64_t>(_mm_cvtsi128_si64(front)); }

  HIGHWAY_TARGET void Add(const Lanes& other) {
    front = _mm_add_epi64(front, other.front);
    back = _mm_add_epi64(back, other.back);
  }

  HIGHWAY_TARGET void Xor(const Lanes& other) {
    front = _mm_xor_si128(front, other.front);
    back = _mm_xor_si128(back, other.back);
  }

  HIGHWAY_TARGET Lanes LowTimesHigh(const Lanes& high) const {
    return {_mm_mul_epu32(front, _mm_srli_epi64(high.front, 32)),
            _mm_mul_epu32(back, _mm_srli_epi64(high.back, 32))};
  }

  HIGHWAY_TARGET Lanes Zip() const {
    const __m128i order = _mm_setr_epi8(3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7);
    return {_mm_shuffle_epi8(front, order), _mm_shuffle_epi8(back, order)};
  }

  HIGHWAY_TARGET Lanes Permute() const {
    return {_mm_shuffle_epi32(back, _MM_SHUFFLE(2, 3, 0, 1)),
            _mm_shuffle_epi32(front, _MM_SHUFFLE(2, 3, 0, 1))};
  }

  HIGHWAY_TARGET void RotateHalves(int n) {
    const __m128i left = _mm_cvtsi32_si128(n);
    const __m128i right = _mm_cvtsi32_si128(32 - n);
    front = _mm_or_si128(_mm_sll_epi32(front, left), _mm_srl_epi32(front, right));
    back = _mm_or_si128(_mm_sll_epi32(back, left), _mm_srl_epi32(back, right));
  }
};

}  // namespace
}  // namespace arrayrecord

#include "highway_rounds.h"

namespace arrayrecord {

const HighwayImplementation kHighwaySse41 = {
    "sse4.1", [] { return __builtin_cpu_supports("sse4.1") != 0; }, Mix, FinishHash, FinishPacket};

}  // namespace arrayrecord

#endif  // __x86_64__
