#include "thread_pool.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <vector>

#include "batch.h"
#include "cursor.h"
#include "gtest/gtest.h"
#include "processors.h"
#include "test_util.h"

namespace {

// How many more threads can be started; negative: all.
std::atomic<int> threads_left{-1};

}  // namespace

// In place of that of the system, which it calls as long as it may.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) {
  if (threads_left >= 0 && threads_left.fetch_sub(1) <= 0) {
    threads_left = 0;
    return EAGAIN;
  }
  static const auto create =
      reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, start, argument);
}

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

TEST(TaskTest, FinishDoesWhatNobodyHasBegun) {
  Task task([] {});
  task.Finish();
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

// However many threads can be started, also none: all work is done.
TEST(ThreadPoolTest, ThreadsThatCannotBeStarted) {
  for (int can_start : {0, 1, 2}) {
    threads_left = can_start;
    {
      std::atomic<int> calls{0};
      ThreadPool pool(4);
      for (int i = 0; i < 100; ++i) pool.Submit(std::make_shared<Task>([&] { ++calls; }));
      auto offered = std::make_shared<Task>([&] { ++calls; });
      EXPECT_EQ(pool.Offer(offered), can_start > 0);
      offered->Finish();
      while (calls < 101) usleep(100);
    }
    threads_left = -1;
  }
}

TEST(ThreadPoolTest, OneMoreThreadThanNone) {
  std::atomic<int> calls{0};
  ThreadPool pool(0);
  pool.Submit(std::make_shared<Task>([&] { ++calls; }));
  EXPECT_EQ(calls, 1) << "done here";
  pool.SetMaxThreads(1);
  auto task = std::make_shared<Task>([&] { ++calls; });
  EXPECT_TRUE(pool.Offer(task));
  pool.SetMaxThreads(0);
  while (!task->done()) usleep(100);
  EXPECT_FALSE(pool.Offer(task));
}

// Reads and writes in a new process, whose pool has no threads yet.
template <typename Body>
void InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    body();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

void WriteAndReadAll() {
  const Records records = TextRecords(2000, 60);
  const std::string file = MakeFile("zstd,group_size:5", records);
  ReaderOptions options;
  options.readahead_buffer_size = 10000;
  auto reader = OpenFile(file, options);
  std::unique_ptr<Cursor> cursor;
  ASSERT_TRUE(Cursor::Open(*reader, 0, records.size(), &cursor).ok());
  for (const std::string& record : records) {
    ByteSpan got;
    ASSERT_TRUE(cursor->Next(&got).ok());
    ASSERT_EQ(std::string(reinterpret_cast<const char*>(got.data), got.size), record);
  }
  std::vector<uint64_t> all(records.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = all.size() - 1 - i;
  Batch batch;
  ASSERT_TRUE(batch.Read(*reader, all.data(), all.size(), 4).ok());
  for (size_t i = 0; i < all.size(); ++i) {
    const ByteSpan got = batch.Record(i);
    ASSERT_EQ(std::string(reinterpret_cast<const char*>(got.data), got.size), records[all[i]]);
  }
}

TEST(SharedPoolTest, WorksWithoutThreads) {
  for (int can_start : {0, 1}) {
    InChild([can_start] {
      threads_left = can_start;
      WriteAndReadAll();
    });
  }
}

// A child has none of its parent's threads, and starts its own.
TEST(SharedPoolTest, ChildrenOfForkHaveTheirOwn) {
  WriteAndReadAll();
  InChild(WriteAndReadAll);
  WriteAndReadAll();
}

size_t ThreadsOfProcess() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    size_t threads;
    if (word == "Threads:" && status >> threads) return threads;
  }
  return 0;
}

// Beside threads that were there at the start: emulators have one of their own.
TEST(SharedPoolTest, StartsNoMoreThreadsThanItMay) {
  for (uint32_t threads : {1u, 2u, 3u}) {
    InChild([threads] {
      const auto foreign = ThreadsOfProcess() - 1;
      ar_set_max_threads(threads);
      EXPECT_EQ(MaxThreads(), threads);
      WriteAndReadAll();
      EXPECT_LE(ThreadsOfProcess() - foreign, threads);
    });
  }
  InChild([] {
    const auto foreign = ThreadsOfProcess() - 1;
    ar_set_max_threads(3);
    ar_set_max_threads(0);
    EXPECT_EQ(MaxThreads(), Processors());
    WriteAndReadAll();
    EXPECT_LE(ThreadsOfProcess() - foreign, Processors() + 1);
  });
}

// What throws on the calling thread leaves nothing behind that refers to its frame.
TEST(ThreadPoolTest, NoHelperIsLeftAfterAnException) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> inside{0};
    EXPECT_THROW(ParallelFor(50, 8,
                             [&](size_t i) {
                               ++inside;
                               if (i % 7 == 3) {
                                 --inside;
                                 throw std::runtime_error("no");
                               }
                               --inside;
                             }),
                 std::runtime_error);
    EXPECT_EQ(inside, 0);
  }
}

class Cgroups {
 public:
  Cgroups() : root_(TempDir()) {}
  ~Cgroups() { EXPECT_EQ(std::system(("rm -r " + root_).c_str()), 0); }
  const std::string& root() const { return root_; }
  void Put(const std::string& path, const std::string& text) const {
    EXPECT_EQ(std::system(("mkdir -p $(dirname " + root_ + path + ")").c_str()), 0);
    std::ofstream(root_ + path) << text;
  }

 private:
  std::string root_;
};

TEST(ProcessorsTest, QuotasOfControlGroups) {
  const Cgroups groups;
  EXPECT_EQ(CgroupProcessors(groups.root(), "0::/a/b\n"), 0u) << "no files";
  groups.Put("/a/cpu.max", "max 100000\n");
  EXPECT_EQ(CgroupProcessors(groups.root(), "0::/a/b\n"), 0u);
  groups.Put("/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(CgroupProcessors(groups.root(), "0::/a/b\n"), 3u) << "rounded up, of the parent";
  groups.Put("/a/b/cpu.max", "400000 100000\n");
  EXPECT_EQ(CgroupProcessors(groups.root(), "0::/a/b\n"), 3u) << "the smaller one";
  groups.Put("/a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(CgroupProcessors(groups.root(), "0::/a/b\n"), 1u);
  EXPECT_EQ(CgroupProcessors(groups.root(), "0::/elsewhere\n"), 0u);
  groups.Put("/cpu.max", "700000 100000");
  EXPECT_EQ(CgroupProcessors(groups.root(), "0::/elsewhere\n"), 7u) << "as seen in a container";
  const Cgroups old;
  old.Put("/cpu/g/cpu.cfs_quota_us", "-1\n");
  old.Put("/cpu/g/cpu.cfs_period_us", "100000\n");
  const std::string text = "5:memory:/g\n4:cpu,cpuacct:/g\n0::/\n";
  EXPECT_EQ(CgroupProcessors(old.root(), text), 0u);
  old.Put("/cpu/g/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(CgroupProcessors(old.root(), text), 2u);
  EXPECT_EQ(CgroupProcessors(old.root(), "nonsense\n\n:"), 0u);
}

#if !defined(ARRAYRECORD_PORTABLE)  // POSIX knows of no affinity
TEST(ProcessorsTest, AffinityIsRespected) {
  InChild([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    cpu_set_t all;
    ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &all) == 0) continue;
      CPU_SET(cpu, &one);
      break;
    }
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(CountProcessors(), 1u);
  });
}
#endif

}  // namespace
}  // namespace arrayrecord
