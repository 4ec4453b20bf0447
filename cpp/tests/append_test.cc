// Appending: the file opens at every moment, and is in the end what a writer of all records makes.
#include "append.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

int FileInMemory(const std::string& content) {
  const int fd = memfd_create("append", MFD_CLOEXEC);
  EXPECT_EQ(pwrite(fd, content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  return fd;
}

std::string ContentOf(int fd) {
  struct stat info;
  EXPECT_EQ(fstat(fd, &info), 0);
  std::string content(static_cast<size_t>(info.st_size), '\0');
  EXPECT_EQ(pread(fd, content.data(), content.size(), 0), static_cast<ssize_t>(content.size()));
  return content;
}

WriterOptions OptionsOf(const std::string& text) {
  WriterOptions options;
  EXPECT_TRUE(WriterOptions::Parse(text, &options).ok());
  options.no_sync = true;
  return options;
}

Status WriteTo(Writer* writer, const Records& records) {
  for (const std::string& record : records) {
    const uint64_t size = record.size();
    AR_TRY(writer->Write(Data(record), &size, 1));
  }
  return Status();
}

Status AppendTo(int fd, const std::string& options, const Records& records) {
  std::unique_ptr<Writer> writer;
  AR_TRY(Writer::Append(fd, OptionsOf(options), &writer));
  AR_TRY(WriteTo(writer.get(), records));
  return writer->Close();
}

Records Part(const Records& all, size_t begin, size_t end) {
  return Records(all.begin() + static_cast<ptrdiff_t>(begin),
                 all.begin() + static_cast<ptrdiff_t>(end));
}

const char* const kOptions[] = {"group_size:3,uncompressed", "group_size:1,zstd",
                                "group_size:4,transpose",
                                "group_size:3,pad_to_block_boundary:true,snappy"};

TEST(Append, MakesTheFileOfAllRecords) {
  const Records all = TextRecords(60, 500);
  for (const char* options : kOptions) {
    const std::string want = MakeFile(options, all);
    for (size_t before : {0u, 1u, 3u, 20u, 21u, 59u}) {
      const int fd = FileInMemory(MakeFile(options, Part(all, 0, before)));
      const size_t middle = before + (all.size() - before) / 2;
      Status status = AppendTo(fd, options, Part(all, before, middle));
      ASSERT_TRUE(status.ok()) << status.message();
      status = AppendTo(fd, options, {});
      ASSERT_TRUE(status.ok()) << status.message();
      status = AppendTo(fd, options, Part(all, middle, all.size()));
      ASSERT_TRUE(status.ok()) << status.message();
      EXPECT_TRUE(ContentOf(fd) == want) << options << " " << before;
      close(fd);
    }
  }
}

TEST(Append, NothingAppendedChangesNothing) {
  const std::string file = MakeFile("group_size:3,zstd", TextRecords(10, 50));
  const int fd = FileInMemory(file);
  ASSERT_TRUE(AppendTo(fd, "group_size:3,zstd", {}).ok());
  EXPECT_TRUE(ContentOf(fd) == file);
  close(fd);
}

TEST(Append, WithoutCloseTheFileIsWhatItWas) {
  for (const char* options : kOptions) {
    const std::string file = MakeFile(options, TextRecords(10, 500));
    const int fd = FileInMemory(file);
    {
      std::unique_ptr<Writer> writer;
      ASSERT_TRUE(Writer::Append(fd, OptionsOf(options), &writer).ok());
      ASSERT_TRUE(WriteTo(writer.get(), TextRecords(3000, 300)).ok());
    }
    EXPECT_TRUE(ContentOf(fd) == file) << options;
    close(fd);
  }
}

// While records are appended, more than there was room for, the file is the old one for all who
// open it; and so it stays if the process dies. The next append removes what is left.
TEST(Append, TheOldFileOpensMeanwhile) {
  const Records before = TextRecords(10, 500);
  for (const char* options : kOptions) {
    const int fd = FileInMemory(MakeFile(options, before));
    std::string left;
    {
      std::unique_ptr<Writer> writer;
      // By one thread: nobody writes while the file is looked at.
      ASSERT_TRUE(
          Writer::Append(fd, OptionsOf(std::string(options) + ",max_parallelism:1"), &writer).ok());
      for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(WriteTo(writer.get(), TextRecords(200, 2000)).ok());
        left = ContentOf(fd);
        Records records;
        const Status status = ReadFile(left, &records);
        ASSERT_TRUE(status.ok()) << options << ": " << status.message();
        EXPECT_EQ(records, before);
      }
    }
    const int again = FileInMemory(left);
    const Records more = TextRecords(5, 5);
    Records all = before;
    all.insert(all.end(), more.begin(), more.end());
    const Status status = AppendTo(again, options, more);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(ContentOf(again) == MakeFile(options, all)) << options;
    close(again);
    close(fd);
  }
}

TEST(Append, RefusesWhatItCannotGoOnWith) {
  const std::string file = MakeFile("group_size:3,zstd", TextRecords(10, 50));
  std::unique_ptr<Writer> writer;
  const int fd = FileInMemory(file);
  EXPECT_EQ(Writer::Append(fd, OptionsOf("group_size:2"), &writer).code(), AR_INVALID_ARGUMENT);
  EXPECT_TRUE(ContentOf(fd) == file);
  const int cut = FileInMemory(file.substr(0, 70000));
  EXPECT_EQ(Writer::Append(cut, OptionsOf("group_size:3"), &writer).code(), AR_TRUNCATED);
  EXPECT_EQ(ContentOf(cut).size(), 70000u);
  const TempFile named(file);
  for (int flags : {O_RDONLY, O_WRONLY, O_RDWR | O_APPEND}) {
    const int other = open(named.path().c_str(), flags);
    EXPECT_EQ(Writer::Append(other, OptionsOf("group_size:3"), &writer).code(),
              AR_INVALID_ARGUMENT);
    close(other);
  }
  const int first = open(named.path().c_str(), O_RDWR), second = open(named.path().c_str(), O_RDWR);
  std::unique_ptr<Writer> one, two;
  ASSERT_TRUE(Writer::Append(first, OptionsOf("group_size:3"), &one).ok());
  EXPECT_EQ(Writer::Append(second, OptionsOf("group_size:3"), &two).code(), AR_IO);
  EXPECT_EQ(one->SetMetadata(ByteSpan()).code(), AR_FAILED_PRECONDITION);
  one.reset();
  close(first);
  EXPECT_TRUE(Writer::Append(second, OptionsOf("group_size:3"), &two).ok());
  two.reset();
  for (int other : {second, fd, cut}) close(other);
}

TEST(Append, UnevenGroupsAreRefused) {
  RawFile raw;
  raw.AddRecords({"a", "b"});
  raw.AddRecords({"c"});
  raw.AddRecords({"d", "e"});
  const int fd = FileInMemory(raw.Finish());
  std::unique_ptr<Writer> writer;
  EXPECT_EQ(Writer::Append(fd, OptionsOf("group_size:2"), &writer).code(), AR_FAILED_PRECONDITION);
  close(fd);
}

// The last chunk is decoded, which its limits are for: what it only claims takes no memory.
TEST(Append, ALastChunkOverTheLimitsIsRefused) {
  for (uint64_t gib : {3, 26}) {
    RawFile raw;
    raw.AddRecords({"a", "b"});
    raw.AddChunk(ChunkType::kSimple, std::string("z\x01\x00", 3) + std::string(100, 'x'), 1,
                 gib << 30);
    const std::string file = raw.Finish();
    const int fd = FileInMemory(file);
    std::unique_ptr<Writer> writer;
    const Status status = Writer::Append(fd, OptionsOf("group_size:2"), &writer);
    EXPECT_EQ(status.code(), AR_RESOURCE_EXHAUSTED) << gib << ": " << status.message();
    EXPECT_TRUE(ContentOf(fd) == file);
    close(fd);
  }
}

// What the index says of a gap is checked before it is believed.
TEST(Append, AGapThatCannotBeIsRefused) {
  RawFile raw;
  raw.AddRecords({"a", "b"});
  const uint64_t second = raw.bytes.size();
  raw.AddRecords({"c", "d"});
  const uint64_t end = raw.bytes.size();
  Records footer = raw.FooterRecords();
  FooterMetadata metadata;
  ASSERT_TRUE(metadata.Parse(AsBytes(footer[0])).ok());
  auto open = [&](Gap gap) {
    metadata.gap = gap;
    footer[0] = metadata.Serialize();
    std::unique_ptr<Reader> reader;
    return OpenMemory(raw.FinishWith(footer), &reader).code();
  };
  EXPECT_EQ(open({0, 0}), AR_OK);
  EXPECT_EQ(open({second + 40, end}), AR_OK);
  EXPECT_EQ(open({64 + 40, second}), AR_OK);
  EXPECT_EQ(open({second + 39, end}), AR_DATA_LOSS);
  EXPECT_EQ(open({64 + 39, second}), AR_DATA_LOSS);
  EXPECT_EQ(open({64, 64}), AR_OK);
  EXPECT_EQ(open({0, 64}), AR_DATA_LOSS);
  EXPECT_EQ(open({second + 40, end + 1}), AR_DATA_LOSS);
  EXPECT_EQ(open({end + 1, end}), AR_DATA_LOSS);
  EXPECT_EQ(open({UINT64_MAX, end}), AR_DATA_LOSS);
}

}  // namespace
}  // namespace arrayrecord
