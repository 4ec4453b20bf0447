// The bytes that docs/format.md shows in appendix B: a writer that agrees with itself and with our
// reader could still be wrong about them.
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "simple_chunk.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

std::string Hex(const std::string& digits) {
  std::string bytes;
  std::istringstream in(digits);
  for (std::string byte; in >> byte;) bytes += static_cast<char>(std::stoi(byte, nullptr, 16));
  return bytes;
}

// The chunk of a file at `begin`, its data included.
ChunkHeader HeaderAt(std::string file, uint64_t begin, uint64_t* end) {
  Chunk chunk;
  EXPECT_EQ(ParseChunk(Data(file) + begin, begin, file.size(), &chunk).message(), "") << begin;
  EXPECT_EQ(chunk.VerifyData().message(), "") << begin;
  *end = chunk.end;
  return chunk.header;
}

// B.1
TEST(WalkThroughTest, EmptyFile) {
  std::string want(131072, '\0');
  auto put = [&want](size_t at, const std::string& digits) {
    const std::string bytes = Hex(digits);
    want.replace(at, bytes.size(), bytes);
  };
  put(0x00000,
      "83 af 70 d1 0d 88 4a 3f 00 00 00 00 00 00 00 00 40 00 00 00 00 00 00 00 91 ba c2 3c 92 87 "
      "e1 "
      "a9 00 00 00 00 00 00 00 00 e1 9f 13 c0 e9 b1 c3 72 73 00 00 00 00 00 00 00 00 00 00 00 00 "
      "00 "
      "00 00 66 81 27 67 db 7f 68 28 64 00 00 00 00 00 00 00 c8 a9 5c 4e 7b 2c d7 16 72 01 00 00 "
      "00 "
      "00 00 00 61 00 00 00 00 00 00 00 00 01 61 0a 5f 08 01 10 00 18 00 22 57");
  const std::string options =
      "group_size:1,transpose:false,pad_to_block_boundary:false,uncompressed,max_parallelism:1";
  want.replace(0x75, options.size(), options);
  put(0x000cc,
      "fb b2 f6 a5 6a 5d 55 ef 0c ff 00 00 00 00 00 00 12 dd 3d 19 70 50 d7 00 70 00 00 00 00 00 "
      "00 "
      "00");
  put(0x10000,
      "bd 52 97 ae 1b c8 a0 43 00 00 00 00 00 00 00 00 69 00 00 00 00 00 00 00 01 2f 39 e9 86 0c "
      "7d "
      "77 29 00 00 00 00 00 00 00 58 64 79 2a 4f f0 08 d3 72 03 00 00 00 00 00 00 24 00 00 00 00 "
      "00 "
      "00 00 00 03 0c 0c 0c 08 40 10 de c0 eb fe 84 ce c3 c9 71 08 40 10 de c0 eb fe 84 ce c3 c9 "
      "71 "
      "08 40 10 de c0 eb fe 84 ce c3 c9 71 db 4b 59 35 6f 8e 24 47 6f ff 00 00 00 00 00 00 af b6 "
      "e5 "
      "b2 20 6b 7b 63 70");
  WriterOptions without_digest;
  ASSERT_EQ(WriterOptions::Parse("uncompressed", &without_digest).message(), "");
  without_digest.no_digest = true;
  const std::string file = MakeFile(without_digest, {});
  ASSERT_EQ(file.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) ASSERT_EQ(file[i], want[i]) << "at " << i;
}

// B.2
TEST(WalkThroughTest, ChunkHeaderInterruptedByABlockHeader) {
  const std::string file = MakeFile("uncompressed", {std::string(65424, 'x'), "second"});
  EXPECT_EQ(file.substr(0xfffd, 73),
            Hex("bd 34 52 94 a1 ae b5 3a 55 84 9f 03 00 00 00 00 00 00 00 46 00 00 00 00 00 00 00 "
                "58 3c 31 92 ad 09 00 00 00 00 00 00 00 f3 98 ba 66 e4 af e5 a6 72 01 00 00 00 00 "
                "00 00 06 00 00 00 00 00 00 00 00 01 06 73 65 63 6f 6e 64"));
}

