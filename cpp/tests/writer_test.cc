#include "writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

std::unique_ptr<Writer> Create(const std::string& options, std::unique_ptr<Sink> sink) {
  WriterOptions parsed;
  EXPECT_EQ(WriterOptions::Parse(options, &parsed).message(), "");
  std::unique_ptr<Writer> writer;
  EXPECT_EQ(Writer::Create(parsed, std::move(sink), &writer).message(), "");
  return writer;
}

Status Write(Writer* writer, const std::string& record) {
  const uint64_t size = record.size();
  return writer->Write(Data(record), &size, 1);
}

bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

TEST(WriterTest, ManyRecordsInOneCall) {
  const Records records = TextRecords(20000, 10);
  std::string all;
  std::vector<uint64_t> sizes;
  for (const std::string& r : records) {
    all += r;
    sizes.push_back(r.size());
  }
  for (const char* options : {"zstd:1", "uncompressed,group_size:100", "max_parallelism:1"}) {
    auto sink = std::make_unique<MemorySink>();
    MemorySink* memory = sink.get();
    auto writer = Create(options, std::move(sink));
    ASSERT_TRUE(writer->Write(Data(all), sizes.data(), sizes.size()).ok());
    ASSERT_TRUE(writer->Close().ok());
    std::string file(memory->available(), '\0');
    memory->Take(Data(file), file.size());
    EXPECT_EQ(memory->available(), 0u);
    EXPECT_TRUE(file == MakeFile(options, records)) << "calls leave no trace in the file";
    Records back;
    ASSERT_TRUE(ReadFile(file, &back).ok());
    EXPECT_TRUE(back == records);
  }
}

TEST(WriterTest, BytesDoNotDependOnThreads) {
  const Records records = TextRecords(30000, 12);
  for (const char* options : {"zstd:1", "snappy,group_size:7", "uncompressed,group_size:1",
                              "uncompressed,group_size:1000", "uncompressed,group_size:2000"}) {
    EXPECT_TRUE(MakeFile(std::string(options) + ",max_parallelism:1", records) ==
                MakeFile(options, records));
  }
}

TEST(WriterTest, FileAppearsUnderItsNameWhenClosed) {
  const std::string dir = TempDir();
  const std::string path = dir + "/file";
  std::unique_ptr<Sink> sink;
  ASSERT_TRUE(NamedFileSink::Create(path, WriterOptions(), &sink).ok());
  auto writer = Create("zstd", std::move(sink));
  ASSERT_TRUE(Write(writer.get(), "hello").ok());
  EXPECT_FALSE(Exists(path));
  ASSERT_TRUE(writer->Close().ok());
  Records back;
  ASSERT_TRUE(ReadFile(ReadWholeFile(path), &back).ok());
  EXPECT_EQ(back, Records{"hello"});
  EXPECT_EQ(writer->Close().code(), AR_FAILED_PRECONDITION);
  EXPECT_EQ(Write(writer.get(), "more").code(), AR_FAILED_PRECONDITION);
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_EQ(rmdir(dir.c_str()), 0) << "nothing else is left";
}

TEST(WriterTest, AbandonedFileLeavesNothing) {
  const std::string dir = TempDir();
  std::unique_ptr<Sink> sink;
  ASSERT_TRUE(NamedFileSink::Create(dir + "/file", WriterOptions(), &sink).ok());
  auto writer = Create("zstd", std::move(sink));
  for (const std::string& r : TextRecords(5000, 50)) ASSERT_TRUE(Write(writer.get(), r).ok());
  writer.reset();
  EXPECT_EQ(rmdir(dir.c_str()), 0);
  EXPECT_EQ(NamedFileSink::Create(dir + "/file", WriterOptions(), &sink).code(), AR_NOT_FOUND);
}

TEST(WriterTest, FullDisk) {
  int fd = open("/dev/full", O_WRONLY);
  ASSERT_GE(fd, 0);
  for (const char* options : {"uncompressed", "uncompressed,max_parallelism:1"}) {
    auto writer = Create(options, std::make_unique<FdSink>(fd));
    const std::string record(100000, 'x');
    Status status;
    for (int i = 0; i < 100 && status.ok(); ++i) status = Write(writer.get(), record);
    EXPECT_EQ(status.code(), AR_IO);
    EXPECT_EQ(Write(writer.get(), "x").code(), AR_IO) << "the error sticks";
    EXPECT_EQ(writer->Close().code(), AR_IO);
  }
  close(fd);
}

TEST(WriterTest, CopiedChunksAreTheSameRecords) {
  const Records a = TextRecords(1000, 20), b = TextRecords(55, 100);
  for (const char* group : {"1", "10"}) {
    const std::string options = std::string("zstd:1,group_size:") + group;
    const std::string file_a = MakeFile(options, a);
    TempFile file_b(MakeFile(std::string("snappy,group_size:") + group, b));
    std::unique_ptr<Reader> reader_a, reader_b;
    ASSERT_TRUE(OpenMemory(file_a, &reader_a).ok());
    File handle;
    ASSERT_TRUE(File::OpenForReading(file_b.path(), &handle).ok());
    ASSERT_TRUE(Reader::Open(std::move(handle), ReaderOptions(), &reader_b).ok());

    auto sink = std::make_unique<MemorySink>();
    MemorySink* memory = sink.get();
    auto writer = Create(options, std::move(sink));
    const auto extent = reader_a->index().extent(0, reader_a->index().num_chunks());
    std::string bytes = file_a.substr(extent.begin, extent.end - extent.begin);
    ASSERT_EQ(
        writer->CopyChunks(*reader_a, 0, reader_a->index().num_chunks(), Data(bytes), bytes.size())
            .message(),
        "");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(Write(writer.get(), "between").ok());
    ASSERT_TRUE(writer->CopyChunks(*reader_b, 0, reader_b->index().num_chunks(), nullptr, 0).ok());
    if (std::string(group) == "10") {
      EXPECT_EQ(Write(writer.get(), "x").code(), AR_FAILED_PRECONDITION) << "after a short chunk";
    }
    ASSERT_TRUE(writer->Close().ok());
    std::string file(memory->available(), '\0');
    memory->Take(Data(file), file.size());
    Records want = a, back;
    want.insert(want.end(), 10, "between");
    want.insert(want.end(), b.begin(), b.end());
    ASSERT_EQ(ReadFile(file, &back).message(), "");
    EXPECT_TRUE(back == want);
  }
}

