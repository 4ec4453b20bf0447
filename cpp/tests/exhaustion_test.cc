// What runs out: memory at every single allocation, that of the codecs too, and descriptors. There
// is an error that says so, no file that is not whole, and nothing is left behind.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "arrayrecord.h"
#include "gtest/gtest.h"
#include "test_util.h"

// A sanitizer has the functions of C for itself; there the allocations of C++ fail only.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_MALLOC 0
#endif
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 1
#endif

namespace {

std::atomic<bool> armed{false};
std::atomic<uint64_t> calls{0};
std::atomic<uint64_t> first_failing{0};
std::atomic<uint64_t> last_failing{0};
std::atomic<int64_t> live{0};

bool Fails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  const uint64_t call = ++calls;
  if (call < first_failing || call > last_failing) return false;
  errno = ENOMEM;
  return true;
}

void* Count(void* memory) {
  if (memory != nullptr) ++live;
  return memory;
}

}  // namespace

#if OWN_MALLOC
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t n, size_t size);
void* __libc_realloc(void* memory, size_t size);
void __libc_free(void* memory);

void* malloc(size_t size) { return Fails() ? nullptr : Count(__libc_malloc(size)); }
void* calloc(size_t n, size_t size) { return Fails() ? nullptr : Count(__libc_calloc(n, size)); }
void* realloc(void* memory, size_t size) {
  if (Fails()) return nullptr;
  void* const moved = __libc_realloc(memory, size);
  if (memory == nullptr) return Count(moved);
  return moved;
}
void free(void* memory) {
  if (memory != nullptr) --live;
  __libc_free(memory);
}
}
#else
// Snappy leaves its memory behind when it gets no more.
extern "C" const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() { return "leak:snappy::internal::WorkingMemory\n"; }

namespace {
void* New(size_t size) {
  void* const memory = Fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return Count(memory);
}
void Delete(void* memory) {
  if (memory != nullptr) --live;
  std::free(memory);
}
}  // namespace
void* operator new(size_t size) { return New(size); }
void* operator new[](size_t size) { return New(size); }
void operator delete(void* memory) noexcept { Delete(memory); }
void operator delete[](void* memory) noexcept { Delete(memory); }
void operator delete(void* memory, size_t) noexcept { Delete(memory); }
void operator delete[](void* memory, size_t) noexcept { Delete(memory); }
#endif

namespace arrayrecord {
namespace {

const char* const kOptions[] = {"group_size:3,zstd:1", "group_size:3,brotli:1,window_log:10",
                                "group_size:3,snappy", "group_size:3,uncompressed",
                                "group_size:3,transpose,zstd:1"};

// As most builds of brotli's encoder are made it calls exit(1) when it gets no memory.
bool EndsTheProcess(const char* options) { return strstr(options, "brotli") != nullptr; }

std::vector<std::string> EntriesOf(const std::string& dir) {
  std::vector<std::string> names;
  DIR* const d = opendir(dir.c_str());
  while (const dirent* entry = readdir(d)) {
    if (std::string(entry->d_name) != "." && std::string(entry->d_name) != "..") {
      names.push_back(entry->d_name);
    }
  }
  closedir(d);
  return names;
}

size_t Descriptors() { return EntriesOf("/proc/self/fd").size(); }

class ExhaustionTest : public testing::Test {
 protected:
  void SetUp() override {
    ar_set_max_threads(1);
    ar_set_cache_limit(0);
    dir_ = TempDir() + "/exhaustionXXXXXX";
    ASSERT_NE(mkdtemp(dir_.data()), nullptr);
    name_ = dir_ + "/out";
    records_ = TextRecords(10, 30);
    for (const std::string& record : records_) {
      bytes_ += record;
      sizes_.push_back(record.size());
    }
  }
  void TearDown() override {
    unlink(name_.c_str());
    rmdir(dir_.c_str());
    ar_set_max_threads(0);
    ar_set_cache_limit(64 << 20);
  }