// B.3: the chunk as upstream writes it, with a zstd frame that does not say its size, and the block
// header amid the padding that our own writer has to make as well.
TEST(WalkThroughTest, PaddingBecauseOfTheNumberOfRecords) {
  const std::string block_header =
      Hex("98 13 f0 17 4a 1b fa c7 c0 ff 00 00 00 00 00 00 e0 86 00 00 00 00 00 00");
  std::string chunk =
      Hex("c5 3e df 6e da db c4 ff 22 00 00 00 00 00 00 00 b0 75 9e d3 ef 18 9c 4b 72 a0 86 01 00 "
          "00 00 00 00 00 00 00 00 00 00 00 7a 16 a0 8d 06 28 b5 2f fd 00 50 55 00 00 10 00 00 01 "
          "00 9b 86 39 c0 02 00 28 b5 2f fd 20 00 01 00 00");
  chunk.resize(100000);
  chunk.replace(65536 - 64, block_header.size(), block_header);
  Chunk parsed;
  ASSERT_EQ(ParseChunk(Data(chunk), 64, 100064, &parsed).message(), "");
  EXPECT_EQ(parsed.end, 100064u);
  ASSERT_TRUE(parsed.VerifyData().ok());
  SimpleChunk simple;
  ASSERT_TRUE(simple.Open(parsed).ok());
  std::vector<uint64_t> sizes(100000, 1);
  ASSERT_EQ(simple.DecodeSizes(sizes.data()).message(), "");
  EXPECT_EQ(sizes, std::vector<uint64_t>(100000, 0));
  uint8_t nothing;
  EXPECT_TRUE(simple.DecodeValues(&nothing).ok());

  const Records empty(100000);
  const std::string file = MakeFile("zstd,group_size:100000", empty);
  EXPECT_EQ(file.substr(65536, 24), block_header);
  EXPECT_EQ(file.substr(65560, 100064 - 65560), std::string(100064 - 65560, '\0'));
  Records back;
  ASSERT_EQ(ReadFile(file, &back).message(), "");
  EXPECT_EQ(back, empty);
}

// B.4: gaps of 7, 40, 39, 1 and 0 bytes, and an end behind a boundary.
TEST(WalkThroughTest, PaddingToBlockBoundaries) {
  const struct {
    uint64_t begin, data_size, end, padding_end, padding_size;
  } kRows[] = {
      {64, 65425, 65529, 131072, 65479},           {131072, 65432, 196568, 196608, 0},
      {196608, 65433, 262105, 327680, 65511},      {327680, 65471, 393215, 458752, 65473},
      {458752, 65472, 524288, 524288, UINT64_MAX}, {524288, 65473, 589849, 655360, 65471},
  };
  Records records;
  for (const auto& row : kRows) records.emplace_back(row.data_size - 5, 'r');
  const std::string file = MakeFile("uncompressed,pad_to_block_boundary:true", records);
  for (const auto& row : kRows) {
    uint64_t end;
    EXPECT_EQ(HeaderAt(file, row.begin, &end).data_size, row.data_size);
    EXPECT_EQ(end, row.end);
    if (row.end == row.padding_end) continue;
    const ChunkHeader padding = HeaderAt(file, row.end, &end);
    EXPECT_EQ(padding.type, ChunkType::kPadding);
    EXPECT_EQ(padding.data_size, row.padding_size);
    EXPECT_EQ(end, row.padding_end);
  }
  Records back;
  ASSERT_EQ(ReadFile(file, &back).message(), "");
  EXPECT_EQ(back, records);
}

// Whatever is in a file, its chunks are side by side from the signature to the end, and each one is
// intact: a reader without the index finds the same records.
TEST(WalkThroughTest, ChunksFollowEachOtherWithoutGaps) {
  for (size_t first = 65380; first < 65380 + 130; ++first) {
    for (const char* options : {"uncompressed", "uncompressed,pad_to_block_boundary:true"}) {
      const Records records = {std::string(first, 'a'), "b", ""};
      const std::string file = MakeFile(options, records);
      uint64_t at = 64;
      size_t data_chunks = 0;
      while (at < file.size()) {
        const ChunkHeader header = HeaderAt(file, at, &at);
        data_chunks += header.type == ChunkType::kSimple;
        ASSERT_LE(at, file.size());
      }
      ASSERT_EQ(at, file.size());
      ASSERT_EQ(data_chunks, records.size() + 2) << "with footer and postscript";
      Records back;
      ASSERT_EQ(ReadFile(file, &back).message(), "") << first;
      ASSERT_EQ(back, records);
    }
  }
}

// The footer begins at each place around a boundary, also at the boundary itself.
TEST(WalkThroughTest, FooterAroundABlockBoundary) {
  for (size_t size = 65536 - 64 - 40 - 5 - 60; size < 65536; ++size) {
    const Records records = {std::string(size, 'f')};
    Records back;
    ASSERT_EQ(ReadFile(MakeFile("uncompressed", records), &back).message(), "") << size;
    ASSERT_EQ(back, records);
  }
}

TEST(WalkThroughTest, FooterOverManyBlocks) {
  const Records records = TextRecords(30000, 1);
  const std::string file = MakeFile("uncompressed", records);
  std::unique_ptr<Reader> reader;
  ASSERT_EQ(OpenMemory(file, &reader).message(), "");
  ASSERT_EQ(reader->index().num_chunks(), 30000u);
  const uint64_t footer = reader->index().extent(29999, 30000).end;
  EXPECT_GT(file.size() - footer, 4 * kBlockSize);
  Records back;
  ASSERT_EQ(ReadSorted(*reader, file, {0, 15000, 29999}, &back).message(), "");
  EXPECT_EQ(back, (Records{records[0], records[15000], records[29999]}));
}

}  // namespace
}  // namespace arrayrecord
