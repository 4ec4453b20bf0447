#include "thread_pool.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "gtest/gtest.h"

namespace arrayrecord {
namespace {

TEST(ThreadPoolTest, ParallelForCallsEachIndexOnce) {
  for (size_t n : {0u, 1u, 2u, 1000u}) {
    for (size_t parallelism : {0u, 1u, 2u, 50u}) {
      std::vector<std::atomic<int>> calls(n);
      ParallelFor(n, parallelism, [&](size_t i) { ++calls[i]; });
      for (auto& c : calls) EXPECT_EQ(c, 1);
    }
  }
}

// Work that waits for other work of the pool must not starve it.
TEST(ThreadPoolTest, NestedLoopsEnd) {
  std::atomic<int> calls{0};
  ParallelFor(20, 20, [&](size_t) {
    ParallelFor(20, 20, [&](size_t) { ParallelFor(5, 5, [&](size_t) { ++calls; }); });
  });
  EXPECT_EQ(calls, 2000);
}

TEST(ThreadPoolTest, ExceptionsReachTheCaller) {
  for (int round = 0; round < 50; ++round) {
    EXPECT_THROW(ParallelFor(100, 4,
                             [](size_t i) {
                               if (i == 50) throw std::runtime_error("no");
                             }),
                 std::runtime_error);
  }
}

TEST(TaskTest, RunsOnceWhoeverIsFirst) {
  for (int round = 0; round < 1000; ++round) {
    std::atomic<int> calls{0};
    auto task = std::make_shared<Task>([&] { ++calls; });
    ThreadPool::Shared().Submit(task);
    task->Finish();
    EXPECT_TRUE(task->done());
    EXPECT_EQ(calls, 1);
    task->Finish();
    task->Run();
    EXPECT_EQ(calls, 1);
  }
}

TEST(TaskTest, CancelledWorkDoesNotBegin) {
  for (int round = 0; round < 1000; ++round) {
    auto running = std::make_shared<std::atomic<bool>>(false);
    auto task = std::make_shared<Task>([running] { *running = true; });
    ThreadPool::Shared().Submit(task);
    task->Cancel();
    const bool ran = *running;
    task->Run();
    EXPECT_EQ(*running, ran);
  }
}

TEST(TaskTest, PatienceEndsWithWorkingHere) {
  Task task([] {});
  task.Finish(std::chrono::milliseconds(1));
  EXPECT_TRUE(task.done());
}

TEST(ThreadPoolTest, DestructorFinishesWhatWasSubmitted) {
  std::atomic<int> calls{0};
  {
    ThreadPool pool(3);
    for (int i = 0; i < 100; ++i) pool.Submit(std::make_shared<Task>([&] { ++calls; }));
  }
  EXPECT_EQ(calls, 100);
}

}  // namespace
}  // namespace arrayrecord