  ar_writer_options Parse(const char* text) {
    ar_writer_options options = {};
    options.struct_size = sizeof(options);
    EXPECT_EQ(ar_writer_options_parse(text, strlen(text), &options, nullptr), AR_OK);
    options.no_sync = 1;
    return options;
  }

  ar_code WriteAndClose(ar_writer* writer) {
    ar_code code = ar_writer_write(writer, bytes_.data(), sizes_.data(), sizes_.size(), nullptr);
    if (code == AR_OK) code = ar_writer_close(writer, nullptr);
    ar_writer_free(writer);
    return code;
  }

  ar_code Write(const ar_writer_options& options) {
    ar_writer* writer = nullptr;
    const ar_code code = ar_writer_create(name_.c_str(), &options, &writer, nullptr);
    return code != AR_OK ? code : WriteAndClose(writer);
  }

  ar_code Append(const ar_writer_options& options) {
    const int fd = open(name_.c_str(), O_RDWR | O_CLOEXEC);
    ar_writer* writer = nullptr;
    ar_code code = ar_writer_append_fd(fd, &options, &writer, nullptr);
    if (code == AR_OK) code = WriteAndClose(writer);
    close(fd);
    return code;
  }

  // One by one, as a batch, and in order.
  ar_code Read() {
    ar_reader* reader = nullptr;
    ar_code code = ar_reader_open(name_.c_str(), nullptr, &reader, nullptr);
    if (code != AR_OK) return code;
    const uint64_t n = ar_reader_num_records(reader);
    char record[4096];
    size_t size = 0;
    for (uint64_t i = 0; i < n && code == AR_OK; ++i) {
      code = ar_reader_get(reader, i, record, sizeof(record), &size, nullptr);
      Check(code, i, record, size);
    }
    ar_batch* batch = nullptr;
    if (code == AR_OK) code = ar_batch_create(&batch, nullptr);
    const uint64_t wanted[] = {9, 2, 4};
    if (code == AR_OK) code = ar_batch_read(batch, reader, wanted, 3, 1, nullptr);
    for (size_t i = 0; i < 3 && code == AR_OK; ++i) {
      const void* found = ar_batch_record(batch, i, &size);
      Check(code, wanted[i], found, size);
    }
    ar_batch_free(batch);
    ar_cursor* cursor = nullptr;
    if (code == AR_OK) code = ar_cursor_open(reader, 0, n, &cursor, nullptr);
    for (uint64_t i = 0; code == AR_OK; ++i) {
      const void* found = nullptr;
      code = ar_cursor_next(cursor, &found, &size, nullptr);
      if (code == AR_OK && found == nullptr) {
        EXPECT_EQ(i, n);
        break;
      }
      Check(code, i, found, size);
    }
    ar_cursor_free(cursor);
    ar_reader_free(reader);
    return code;
  }

  // The chunks found without the index, and a file made of them.
  ar_code Repair(const ar_writer_options& options) {
    static char scratch[1 << 20];
    const int fd = open(name_.c_str(), O_RDONLY | O_CLOEXEC);
    const ssize_t size = pread(fd, scratch, sizeof(scratch), 0);
    const ar_survey_range range = {0, static_cast<uint64_t>(size), static_cast<uint64_t>(size), 1};
    ar_piece pieces[20];
    size_t n = 0;
    uint64_t need = 0;
    ar_code code = ar_survey(scratch, static_cast<size_t>(size), &range, nullptr, nullptr, pieces,
                             20, &n, &need, nullptr);
    size_t found = 0;
    for (size_t i = 0; code == AR_OK && i < n; ++i) {
      if (pieces[i].fault == AR_FAULT_TOO_LARGE) code = AR_RESOURCE_EXHAUSTED;  // no memory for it
      if (pieces[i].chunk_type != 'r' && pieces[i].chunk_type != 't') continue;
      if (found < 4) pieces[found++] = pieces[i];
    }
    ar_reader* reader = nullptr;
    if (code == AR_OK) code = ar_reader_open_chunks(fd, pieces, found, nullptr, &reader, nullptr);
    ar_writer* writer = nullptr;
    if (code == AR_OK) {
      EXPECT_EQ(found, 4u);
      EXPECT_EQ(ar_reader_num_records(reader), records_.size());
      code = ar_writer_create_memory(&options, &writer, nullptr);
    }
    if (code == AR_OK) code = ar_writer_copy_chunks(writer, reader, 0, found, nullptr, 0, nullptr);
    if (code == AR_OK) code = ar_writer_close(writer, nullptr);
    ar_writer_free(writer);
    ar_reader_free(reader);
    close(fd);
    return code;
  }

