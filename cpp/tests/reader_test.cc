#include "reader.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>

#include "cursor.h"
#include "gtest/gtest.h"
#include "read_plan.h"
#include "read_records.h"
#include "test_util.h"

namespace arrayrecord {
namespace {

const char* const kCodecs[] = {"uncompressed", "zstd", "brotli:1", "snappy"};

std::unique_ptr<Reader> Open(const std::string& file, const std::string& options = "") {
  std::unique_ptr<Reader> reader;
  EXPECT_EQ(OpenMemory(file, &reader, options).message(), "");
  return reader;
}

TEST(ReaderTest, RoundTripOverCodecsGroupsAndPadding) {
  for (const char* codec : kCodecs) {
    for (const char* group : {"1", "2", "7", "100000"}) {
      for (const char* pad : {"true", "false"}) {
        for (size_t n : {0u, 1u, 7u, 40u}) {
          const Records records = TextRecords(n, 30);
          const std::string file = MakeFile(
              std::string("group_size:") + group + ",pad_to_block_boundary:" + pad + "," + codec,
              records);
          Records back;
          ASSERT_EQ(ReadFile(file, &back).message(), "");
          EXPECT_EQ(back, records);
        }
      }
    }
  }
}

TEST(ReaderTest, IndicesInAnyOrderWithRepetitions) {
  const Records records = TextRecords(500, 20);
  std::mt19937 rng(3);
  for (const char* group : {"1", "7", "1000"}) {
    for (const char* codec : kCodecs) {
      const std::string file = MakeFile(std::string("group_size:") + group + "," + codec, records);
      auto reader = Open(file);
      std::vector<uint64_t> indices;
      Records want, back;
      for (int i = 0; i < 700; ++i) {
        indices.push_back(i < 5 ? 499 : rng() % 500);
        want.push_back(records[indices.back()]);
      }
      ASSERT_EQ(ReadIndices(*reader, file, indices, &back).message(), "");
      EXPECT_EQ(back, want);
      std::sort(indices.begin(), indices.end());
      back.clear();
      ASSERT_TRUE(ReadIndices(*reader, file, indices, &back).ok());
      EXPECT_EQ(back[0], records[indices[0]]);
    }
  }
}

TEST(ReaderTest, Ranges) {
  const Records records = TextRecords(60, 20);
  for (const char* group : {"1", "7", "1000"}) {
    const std::string file = MakeFile(std::string("zstd,group_size:") + group, records);
    auto reader = Open(file);
    for (uint64_t b = 0; b <= 60; b += 3) {
      for (uint64_t e = b; e <= 60; ++e) {
        Records back;
        ASSERT_TRUE(ReadRange(*reader, file, b, e, &back).ok());
        ASSERT_EQ(back, Records(records.begin() + b, records.begin() + e));
      }
    }
    Records back;
    EXPECT_EQ(ReadRange(*reader, file, 0, 61, &back).code(), AR_OUT_OF_RANGE);
    EXPECT_EQ(ReadRange(*reader, file, 5, 4, &back).code(), AR_OUT_OF_RANGE);
    EXPECT_EQ(ReadIndices(*reader, file, {1, 60}, &back).code(), AR_OUT_OF_RANGE);
  }
}

TEST(ReaderTest, OneRecordOfAFile) {
  const Records records = TextRecords(100, 50);
  for (const char* options : {"zstd", "uncompressed,group_size:9", "brotli:1,group_size:9"}) {
    TempFile file(MakeFile(options, records));
    File handle;
    ASSERT_TRUE(File::OpenForReading(file.path(), &handle).ok());
    std::unique_ptr<Reader> reader;
    ASSERT_TRUE(Reader::Open(std::move(handle), ReaderOptions(), &reader).ok());
    for (uint64_t i = 0; i < 100; ++i) {
      size_t size = 0;
      std::string out(10, 'z');
      EXPECT_EQ(reader->Get(i, Data(out), out.size(), &size).code(), AR_BUFFER_TOO_SMALL);
      EXPECT_EQ(size, records[i].size());
      out.resize(size);
      ASSERT_TRUE(reader->Get(i, Data(out), out.size(), &size).ok());
      EXPECT_EQ(out, records[i]);
    }
    size_t size;
    EXPECT_EQ(reader->Get(100, nullptr, 0, &size).code(), AR_OUT_OF_RANGE);
  }
}

std::unique_ptr<Reader> OpenFile(const TempFile& file, const std::string& options = "") {
  ReaderOptions parsed;
  EXPECT_TRUE(ReaderOptions::Parse(options, &parsed).ok());
  File handle;
  EXPECT_TRUE(File::OpenForReading(file.path(), &handle).ok());
  std::unique_ptr<Reader> reader;
  EXPECT_EQ(Reader::Open(std::move(handle), parsed, &reader).message(), "");
  return reader;
}

// However little there is room for at a time, and wherever a range begins and ends in a chunk.
TEST(ReadRangeTest, GoesAsFarAsThereIsRoom) {
  const Records records = TextRecords(300, 20);
  std::mt19937 rng(11);
  for (const char* options :
       {"uncompressed,group_size:1", "zstd,group_size:1", "snappy,group_size:7",
        "uncompressed,group_size:100", "zstd,group_size:7,transpose:true"}) {
    TempFile file(MakeFile(options, records));
    auto reader = OpenFile(file);
    for (int round = 0; round < 50; ++round) {
      const uint64_t begin = round == 0 ? 0 : rng() % 301;
      const uint64_t end = round == 0 ? 300 : begin + rng() % (301 - begin);
      std::vector<uint8_t> out(round == 0 ? 0 : rng() % 4000);
      std::vector<uint64_t> offsets(end - begin + 1);
      uint64_t at = begin;
      while (at < end) {
        ReadProgress progress;
        offsets[0] = rng() % 10;
        if (out.size() < offsets[0]) out.resize(offsets[0]);
        ASSERT_EQ(ReadRange(*reader, at, end, out.data(), out.size(), offsets.data(), &progress)
                      .message(),
                  "");
        for (uint64_t i = 0; i < progress.num_records; ++i) {
          ASSERT_EQ(std::string(out.begin() + offsets[i], out.begin() + offsets[i + 1]),
                    records[at + i]);
        }
        at += progress.num_records;
        ASSERT_EQ(progress.size_of_next > 0, at < end);
        ASSERT_LE(offsets[progress.num_records], out.size());
        // The size that was told is enough, and a byte less is not.
        if (progress.num_records == 0) out.resize(offsets[0] + progress.size_of_next - 1);
        if (progress.num_records == 0 && rng() % 2) out.resize(offsets[0] + progress.size_of_next);
      }
    }
  }
}

TEST(ReadSortedTest, AnyRecordsAlsoTwice) {
  const Records records = TextRecords(300, 20);
  std::mt19937 rng(12);
  for (const char* options :
       {"uncompressed,group_size:1", "zstd,group_size:1", "brotli:1,group_size:7",
        "uncompressed,group_size:100", "zstd,group_size:7,transpose:true"}) {
    TempFile file(MakeFile(options, records));
    auto reader = OpenFile(file);
    for (int round = 0; round < 100; ++round) {
      std::vector<uint64_t> wanted(rng() % 400);
      for (uint64_t& record : wanted) record = rng() % 300;
      if (round % 4 == 0) wanted.resize(std::min<size_t>(wanted.size(), 300));
      for (size_t i = 0; i < wanted.size() && round % 4 == 0; ++i) wanted[i] = i;
      std::sort(wanted.begin(), wanted.end());
      std::vector<uint8_t> out(rng() % 4000);
      std::vector<uint64_t> offsets(wanted.size() + 1);
      for (size_t at = 0; at < wanted.size();) {
        ReadProgress progress;
        offsets[0] = 0;
        ASSERT_EQ(ReadSorted(*reader, &wanted[at], wanted.size() - at, out.data(), out.size(),
                             offsets.data(), &progress)
                      .message(),
                  "");
        for (uint64_t i = 0; i < progress.num_records; ++i) {
          ASSERT_EQ(std::string(out.begin() + offsets[i], out.begin() + offsets[i + 1]),
                    records[wanted[at + i]]);
        }
        at += progress.num_records;
        ASSERT_EQ(progress.size_of_next > 0, at < wanted.size());
        if (progress.num_records == 0) out.resize(progress.size_of_next);
      }
    }
    ReadProgress progress;
    uint64_t offsets[3] = {};
    const uint64_t falling[] = {2, 1}, outside[] = {1, 300};
    EXPECT_EQ(ReadSorted(*reader, falling, 2, nullptr, 0, offsets, &progress).code(),
              AR_INVALID_ARGUMENT);
    EXPECT_EQ(ReadSorted(*reader, outside, 2, nullptr, 0, offsets, &progress).code(),
              AR_OUT_OF_RANGE);
  }
}

TEST(ReadRangeTest, FailuresTellHowFarItCame) {
  const Records records = TextRecords(1000, 20);
  std::string bytes = MakeFile("uncompressed,group_size:10", records);
  bytes[bytes.find(records[505])] ^= 1;
  TempFile file(bytes);
  auto reader = OpenFile(file);
  std::vector<uint8_t> out(1 << 20);
  std::vector<uint64_t> offsets(1001);
  ReadProgress progress;
  Status status = ReadRange(*reader, 3, 1000, out.data(), out.size(), offsets.data(), &progress);
  EXPECT_EQ(status.code(), AR_DATA_LOSS);
  EXPECT_EQ(status.record(), 500u);
  EXPECT_EQ(progress.num_records, 497u);
  EXPECT_EQ(std::string(out.begin() + offsets[496], out.begin() + offsets[497]), records[499]);
  EXPECT_EQ(ReadRange(*reader, 990, 1001, out.data(), out.size(), offsets.data(), &progress).code(),
            AR_OUT_OF_RANGE);
  EXPECT_EQ(progress.num_records, 0u);
  auto without_file = Open(MakeFile("", records));
  EXPECT_EQ(
      ReadRange(*without_file, 0, 1, out.data(), out.size(), offsets.data(), &progress).code(),
      AR_FAILED_PRECONDITION);
}

TEST(CursorTest, GivesAllRecordsUnderAllOptions) {
  const Records records = TextRecords(3000, 60);
  TempFile file(MakeFile("uncompressed,group_size:5", records));
  for (const char* options : {"", "max_parallelism:0", "readahead_buffer_size:0",
                              "readahead_buffer_size:20K,max_parallelism:1",
                              "readahead_buffer_size:1G", "index_storage_option:offloaded"}) {
    auto reader = OpenFile(file, options);
    for (uint64_t begin : {0u, 1u, 2998u, 3000u}) {
      std::unique_ptr<Cursor> cursor;
      ASSERT_TRUE(Cursor::Open(*reader, begin, 3000, &cursor).ok());
      uint64_t i = begin;
      ByteSpan record;
      for (;; ++i) {
        ASSERT_TRUE(cursor->Next(&record).ok());
        if (record.data == nullptr) break;
        ASSERT_EQ(std::string(reinterpret_cast<const char*>(record.data), record.size), records[i]);
      }
      EXPECT_EQ(i, 3000u);
      ASSERT_TRUE(cursor->Next(&record).ok()) << "after the end comes the end";
      EXPECT_EQ(record.data, nullptr);
    }
    std::unique_ptr<Cursor> abandoned;
    ASSERT_TRUE(Cursor::Open(*reader, 0, 3000, &abandoned).ok());
    ByteSpan record;
    ASSERT_TRUE(abandoned->Next(&record).ok());
  }
}

// The records before the damage are given, then the error, again and again.
TEST(CursorTest, DamageIsReportedWhereItIs) {
  const Records records = TextRecords(1000, 20);
  std::string bytes = MakeFile("uncompressed,group_size:10", records);
  bytes[bytes.find(records[505])] ^= 1;
  TempFile file(bytes);
  for (const char* options : {"", "max_parallelism:0", "readahead_buffer_size:0"}) {
    auto reader = OpenFile(file, options);
    std::unique_ptr<Cursor> cursor;
    ASSERT_TRUE(Cursor::Open(*reader, 3, 1000, &cursor).ok());
    ByteSpan record;
    for (int i = 3; i < 500; ++i) {
      ASSERT_EQ(cursor->Next(&record).message(), "") << i;
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(record.data), record.size), records[i]);
    }
    for (int again = 0; again < 3; ++again) {
      Status status = cursor->Next(&record);
      EXPECT_EQ(status.code(), AR_DATA_LOSS);
      EXPECT_EQ(status.record(), 500u);
    }
  }
}

