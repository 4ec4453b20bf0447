// The promises at the top of arrayrecord.h that no single function shows: outputs of calls that
// fail are left alone, errors may be asked for or not, options are checked however they come.
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
  ar_reader_options wrong;
  ASSERT_EQ(ar_reader_options_parse("", 0, &wrong, nullptr), AR_OK);
  wrong.max_parallelism = -2;
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

  ar_plan* plan = Untouched<ar_plan>();
  EXPECT_EQ(ar_plan_range(reader, 3, 2, &plan, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(ar_plan_range(reader, 0, UINT64_MAX, &plan, &error), AR_OUT_OF_RANGE);
  const uint64_t wanted[] = {1, UINT64_MAX};
  EXPECT_EQ(ar_plan_indices(reader, wanted, 2, &plan, &error), AR_OUT_OF_RANGE);
  EXPECT_EQ(plan, Untouched<ar_plan>());
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
  ar_writer_options good;
  ASSERT_EQ(ar_writer_options_parse("zstd", 4, &good, nullptr), AR_OK);
  std::vector<ar_writer_options> bad(12, good);
  bad[0].group_size = 0;
  bad[1].group_size = uint32_t{1} << 31;
  bad[2].max_parallelism = uint32_t{1} << 31;
  bad[3].saturation_delay_ms = 0;
  bad[4].saturation_delay_ms = UINT32_MAX;
  bad[5].transpose_bucket_size = 0;
  bad[6].level = 23;
  bad[7].level = INT32_MIN;
  bad[8].window_log = 9;
  bad[9].window_log = 32;
  // What a C program can store there; only the low byte would be a codec.
  int compression = 256 + AR_ZSTD;
  std::memcpy(&bad[10].compression, &compression, sizeof(compression));
  compression = -1;
  std::memcpy(&bad[11].compression, &compression, sizeof(compression));
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
  ar_writer_options options;
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
TEST(CContractTest, ExtentsOfAPlanAtAnyGap) {
  const Records records = TextRecords(30, 5);
  const std::string file = MakeFile("zstd", records);
  const TempFile on_disk(file);
  ar_reader* reader;
  ASSERT_EQ(ar_reader_open(on_disk.path().c_str(), nullptr, &reader, nullptr), AR_OK);
  const uint64_t wanted[] = {29, 0, 15, 16};
  for (uint64_t gap : {uint64_t{0}, uint64_t{1}, uint64_t{100000}, UINT64_MAX - 1, UINT64_MAX}) {
    ar_plan* plan;
    ASSERT_EQ(ar_plan_indices(reader, wanted, 4, &plan, nullptr), AR_OK);
    size_t n;
    const ar_extent* extents = ar_plan_extents(plan, gap, &n);
    EXPECT_EQ(n, gap <= 1 ? 3u : 1u) << gap;
    std::string bytes;
    for (size_t i = 0; i < n; ++i) bytes += file.substr(extents[i].position, extents[i].size);
    ASSERT_EQ(ar_plan_load_bytes(plan, bytes.data(), bytes.size(), 1, nullptr), AR_OK) << gap;
    std::string out(ar_plan_decoded_size(plan), '\0');
    uint64_t offsets[5];
    ASSERT_EQ(ar_plan_decode(plan, out.data(), out.size(), offsets, 1, nullptr), AR_OK);
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(out.substr(offsets[i], offsets[i + 1] - offsets[i]), records[wanted[i]]);
    }
    ar_plan_free(plan);
  }
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
