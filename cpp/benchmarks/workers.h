// Threads that wait for loops to run, each with the memory and codec contexts it needs, and how
// they share the work.
#ifndef ARRAYRECORD_BENCHMARKS_WORKERS_H_
#define ARRAYRECORD_BENCHMARKS_WORKERS_H_

#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace arrayrecord::floor {

// Bytes that are not set to zero.
struct Buffer {
  std::unique_ptr<uint8_t[]> bytes;
  size_t capacity = 0;

  uint8_t* Get(size_t size) {
    if (size > capacity) {
      bytes.reset(new uint8_t[size + size / 2]);
      capacity = size + size / 2;
    }
    return bytes.get();
  }
};

struct Worker {
  Buffer chunk;   // as read
  Buffer joined;  // without block headers, where that takes a copy
  Buffer plain_sizes;
  Buffer values;  // decoded, where they are not decoded into the slab
  Buffer slab;    // of the loops that need no common one
  std::vector<uint64_t> sizes;
  ZSTD_DCtx* decompressor = ZSTD_createDCtx();
  ZSTD_CCtx* compressor = ZSTD_createCCtx();
  uint64_t records = 0, bytes = 0;  // what the loop has delivered

  Worker() = default;
  ~Worker() {
    ZSTD_freeDCtx(decompressor);
    ZSTD_freeCCtx(compressor);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
};

// Takes [begin, end) of `total` in turns, a few per worker.
class Turns {
 public:
  Turns(size_t total, size_t step) : total_(total), step_(std::max<size_t>(step, 1)) {}
  bool Next(size_t* begin, size_t* end) {
    *begin = next_.fetch_add(step_);
    *end = std::min(total_, *begin + step_);
    return *begin < total_;
  }

 private:
  const size_t total_, step_;
  std::atomic<size_t> next_{0};
};

class Workers {
 public:
  explicit Workers(size_t n) : workers_(n) {
    for (size_t i = 1; i < n; ++i) threads_.emplace_back([this, i] { Wait(i); });
  }
  ~Workers() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  size_t size() const { return workers_.size(); }
  std::vector<Worker>& all() { return workers_; }

  // Runs the loop on every worker; the calling thread is the first one. Throws what a loop throws.
  void Run(const std::function<void(Worker*, size_t)>& loop) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      loop_ = &loop;
      running_ = threads_.size();
      ++round_;
    }
    wake_.notify_all();
    RunOne(0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    if (std::exception_ptr failure = std::exchange(failure_, nullptr)) {
      std::rethrow_exception(failure);
    }
  }

 private:
  void RunOne(size_t i) {
    try {
      (*loop_)(&workers_[i], i);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      failure_ = std::current_exception();
    }
  }
  void Wait(size_t i) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (uint64_t seen = 0;;) {
      wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
      lock.unlock();
      RunOne(i);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(Worker*, size_t)>* loop_ = nullptr;
  uint64_t round_ = 0;
  size_t running_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<Worker> workers_;
  std::vector<std::thread> threads_;
};

}  // namespace arrayrecord::floor

#endif  // ARRAYRECORD_BENCHMARKS_WORKERS_H_
