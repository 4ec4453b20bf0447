// HighwayHash with AVX2: all lanes in one register.

#if defined(__x86_64__) && !defined(ARRAYRECORD_PORTABLE)

#include <immintrin.h>

#include <cstdint>

#define HIGHWAY_TARGET __attribute__((target("avx2")))

namespace arrayrecord {
namespace {

struct Lanes {
  __m256i all;

  HIGHWAY_TARGET static Lanes Load(const void* from) {
    return {_mm256_loadu_si256(static_cast<const __m256i*>(from))};
  }

  HIGHWAY_TARGET static Lanes Of(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return {_mm256_set_epi64x(static_cast<int64_t>(d), static_cast<int64_t>(c),
                              static_cast<int64_t>(b), static_cast<int64_t>(a))};
  }

  HIGHWAY_TARGET void Store(uint64_t* to) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), all);
  }

  HIGHWAY_TARGET uint64_t First() const {
    return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(all)));
  }

  HIGHWAY_TARGET void Add(const Lanes& other) { all = _mm256_add_epi64(all, other.all); }

  HIGHWAY_TARGET void Xor(const Lanes& other) { all = _mm256_xor_si256(all, other.all); }

  HIGHWAY_TARGET Lanes LowTimesHigh(const Lanes& high) const {
    return {_mm256_mul_epu32(all, _mm256_srli_epi64(high.all, 32))};
  }

  HIGHWAY_TARGET Lanes Zip() const {
    const __m256i order = _mm256_setr_epi8(3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7,  //
                                           3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7);
    return {_mm256_shuffle_epi8(all, order)};
  }

  HIGHWAY_TARGET Lanes Permute() const {
    return {_mm256_permutevar8x32_epi32(all, _mm256_setr_epi32(5, 4, 7, 6, 1, 0, 3, 2))};
  }

  HIGHWAY_TARGET void RotateHalves(int n) {
    all = _mm256_or_si256(_mm256_sll_epi32(all, _mm_cvtsi32_si128(n)),
                          _mm256_srl_epi32(all, _mm_cvtsi32_si128(32 - n)));
  }
};

}  // namespace
}  // namespace arrayrecord

#include "highway_rounds.h"

namespace arrayrecord {

const HighwayImplementation kHighwayAvx2 = {
    "avx2", [] { return __builtin_cpu_supports("avx2") != 0; }, Mix, FinishHash, FinishPacket};

}  // namespace arrayrecord

#endif  // __x86_64__
