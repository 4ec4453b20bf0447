// Option strings: whatever is accepted is valid, and its full form means the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "options.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  WriterOptions writer;
  if (WriterOptions::Parse(text, &writer).ok()) {
    WriterOptions again;
    if (!writer.Validate().ok() || !WriterOptions::Parse(writer.ToString(), &again).ok() ||
        again.ToString() != writer.ToString()) {
      __builtin_trap();
    }
  }
  ReaderOptions reader;
  if (ReaderOptions::Parse(text, &reader).ok() && !reader.Validate().ok()) __builtin_trap();
  return 0;
}