TEST(ReaderTest, GroupsOfDifferentSizes) {
  RawFile file;
  const Records records = TextRecords(30, 3);
  size_t at = 0;
  for (size_t n : {3u, 1u, 10u, 2u, 14u}) {
    file.AddRecords(Records(records.begin() + at, records.begin() + at + n));
    at += n;
  }
  const std::string bytes = file.Finish();
  auto reader = Open(bytes);
  EXPECT_EQ(reader->group_size(), 3u);
  Records back;
  ASSERT_EQ(ReadRange(*reader, bytes, 0, 30, &back).message(), "");
  EXPECT_EQ(back, records);
  back.clear();
  ASSERT_TRUE(ReadIndices(*reader, bytes, {29, 3, 4, 15, 16, 0}, &back).ok());
  EXPECT_EQ(back,
            (Records{records[29], records[3], records[4], records[15], records[16], records[0]}));
}

TEST(ReaderTest, FilesOfBefore2022HaveNoWriterOptions) {
  RawFile file;
  file.AddRecords({"a"});
  auto reader = Open(file.Finish());
  EXPECT_EQ(reader->writer_options(), nullptr);
}

// An index that contradicts itself or the file, with every hash right.
TEST(ReaderTest, IndexThatLies) {
  auto fails = [](const char* what, const std::function<void(RawFile*)>& change,
                  const std::function<void(FooterMetadata*)>& change_metadata = nullptr,
                  ar_code code = AR_DATA_LOSS) {
    RawFile file;
    for (int i = 0; i < 4; ++i) file.AddRecords({"one", "two"});
    RawFile lying = file;
    if (change) change(&lying);
    Records footer = lying.FooterRecords();
    if (change_metadata) {
      FooterMetadata metadata;
      ASSERT_TRUE(metadata.Parse(AsBytes(footer[0])).ok());
      change_metadata(&metadata);
      footer[0] = metadata.Serialize();
    }
    Records back;
    EXPECT_EQ(ReadFile(lying.FinishWith(footer), &back).code(), code) << what;
  };
  RawFile good;
  good.AddRecords({"one", "two"});
  Records back;
  ASSERT_TRUE(ReadFile(good.Finish(), &back).ok());

  fails("too many chunks", nullptr, [](FooterMetadata* m) { ++m->num_chunks; });
  fails("too few chunks", nullptr, [](FooterMetadata* m) { --m->num_chunks; });
  fails("no chunks", nullptr, [](FooterMetadata* m) { m->num_chunks = 0; });
  fails("too many records", nullptr, [](FooterMetadata* m) { ++m->num_records; });
  fails("too few records", nullptr, [](FooterMetadata* m) { --m->num_records; });
  fails("group of no records", [](RawFile* f) { f->index[0].num_records = 0; });
  fails("wrong count", [](RawFile* f) { f->index[1].num_records = 3; });
  fails("counts moved", [](RawFile* f) {
    f->index[1].num_records = 1;
    f->index[2].num_records = 3;
  });
  fails("offsets swapped", [](RawFile* f) { std::swap(f->index[1], f->index[2]); });
  fails("offset inside a chunk", [](RawFile* f) { f->index[2].chunk_offset += 1; });
  fails("offset 0", [](RawFile* f) { f->index[0].chunk_offset = 0; });
  fails("offset past the end", [](RawFile* f) { f->index[3].chunk_offset = 1 << 20; });
  fails("offset near 2^64", [](RawFile* f) { f->index[3].chunk_offset = UINT64_MAX - 5; });
  fails("offset of the footer", [](RawFile* f) { f->index[3].chunk_offset = f->bytes.size(); });
  fails(
      "a chunk left out", [](RawFile* f) { f->index.erase(f->index.begin() + 1); }, nullptr, AR_OK);
}

