// The messages of footer and postscript.
#include <cstddef>
#include <cstdint>
#include <string>

#include "layout.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  const ByteSpan bytes(data, size);
  uint64_t footer_offset;
  (void)ParsePostscript(bytes, &footer_offset);
  FooterMetadata metadata, again;
  if (metadata.Parse(bytes).ok()) {
    const std::string written = metadata.Serialize();
    if (!again.Parse(AsBytes(written)).ok() || again.Serialize() != written) __builtin_trap();
  }
  FooterEntry entry;
  if (entry.Parse(bytes).ok()) {
    std::string written;
    entry.AppendTo(&written);
    FooterEntry back;
    if (!back.Parse(AsBytes(written)).ok() || back.chunk_offset != entry.chunk_offset ||
        back.num_records != entry.num_records) {
      __builtin_trap();
    }
  }
  return 0;
}
