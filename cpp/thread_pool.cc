#include "thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <system_error>

#include "processors.h"

namespace arrayrecord {
namespace {

std::atomic<size_t> max_threads{0};  // 0: as many as there are processors
std::atomic<ThreadPool*> shared_pool{nullptr};

// One thread less than may work together, as the one that waits for the work takes part. Where
// nobody has said how many, the others are one for each processor: while the calling thread hands
// out records, all of them decode.
size_t PoolThreads() {
  const size_t limit = max_threads;
  return limit == 0 ? Processors() : limit - 1;
}

}  // namespace

void Task::Run() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (state_ != kWaiting) return;
    state_ = kRunning;
  }
  std::exception_ptr failure;
  try {
    work_();
  } catch (...) {
    failure = std::current_exception();
  }
  std::lock_guard<std::mutex> lock(mutex_);
  work_ = nullptr;  // whatever it holds on to is not needed any more
  failure_ = failure;
  state_ = kDone;
  changed_.notify_all();
}

void Task::Finish() {
  Run();
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return state_ == kDone; });
  if (failure_) std::rethrow_exception(failure_);
}

void Task::Cancel() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (state_ == kWaiting) {
    state_ = kDone;
    work_ = nullptr;
    return;
  }
  changed_.wait(lock, [this] { return state_ == kDone; });
}

bool Task::done() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return state_ == kDone;
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

ThreadPool& ThreadPool::Shared() {
  // Never destroyed: other threads may still use it while the process exits. A child of fork has
  // none of the threads, and what they were doing stays undone; so it leaves the pool alone.
  static const int forking = pthread_atfork(nullptr, nullptr, [] { shared_pool = nullptr; });
  (void)forking;
  ThreadPool* pool = shared_pool;
  if (pool != nullptr) return *pool;
  auto fresh = std::make_unique<ThreadPool>(PoolThreads());
  if (shared_pool.compare_exchange_strong(pool, fresh.get())) {
    pool = fresh.release();
    pool->SetMaxThreads(PoolThreads());  // should it have changed meanwhile
  }
  return *pool;
}

size_t MaxThreads() {
  const size_t limit = max_threads;
  return limit == 0 ? Processors() : limit;
}

void SetMaxThreads(size_t threads) {
  max_threads = threads;
  ThreadPool* pool = shared_pool;
  if (pool != nullptr) pool->SetMaxThreads(PoolThreads());
}

void ThreadPool::SetMaxThreads(size_t threads) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    max_threads_ = threads;
  }
  wake_.notify_all();
}

// With the lock held.
bool ThreadPool::StartThread() {
  try {
    threads_.emplace_back([this] { Work(); });
    return true;
  } catch (const std::system_error&) {  // no more threads for this process, or memory for them
    return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool ThreadPool::Offer(std::shared_ptr<Task> task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (max_threads_ == 0) return false;
    queue_.push_back(std::move(task));
    // One for each task until there are enough.
    if (threads_.size() < std::min(max_threads_, running_ + queue_.size())) StartThread();
    if (threads_.empty()) {
      queue_.pop_back();
      return false;
    }
  }
  wake_.notify_one();
  return true;
}

void ThreadPool::Submit(std::shared_ptr<Task> task) {
  if (!Offer(task)) task->Run();
}

void ThreadPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] {
      // What has been submitted is done, also if no more is wanted since.
      if (queue_.empty()) return stopping_;
      return stopping_ || running_ < std::max<size_t>(max_threads_, 1);
    });
    if (queue_.empty()) return;
    std::shared_ptr<Task> task = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    lock.unlock();
    task->Run();
    task.reset();
    lock.lock();
    --running_;
  }
}

namespace {

// Tasks that refer to what is on the stack: none is being done when this is gone, nor will be.
struct Helpers {
  std::vector<std::shared_ptr<Task>> tasks;
  ~Helpers() {
    for (auto& task : tasks) task->Cancel();
  }
};

}  // namespace

void ParallelFor(size_t n, size_t parallelism, const std::function<void(size_t)>& body) {
  parallelism = std::min({n, parallelism, MaxThreads()});
  if (parallelism <= 1) {
    for (size_t i = 0; i < n; ++i) body(i);
    return;
  }
  std::atomic<size_t> next{0};
  auto work = [&next, n, &body] {
    for (size_t i; (i = next.fetch_add(1)) < n;) body(i);
  };
  Helpers helpers;
  try {
    for (size_t i = 1; i < parallelism; ++i) {
      helpers.tasks.push_back(std::make_shared<Task>(work));
      if (!ThreadPool::Shared().Offer(helpers.tasks.back())) break;
    }
  } catch (const std::bad_alloc&) {
    // Fewer are enough.
  }
  std::exception_ptr failure;
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
    next = n;
  }
  // Those that have not begun find nothing to do.
  for (auto& helper : helpers.tasks) helper->Cancel();
  if (failure) std::rethrow_exception(failure);
  for (auto& helper : helpers.tasks) helper->Finish();
}

}  // namespace arrayrecord
