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

}  // namespace

uint64_t Hash(const void* data, size_t size) {
  highwayhash::HHResult64 result;
  highwayhash::InstructionSets::Run<highwayhash::HighwayHash>(kKey, static_cast<const char*>(data),
                                                              size, &result);
  return result;
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
