// Chunks are found without the index, and damage costs no more than it hits.
#include "survey.h"

#include <algorithm>
#include <string>
#include <vector>

#include "capi.h"
#include "gtest/gtest.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

// Looks at a whole file through windows of `step` bytes, larger ones only where asked for.
std::vector<ar_piece> SurveyAll(std::string file, uint64_t step, const ar_reader* reader = nullptr,
                                const ar_reader_options* options = nullptr) {
  std::vector<ar_piece> all;
  uint64_t at = 0, size = step;
  while (at < file.size()) {
    std::string part = file.substr(at, size);
    ar_piece pieces[3];
    size_t n = 0;
    uint64_t need = 0;
    ar_error error;
    const ar_survey_range range = {at, file.size(), file.size(), 1};
    EXPECT_EQ(
        ar_survey(part.data(), part.size(), &range, reader, options, pieces, 3, &n, &need, &error),
        AR_OK)
        << error.message;
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ(pieces[i].begin, at);
      EXPECT_GT(pieces[i].end, at);
      at = pieces[i].end;
      all.push_back(pieces[i]);
    }
    EXPECT_TRUE(n > 0 || need > range.position + part.size());
    if (n == 0 && need <= range.position + part.size()) break;
    EXPECT_LE(need, file.size());
    size = n > 0 ? step : need - at;
  }
  return all;
}

std::vector<ar_piece> DataChunks(const std::vector<ar_piece>& pieces, const Reader& reader) {
  std::vector<ar_piece> data;
  for (const ar_piece& piece : pieces) {
    if ((piece.fault == AR_FAULT_NONE || piece.fault == AR_FAULT_BLOCK_HEADER) &&
        (piece.chunk_type == 'r' || piece.chunk_type == 't') &&
        piece.begin < reader.metadata_extent().begin +
                          reader.index().extent(0, reader.index().num_chunks()).end - 64) {
      data.push_back(piece);
    }
  }
  return data;
}

size_t Faults(const std::vector<ar_piece>& pieces) {
  return std::count_if(pieces.begin(), pieces.end(),
                       [](const ar_piece& p) { return p.fault != AR_FAULT_NONE; });
}

const char* const kOptions[] = {
    "group_size:3,uncompressed", "group_size:1,zstd",
    "group_size:3,brotli",       "group_size:4,snappy",
    "group_size:5,transpose",    "group_size:2,pad_to_block_boundary:true,zstd"};

TEST(Survey, FindsAllChunksOfASoundFile) {
  for (const char* options : kOptions) {
    const std::string file = MakeFile(options, TextRecords(100, 900));
    std::unique_ptr<Reader> reader;
    ASSERT_TRUE(OpenMemory(file, &reader).ok());
    for (uint64_t step : {100u, 65536u, 100000u, 10000000u}) {
      const auto pieces = SurveyAll(file, step);
      EXPECT_EQ(Faults(pieces), 0u) << options;
      EXPECT_EQ(pieces.front().chunk_type, 's');
      EXPECT_EQ(pieces.back().end, file.size());
      const auto data = DataChunks(pieces, *reader);
      ASSERT_EQ(data.size(), reader->index().num_chunks()) << options;
      for (size_t i = 0; i < data.size(); ++i) {
        EXPECT_EQ(data[i].begin, reader->index().Get(i).begin);
        EXPECT_EQ(data[i].num_records, reader->index().RecordsIn(i));
        EXPECT_EQ(data[i].decoded_size, reader->index().DecodedSize(i));
      }
    }
  }
}