TEST(ReaderTest, ChunksThatAreNotRecords) {
  for (ChunkType type : {ChunkType::kPadding, ChunkType::kSignature, ChunkType::kMetadata,
                         static_cast<ChunkType>('q')}) {
    RawFile file;
    file.AddChunk(type, "", 0, 0);
    file.index[0].num_records = 1;
    Records back;
    EXPECT_EQ(ReadFile(file.Finish(), &back).code(), AR_DATA_LOSS);
  }
}

TEST(ReaderTest, FooterThatIsNoFooter) {
  RawFile file;
  file.AddRecords({"a"});
  Records back;
  EXPECT_EQ(ReadFile(file.FinishWith({"not a message \xff\xff"}), &back).code(), AR_DATA_LOSS);
  EXPECT_EQ(ReadFile(file.FinishWith({""}), &back).code(), AR_DATA_LOSS);
  EXPECT_EQ(ReadFile(file.FinishWith({}), &back).code(), AR_DATA_LOSS);
  EXPECT_EQ(ReadFile(file.FinishWith({std::string("\x0a\x02\x08\x02")}), &back).code(),
            AR_UNIMPLEMENTED);
}

TEST(ReaderTest, TruncatedAndForeignFiles) {
  std::mt19937 rng(5);
  std::string noise(200000, '\0');
  for (char& c : noise) c = static_cast<char>(rng());
  const std::string file = MakeFile("uncompressed", {noise, "end"});
  Records back;
  for (size_t n : {size_t{64}, size_t{65535}, size_t{65536}, size_t{131072}, size_t{196608},
                   file.size() - 65536, file.size() - 1}) {
    EXPECT_EQ(ReadFile(file.substr(0, n), &back).code(), AR_TRUNCATED) << n;
  }
  EXPECT_EQ(ReadFile(file + "x", &back).code(), AR_TRUNCATED);
  EXPECT_EQ(ReadFile("", &back).code(), AR_NOT_ARRAYRECORD);
  EXPECT_EQ(ReadFile("short", &back).code(), AR_NOT_ARRAYRECORD);
  EXPECT_EQ(ReadFile(noise.substr(0, 131072), &back).code(), AR_NOT_ARRAYRECORD);
  EXPECT_EQ(ReadFile(std::string(131072, '\0'), &back).code(), AR_NOT_ARRAYRECORD);
}

