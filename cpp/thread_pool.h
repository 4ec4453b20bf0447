// The threads that all readers and writers of the process share.
#ifndef ARRAYRECORD_THREAD_POOL_H_
#define ARRAYRECORD_THREAD_POOL_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace arrayrecord {

// A piece of work that is done once: by the pool, or by the first thread that cannot go on without
// it.
class Task {
 public:
  explicit Task(std::function<void()> work) : work_(std::move(work)) {}

  // Does the work if nobody has begun it.
  void Run();
  // Waits up to `patience` for others to do the work, then does it here unless somebody is at it;
  // returns when it is done. Throws what the work threw.
  void Finish(std::chrono::milliseconds patience = std::chrono::milliseconds(0));
  // Makes sure that the work is not going on when this returns and will not begin later.
  void Cancel();
  bool done() const;

 private:
  enum State { kWaiting, kRunning, kDone };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = kWaiting;
  std::function<void()> work_;
  std::exception_ptr failure_;
};

class ThreadPool {
 public:
  explicit ThreadPool(size_t threads);
  // Finishes the tasks that have been submitted.
  ~ThreadPool();

  // One thread per processor. Lives as long as the process.
  static ThreadPool& Shared();

  size_t size() const { return threads_.size(); }
  void Submit(std::shared_ptr<Task> task);

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Task>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// The number of processors, at least 1. Asked of the system once: the answer takes microseconds.
size_t Processors();

// Calls body(0) ... body(n - 1), on up to `parallelism` threads of which the calling one is one.
void ParallelFor(size_t n, size_t parallelism, const std::function<void(size_t)>& body);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_THREAD_POOL_H_