TEST(Survey, DamageCostsTheChunkAlone) {
  const std::string file = MakeFile("group_size:1,uncompressed", TextRecords(60, 700));
  ar_reader handle;
  ASSERT_TRUE(OpenMemory(file, &handle.impl).ok());
  const Reader& reader = *handle.impl;
  const ChunkIndex& index = reader.index();
  for (uint64_t c = 0; c < index.num_chunks(); ++c) {
    const IndexedChunk chunk = index.Get(c);
    for (uint64_t at : {chunk.begin + 30, chunk.end - 1}) {
      if (at % kBlockSize < kBlockHeaderSize) continue;
      std::string damaged = file;
      damaged[at] ^= 4;
      for (bool with_index : {false, true}) {
        const auto pieces = SurveyAll(damaged, 70000, with_index ? &handle : nullptr);
        EXPECT_EQ(Faults(pieces), 1u) << c << " " << at;
        EXPECT_EQ(DataChunks(pieces, reader).size(), index.num_chunks() - 1) << c << " " << at;
      }
    }
  }
}

// The header's own size being wrong, chunks are found by the index, or else from the next block on.
TEST(Survey, FindsTheNextChunkByIndexOrBlockHeader) {
  const std::string file = MakeFile("group_size:1,uncompressed", TextRecords(300, 100));
  ar_reader handle;
  ASSERT_TRUE(OpenMemory(file, &handle.impl).ok());
  const ChunkIndex& index = handle.impl->index();
  const IndexedChunk chunk = index.Get(20);
  std::string damaged = file;
  damaged[chunk.begin + 8] ^= 0x55;
  EXPECT_EQ(DataChunks(SurveyAll(damaged, 1 << 20, &handle), *handle.impl).size(),
            index.num_chunks() - 1);
  const auto pieces = SurveyAll(damaged, 1 << 20);
  ASSERT_EQ(Faults(pieces), 1u);
  const auto lost = std::find_if(pieces.begin(), pieces.end(),
                                 [](const ar_piece& p) { return p.fault != AR_FAULT_NONE; });
  EXPECT_EQ(lost->begin, chunk.begin);
  EXPECT_EQ(lost->fault, AR_FAULT_CHUNK_HEADER);
  EXPECT_LE(lost->end, 2 * kBlockSize);
  EXPECT_GE(DataChunks(pieces, *handle.impl).size(), index.num_chunks() / 2);
}

TEST(Survey, ADamagedBlockHeaderCostsNoRecord) {
  const std::string file = MakeFile("group_size:1,zstd", TextRecords(200, 2000));
  std::unique_ptr<Reader> reader;
  ASSERT_TRUE(OpenMemory(file, &reader).ok());
  for (uint64_t block = 0; block < file.size(); block += kBlockSize) {
    std::string damaged = file;
    damaged[block + 9] ^= 1;
    const auto pieces = SurveyAll(damaged, 1 << 20);
    ASSERT_EQ(Faults(pieces), 1u) << block;
    EXPECT_EQ(DataChunks(pieces, *reader).size(), reader->index().num_chunks());
    for (const ar_piece& piece : pieces) {
      if (piece.fault != AR_FAULT_NONE) {
        EXPECT_EQ(piece.fault_at, block);
      }
    }
  }
}

TEST(Survey, CutFilesTellOfAllWholeChunks) {
  const std::string file = MakeFile("group_size:2,zstd", TextRecords(40, 900));
  std::unique_ptr<Reader> reader;
  ASSERT_TRUE(OpenMemory(file, &reader).ok());
  const ChunkIndex& index = reader->index();
  for (uint64_t size = 64; size <= index.extent(0, index.num_chunks()).end; size += 61) {
    size_t whole = 0;
    while (whole < index.num_chunks() && index.Get(whole).end <= size) ++whole;
    const auto pieces = SurveyAll(file.substr(0, size), 5000);
    EXPECT_EQ(DataChunks(pieces, *reader).size(), whole) << size;
    EXPECT_EQ(pieces.back().end, size);
    const bool at_end = size == (whole == 0 ? 64 : index.Get(whole - 1).end);
    EXPECT_EQ(pieces.back().fault, at_end ? AR_FAULT_NONE : AR_FAULT_CUT_OFF) << size;
  }
}

