#include "highway.h"

#include <cstdio>
#include <cstdlib>

#include "hash.h"

namespace arrayrecord {

std::vector<const HighwayImplementation*> HighwayImplementations() {
  return {
#if !defined(ARRAYRECORD_PORTABLE)
#if defined(__x86_64__)
    &kHighwayAvx2, &kHighwaySse41,
#elif defined(__aarch64__)
    &kHighwayNeon,
#endif
#endif
        &kHighwayPortable,
  };
}

bool HighwayIsRight(const HighwayImplementation& implementation) {
  // Of docs/format.md, appendix A: whole packets, and rests of each kind.
  static const struct {
    size_t size;
    uint64_t hash;
  } kVectors[] = {{0, 0x72c3b1e9c0139fe1},  {3, 0x3bbb8da470c80319},  {15, 0x3402cb26fb217163},
                  {17, 0xa7084c614077eaca}, {32, 0xb73f6df550f9dce4}, {33, 0xec2f920014eaa741},
                  {63, 0xbea28b7a087e1493}, {64, 0xe34b1e100f1322af}, {100, 0xe809487465a44f74}};
  uint8_t bytes[100];
  for (uint8_t i = 0; i < sizeof(bytes); ++i) bytes[i] = i;
  for (const auto& vector : kVectors) {
    if (implementation.finish(kHashStart, bytes, vector.size) != vector.hash) return false;
    if (vector.size == kHighwayPacketSize &&
        implementation.finish_packet(kHashStart, bytes) != vector.hash) {
      return false;
    }
    HighwayState state = kHashStart;
    const size_t packets = vector.size / kHighwayPacketSize;
    implementation.mix(&state, bytes, packets);
    const size_t taken = packets * kHighwayPacketSize;
    if (implementation.finish(state, bytes + taken, vector.size - taken) != vector.hash) {
      return false;
    }
  }
  return true;
}

const HighwayImplementation& Highway() {
  static const HighwayImplementation& chosen = []() -> const HighwayImplementation& {
    for (const HighwayImplementation* implementation : HighwayImplementations()) {
      if (implementation->runs_here() && HighwayIsRight(*implementation)) return *implementation;
    }
    std::fputs("arrayrecord: HighwayHash gives wrong results on this machine\n", stderr);
    std::abort();
  }();
  return chosen;
}

}  // namespace arrayrecord
