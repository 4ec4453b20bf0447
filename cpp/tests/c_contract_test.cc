// The promises at the top of arrayrecord.h that no single function shows: outputs of calls that
// fail are left alone, errors may be asked for or not, options are checked however they come.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "arrayrecord.h"
#include "codec.h"
#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

template <typename Handle>
Handle* Untouched() {
  return reinterpret_cast<Handle*>(uintptr_t{64});
}

// A failed call fills in all of the error, and nothing else.
void ExpectFilled(const ar_error& error, ar_code code) {
  EXPECT_EQ(error.code, code);
  EXPECT_EQ(error.os_errno != 0, code == AR_IO || code == AR_NOT_FOUND);
  EXPECT_GT(std::strlen(error.message), 0u);
  EXPECT_LT(std::strlen(error.message), sizeof(error.message));
}

ar_error Garbage() {
  ar_error error;
  std::memset(&error, 0x7f, sizeof(error));
  error.code = AR_OK;
  return error;
}

TEST(CContractTest, FailedOpensGiveNoHandle) {
  const TempFile text("not an ArrayRecord file"), empty("");
  const std::string file = MakeFile("zstd", {"a"});
  const TempFile cut(file.substr(0, 65536));
  std::string damaged_bytes = file;
  damaged_bytes[70] ^= 1;
  const TempFile damaged(damaged_bytes);
  ar_reader_options wrong = {};
  wrong.struct_size = sizeof(wrong);
  ASSERT_EQ(ar_reader_options_parse("", 0, &wrong, nullptr), AR_OK);
  wrong.readahead_buffer_size = (1 << 30) + 1;
  const std::string directory = TempDir();
  const struct {
    std::string path;
    const ar_reader_options* options;
    ar_code code;
  } kFailures[] = {
      {"/no/such/file", nullptr, AR_NOT_FOUND},   {text.path() + "/x", nullptr, AR_IO},
      {directory, nullptr, AR_INVALID_ARGUMENT},  {"/dev/null", nullptr, AR_INVALID_ARGUMENT},
      {text.path(), nullptr, AR_NOT_ARRAYRECORD}, {empty.path(), nullptr, AR_NOT_ARRAYRECORD},
      {cut.path(), nullptr, AR_TRUNCATED},        {text.path(), &wrong, AR_INVALID_ARGUMENT}};
  for (const auto& failure : kFailures) {
    ar_reader* reader = Untouched<ar_reader>();
    ar_error error = Garbage();
    EXPECT_EQ(ar_reader_open(failure.path.c_str(), failure.options, &reader, &error), failure.code)
        << failure.path << ": " << error.message;
    EXPECT_EQ(reader, Untouched<ar_reader>());
    ExpectFilled(error, failure.code);
    EXPECT_EQ(ar_reader_open(failure.path.c_str(), failure.options, &reader, nullptr),
              failure.code);
  }
  ar_reader* reader = Untouched<ar_reader>();
  ar_error error = Garbage();
  EXPECT_EQ(ar_reader_open_fd(-1, nullptr, &reader, &error), AR_IO);
  EXPECT_EQ(reader, Untouched<ar_reader>());
  EXPECT_EQ(error.os_errno, EBADF);
  rmdir(directory.c_str());
}

