// Files that something has happened to since they were written: every bit that matters, every
// length, holes, and bytes behind the end. None may crash, and none may give wrong records.
#include <random>
#include <string>
#include <vector>

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

// That it makes whole blocks says nothing, and the message does not say that it does not.
TEST(DamageTest, OneBlockAlone) {
  const std::string file = MakeFile("zstd", TextRecords(3, 10));
  Records back;
  Status status = ReadFile(file.substr(0, kTailSize), &back);
  EXPECT_EQ(status.code(), AR_TRUNCATED);
  EXPECT_NE(status.message().find("the first block alone"), std::string::npos) << status.message();
  status = ReadFile(std::string(kTailSize, 'n'), &back);
  EXPECT_EQ(status.code(), AR_NOT_ARRAYRECORD);
  EXPECT_NE(status.message().find("one block"), std::string::npos) << status.message();
}

TEST(DamageTest, BytesBehindTheEnd) {
  const Records records = TextRecords(3, 10);
  const std::string file = MakeFile("zstd", records);
  Records back;
  for (size_t n : {1u, 64u, 65535u, 65537u}) {
    EXPECT_EQ(ReadFile(file + std::string(n, '\0'), &back).code(),
              n > kTailSize ? AR_TRUNCATED : AR_DATA_LOSS)
        << n;
  }
  EXPECT_EQ(ReadFile(file + std::string(65536, '\0'), &back).code(), AR_DATA_LOSS);
  EXPECT_EQ(ReadFile("\n" + file, &back).code(), AR_NOT_ARRAYRECORD);
}

// Offsets count from the beginning of the file, so the second of two files is not the whole; nor
// is the first, whose index is intact where the second one says that its own is.
TEST(DamageTest, TwoFilesMadeOne) {
  const Records a = TextRecords(3, 10), b = TextRecords(4, 20);
  for (const char* options :
       {"zstd", "uncompressed,group_size:2", "uncompressed,pad_to_block_boundary:true"}) {
    const std::string file_a = MakeFile(options, a), file_b = MakeFile(options, b);
    Records back;
    EXPECT_EQ(ReadFile(file_a + file_b, &back).code(), AR_DATA_LOSS);
    EXPECT_EQ(ReadFile(file_a + file_a, &back).code(), AR_DATA_LOSS);
    EXPECT_EQ(ReadFile(file_b + file_a, &back).code(), AR_DATA_LOSS);
  }
}

// The chunks of a file, as their places say.
std::vector<IndexedChunk> ChunksOf(const std::string& file) {
  std::unique_ptr<Reader> reader;
  EXPECT_EQ(OpenMemory(file, &reader).message(), "");
  std::vector<IndexedChunk> chunks;
  for (uint64_t c = 0; c < reader->index().num_chunks(); ++c) {
    chunks.push_back(reader->index().Get(c));
  }
  return chunks;
}

// A chunk with all of its hashes right, where another one should be: of this file or of another,
// as long as the one that was there or not.
TEST(DamageTest, ChunksInTheWrongPlace) {
  for (const char* options :
       {"uncompressed", "zstd,group_size:3", "uncompressed,pad_to_block_boundary:true",
        "zstd,group_size:3,pad_to_block_boundary:true", "zstd,transpose:true,group_size:3"}) {
    Records records, others;
    for (size_t i = 0; i < 30; ++i) {
      records.emplace_back(100 + 10 * i, static_cast<char>('a' + i));
      others.emplace_back(95 + 11 * i, static_cast<char>('A' + i));
    }
    const std::string file = MakeFile(options, records), other = MakeFile(options, others);
    const auto chunks = ChunksOf(file), other_chunks = ChunksOf(other);
    for (const bool foreign : {false, true}) {
      for (const IndexedChunk& from : foreign ? other_chunks : chunks) {
        for (const IndexedChunk& to : chunks) {
          const std::string& source = foreign ? other : file;
          // Block headers tell where a chunk is; those that hold some are known by them.
          const uint64_t size = std::min(from.end - from.begin, file.size() - to.begin);
          std::string moved = file;
          moved.replace(to.begin, size, source, from.begin, size);
          if (moved == file) continue;
          Records back;
          const Status status = ReadFile(moved, &back);
          // A chunk that takes as much room, and whose records take as much: nothing can tell.
          if (from.decoded_size == to.decoded_size && from.end - from.begin == to.end - to.begin) {
            continue;
          }
          ASSERT_FALSE(status.ok()) << options << ": " << from.begin << " to " << to.begin;
        }
      }
    }
  }
}

TEST(DamageTest, IndexOfAnotherFile) {
  const Records records = TextRecords(40, 10), others = TextRecords(40, 11);
  for (const char* options : {"uncompressed", "zstd", "zstd,group_size:7", "snappy,group_size:7"}) {
    const std::string file = MakeFile(options, records), other = MakeFile(options, others);
    ASSERT_EQ(file.size(), other.size());
    const size_t tail = file.size() - kTailSize;
    Records back;
    EXPECT_FALSE(ReadFile(file.substr(0, tail) + other.substr(tail), &back).ok()) << options;
    const uint64_t index = ChunksOf(other).back().end;
    EXPECT_FALSE(ReadFile(file.substr(0, index) + other.substr(index), &back).ok()) << options;
  }
}

// Copying takes chunks over unseen, but not in the wrong place.
TEST(DamageTest, MisplacedChunksAreNotCopied) {
  RawFile raw;
  for (const char* record : {"one", "two", "threee", "four"}) raw.AddRecords({record});
  for (int lie = 0; lie < 2; ++lie) {
    RawFile lying = raw;
    if (lie == 0) ++lying.index[1].decoded_data_size;
    if (lie == 1) lying.index.erase(lying.index.begin() + 2);
    auto reader = OpenFile(lying.Finish());
    std::unique_ptr<Writer> writer;
    ASSERT_TRUE(Writer::Create(WriterOptions(), std::make_unique<MemorySink>(), &writer).ok());
    EXPECT_EQ(writer->CopyChunks(*reader, 0, 3, nullptr, 0).code(), AR_DATA_LOSS) << lie;
  }
}

}  // namespace
}  // namespace arrayrecord
