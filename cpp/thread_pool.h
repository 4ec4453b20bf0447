// The threads that all readers and writers of the process share.
#ifndef ARRAYRECORD_THREAD_POOL_H_
#define ARRAYRECORD_THREAD_POOL_H_

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
  // Does the work unless somebody is at it; returns when it is done. Throws what the work threw.
  void Finish();
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

// Starts threads when there is work for them, up to a limit. Works without any: where none can be
// started, tasks are done by those who submit them.
class ThreadPool {
 public:
  explicit ThreadPool(size_t max_threads) : max_threads_(max_threads) {}
  // Finishes the tasks that have been submitted.
  ~ThreadPool();

  // That of the process, for MaxThreads() threads. A child of fork gets a new one.
  static ThreadPool& Shared();

  // Threads beyond the limit take up no more tasks.
  void SetMaxThreads(size_t threads);

  // Has the task done by a thread of the pool, or does it here if there is none. Takes it or throws
  // std::bad_alloc.
  void Submit(std::shared_ptr<Task> task);
  // The same, but false, without doing anything, if there is no thread.
  bool Offer(std::shared_ptr<Task> task);

 private:
  void Work();
  bool StartThread();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Task>> queue_;
  bool stopping_ = false;
  size_t max_threads_;
  size_t running_ = 0;  // threads at a task
  std::vector<std::thread> threads_;
};

// How many threads work together at most, the calling one included: what SetMaxThreads says, or
// Processors(). At least 1.
size_t MaxThreads();
// 0: Processors().
void SetMaxThreads(size_t threads);

// Calls body(0) ... body(n - 1), on up to `parallelism` threads of which the calling one is one.
// When it returns or throws what `body` threw, no thread is at it any more.
void ParallelFor(size_t n, size_t parallelism, const std::function<void(size_t)>& body);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_THREAD_POOL_H_