// Whatever bit is flipped: an error, or the records as they were.
TEST(ReaderTest, NoFlippedBitGivesWrongRecords) {
  const Records records = TextRecords(9, 4);
  for (const char* codec : kCodecs) {
    std::string file = MakeFile(std::string("group_size:2,") + codec, records);
    for (size_t i = 0; i<file.size(); i += i> 3000 && i < 65500 ? 97 : 1) {
      if (i > 65536 + 300) break;
      file[i] ^= 0x04;
      Records back;
      Status status = ReadFile(file, &back);
      if (status.ok()) {
        EXPECT_EQ(back, records) << i;
      }
      file[i] ^= 0x04;
    }
  }
}

TEST(PlanTest, StepsOutOfOrderAreRefused) {
  const std::string file = MakeFile("zstd", TextRecords(10, 5));
  auto reader = Open(file);
  ReadPlan::Pointer plan;
  ASSERT_TRUE(ReadPlan::Range(*reader, 0, 10, &plan).ok());
  uint64_t offsets[11];
  std::string out(10000, '\0');
  EXPECT_EQ(plan->Decode(Data(out), out.size(), offsets, 1).code(), AR_FAILED_PRECONDITION);
  EXPECT_EQ(plan->Load(1).code(), AR_FAILED_PRECONDITION) << "there is no file";
  std::string bytes;
  for (const ar_extent& e : plan->Extents(0)) bytes += file.substr(e.position, e.size);
  EXPECT_EQ(plan->LoadBytes(Data(bytes), bytes.size() - 1, 1).code(), AR_INVALID_ARGUMENT);
  ASSERT_TRUE(plan->LoadBytes(Data(bytes), bytes.size(), 1).ok());
  EXPECT_EQ(plan->Decode(Data(out), plan->decoded_size() - 1, offsets, 1).code(),
            AR_BUFFER_TOO_SMALL);
  EXPECT_TRUE(plan->Decode(Data(out), out.size(), offsets, 1).ok());
  EXPECT_EQ(plan->Decode(Data(out), out.size(), offsets, 1).code(), AR_FAILED_PRECONDITION);
}