TEST(WriterTest, ChunksThatCannotBeCopied) {
  const std::string source = MakeFile("zstd,group_size:3", TextRecords(10, 5));
  std::unique_ptr<Reader> reader;
  ASSERT_TRUE(OpenMemory(source, &reader).ok());
  auto copy = [&](Writer* writer, uint64_t begin, uint64_t end, bool damage) {
    const auto extent = reader->index().extent(begin, end);
    std::string bytes = source.substr(extent.begin, extent.end - extent.begin);
    if (damage) bytes[bytes.size() / 2] ^= 1;
    return writer->CopyChunks(*reader, begin, end, Data(bytes), bytes.size());
  };
  auto writer = Create("zstd,group_size:4", std::make_unique<MemorySink>());
  EXPECT_EQ(copy(writer.get(), 0, 2, false).code(), AR_FAILED_PRECONDITION) << "all but one short";
  writer = Create("zstd,group_size:2", std::make_unique<MemorySink>());
  EXPECT_EQ(copy(writer.get(), 0, 1, false).code(), AR_FAILED_PRECONDITION) << "too long";
  writer = Create("zstd,group_size:3", std::make_unique<MemorySink>());
  ASSERT_TRUE(Write(writer.get(), "one").ok());
  EXPECT_EQ(copy(writer.get(), 0, 1, false).code(), AR_FAILED_PRECONDITION) << "within a group";
  EXPECT_EQ(writer->CopyChunks(*reader, 0, 5, nullptr, 0).code(), AR_OUT_OF_RANGE);
  writer = Create("zstd,group_size:3", std::make_unique<MemorySink>());
  EXPECT_EQ(writer->CopyChunks(*reader, 0, 1, nullptr, 0).code(), AR_FAILED_PRECONDITION);
  const Status damaged = copy(writer.get(), 0, 2, true);
  ar_error error;
  EXPECT_EQ(damaged.CopyTo(&error), AR_DATA_LOSS) << "damage is not carried on";
  EXPECT_NE(error.chunk, AR_NONE) << "of the file that is copied from";
  EXPECT_TRUE(copy(writer.get(), 0, 4, false).ok()) << "none of it was copied";
  EXPECT_TRUE(writer->Close().ok());
}

TEST(WriterTest, ClosingAtOnceMakesAnEmptyFile) {
  const std::string file = MakeFile("uncompressed", {});
  EXPECT_EQ(file.size(), 131072u);
  Records back;
  EXPECT_TRUE(ReadFile(file, &back).ok());
  EXPECT_TRUE(back.empty());
}

// More pieces than the system takes at once, more small ones than there is room for, neighbours in
// memory and not.
TEST(FdSinkTest, PiecesOfAllSizesComeOutInOrder) {
  std::string source(1 << 20, '\0');
  for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<char>(i * 2654435761u >> 13);
  // Released never, seldom, and so often that a page is not full yet.
  for (size_t release_every : {30000, 1000, 7, 1}) {
    TempFile file("");
    const int fd = open(file.path().c_str(), O_WRONLY);
    ASSERT_GE(fd, 0);
    std::string want;
    {
      FdSink sink(fd);
      std::vector<std::string> large;  // until they are released
      for (size_t i = 0; i < 20000; ++i) {
        const size_t at = i * 7919 % 900000;
        const size_t size = i % 5000 == 0 ? 100000 : i % 3 == 0 ? 65 + i % 100 : i % 65;
        // A small piece may be gone when the call returns.
        std::string piece = source.substr(at, size);
        ASSERT_TRUE(sink.Append(Data(piece), size).ok());
        want += piece;
        if (size <= Sink::kSmall) {
          piece.assign(size, '!');
        } else {
          large.push_back(std::move(piece));
        }
        if (i % 4 == 0) {  // the bytes behind the piece before
          ASSERT_TRUE(sink.Append(Data(source) + at + size, 70).ok());
          want += source.substr(at + size, 70);
        }
        if (i % release_every == release_every - 1) {
          ASSERT_TRUE(sink.Release().ok());
          for (std::string& gone : large) gone.assign(gone.size(), '!');
          large.clear();
          EXPECT_EQ(lseek(fd, 0, SEEK_CUR), want.size() / FdSink::kPage * FdSink::kPage);
        }
      }
      ASSERT_TRUE(sink.Close().ok());
    }
    close(fd);
    EXPECT_TRUE(ReadWholeFile(file.path()) == want) << release_every;
  }
}

}  // namespace
}  // namespace arrayrecord
