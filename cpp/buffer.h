// Bytes that are used again: pages that come from the system for each use cost more than filling
// them.
#ifndef ARRAYRECORD_BUFFER_H_
#define ARRAYRECORD_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace arrayrecord {

// What the buffers of threads are for.
enum BufferUse { kEncodedChunk, kDecodedChunk, kCompressedBlock };

class Buffer {
 public:
  // Memory for `size` bytes, which are not set. What was there before is lost.
  uint8_t* Get(size_t size) {
    // Somewhat more, so that slowly growing sizes do not allocate each time.
    if (size > capacity_) Allocate(size + size / 4);
    return bytes_.get();
  }
  size_t capacity() const { return capacity_; }

  // One for each thread and use. Large ones are given up before long.
  template <BufferUse use>
  static Buffer& OfThread() {
    thread_local Buffer buffer;
    if (buffer.capacity_ > kKeep) buffer = Buffer();
    return buffer;
  }

 private:
  static constexpr size_t kKeep = 8 << 20;

  void Allocate(size_t size) {
    bytes_.reset();
    capacity_ = 0;
    bytes_.reset(new uint8_t[size]);
    capacity_ = size;
  }

  std::unique_ptr<uint8_t[]> bytes_;
  size_t capacity_ = 0;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_BUFFER_H_
