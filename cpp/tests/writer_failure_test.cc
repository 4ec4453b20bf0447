// Writers whose output fails, at every call, in every way: the error comes out, stays, and no file
// appears that is not whole.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <new>
#include <stdexcept>
#include <string>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

enum class Failure { kStatus, kBadAlloc, kOtherException };

// Fails at one call, by number; takes what comes afterwards.
class FailingSink : public Sink {
 public:
  FailingSink(int call, Failure failure, int* calls)
      : at_(call), failure_(failure), calls_(calls) {}
  Status Append(const uint8_t*, size_t) override { return Call(); }
  Status Close() override { return Call(); }

 private:
  Status Call() {
    if ((*calls_)++ != at_) return Status();
    if (failure_ == Failure::kBadAlloc) throw std::bad_alloc();
    if (failure_ == Failure::kOtherException) throw std::runtime_error("sink");
    return Status::Os(ENOSPC, "sink");
  }
  const int at_;
  const Failure failure_;
  int* const calls_;
};

WriterOptions Parse(const std::string& text) {
  WriterOptions options;
  EXPECT_EQ(WriterOptions::Parse(text, &options).message(), "");
  return options;
}

Status WriteOne(Writer* writer, const std::string& record) {
  const uint64_t size = record.size();
  return writer->Write(Data(record), &size, 1);
}

// Runs a whole writer over a sink that fails at its n-th call; false if the sink was never called
// so often.
bool FailAt(const WriterOptions& options, int n, Failure failure, ar_code want) {
  int calls = 0;
  std::unique_ptr<Writer> writer;
  Status status;
  try {
    status = Writer::Create(options, std::make_unique<FailingSink>(n, failure, &calls), &writer);
  } catch (const std::exception&) {
    EXPECT_EQ(n, 0) << "only the signature is written by Create";
    return true;
  }
  for (int i = 0; i < 40 && status.ok(); ++i)
    status = WriteOne(writer.get(), std::string(9000, 'r'));
  if (status.ok()) status = writer->Close();
  if (calls <= n) return false;
  EXPECT_EQ(status.code(), want) << n;
  if (writer != nullptr) {
    const int calls_before = calls;
    EXPECT_EQ(WriteOne(writer.get(), "x").code(), want) << "the error must stay, " << n;
    EXPECT_EQ(writer->Close().code(), want) << n;
    EXPECT_EQ(writer->Close().message(), status.message()) << n;
    EXPECT_EQ(calls, calls_before) << "bytes went out behind a hole, " << n;
  }
  return true;
}

TEST(WriterFailureTest, EveryCallOfTheSinkCanFail) {
  const struct {
    Failure failure;
    ar_code code;
  } kFailures[] = {{Failure::kStatus, AR_IO},
                   {Failure::kBadAlloc, AR_RESOURCE_EXHAUSTED},
                   {Failure::kOtherException, AR_INTERNAL}};
  for (const char* text : {"uncompressed,max_parallelism:1", "zstd,group_size:7",
                           "uncompressed,pad_to_block_boundary:true"}) {
    for (const auto& [failure, code] : kFailures) {
      int n = 0;
      while (FailAt(Parse(text), n, failure, code)) ++n;
      EXPECT_GT(n, 8) << "signature, chunk, footer, padding, postscript, padding, close";
    }
  }
}

// A record that cannot be taken must not be left out quietly: no later call may make a file.
TEST(WriterFailureTest, RecordOfAnImpossibleSize) {
  for (const char* options : {"zstd", "zstd,max_parallelism:1"}) {
    auto sink = std::make_unique<MemorySink>();
    std::unique_ptr<Writer> writer;
    ASSERT_TRUE(Writer::Create(Parse(options), std::move(sink), &writer).ok());
    const uint64_t sizes[] = {1, UINT64_MAX};
    const ar_code code = writer->Write(Data(std::string("ab")), sizes, 2).code();
    EXPECT_EQ(code, AR_RESOURCE_EXHAUSTED);
    EXPECT_EQ(WriteOne(writer.get(), "c").code(), code);
    EXPECT_EQ(writer->Close().code(), code);
  }
}