TEST(CContractTest, FailedReadsLeaveTheirOutputsAlone) {
  const Records records = TextRecords(20, 5);
  const TempFile file(MakeFile("zstd,group_size:5", records));
  ar_reader* reader;
  ASSERT_EQ(ar_reader_open(file.path().c_str(), nullptr, &reader, nullptr), AR_OK);
  ar_error error = Garbage();
  size_t size = 4711;
  char byte = 'b';
  EXPECT_EQ(ar_reader_get(reader, 20, &byte, 1, &size, &error), AR_OUT_OF_RANGE);
  ExpectFilled(error, AR_OUT_OF_RANGE);
  EXPECT_EQ(error.record, 20u);
  EXPECT_EQ(size, 4711u);

  ar_read* read = Untouched<ar_read>();
  EXPECT_EQ(ar_read_range(reader, 3, 2, &read, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(ar_read_range(reader, 0, UINT64_MAX, &read, &error), AR_OUT_OF_RANGE);
  const uint64_t wanted[] = {1, UINT64_MAX}, falling[] = {2, 1};
  EXPECT_EQ(ar_read_sorted(reader, wanted, 2, &read, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(ar_read_sorted(reader, falling, 2, &read, &error), AR_INVALID_ARGUMENT);
  EXPECT_EQ(read, Untouched<ar_read>());
  ar_batch* batch;
  ASSERT_EQ(ar_batch_create(&batch, &error), AR_OK);
  EXPECT_EQ(ar_batch_record(batch, 0, &size), nullptr);
  EXPECT_EQ(size, 0u);
  ASSERT_EQ(ar_batch_read(batch, reader, wanted, 1, 0, &error), AR_OK);
  EXPECT_NE(ar_batch_record(batch, 0, &size), nullptr);
  EXPECT_EQ(ar_batch_record(batch, 1, &size), nullptr);
  EXPECT_EQ(ar_batch_read(batch, reader, wanted, 2, 0, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(ar_batch_record(batch, 0, &size), nullptr);
  ar_batch_free(batch);
  ar_cursor* cursor = Untouched<ar_cursor>();
  EXPECT_EQ(ar_cursor_open(reader, 0, 21, &cursor, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(cursor, Untouched<ar_cursor>());
  ar_extent extent = {1, 2};
  EXPECT_EQ(ar_reader_chunk_extent(reader, 0, 5, &extent, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(ar_reader_chunk_extent(reader, UINT64_MAX, 1, &extent, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(extent.position, 1u);
  EXPECT_EQ(extent.size, 2u);
  ar_reader_free(reader);
}

// A chunk with right hashes whose values are no zstd: found out only after the sizes are known,
// which must not show.
TEST(CContractTest, SizeOfARecordThatCannotBeDecoded) {
  std::string sizes, data("z");
  ASSERT_TRUE(Compress({Codec::kZstd, 1, 0}, AsBytes("\x03\x04"), &sizes).ok());
  AppendVarint64(sizes.size(), &data);
  data += sizes + "\x07not zstd";
  RawFile raw;
  raw.AddChunk(ChunkType::kSimple, data, 2, 7);
  const TempFile file(raw.Finish());
  ar_reader* reader;
  ASSERT_EQ(ar_reader_open(file.path().c_str(), nullptr, &reader, nullptr), AR_OK);
  char buffer[100];
  size_t size = 4711;
  ar_error error = Garbage();
  EXPECT_EQ(ar_reader_get(reader, 1, buffer, sizeof(buffer), &size, &error), AR_DATA_LOSS);
  ExpectFilled(error, AR_DATA_LOSS);
  EXPECT_EQ(error.position, 64u);
  EXPECT_EQ(error.chunk, 0u);
  EXPECT_EQ(error.record, 1u);
  EXPECT_EQ(size, 4711u);
  EXPECT_EQ(ar_reader_get(reader, 1, buffer, 3, &size, &error), AR_DATA_LOSS);
  EXPECT_EQ(size, 4711u);
  ar_reader_free(reader);
}

TEST(CContractTest, EveryFieldOfTheWriterOptionsIsChecked) {
  ar_writer_options good = {};
  good.struct_size = sizeof(good);
  ASSERT_EQ(ar_writer_options_parse("zstd", 4, &good, nullptr), AR_OK);
  std::vector<ar_writer_options> bad(10, good);
  bad[0].group_size = uint32_t{1} << 31;
  bad[1].max_parallelism = uint32_t{1} << 31;
  bad[2].saturation_delay_ms = UINT32_MAX;
  bad[3].level = 23;
  bad[4].level = INT32_MIN + 1;
  bad[5].window_log = 9;
  bad[6].window_log = 32;
  bad[7].struct_size = 0;
  // What a C program can store there; only the low byte would be a codec.
  int compression = 256 + AR_ZSTD;
  std::memcpy(&bad[8].compression, &compression, sizeof(compression));
  compression = -1;
  std::memcpy(&bad[9].compression, &compression, sizeof(compression));
  for (size_t i = 0; i < bad.size(); ++i) {
    ar_error error = Garbage();
    char text[300] = "untouched";
    EXPECT_EQ(ar_writer_options_format(&bad[i], text, sizeof(text), &error), AR_INVALID_ARGUMENT)
        << i;
    ExpectFilled(error, AR_INVALID_ARGUMENT);
    EXPECT_STREQ(text, "untouched");
    ar_writer* writer = Untouched<ar_writer>();
    EXPECT_EQ(ar_writer_create_memory(&bad[i], &writer, nullptr), AR_INVALID_ARGUMENT) << i;
    EXPECT_EQ(ar_writer_create_fd(1, &bad[i], &writer, nullptr), AR_INVALID_ARGUMENT) << i;
    const std::string dir = TempDir();
    EXPECT_EQ(ar_writer_create((dir + "/f").c_str(), &bad[i], &writer, nullptr),
              AR_INVALID_ARGUMENT);
    EXPECT_EQ(rmdir(dir.c_str()), 0) << "a file for options that are refused";
    EXPECT_EQ(writer, Untouched<ar_writer>());
  }
}

TEST(CContractTest, TextOfOptionsFitsOrIsCut) {
  ar_writer_options options = {};
  options.struct_size = sizeof(options);
  ASSERT_EQ(ar_writer_options_parse("", 0, &options, nullptr), AR_OK);
  char full[300];
  ASSERT_EQ(ar_writer_options_format(&options, full, sizeof(full), nullptr), AR_OK);
  for (size_t n = 0; n <= std::strlen(full) + 1; ++n) {
    std::string out(n + 1, '#');
    ASSERT_EQ(ar_writer_options_format(&options, out.data(), n, nullptr), AR_OK);
    EXPECT_EQ(out[n], '#') << "written past the end";
    if (n > 0) {
      EXPECT_EQ(std::string(out.c_str()), std::string(full).substr(0, n - 1));
    }
  }
}

// A gap as large as there is means: all in one.
TEST(CContractTest, ExtentsOfAReadAtAnyGap) {
  const Records records = TextRecords(30, 5);
  const std::string file = MakeFile("zstd", records);
  const TempFile on_disk(file);
  ar_reader* reader;
  ASSERT_EQ(ar_reader_open(on_disk.path().c_str(), nullptr, &reader, nullptr), AR_OK);
  const uint64_t wanted[] = {0, 15, 16, 29};
  ar_read* read;
  ASSERT_EQ(ar_read_range(reader, 0, 0, &read, nullptr), AR_OK);
  for (uint64_t gap : {uint64_t{0}, uint64_t{1}, uint64_t{100000}, UINT64_MAX - 1, UINT64_MAX}) {
    ASSERT_EQ(ar_read_reset_sorted(read, reader, wanted, 4, nullptr), AR_OK);
    size_t n;
    const ar_extent* extents = ar_read_extents(read, gap, &n);
    EXPECT_EQ(n, gap <= 1 ? 3u : 1u) << gap;
    std::string bytes;
    for (size_t i = 0; i < n; ++i) bytes += file.substr(extents[i].position, extents[i].size);
    ASSERT_EQ(ar_read_set_bytes(read, bytes.data(), bytes.size(), nullptr), AR_OK) << gap;
    std::string out(1000, '\0');
    uint64_t offsets[5];
    size_t num_read;
    ar_room room;
    ASSERT_EQ(ar_read_next(read, out.data(), out.size(), 4, offsets, &num_read, &room, nullptr),
              AR_OK);
    ASSERT_EQ(num_read, 4u);
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(out.substr(offsets[i], offsets[i + 1] - offsets[i]), records[wanted[i]]);
    }
  }
  ASSERT_EQ(ar_read_reset_range(read, reader, 7, 7, nullptr), AR_OK);
  size_t n = 1;
  ar_read_extents(read, 0, &n);
  EXPECT_EQ(n, 0u);
  ar_read_free(read);
  ar_reader_free(reader);
}

// The reader has a descriptor of its own: the caller's number may mean another file by now.
TEST(CContractTest, ReadersKeepTheirFileWhenTheCallerClosesIts) {
  const Records records = TextRecords(50, 5);
  const TempFile file(MakeFile("zstd", records)), other(MakeFile("zstd", TextRecords(60, 6)));
  const int fd = open(file.path().c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  ar_reader* reader;
  ASSERT_EQ(ar_reader_open_fd(fd, nullptr, &reader, nullptr), AR_OK);
  close(fd);
  const int same = open(other.path().c_str(), O_RDONLY);
  ASSERT_EQ(same, fd);
  char out[1000];
  size_t size = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    ASSERT_EQ(ar_reader_get(reader, i, out, sizeof(out), &size, nullptr), AR_OK);
    ASSERT_EQ(std::string(out, size), records[i]);
  }
  ar_reader_free(reader);
  EXPECT_EQ(fcntl(same, F_GETFD), 0) << "that of the caller is still open";
  close(same);
}

TEST(CContractTest, TheHeadOfAnIndexIsEnoughToRefuseIt) {
  const std::string file = MakeFile("uncompressed", TextRecords(3000, 5));
  std::unique_ptr<Reader> reader;
  ASSERT_TRUE(OpenMemory(file, &reader).ok());
  const uint64_t begin = reader->index().extent(2999, 3000).end;
  const char* head = file.data() + begin;
  ar_error error = Garbage();
  EXPECT_EQ(ar_index_check(head, AR_INDEX_HEAD_SIZE, begin, file.size(), &error), AR_OK);
  EXPECT_EQ(ar_index_check(head, 30, begin, file.size(), &error), AR_INVALID_ARGUMENT);
  EXPECT_EQ(ar_index_check(nullptr, AR_INDEX_HEAD_SIZE, begin, file.size(), &error),
            AR_INVALID_ARGUMENT);
  EXPECT_EQ(ar_index_check(head, AR_INDEX_HEAD_SIZE, 63, file.size(), &error), AR_INVALID_ARGUMENT);
  EXPECT_EQ(ar_index_check(head, AR_INDEX_HEAD_SIZE, begin, 100, &error), AR_INVALID_ARGUMENT);
  EXPECT_EQ(
      ar_index_check(head, AR_INDEX_HEAD_SIZE, file.size() - AR_TAIL_SIZE, file.size(), &error),
      AR_INVALID_ARGUMENT);
  EXPECT_EQ(ar_index_check(head, AR_INDEX_HEAD_SIZE, begin, file.size() + AR_TAIL_SIZE, &error),
            AR_DATA_LOSS)
      << "it ends before the tail";
  ExpectFilled(error, AR_DATA_LOSS);
  EXPECT_EQ(error.position, begin);
  EXPECT_EQ(ar_index_check(file.data() + 64, AR_INDEX_HEAD_SIZE, 64, file.size(), &error),
            AR_DATA_LOSS)
      << "a data chunk";
  for (size_t i = 0; i < 40; ++i) {
    std::string flipped(head, AR_INDEX_HEAD_SIZE);
    flipped[i] ^= 1;
    EXPECT_EQ(ar_index_check(flipped.data(), flipped.size(), begin, file.size(), nullptr),
              AR_DATA_LOSS)
        << i;
  }
}

TEST(CContractTest, RunsOfChunks) {
  const Records records = TextRecords(50, 5);
  const TempFile file(MakeFile("zstd,group_size:10", records));
  ar_reader* reader;
  ASSERT_EQ(ar_reader_open(file.path().c_str(), nullptr, &reader, nullptr), AR_OK);
  uint64_t sizes[6] = {};
  for (size_t i = 0; i < 50; ++i) sizes[i / 10 + 1] += records[i].size();
  for (int i = 1; i < 6; ++i) sizes[i] += sizes[i - 1];
  ar_run run;
  ar_reader_run(reader, 25, UINT64_MAX, UINT64_MAX, &run);
  EXPECT_EQ(run.begin, 20u);
  EXPECT_EQ(run.end, 50u);
  EXPECT_EQ(run.claimed_size, sizes[5] - sizes[2]);
  ar_extent extent;
  ASSERT_EQ(ar_reader_chunk_extent(reader, 2, 5, &extent, nullptr), AR_OK);
  EXPECT_EQ(run.extent.position, extent.position);
  EXPECT_EQ(run.extent.size, extent.size);
  ar_reader_run(reader, 25, extent.size - 1, UINT64_MAX, &run);
  EXPECT_EQ(run.end, 40u);
  ar_reader_run(reader, 25, UINT64_MAX, sizes[4] - sizes[2], &run);
  EXPECT_EQ(run.end, 40u);
  ar_reader_run(reader, 25, 0, 0, &run);
  EXPECT_EQ(run.end, 30u) << "one chunk at least";
  EXPECT_EQ(ar_reader_claimed_size(reader), sizes[5]);
  ar_reader_free(reader);
}

// Empty records are records: only the end of a cursor has no data.
TEST(CContractTest, EmptyRecordsAreNotTheEnd) {
  for (const char* options : {"uncompressed", "zstd,group_size:3"}) {
    const TempFile file(MakeFile(options, Records(7)));
    ar_reader* reader;
    ASSERT_EQ(ar_reader_open(file.path().c_str(), nullptr, &reader, nullptr), AR_OK);
    ar_cursor* cursor;
    ASSERT_EQ(ar_cursor_open(reader, 0, 7, &cursor, nullptr), AR_OK);
    const void* data;
    size_t size;
    for (int i = 0; i < 7; ++i) {
      ASSERT_EQ(ar_cursor_next(cursor, &data, &size, nullptr), AR_OK);
      EXPECT_NE(data, nullptr) << i;
      EXPECT_EQ(size, 0u);
    }
    ASSERT_EQ(ar_cursor_next(cursor, &data, &size, nullptr), AR_OK);
    EXPECT_EQ(data, nullptr);
    ar_cursor_free(cursor);
    size = 4711;
    EXPECT_EQ(ar_reader_get(reader, 6, nullptr, 0, &size, nullptr), AR_OK);
    EXPECT_EQ(size, 0u);
    ar_reader_free(reader);
  }
}

}  // namespace
}  // namespace arrayrecord
