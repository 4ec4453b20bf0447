#include "hash.h"

#include <highwayhash/highwayhash_target.h>
#include <highwayhash/instruction_sets.h>

namespace arrayrecord {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "words are copied between memory and file without swapping");

uint64_t Hash(const void* data, size_t size) {
  // "Riegeli/records\n", twice.
  alignas(32) static const highwayhash::HHKey kKey = {0x2f696c6567656952, 0x0a7364726f636572,
                                                      0x2f696c6567656952, 0x0a7364726f636572};
  highwayhash::HHResult64 result;
  highwayhash::InstructionSets::Run<highwayhash::HighwayHash>(kKey, static_cast<const char*>(data),
                                                              size, &result);
  return result;
}

}  // namespace arrayrecord