TEST(WriterFailureTest, DescriptorsThatCannotBeWritten) {
  const int read_only = open("/dev/null", O_RDONLY);
  ASSERT_GE(read_only, 0);
  for (int fd : {-1, read_only}) {
    std::unique_ptr<Writer> writer;
    ASSERT_TRUE(Writer::Create(Parse("zstd"), std::make_unique<FdSink>(fd), &writer).ok());
    Status status = writer->Close();
    EXPECT_EQ(status.code(), AR_IO);
    ar_error error;
    status.CopyTo(&error);
    EXPECT_EQ(error.os_errno, EBADF);
  }
  close(read_only);
}

std::string Content(const std::string& path) { return ReadWholeFile(path); }

bool IsEmptyDirectory(const std::string& dir) { return rmdir(dir.c_str()) == 0; }

TEST(WriterFailureTest, FileOfTheSameNameSurvivesAFailure) {
  const std::string dir = TempDir(), path = dir + "/file";
  std::ofstream(path) << "old";
  {
    std::unique_ptr<Sink> sink;
    ASSERT_TRUE(NamedFileSink::Create(path, WriterOptions(), &sink).ok());
    std::unique_ptr<Writer> writer;
    ASSERT_TRUE(Writer::Create(Parse("zstd"), std::move(sink), &writer).ok());
    ASSERT_TRUE(WriteOne(writer.get(), "new").ok());
    EXPECT_EQ(Content(path), "old");
  }
  EXPECT_EQ(Content(path), "old") << "the writer was dropped";
  std::unique_ptr<Sink> sink;
  ASSERT_TRUE(NamedFileSink::Create(path, WriterOptions(), &sink).ok());
  std::unique_ptr<Writer> writer;
  ASSERT_TRUE(Writer::Create(Parse("zstd"), std::move(sink), &writer).ok());
  ASSERT_TRUE(WriteOne(writer.get(), "new").ok());
  ASSERT_TRUE(writer->Close().ok());
  Records back;
  EXPECT_EQ(ReadFile(Content(path), &back).message(), "");
  EXPECT_EQ(back, Records{"new"});
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_TRUE(IsEmptyDirectory(dir));
}

TEST(WriterFailureTest, NameThatIsTakenByADirectory) {
  const std::string dir = TempDir(), path = dir + "/taken";
  {
    std::unique_ptr<Sink> sink;
    ASSERT_TRUE(NamedFileSink::Create(path, WriterOptions(), &sink).ok());
    std::unique_ptr<Writer> writer;
    ASSERT_TRUE(Writer::Create(Parse("zstd"), std::move(sink), &writer).ok());
    ASSERT_EQ(mkdir(path.c_str(), 0777), 0);
    EXPECT_EQ(writer->Close().code(), AR_IO);
    EXPECT_EQ(writer->Close().code(), AR_IO) << "the error stays";
    EXPECT_EQ(NamedFileSink::Create(path, WriterOptions(), &sink).code(), AR_IO);
  }
  ASSERT_EQ(rmdir(path.c_str()), 0);
  EXPECT_TRUE(IsEmptyDirectory(dir)) << "the temporary file is left";
}

TEST(WriterFailureTest, TwoWritersOfOneName) {
  const std::string dir = TempDir(), path = dir + "/file";
  std::unique_ptr<Writer> writers[2];
  for (auto& writer : writers) {
    std::unique_ptr<Sink> sink;
    ASSERT_TRUE(NamedFileSink::Create(path, WriterOptions(), &sink).ok());
    ASSERT_TRUE(Writer::Create(Parse("uncompressed"), std::move(sink), &writer).ok());
  }
  ASSERT_TRUE(WriteOne(writers[0].get(), "first").ok());
  ASSERT_TRUE(WriteOne(writers[1].get(), "second").ok());
  for (int i : {1, 0}) {
    ASSERT_TRUE(writers[i]->Close().ok());
    Records back;
    ASSERT_EQ(ReadFile(Content(path), &back).message(), "");
    EXPECT_EQ(back, Records{i == 0 ? "first" : "second"}) << "the last one to close";
  }
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_TRUE(IsEmptyDirectory(dir));
}

// Snappy counts in 32 bits. The records are never there: nothing may touch them before the check.
TEST(WriterFailureTest, MoreThanSnappyCanHold) {
  std::string out;
  const ByteSpan claimed(Data(std::string("x")), uint64_t{1} << 32);
  EXPECT_EQ(Compress({Codec::kSnappy, 1, 0}, claimed, &out).code(), AR_RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace arrayrecord