// A chunk that has been decoded for one record serves the others, but not for ever.
TEST(ReaderTest, NeighboursOfARecordNeedNoFile) {
  const Records records = TextRecords(200, 50);
  for (const char* options : {"uncompressed,group_size:10", "zstd,group_size:10"}) {
    TempFile temp(MakeFile(options, records));
    File file;
    ASSERT_TRUE(File::OpenForReading(temp.path(), &file).ok());
    std::unique_ptr<Reader> reader;
    ASSERT_TRUE(Reader::Open(std::move(file), ReaderOptions(), &reader).ok());
    std::string out(1000, '\0');
    auto get = [&](uint64_t i) {
      size_t size = 0;
      Status status = reader->Get(i, Data(out), out.size(), &size);
      if (status.ok()) {
        EXPECT_EQ(out.substr(0, size), records[i]) << i;
      }
      return status.code();
    };
    for (uint64_t i = 0; i < records.size(); i += 10) EXPECT_EQ(get(i), AR_OK);
    ASSERT_EQ(truncate(temp.path().c_str(), 0), 0);
    for (uint64_t i = 190; i < 200; ++i) EXPECT_EQ(get(i), AR_OK);
    EXPECT_EQ(get(121), AR_OK);
    EXPECT_EQ(get(5), AR_DATA_LOSS) << "the cache is small";
  }
}

