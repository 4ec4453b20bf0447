// HighwayHash64 (docs/format.md, appendix A), once for each kind of processor, and the choice among
// them. Everybody but tests uses it through hash.h.
#ifndef ARRAYRECORD_HIGHWAY_H_
#define ARRAYRECORD_HIGHWAY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace arrayrecord {

constexpr size_t kHighwayPacketSize = 32;

// What the hash knows of the packets that it has taken.
struct HighwayState {
  alignas(32) uint64_t v0[4];
  alignas(32) uint64_t v1[4];
  alignas(32) uint64_t mul0[4];
  alignas(32) uint64_t mul1[4];
};

constexpr uint64_t SwapHalves(uint64_t x) { return (x >> 32) | (x << 32); }

// The state before the first packet.
constexpr HighwayState HighwayStart(uint64_t key0, uint64_t key1, uint64_t key2, uint64_t key3) {
  constexpr uint64_t mul0[4] = {0xdbe6d5d5fe4cce2f, 0xa4093822299f31d0, 0x13198a2e03707344,
                                0x243f6a8885a308d3};
  constexpr uint64_t mul1[4] = {0x3bd39e10cb0ef593, 0xc0acf169b5f18a8c, 0xbe5466cf34e90c6c,
                                0x452821e638d01377};
  return {{mul0[0] ^ key0, mul0[1] ^ key1, mul0[2] ^ key2, mul0[3] ^ key3},
          {mul1[0] ^ SwapHalves(key0), mul1[1] ^ SwapHalves(key1), mul1[2] ^ SwapHalves(key2),
           mul1[3] ^ SwapHalves(key3)},
          {mul0[0], mul0[1], mul0[2], mul0[3]},
          {mul1[0], mul1[1], mul1[2], mul1[3]}};
}

struct HighwayImplementation {
  const char* name;
  bool (*runs_here)();
  // Takes `n` whole packets.
  void (*mix)(HighwayState* state, const uint8_t* packets, size_t n);
  // The hash of what `state` has taken, followed by `size` bytes.
  uint64_t (*finish)(const HighwayState& state, const uint8_t* data, size_t size);
  // The same for one packet: what is known when it is compiled need not be found out.
  uint64_t (*finish_packet)(const HighwayState& state, const uint8_t* packet);
};

extern const HighwayImplementation kHighwayPortable;
#if !defined(ARRAYRECORD_PORTABLE)
#if defined(__x86_64__)
extern const HighwayImplementation kHighwaySse41;
extern const HighwayImplementation kHighwayAvx2;
#elif defined(__aarch64__)
extern const HighwayImplementation kHighwayNeon;
#endif
#endif

// Those that this build has, the fastest first.
std::vector<const HighwayImplementation*> HighwayImplementations();

// Whether it gives the hashes that the format's documentation has.
bool HighwayIsRight(const HighwayImplementation& implementation);

// The first that runs here and is right, found once. There is one unless the compiler or the
// processor is broken: then the process ends with a message, as what it would write could be read
// by nobody.
const HighwayImplementation& Highway();

}  // namespace arrayrecord

#endif  // ARRAYRECORD_HIGHWAY_H_