  void Check(ar_code code, uint64_t i, const void* data, size_t size) {
    if (code != AR_OK) return;
    const bool same = size == sizes_[i % 10] && memcmp(data, records_[i % 10].data(), size) == 0;
    EXPECT_TRUE(same) << i;
  }

  // Has the n-th allocation fail, and in a second round all from the n-th on, for every n that
  // there is; `prepare` comes before each run, `judge` after one that failed.
  void FailEach(const std::function<void()>& prepare, const std::function<ar_code()>& run,
                const std::function<void()>& judge) {
    uint64_t failures = 0;
    int64_t live_before = 0;
    size_t descriptors = 0;
    // Without memory for what a thread keeps until it ends, glibc ends the process.
    prepare();
    ASSERT_EQ(run(), AR_OK);
    for (int round = 0; round < 3; ++round) {  // the first fills what is kept for later use
      for (uint64_t n = 1;; ++n) {
        prepare();
        calls = 0;
        first_failing = n;
        last_failing = round == 1 ? n : UINT64_MAX;
        armed = true;
        const ar_code code = run();
        armed = false;
        if (calls < n) {
          ASSERT_EQ(code, AR_OK);
          ASSERT_GT(n, 10u);
          break;
        }
        // What can be done without is done without.
        if (code != AR_OK) {
          ASSERT_EQ(code, AR_RESOURCE_EXHAUSTED) << "allocation " << n;
          ++failures;
          judge();
          if (HasFatalFailure()) return;
        }
      }
      if (round == 0) {
        live_before = live;
        descriptors = Descriptors();
      }
    }
    EXPECT_GT(failures, 20u);
    // Snappy leaves its memory behind when it gets no more.
    EXPECT_LE(live - live_before, 8) << "of " << failures << " failures some left memory";
    EXPECT_EQ(Descriptors(), descriptors);
  }

