#include "buffer.h"

#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace arrayrecord {
namespace {

static_assert(sizeof(size_t) == 8, "sizes of files and chunks have 64 bits");

// What is larger comes from the system: the heap would hold on to it.
constexpr size_t kMaxFromHeap = 1 << 20;
// Of one buffer that is kept.
constexpr size_t kMaxKeptBuffer = 32 << 20;

std::atomic<size_t> kept_bytes{0};

Buffer& OfThread(BufferUse use) {
  thread_local Buffer buffers[kBufferUses];
  return buffers[use];
}

}  // namespace

void Buffer::Allocate(size_t size) {
  Free();
  if (size == 0) return;
  if (size <= kMaxFromHeap) {
    bytes_ = static_cast<uint8_t*>(::operator new(size));
  } else {
    void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    bytes_ = static_cast<uint8_t*>(memory);
  }
  capacity_ = size;
}

void Buffer::Release() {
  if (kept_) kept_bytes -= capacity_;
  if (capacity_ > kMaxFromHeap) {
    munmap(bytes_, capacity_);
  } else {
    ::operator delete(bytes_);
  }
  bytes_ = nullptr;
  capacity_ = 0;
  kept_ = false;
}

bool Buffer::Keep() {
  if (kept_) return true;
  if (capacity_ > kMaxKeptBuffer) return false;
  kept_ = kept_bytes.fetch_add(capacity_) + capacity_ <= kMaxKept;
  if (!kept_) kept_bytes -= capacity_;
  return kept_;
}

size_t Buffer::kept() { return kept_bytes; }

void ThreadBuffer::Borrow() { buffer_ = std::move(OfThread(use_)); }

void ThreadBuffer::GiveBack() {
  if (buffer_.capacity() == 0) return;
  Buffer& own = OfThread(use_);
  // Work within this work may have left one here.
  if (own.capacity() < buffer_.capacity() && buffer_.Keep()) own = std::move(buffer_);
  buffer_.Free();
}

}  // namespace arrayrecord
