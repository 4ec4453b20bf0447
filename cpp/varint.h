// Integers as they stand in files: little-endian words and base-128 varints (docs/format.md
// section 0).
#ifndef ARRAYRECORD_VARINT_H_
#define ARRAYRECORD_VARINT_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "supported.h"

namespace arrayrecord {

constexpr int kMaxVarint64 = 10;

// Files are little-endian; so is every processor this is built for (supported.h).
inline uint64_t Load64(const void* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

inline uint64_t Load32(const void* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

inline void Store64(void* p, uint64_t v) { std::memcpy(p, &v, sizeof(v)); }

// Bytes that somebody else owns, read from the front.
struct ByteSpan {
  const uint8_t* data = nullptr;
  size_t size = 0;

  ByteSpan() = default;
  ByteSpan(const uint8_t* d, size_t n) : data(d), size(n) {}

  ByteSpan Take(size_t n) {
    ByteSpan front(data, n);
    data += n;
    size -= n;
    return front;
  }
};

// Takes a varint64 off the front. Longer encodings than needed are accepted, up to 10 bytes.
inline bool TakeVarint64(ByteSpan* in, uint64_t* value) {
  if (in->size > 0 && in->data[0] < 0x80) {
    *value = in->Take(1).data[0];
    return true;
  }
  uint64_t v = 0;
  for (size_t i = 0;; ++i) {
    if (i == in->size) return false;
    uint64_t byte = in->data[i];
    if (i == kMaxVarint64 - 1 && byte > 1) return false;
    v |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in->Take(i + 1);
      *value = v;
      return true;
    }
  }
}

inline size_t PutVarint64(uint64_t value, uint8_t* out) {
  size_t n = 0;
  for (; value >= 0x80; value >>= 7) out[n++] = static_cast<uint8_t>(value | 0x80);
  out[n++] = static_cast<uint8_t>(value);
  return n;
}

inline void AppendVarint64(uint64_t value, std::string* out) {
  uint8_t buffer[kMaxVarint64];
  out->append(reinterpret_cast<const char*>(buffer), PutVarint64(value, buffer));
}

inline size_t VarintSize(uint64_t value) {
  size_t n = 1;
  for (; value >= 0x80; value >>= 7) ++n;
  return n;
}

inline ByteSpan AsBytes(const std::string& s) {
  return ByteSpan(reinterpret_cast<const uint8_t*>(s.data()), s.size());
}

}  // namespace arrayrecord

#endif  // ARRAYRECORD_VARINT_H_