  std::string dir_, name_;
  Records records_;
  std::string bytes_;
  std::vector<uint64_t> sizes_;
};

TEST_F(ExhaustionTest, MemoryOfWriting) {
  for (const char* text : kOptions) {
    if (EndsTheProcess(text)) continue;
    const ar_writer_options options = Parse(text);
    FailEach([&] { unlink(name_.c_str()); }, [&] { return Write(options); },
             [&] { ASSERT_TRUE(EntriesOf(dir_).empty()) << text; });
    ASSERT_EQ(Read(), AR_OK) << text;
  }
}

TEST_F(ExhaustionTest, MemoryOfReading) {
  for (const char* text : kOptions) {
    ASSERT_EQ(Write(Parse(text)), AR_OK);
    FailEach([] {}, [&] { return Read(); }, [] {});
  }
}

TEST_F(ExhaustionTest, MemoryOfAppending) {
  for (const char* text : kOptions) {
    if (EndsTheProcess(text)) continue;
    const ar_writer_options options = Parse(text);
    ASSERT_EQ(Write(options), AR_OK);
    const std::string file = ReadWholeFile(name_);
    FailEach(
        [&] {
          unlink(name_.c_str());
          const int fd = open(name_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
          ASSERT_EQ(write(fd, file.data(), file.size()), static_cast<ssize_t>(file.size()));
          close(fd);
        },
        [&] { return Append(options); },
        [&] {
          // It was cut back, or, where there was no memory for that, opens as it was.
          ASSERT_EQ(Read(), AR_OK) << text;
          ar_reader* reader = nullptr;
          ASSERT_EQ(ar_reader_open(name_.c_str(), nullptr, &reader, nullptr), AR_OK);
          EXPECT_EQ(ar_reader_num_records(reader), records_.size());
          ar_reader_free(reader);
        });
  }
}

TEST_F(ExhaustionTest, MemoryOfRepairing) {
  for (const char* text : kOptions) {
    if (EndsTheProcess(text)) continue;
    const ar_writer_options options = Parse(text);
    ASSERT_EQ(Write(options), AR_OK);
    FailEach([] {}, [&] { return Repair(options); }, [] {});
  }
}

TEST_F(ExhaustionTest, Descriptors) {
  const ar_writer_options options = Parse("uncompressed");
  ASSERT_EQ(Write(options), AR_OK);
  const size_t before = arrayrecord::Descriptors();
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit none = old;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  ar_error read, written;
  ar_reader* reader = nullptr;
  ar_writer* writer = nullptr;
  ar_reader_options offloaded = {};
  offloaded.struct_size = sizeof(offloaded);
  offloaded.offloaded_index = 1;
  const ar_code opened = ar_reader_open(name_.c_str(), &offloaded, &reader, &read);
  const ar_code created = ar_writer_create((name_ + "2").c_str(), &options, &writer, &written);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(opened, AR_IO);
  EXPECT_EQ(created, AR_IO);
  for (const ar_error& error : {read, written}) {
    EXPECT_EQ(error.os_errno, EMFILE);
    EXPECT_NE(std::string(error.message).find(name_), std::string::npos) << error.message;
  }
  EXPECT_EQ(EntriesOf(dir_), std::vector<std::string>{"out"});
  EXPECT_EQ(arrayrecord::Descriptors(), before);
}

// A reader of a pipe that goes away, and a disk without room.
TEST_F(ExhaustionTest, WhoReadsGoesAway) {
  struct sigaction ignore = {}, old;
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &old);
  const ar_writer_options options = Parse("uncompressed");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  const struct { int fd, want; } cases[] = {{ends[1], EPIPE}, {full, ENOSPC}};
  for (const auto& c : cases) {
    ar_writer* writer = nullptr;
    ar_error error;
    ASSERT_EQ(ar_writer_create_fd(c.fd, &options, &writer, &error), AR_OK);
    const std::string large(1 << 20, 'x');
    const uint64_t size = large.size();
    ar_code code = ar_writer_write(writer, large.data(), &size, 1, &error);
    if (code == AR_OK) code = ar_writer_close(writer, &error);
    EXPECT_EQ(code, AR_IO);
    EXPECT_EQ(error.os_errno, c.want);
    EXPECT_EQ(ar_writer_close(writer, &error), AR_IO) << "it stays";
    ar_writer_free(writer);
    close(c.fd);
  }
  sigaction(SIGPIPE, &old, nullptr);
}

// Signals that interrupt calls, and a pipe that takes a part of what is written.
TEST_F(ExhaustionTest, InterruptedWritesAreWhole) {
  struct sigaction nothing = {}, old;
  nothing.sa_handler = [](int) {};
  sigaction(SIGUSR1, &nothing, &old);  // without SA_RESTART
  const std::string large(3 << 20, 'y');
  const ar_writer_options options = Parse("uncompressed");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::string got;
  const pthread_t writing = pthread_self();
  std::thread reading([&] {
    std::string part(50000, '\0');
    ssize_t n;
    while ((n = read(ends[0], part.data(), part.size())) > 0) {
      got.append(part, 0, static_cast<size_t>(n));
      pthread_kill(writing, SIGUSR1);
    }
  });
  ar_writer* writer = nullptr;
  const uint64_t size = large.size();
  EXPECT_EQ(ar_writer_create_fd(ends[1], &options, &writer, nullptr), AR_OK);
  EXPECT_EQ(ar_writer_write(writer, large.data(), &size, 1, nullptr), AR_OK);
  EXPECT_EQ(ar_writer_close(writer, nullptr), AR_OK);
  ar_writer_free(writer);
  close(ends[1]);
  reading.join();
  close(ends[0]);
  sigaction(SIGUSR1, &old, nullptr);
  EXPECT_TRUE(got == MakeFile("uncompressed", {large}));
}

}  // namespace
}  // namespace arrayrecord