TEST(Survey, LargeDamageTakesNoMoreMemory) {
  std::string file = MakeFile("group_size:1,uncompressed", TextRecords(400, 9000));
  const size_t size = file.size();
  std::fill(file.begin() + 70000, file.begin() + 3000000, '\0');
  std::string part = file.substr(70000, 200000);
  ar_piece pieces[10];
  size_t n;
  uint64_t need;
  const ar_survey_range range = {70000, size, size, 1};
  ASSERT_EQ(
      ar_survey(part.data(), part.size(), &range, nullptr, nullptr, pieces, 10, &n, &need, nullptr),
      AR_OK);
  ASSERT_GE(n, 1u);
  EXPECT_EQ(pieces[0].fault, AR_FAULT_CHUNK_HEADER);
  EXPECT_EQ(pieces[0].end % kBlockSize, 0u);
  EXPECT_EQ(DataChunks(
                SurveyAll(file, 200000),
                *[&] {
                  static std::unique_ptr<Reader> reader;
                  EXPECT_TRUE(OpenMemory(file, &reader).ok());
                  return reader.get();
                }())
                .back()
                .num_records,
            1u);
}

TEST(Survey, LimitsHold) {
  const std::string file = MakeFile("group_size:8,zstd", Records(64, std::string(1 << 20, 'x')));
  ar_reader_options options = {};
  options.struct_size = sizeof(options);
  options.max_record_size = 1000;
  size_t too_large = 0;
  for (const ar_piece& piece : SurveyAll(file, 1 << 20, nullptr, &options)) {
    too_large += piece.fault == AR_FAULT_TOO_LARGE;
  }
  EXPECT_EQ(too_large, 8u);
  EXPECT_EQ(Faults(SurveyAll(file, 1 << 20)), 0u);
}

TEST(Survey, WrongArgumentsAreRefused) {
  char bytes[100] = {};
  ar_piece piece;
  size_t n;
  uint64_t need, begin;
  for (ar_survey_range range :
       {ar_survey_range{0, 10, 99, 0}, ar_survey_range{101, 110, 100, 0},
        ar_survey_range{3, 10, 1000, 0}, ar_survey_range{0, 10, UINT64_MAX, 0}}) {
    EXPECT_EQ(
        ar_survey(bytes, sizeof(bytes), &range, nullptr, nullptr, &piece, 1, &n, &need, nullptr),
        AR_INVALID_ARGUMENT);
  }
  EXPECT_EQ(ar_survey_begin(bytes, 23, 0, &begin, nullptr), AR_INVALID_ARGUMENT);
  EXPECT_EQ(ar_survey_begin(bytes, 24, 65536, &begin, nullptr), AR_DATA_LOSS);
  BlockHeader block;
  block.Encode(reinterpret_cast<uint8_t*>(bytes));  // a right one, of a chunk that begins there
  EXPECT_EQ(ar_survey_begin(bytes, 24, 65536, &begin, nullptr), AR_OK);
  EXPECT_EQ(ar_survey_begin(bytes, 24, uint64_t{1} << 63, &begin, nullptr), AR_INVALID_ARGUMENT);
  for (uint64_t next : {uint64_t{INT64_MAX}, UINT64_MAX}) {
    block.previous_chunk = 1;
    block.next_chunk = next;
    block.Encode(reinterpret_cast<uint8_t*>(bytes));
    EXPECT_EQ(ar_survey_begin(bytes, 24, 65536, &begin, nullptr), AR_DATA_LOSS);
  }
  const std::string file = MakeFile("group_size:1,uncompressed", TextRecords(60, 700));
  EXPECT_EQ(ar_survey_begin(file.data(), 24, 0, &begin, nullptr), AR_OK);
  EXPECT_EQ(begin, 0u);
  EXPECT_EQ(ar_survey_begin(file.data() + 65536, 24, 65536, &begin, nullptr), AR_OK);
  EXPECT_GT(begin, 65536u);
}

