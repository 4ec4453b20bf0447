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
  const bool is_entry = entry.Parse(bytes).ok();
  // As one of many entries, with others after it, it must be taken for the same.
  std::string followed(reinterpret_cast<const char*>(data), size);
  const FooterEntry next{1 << 20, 100, 1};
  uint64_t sizes[] = {size, 0, 0, 0, 0};
  for (size_t i = 1; i < 5; ++i) {
    next.AppendTo(&followed);
    sizes[i] = (followed.size() - size) / i;
  }
  ByteSpan in = AsBytes(followed);
  FooterEntry entries[5];
  size_t parsed;
  if (TakeFooterEntries(sizes, 5, &in, entries, &parsed).ok() != is_entry) __builtin_trap();
  if (parsed != (is_entry ? 5 : 0)) __builtin_trap();
  if (is_entry && (entries[0].chunk_offset != entry.chunk_offset ||
                   entries[0].decoded_data_size != entry.decoded_data_size ||
                   entries[0].num_records != entry.num_records)) {
    __builtin_trap();
  }
  if (is_entry) {
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
