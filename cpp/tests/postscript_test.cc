// The last block of a file, with every hash right and something wrong.
#include <string>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

constexpr uint64_t kFileSize = 3 * kTailSize;
constexpr uint64_t kTailBegin = kFileSize - kTailSize;

// A last block with a chunk of these records, not compressed.
std::string Tail(const Records& records, ChunkType type = ChunkType::kSimple) {
  std::string sizes, values;
  for (const std::string& record : records) {
    AppendVarint64(record.size(), &sizes);
    values += record;
  }
  std::string data(1, '\0');
  AppendVarint64(sizes.size(), &data);
  ChunkHeader header;
  header.type = type;
  header.num_records = records.size();
  header.decoded_data_size = values.size();
  std::string tail = PlaceChunk(kTailBegin, header, data + sizes + values);
  EXPECT_LE(tail.size(), kTailSize);
  tail.resize(kTailSize);
  return tail;
}

constexpr uint64_t kUntouched = 4711;

ar_code Locate(std::string tail, uint64_t* footer, const std::string& head = Signature(),
               uint64_t file_size = kFileSize) {
  *footer = kUntouched;
  ar_error error;
  return ar_index_locate(tail.data(), tail.size(), file_size, head.data(), head.size(), footer,
                         &error);
}

TEST(PostscriptTest, OneCopyIsEnough) {
  uint64_t footer;
  EXPECT_EQ(Locate(Tail({SerializePostscript(64)}), &footer), AR_OK);
  EXPECT_EQ(footer, 64u);
  EXPECT_EQ(Locate(Tail(Records(3, SerializePostscript(100000))), &footer), AR_OK);
  EXPECT_EQ(footer, 100000u);
  EXPECT_EQ(Locate(Tail({SerializePostscript(64), "not looked at"}), &footer), AR_OK);
}

// Upstream aborts on most of these.
TEST(PostscriptTest, FooterOffsetsThatCannotBe) {
  for (uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{24}, uint64_t{40}, uint64_t{63},
                          kBlockSize + 1, kBlockSize + 24, kTailBegin, kTailBegin + 25, kFileSize,
                          kFileSize + 64, uint64_t{1} << 62, uint64_t{1} << 63, UINT64_MAX}) {
    uint64_t footer;
    EXPECT_EQ(Locate(Tail({SerializePostscript(offset)}), &footer), AR_DATA_LOSS) << offset;
    EXPECT_EQ(footer, kUntouched) << "an output of a call that failed, " << offset;
  }
  for (uint64_t offset : {uint64_t{64}, kBlockSize, kBlockSize + 25, kTailBegin - 1}) {
    uint64_t footer;
    EXPECT_EQ(Locate(Tail({SerializePostscript(offset)}), &footer), AR_OK) << offset;
  }
}

// An intact chunk that is no postscript: the file once went on.
TEST(PostscriptTest, OtherChunksInItsPlace) {
  uint64_t footer;
  EXPECT_EQ(Locate(Tail({"some record"}), &footer), AR_TRUNCATED);
  EXPECT_EQ(Locate(Tail({""}), &footer), AR_TRUNCATED);
  EXPECT_EQ(Locate(Tail({}), &footer), AR_TRUNCATED);
  EXPECT_EQ(Locate(Tail({}, ChunkType::kPadding), &footer), AR_TRUNCATED);
  EXPECT_EQ(Locate(Tail({SerializePostscript(64)}, ChunkType::kMetadata), &footer), AR_TRUNCATED);
  EXPECT_EQ(Locate(Tail({"\x08\x40"}), &footer), AR_TRUNCATED) << "no magic number";
  EXPECT_EQ(Locate(Tail({std::string("\x08\x40\x10\x05")}), &footer), AR_TRUNCATED)
      << "a wrong one";
  EXPECT_EQ(footer, kUntouched);
  ChunkHeader header;
  header.type = ChunkType::kSimple;
  header.num_records = 1;
  const std::string longer = PlaceChunk(kTailBegin, header, std::string(70000, 'x'));
  EXPECT_EQ(Locate(longer.substr(0, kTailSize), &footer), AR_TRUNCATED) << "a chunk cut in two";
}

// Without the beginning of the file the doubt is in the file's favour; with it there is none.
TEST(PostscriptTest, ForeignFilesAreToldByTheirBeginning) {
  uint64_t footer;
  const std::string noise(kTailSize, 'n');
  EXPECT_EQ(Locate(noise, &footer, std::string(64, 'n')), AR_NOT_ARRAYRECORD);
  EXPECT_EQ(Locate(noise, &footer, "short"), AR_NOT_ARRAYRECORD);
  EXPECT_EQ(Locate(noise, &footer, ""), AR_DATA_LOSS);
  EXPECT_EQ(Locate(noise, &footer), AR_DATA_LOSS);
  EXPECT_EQ(Locate(Tail({SerializePostscript(64)}), &footer, std::string(64, 'n')), AR_OK)
      << "upstream does not look at the signature";
}

TEST(PostscriptTest, FileSizesThatCannotBe) {
  uint64_t footer;
  const std::string tail = Tail({SerializePostscript(64)});
  for (uint64_t size : {uint64_t{0}, uint64_t{1}, kTailSize}) {
    EXPECT_EQ(Locate(tail, &footer, Signature(), size), AR_TRUNCATED) << size;
  }
  for (uint64_t size : {kFileSize - 1, kFileSize + 1}) {
    EXPECT_EQ(Locate(tail, &footer, Signature(), size), AR_DATA_LOSS) << "bytes behind the end";
    EXPECT_EQ(Locate(std::string(kTailSize, 'n'), &footer, Signature(), size), AR_TRUNCATED);
  }
  for (uint64_t size : {uint64_t{1} << 63, UINT64_MAX - 65535}) {
    EXPECT_EQ(Locate(tail, &footer, Signature(), size), AR_INVALID_ARGUMENT) << size;
  }
  EXPECT_EQ(Locate(tail.substr(1), &footer), AR_INVALID_ARGUMENT);
  EXPECT_EQ(footer, kUntouched);
}

// The index of a file of 2^63 bytes and more: positions could not be told from negative numbers.
TEST(PostscriptTest, IndexOfAFileThatCannotBe) {
  FooterMetadata metadata;
  const std::string record = metadata.Serialize();
  ChunkHeader header;
  header.type = ChunkType::kSimple;
  header.num_records = 1;
  header.decoded_data_size = record.size();
  std::string data("\x00\x01", 2);
  AppendVarint64(record.size(), &data);
  for (uint64_t file_size : {uint64_t{1} << 40, uint64_t{1} << 63, UINT64_MAX - 65535}) {
    const uint64_t begin = file_size - 2 * kTailSize;
    std::string index = PlaceChunk(begin, header, data + record);
    index.resize(kTailSize);
    ar_reader* reader = nullptr;
    ar_error error;
    const ar_code code = ar_reader_open_index(index.data(), index.size(), begin, file_size, nullptr,
                                              &reader, &error);
    EXPECT_EQ(code, file_size >> 63 ? AR_INVALID_ARGUMENT : AR_OK) << file_size;
    EXPECT_EQ(reader != nullptr, code == AR_OK);
    ar_reader_free(reader);
  }
}

}  // namespace
}  // namespace arrayrecord