// A reader of the chunks that were found gives their records, and nothing of what lies between.
TEST(Survey, ReaderOfChunksReadsAroundDamage) {
  for (const char* options : kOptions) {
    const Records records = TextRecords(100, 900);
    std::string file = MakeFile(options, records);
    std::unique_ptr<Reader> sound;
    ASSERT_TRUE(OpenMemory(file, &sound).ok());
    Records want;
    for (uint64_t c = 0; c < sound->index().num_chunks(); ++c) {
      if (c % 3 == 1) {
        file[sound->index().Get(c).begin +
             (sound->index().Get(c).begin % kBlockSize == 0 ? 30 : 4)] ^= 1;
        continue;
      }
      for (uint64_t i = sound->index().FirstRecord(c); i < sound->index().FirstRecord(c + 1); ++i) {
        want.push_back(records[i]);
      }
    }
    const auto data = DataChunks(SurveyAll(file, 1 << 20), *sound);
    for (bool with_file : {false, true}) {
      std::unique_ptr<Reader> reader;
      const Status status = Reader::OpenChunks(with_file ? MemoryFile(file) : File(), data.data(),
                                               data.size(), ReaderOptions(), &reader);
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_EQ(reader->num_records(), want.size()) << options;
      Records got;
      if (with_file) {
        RecordsRead read;
        ASSERT_TRUE(read.SetRange(*reader, 0, want.size()).ok());
        const Status read_status = ReadAll(&read, 100000, 10, &got);
        ASSERT_TRUE(read_status.ok()) << read_status.message();
        for (uint64_t i = 0; i < want.size(); i += 7) {
          std::string record;
          ASSERT_TRUE(GetRecord(*reader, i, &record).ok());
          EXPECT_EQ(record, want[i]);
        }
      } else {
        ASSERT_TRUE(ReadRange(*reader, file, 0, want.size(), &got).ok());
      }
      EXPECT_EQ(got, want);
    }
  }
}

TEST(Survey, ReaderOfImpossibleChunksIsRefused) {
  const std::string file = MakeFile("group_size:1,uncompressed", TextRecords(6, 700));
  const auto pieces = SurveyAll(file, 1 << 20);
  std::vector<ar_piece> chunks(pieces.begin() + 1, pieces.begin() + 4);
  std::unique_ptr<Reader> reader;
  ASSERT_TRUE(
      Reader::OpenChunks(MemoryFile(file), chunks.data(), 3, ReaderOptions(), &reader).ok());
  ASSERT_TRUE(
      Reader::OpenChunks(MemoryFile(file), chunks.data(), 0, ReaderOptions(), &reader).ok());
  EXPECT_EQ(reader->num_records(), 0u);
  std::swap(chunks[0], chunks[1]);
  EXPECT_EQ(Reader::OpenChunks(File(), chunks.data(), 3, ReaderOptions(), &reader).code(),
            AR_DATA_LOSS);
  std::swap(chunks[0], chunks[1]);
  chunks[0].end += 1;
  EXPECT_EQ(Reader::OpenChunks(File(), chunks.data(), 3, ReaderOptions(), &reader).code(),
            AR_DATA_LOSS);
  chunks[0].end -= 1;
  for (size_t i : {0, 2}) {
    const uint64_t end = chunks[i].end;
    for (uint64_t wrong : {chunks[i].begin, chunks[i].begin - 1, uint64_t{0}}) {
      chunks[i].end = wrong;
      EXPECT_EQ(Reader::OpenChunks(File(), chunks.data(), 3, ReaderOptions(), &reader).code(),
                AR_DATA_LOSS)
          << i << " " << wrong;
    }
    chunks[i].end = end;
  }
  chunks[2].end = file.size() + 1;
  EXPECT_EQ(Reader::OpenChunks(MemoryFile(file), chunks.data(), 3, ReaderOptions(), &reader).code(),
            AR_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace arrayrecord
