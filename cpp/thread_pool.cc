#include "thread_pool.h"

#include <algorithm>
#include <atomic>

namespace arrayrecord {

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

void Task::Finish(std::chrono::milliseconds patience) {
  auto is_done = [this] { return state_ == kDone; };
  std::unique_lock<std::mutex> lock(mutex_);
  if (patience.count() > 0) changed_.wait_for(lock, patience, is_done);
  if (state_ == kWaiting) {
    lock.unlock();
    Run();
    lock.lock();
  }
  changed_.wait(lock, is_done);
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

ThreadPool::ThreadPool(size_t threads) {
  for (size_t i = 0; i < std::max<size_t>(threads, 1); ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

size_t Processors() {
  static const size_t processors = std::max(1u, std::thread::hardware_concurrency());
  return processors;
}

ThreadPool& ThreadPool::Shared() {
  // Never destroyed: other threads may still use it while the process exits.
  static ThreadPool* pool = new ThreadPool(Processors());
  return *pool;
}

void ThreadPool::Submit(std::shared_ptr<Task> task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ThreadPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::shared_ptr<Task> task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    task->Run();
    task.reset();
    lock.lock();
  }
}

void ParallelFor(size_t n, size_t parallelism, const std::function<void(size_t)>& body) {
  if (n <= 1 || parallelism <= 1) {
    for (size_t i = 0; i < n; ++i) body(i);
    return;
  }
  // Shared, because a helper may be taken from the queue after everything is done.
  auto next = std::make_shared<std::atomic<size_t>>(0);
  auto work = [next, n, &body] {
    for (size_t i; (i = next->fetch_add(1)) < n;) body(i);
  };
  std::vector<std::shared_ptr<Task>> helpers;
  for (size_t i = 1; i < std::min(n, parallelism); ++i) {
    helpers.push_back(std::make_shared<Task>(work));
    ThreadPool::Shared().Submit(helpers.back());
  }
  Task own(work);
  own.Run();
  for (auto& helper : helpers) helper->Cancel();  // those that have not begun find nothing to do
  for (auto& helper : helpers) helper->Finish();
  own.Finish();
}

}  // namespace arrayrecord
