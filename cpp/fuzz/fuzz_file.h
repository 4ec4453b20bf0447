// Files made of the bytes of a fuzzer, with the hashes made right, so that changes get past them to
// where they can do harm.
#ifndef ARRAYRECORD_FUZZ_FUZZ_FILE_H_
#define ARRAYRECORD_FUZZ_FUZZ_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace arrayrecord {

inline void Require(bool condition) {
  if (!condition) __builtin_trap();
}

inline uint8_t* Data(std::string* bytes) { return reinterpret_cast<uint8_t*>(bytes->data()); }

// A file of two blocks: the input has the beginning of each. Empty if it is no such input.
std::string FuzzFile(const uint8_t* data, size_t size);

// Its descriptor, in memory.
int FuzzDescriptor(const std::string& file);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_FUZZ_FUZZ_FILE_H_