// The system answers with a signal where a mapped file has no bytes any more.
TEST(ReaderTest, MappedFileThatBecomesShorter) {
  const Records records = TextRecords(3000, 50);
  TempFile temp(MakeFile("uncompressed", records));
  File file;
  ASSERT_TRUE(File::OpenForReading(temp.path(), &file).ok());
  ReaderOptions options;
  options.mapped = true;
  std::unique_ptr<Reader> reader;
  ASSERT_TRUE(Reader::Open(std::move(file), options, &reader).ok());
  std::string out(1000, '\0');
  size_t size = 0;
  for (uint64_t i = 0; i < records.size(); ++i) {
    ASSERT_TRUE(reader->Get(i, Data(out), out.size(), &size).ok());
    ASSERT_EQ(out.substr(0, size), records[i]);
  }
  ASSERT_EQ(truncate(temp.path().c_str(), 65536), 0);
  for (int again = 0; again < 3; ++again) {
    const Status status = reader->Get(2900, Data(out), out.size(), &size);
    EXPECT_EQ(status.code(), AR_DATA_LOSS);
    EXPECT_EQ(status.record(), 2900u);
    EXPECT_TRUE(reader->Get(0, Data(out), out.size(), &size).ok());
  }
  ReadPlan::Pointer plan;
  ASSERT_TRUE(ReadPlan::Range(*reader, 0, records.size(), &plan).ok());
  EXPECT_EQ(plan->Load(2).code(), AR_DATA_LOSS);
}

}  // namespace
}  // namespace arrayrecord
