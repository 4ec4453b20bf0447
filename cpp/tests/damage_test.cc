// Files that something has happened to since they were written: every bit that matters, every
// length, holes, and bytes behind the end. None may crash, and none may give wrong records.
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

// What a file is made of: bytes that a hash covers, and bytes that do not matter to a reader (the
// signature and the padding).
struct Covered {
  std::string file;
  uint64_t footer_end = 0;
  uint64_t postscript_end = 0;

  explicit Covered(const std::string& options, const Records& records)
      : file(MakeFile(options, records)) {
    const uint64_t tail = file.size() - kTailSize;
    std::string copy = file;
    Chunk chunk;
    EXPECT_TRUE(ParseChunk(Data(copy) + tail, tail, file.size(), &chunk).ok());
    postscript_end = chunk.end;
    copy = file.substr(tail);
    uint64_t footer;
    EXPECT_TRUE(LocateFooter(Data(copy), kTailSize, file.size(), AsBytes(file), &footer).ok());
    copy = file;
    EXPECT_TRUE(ParseChunk(Data(copy) + footer, footer, tail, &chunk).ok());
    footer_end = chunk.end;
  }

  bool operator[](uint64_t position) const {
    if (position >= file.size() - kTailSize) return position < postscript_end;
    return position >= kSignatureEnd && position < footer_end;
  }
};

const char* const kOptions[] = {"uncompressed", "uncompressed,group_size:2", "zstd,group_size:3",
                                "brotli:1", "snappy,group_size:7"};

TEST(DamageTest, EveryFlippedBitUnderAHashIsAnError) {
  const Records records = TextRecords(5, 3);
  for (const char* options : kOptions) {
    Covered good(options, records);
    std::string file = good.file;
    for (uint64_t i = 0; i < file.size(); ++i) {
      if (!good[i]) continue;
      for (int bit = 0; bit < 8; ++bit) {
        file[i] ^= 1 << bit;
        Records back;
        Status status = ReadFile(file, &back);
        ASSERT_EQ(status.code(), AR_DATA_LOSS)
            << options << ", byte " << i << ": " << status.message();
        file[i] ^= 1 << bit;
      }
    }
  }
}

TEST(DamageTest, FlippedBitsOutsideDoNotHurt) {
  const Records records = TextRecords(5, 3);
  Covered good("zstd,group_size:3", records);
  std::string file = good.file;
  for (uint64_t i = 0; i < file.size(); i += i < 1000 ? 1 : 61) {
    if (good[i]) continue;
    file[i] ^= 0x10;
    Records back;
    ASSERT_EQ(ReadFile(file, &back).message(), "") << i;
    ASSERT_EQ(back, records);
    file[i] ^= 0x10;
  }
}

// As a disk or a network leaves them: a hole of zeros, of any size, anywhere.
TEST(DamageTest, ZeroedRegionsAreNeverReadAsRecords) {
  const Records records = TextRecords(300, 40);
  const std::string file = MakeFile("uncompressed,group_size:4", records);
  std::mt19937_64 rng(11);
  for (int i = 0; i < 500; ++i) {
    std::string holed = file;
    const size_t at = rng() % file.size();
    const size_t size = std::min<size_t>(size_t{1} << rng() % 17, file.size() - at);
    holed.replace(at, size, size, '\0');
    Records back;
    if (ReadFile(holed, &back).ok()) {
      ASSERT_EQ(back, records) << "zeros at " << at << ", " << size;
    }
  }
}

TEST(DamageTest, BlocksThatWereSwappedOrRepeatedAreNeverReadAsRecords) {
  const Records records = TextRecords(2000, 40);
  const std::string file = MakeFile("uncompressed", records);
  const size_t blocks = file.size() / kBlockSize;
  ASSERT_GT(blocks, 5u);
  for (size_t from = 0; from < blocks; ++from) {
    for (size_t to = 0; to < blocks; ++to) {
      if (from == to) continue;
      std::string mixed = file;
      mixed.replace(to * kBlockSize, kBlockSize, file, from * kBlockSize, kBlockSize);
      Records back;
      EXPECT_FALSE(ReadFile(mixed, &back).ok()) << from << " at " << to;
    }
  }
}

// A file that is still being written or copied, whatever its options, is known for what it is.
TEST(DamageTest, EveryTruncationAtABlockIsCalledOne) {
  const struct {
    const char* options;
    Records records;
  } kFiles[] = {{"uncompressed", TextRecords(3000, 30)},
                {"zstd", TextRecords(3000, 30)},
                {"uncompressed,group_size:100000", TextRecords(3000, 30)},
                {"uncompressed,pad_to_block_boundary:true", TextRecords(10, 3000)},
                {"zstd,group_size:5,pad_to_block_boundary:true", TextRecords(30, 3000)}};
  for (const auto& [options, records] : kFiles) {
    const std::string file = MakeFile(options, records);
    ASSERT_GT(file.size(), 4 * kBlockSize);
    for (size_t n = kBlockSize; n < file.size(); n += kBlockSize) {
      Records back;
      Status status = ReadFile(file.substr(0, n), &back);
      EXPECT_EQ(status.code(), AR_TRUNCATED)
          << options << ", " << n << " of " << file.size() << " bytes: " << status.message();
    }
  }
}

TEST(DamageTest, EveryTruncationOfASmallFileIsCalledOne) {
  const std::string file = MakeFile("zstd", TextRecords(3, 10));
  for (size_t n = 0; n < file.size(); n += n < 300 || n % kBlockSize > kBlockSize - 30 ? 1 : 23) {
    Records back;
    EXPECT_EQ(ReadFile(file.substr(0, n), &back).code(),
              n < kSignatureEnd ? AR_NOT_ARRAYRECORD : AR_TRUNCATED)
        << n;
  }
}

TEST(DamageTest, BytesBehindTheEnd) {
  const Records records = TextRecords(3, 10);
  const std::string file = MakeFile("zstd", records);
  Records back;
  for (size_t n : {1u, 64u, 65535u, 65537u}) {
    EXPECT_EQ(ReadFile(file + std::string(n, '\0'), &back).code(), AR_TRUNCATED) << n;
  }
  EXPECT_EQ(ReadFile(file + std::string(65536, '\0'), &back).code(), AR_DATA_LOSS);
  EXPECT_EQ(ReadFile("\n" + file, &back).code(), AR_NOT_ARRAYRECORD);
}

// Offsets count from the beginning of the file, so the second of two files is not the whole.
TEST(DamageTest, TwoFilesMadeOne) {
  const Records a = TextRecords(3, 10), b = TextRecords(4, 20);
  const std::string file_a = MakeFile("zstd", a), file_b = MakeFile("zstd", b);
  Records back;
  if (ReadFile(file_a + file_b, &back).ok()) {
    EXPECT_EQ(back, b);
  }
  back.clear();
  ASSERT_EQ(ReadFile(file_a + file_a, &back).code(), AR_OK) << "as with upstream";
  EXPECT_EQ(back, a);
}

}  // namespace
}  // namespace arrayrecord
