#include "hash.h"

#include <highwayhash/highwayhash_target.h>
#include <highwayhash/instruction_sets.h>

#include <vector>

namespace arrayrecord {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "words are copied between memory and file without swapping");

namespace {

// "Riegeli/records\n", twice.
alignas(32) const highwayhash::HHKey kKey = {0x2f696c6567656952, 0x0a7364726f636572,
                                             0x2f696c6567656952, 0x0a7364726f636572};

using HashFunction = uint64_t (*)(const void* data, size_t size);

template <highwayhash::TargetBits Target>
uint64_t HashFor(const void* data, size_t size) {
  highwayhash::HHResult64 result;
  highwayhash::HighwayHash<Target>()(kKey, static_cast<const char*>(data), size, &result);
  return result;
}

template <highwayhash::TargetBits Target>
struct Choose {
  void operator()(HashFunction* function) const { *function = HashFor<Target>; }
};

}  // namespace

uint64_t Hash(const void* data, size_t size) {
  // Asking what the processor can do takes as long as hashing a small chunk's header.
  static const HashFunction function = [] {
    HashFunction chosen;
    highwayhash::InstructionSets::Run<Choose>(&chosen);
    return chosen;
  }();
  return function(data, size);
}

uint64_t HashPieces(const ByteSpan* pieces, size_t n) {
  std::vector<highwayhash::StringView> views(n);
  for (size_t i = 0; i < n; ++i) {
    views[i] = {reinterpret_cast<const char*>(pieces[i].data), pieces[i].size};
  }
  highwayhash::HHResult64 result;
  highwayhash::InstructionSets::Run<highwayhash::HighwayHashCat>(kKey, views.data(), n, &result);
  return result;
}

}  // namespace arrayrecord
