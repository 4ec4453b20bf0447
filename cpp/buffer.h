// Bytes that are used again: pages that come from the system for each use cost more than filling
// them.
#ifndef ARRAYRECORD_BUFFER_H_
#define ARRAYRECORD_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <utility>

namespace arrayrecord {

// Owns memory. Much of it comes from the system directly, so that it goes back when it is freed.
class Buffer {
 public:
  Buffer() = default;
  // Exactly `size` bytes, which are not set.
  explicit Buffer(size_t size) { Allocate(size); }
  ~Buffer() { Free(); }
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    if (this == &other) return *this;
    Free();
    bytes_ = std::exchange(other.bytes_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    kept_ = std::exchange(other.kept_, false);
    return *this;
  }

  // Memory for `size` bytes, which are not set. What was there before is lost.
  uint8_t* Get(size_t size) {
    // Somewhat more, so that slowly growing sizes do not allocate each time.
    if (size > capacity_) Allocate(size + size / 4);
    return bytes_;
  }
  uint8_t* data() const { return bytes_; }
  size_t capacity() const { return capacity_; }
  void Free() {
    if (capacity_ > 0) Release();
  }

  // The most that all threads together keep for later.
  static constexpr size_t kMaxKept = 64 << 20;
  // What they keep now, with what they have in use of it.
  static size_t kept();

 private:
  friend class ThreadBuffer;

  void Allocate(size_t size);
  void Release();
  // Makes it part of kept(), unless that would be too much.
  bool Keep();

  uint8_t* bytes_ = nullptr;
  size_t capacity_ = 0;
  bool kept_ = false;  // is part of kept()
};

// What the buffers of threads are for.
enum BufferUse { kEncodedChunk, kDecodedChunk, kCompressedBlock, kBufferUses };

// A buffer that the thread has from an earlier use, from the first Get until GiveBack or the end.
// That may be on another thread, which then has the buffer.
class ThreadBuffer {
 public:
  explicit ThreadBuffer(BufferUse use) : use_(use) {}
  ~ThreadBuffer() { GiveBack(); }
  ThreadBuffer(const ThreadBuffer&) = delete;
  ThreadBuffer& operator=(const ThreadBuffer&) = delete;

  // As that of Buffer.
  uint8_t* Get(size_t size) {
    if (buffer_.capacity() == 0) Borrow();
    return buffer_.Get(size);
  }
  uint8_t* data() const { return buffer_.data(); }
  void GiveBack();

 private:
  void Borrow();

  const BufferUse use_;
  Buffer buffer_;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_BUFFER_H_
