#include "reader.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>

#include "batch.h"
#include "cursor.h"
#include "gtest/gtest.h"
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

// Within its last page a mapping has bytes that the file does not.
TEST(MappedFileTest, NothingIsReadBehindTheEnd) {
  File file = MemoryFile("0123456789");
  char out[10] = {};
  for (bool mapped : {false, true}) {
    if (mapped) {
      ASSERT_TRUE(file.Map().ok());
    }
    EXPECT_TRUE(file.ReadAt(0, out, 10).ok());
    EXPECT_TRUE(file.ReadAt(9, out, 1).ok());
    for (uint64_t position : {1u, 9u, 10u, 11u, 20u}) {
      EXPECT_EQ(file.ReadAt(position, out, 10).code(), AR_DATA_LOSS) << position;
    }
  }
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

TEST(BatchTest, AnyOrderWithRepetitions) {
  const Records records = TextRecords(500, 20);
  std::mt19937 rng(3);
  for (const char* group : {"1", "7", "1000"}) {
    for (const char* codec : kCodecs) {
      const std::string file = MakeFile(std::string("group_size:") + group + "," + codec, records);
      auto reader = OpenFile(file);
      std::vector<uint64_t> indices;
      for (int i = 0; i < 700; ++i) indices.push_back(i < 5 ? 499 : rng() % 500);
      for (int order = 0; order < 2; ++order) {
        for (size_t parallelism : {0u, 1u, 3u, 1000u}) {
          Batch batch;
          ASSERT_EQ(batch.Read(*reader, indices.data(), indices.size(), parallelism).message(), "");
          for (size_t i = 0; i < indices.size(); ++i) {
            const ByteSpan record = batch.Record(i);
            ASSERT_EQ(std::string(reinterpret_cast<const char*>(record.data), record.size),
                      records[indices[i]]);
          }
        }
        std::sort(indices.begin(), indices.end());
      }
      Records want, back;
      for (uint64_t i : indices) want.push_back(records[i]);
      ASSERT_EQ(ReadSorted(*Open(file), file, indices, &back).message(), "");
      EXPECT_EQ(back, want);
    }
  }
}

// A million times a small record beside some large ones: memory goes with what is there, not with
// how often it is asked for. And a batch outlives its reader.
TEST(BatchTest, SkewedRepetitions) {
  Records records = {"0123456789"};
  for (int i = 0; i < 8; ++i) records.emplace_back(1 << 20, static_cast<char>('a' + i));
  for (const char* options : {"zstd", "uncompressed,group_size:3"}) {
    auto reader = OpenFile(MakeFile(options, records));
    std::vector<uint64_t> indices(1000000, 0);
    for (size_t i = 0; i < 8; ++i) indices[i * 100000] = i + 1;
    Batch batch;
    ASSERT_EQ(batch.Read(*reader, indices.data(), indices.size(), 0).message(), "");
    reader.reset();
    EXPECT_EQ(batch.Record(1).data, batch.Record(999999).data);
    for (size_t i = 0; i < indices.size(); i += 9999) {
      const ByteSpan record = batch.Record(i);
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(record.data), record.size),
                records[indices[i]]);
    }
  }
}

// A batch is read again and again, from one reader or another, into the same memory.
TEST(BatchTest, MemoryIsUsedAgain) {
  const Records records = {"", std::string(40000000, 'a'), std::string(5000000, 'b'), "c"};
  Batch batch;
  const void* place = nullptr;
  for (const char* options : {"zstd:1", "uncompressed", "zstd:1,group_size:2"}) {
    auto reader = OpenFile(MakeFile(options, records));
    for (uint64_t i : {2, 3, 0, 1, 2}) {
      ASSERT_EQ(batch.Read(*reader, &i, 1, 0).message(), "");
      ASSERT_EQ(batch.size(), 1u);
      const ByteSpan record = batch.Record(0);
      ASSERT_NE(record.data, nullptr);
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(record.data), record.size), records[i]);
      if (i == 3) {
        EXPECT_EQ(record.data, place);
      }
      place = record.data;
    }
  }
}

TEST(BatchTest, Failures) {
  const Records records = TextRecords(1000, 20);
  std::string bytes = MakeFile("uncompressed,group_size:10", records);
  auto good = OpenFile(bytes);
  Batch batch;
  const uint64_t outside[] = {3, 1000}, damaged[] = {900, 3, 505};
  EXPECT_EQ(batch.Read(*good, outside, 2, 0).code(), AR_OUT_OF_RANGE);
  EXPECT_EQ(batch.Read(*Open(bytes), damaged, 1, 0).code(), AR_FAILED_PRECONDITION);
  ASSERT_TRUE(batch.Read(*good, nullptr, 0, 0).ok());

  bytes[bytes.find(records[505])] ^= 1;
  auto reader = OpenFile(bytes);
  const Status status = batch.Read(*reader, damaged, 3, 0);
  EXPECT_EQ(status.code(), AR_DATA_LOSS);
  EXPECT_EQ(status.record(), 505u);
  EXPECT_EQ(batch.size(), 0u);
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
    EXPECT_EQ(ReadSorted(*reader, file, {1, 60}, &back).code(), AR_OUT_OF_RANGE);
    EXPECT_EQ(ReadSorted(*reader, file, {2, 1}, &back).code(), AR_INVALID_ARGUMENT);
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
      EXPECT_EQ(out, std::string(10, 'z'));
      out.resize(size);
      ASSERT_TRUE(reader->Get(i, Data(out), out.size(), &size).ok());
      EXPECT_EQ(out, records[i]);
    }
    size_t size;
    EXPECT_EQ(reader->Get(100, nullptr, 0, &size).code(), AR_OUT_OF_RANGE);
  }
}

std::unique_ptr<Reader> OpenNamed(const TempFile& file, const std::string& options = "") {
  ReaderOptions parsed;
  EXPECT_TRUE(ReaderOptions::Parse(options, &parsed).ok());
  File handle;
  EXPECT_TRUE(File::OpenForReading(file.path(), &handle).ok());
  std::unique_ptr<Reader> reader;
  EXPECT_EQ(Reader::Open(std::move(handle), parsed, &reader).message(), "");
  return reader;
}

// However little there is room for at a time, wherever it begins and ends in a chunk, and whatever
// repeats: each call gives what the header promises, from file and bytes.
TEST(RecordsReadTest, GoesAsFarAsThereIsRoom) {
  const Records records = TextRecords(300, 20);
  std::mt19937 rng(11);
  RecordsRead read;  // for all of them
  for (const char* options : {"uncompressed,group_size:1", "zstd,group_size:1",
                              "snappy,group_size:7", "brotli:1,group_size:7",
                              "uncompressed,group_size:100", "zstd,group_size:7,transpose:true"}) {
    const std::string file = MakeFile(options, records);
    auto reader = OpenFile(file);
    auto without_file = Open(file);
    for (int round = 0; round < 200; ++round) {
      const Reader& from = round % 2 == 0 ? *reader : *without_file;
      std::vector<uint64_t> wanted;
      if (round % 4 < 2) {
        const uint64_t begin = round == 0 ? 0 : rng() % 301;
        const uint64_t end = round == 0 ? 300 : begin + rng() % (301 - begin);
        for (uint64_t i = begin; i < end; ++i) wanted.push_back(i);
        ASSERT_TRUE(read.SetRange(from, begin, end).ok());
      } else {
        wanted.resize(rng() % 400);
        for (uint64_t& record : wanted) record = rng() % (round % 8 < 4 ? 300 : 10);
        std::sort(wanted.begin(), wanted.end());
        ASSERT_TRUE(read.SetSorted(from, wanted.data(), wanted.size()).ok());
      }
      std::string bytes;
      if (round % 2 == 1) {
        for (const ar_extent& e : read.Extents(round)) bytes += file.substr(e.position, e.size);
        ASSERT_EQ(read.SetBytes(Data(bytes), bytes.size()).message(), "");
      }
      std::string out(round == 0 ? 0 : rng() % 4000, '\0');
      size_t at = 0;
      for (;;) {
        const size_t most = rng() % 200;
        std::vector<uint64_t> offsets(most + 1);
        ReadProgress progress;
        ASSERT_EQ(read.Next(Data(out), out.size(), most, offsets.data(), &progress).message(), "");
        ASSERT_LE(progress.num_records, std::min(most, wanted.size() - at));
        ASSERT_EQ(offsets[0], 0u);
        ASSERT_LE(offsets[progress.num_records], out.size());
        for (size_t i = 0; i < progress.num_records; ++i) {
          ASSERT_EQ(out.substr(offsets[i], offsets[i + 1] - offsets[i]), records[wanted[at + i]]);
        }
        at += progress.num_records;
        if (at == wanted.size()) {
          ASSERT_EQ(progress.room.chunk, 0u);
          break;
        }
        // What did not fit is told, and nothing else stops it.
        ASSERT_EQ(progress.num_records<most, progress.room.chunk> 0) << at;
        if (progress.num_records == most) continue;
        ASSERT_EQ(progress.room.record, records[wanted[at]].size());
        const uint64_t group = reader->group_size();
        uint64_t size = 0;
        for (size_t i = at; i < wanted.size() && wanted[i] / group == wanted[at] / group; ++i) {
          size += records[wanted[i]].size();
        }
        ASSERT_EQ(progress.room.chunk, size);
        if (progress.num_records > 0) continue;
        // One byte less than told is not enough, and what is told is.
        if (out.size() + 1 < progress.room.record) {
          out.resize(progress.room.record - 1);
        } else {
          out.resize(rng() % 2 ? progress.room.record : progress.room.chunk);
        }
      }
    }
  }
}

// Chunks are divided only when nothing is before them.
TEST(RecordsReadTest, CallsEndBetweenChunks) {
  const Records records = TextRecords(30, 20);
  auto reader = OpenFile(MakeFile("zstd,group_size:10", records));
  uint64_t chunk = 0;
  for (int i = 0; i < 10; ++i) chunk += records[i].size();
  std::string out(chunk + chunk / 2, '\0');
  std::vector<uint64_t> offsets(31);
  RecordsRead read;
  ASSERT_TRUE(read.SetRange(*reader, 0, 30).ok());
  ReadProgress progress;
  ASSERT_TRUE(read.Next(Data(out), out.size(), 30, offsets.data(), &progress).ok());
  EXPECT_EQ(progress.num_records, 10u);
  EXPECT_EQ(progress.room.record, records[10].size());
  ASSERT_TRUE(read.Next(Data(out), records[10].size(), 30, offsets.data(), &progress).ok());
  EXPECT_EQ(progress.num_records, 1u);
  EXPECT_EQ(progress.room.record, records[11].size());
}

// What did not fit is kept: the file may go away.
TEST(RecordsReadTest, NothingIsReadTwice) {
  const Records records = TextRecords(1000, 50);
  for (const char* options : {"uncompressed,group_size:1000", "zstd,group_size:1000",
                              "zstd,group_size:100", "zstd,group_size:1000,transpose:true"}) {
    TempFile file(MakeFile(options, records));
    auto reader = OpenNamed(file);
    RecordsRead read;
    ASSERT_TRUE(read.SetRange(*reader, 5, 95).ok());
    uint64_t offsets[91];
    ReadProgress progress;
    ASSERT_TRUE(read.Next(nullptr, 0, 90, offsets, &progress).ok());
    EXPECT_EQ(progress.room.record, records[5].size());
    ASSERT_EQ(truncate(file.path().c_str(), 0), 0);
    Records back;
    ASSERT_EQ(ReadAll(&read, 1000, 90, &back).message(), "") << options;
    EXPECT_EQ(back, Records(records.begin() + 5, records.begin() + 95));
  }
}

// A chunk that is too large to be decoded whole comes by pieces, its repetitions too.
TEST(RecordsReadTest, LargeChunksAreStreamed) {
  Records records;
  for (int i = 0; i < 300; ++i) {
    records.push_back(std::string(static_cast<size_t>(i % 7) * 20000, static_cast<char>(i)) +
                      std::to_string(i));
  }
  for (const char* options : {"zstd,group_size:300", "brotli:1,group_size:300",
                              "snappy,group_size:300", "uncompressed,group_size:300"}) {
    const std::string file = MakeFile(options, records);
    auto reader = OpenFile(file);
    ASSERT_GT(reader->claimed_size(), 16u << 20);
    RecordsRead read;
    for (size_t room : {0u, 50000u, 1000000u}) {
      Records back, want = Records(records.begin() + 3, records.end() - 2);
      ASSERT_TRUE(read.SetRange(*reader, 3, 298).ok());
      ASSERT_EQ(ReadAll(&read, room, 40, &back).message(), "") << options;
      ASSERT_TRUE(back == want) << options;
      std::vector<uint64_t> wanted;
      want.clear();
      for (uint64_t i = 0; i < 300; i += 7) {
        for (uint64_t k = 0; k < 1 + i % 3 * 4; ++k) wanted.push_back(i);
      }
      for (uint64_t i : wanted) want.push_back(records[i]);
      back.clear();
      ASSERT_TRUE(read.SetSorted(*reader, wanted.data(), wanted.size()).ok());
      ASSERT_EQ(ReadAll(&read, room, 5, &back).message(), "") << options;
      ASSERT_TRUE(back == want) << options;
    }
  }
}

TEST(RecordsReadTest, BytesMustBeThoseOfTheExtents) {
  const std::string file = MakeFile("zstd", TextRecords(10, 5));
  auto reader = Open(file);
  RecordsRead read;
  ASSERT_TRUE(read.SetRange(*reader, 0, 10).ok());
  uint64_t offsets[11];
  ReadProgress progress;
  std::string bytes, out(10000, '\0');
  EXPECT_EQ(read.Next(Data(out), out.size(), 10, offsets, &progress).code(), AR_FAILED_PRECONDITION)
      << "neither file nor bytes";
  for (const ar_extent& e : read.Extents(0)) bytes += file.substr(e.position, e.size);
  EXPECT_EQ(read.SetBytes(Data(bytes), bytes.size() - 1).code(), AR_INVALID_ARGUMENT);
  ASSERT_TRUE(read.SetBytes(Data(bytes), bytes.size()).ok());
  EXPECT_EQ(read.SetBytes(Data(bytes), bytes.size()).code(), AR_FAILED_PRECONDITION);
  EXPECT_EQ(read.Extents(1 << 20).size(), 1u);
  EXPECT_TRUE(read.Next(Data(out), out.size(), 10, offsets, &progress).ok());
  EXPECT_EQ(progress.num_records, 10u);
  RecordsRead begun;
  auto with_file = OpenFile(file);
  ASSERT_TRUE(begun.SetRange(*with_file, 0, 10).ok());
  ASSERT_TRUE(begun.Next(Data(out), out.size(), 1, offsets, &progress).ok());
  EXPECT_EQ(begun.SetBytes(Data(bytes), bytes.size()).code(), AR_FAILED_PRECONDITION);
}

TEST(RecordsReadTest, FailuresTellHowFarItCameAndStay) {
  const Records records = TextRecords(1000, 20);
  std::string bytes = MakeFile("uncompressed,group_size:10", records);
  bytes[bytes.find(records[505])] ^= 1;
  auto reader = OpenFile(bytes);
  std::string out(1 << 20, '\0');
  std::vector<uint64_t> offsets(1001);
  ReadProgress progress;
  RecordsRead read;
  ASSERT_TRUE(read.SetRange(*reader, 3, 1000).ok());
  Status status = read.Next(Data(out), out.size(), 1000, offsets.data(), &progress);
  EXPECT_EQ(status.code(), AR_DATA_LOSS);
  EXPECT_EQ(status.record(), 500u);
  EXPECT_EQ(progress.num_records, 497u);
  EXPECT_EQ(out.substr(offsets[496], offsets[497] - offsets[496]), records[499]);
  for (int again = 0; again < 3; ++again) {
    status = read.Next(Data(out), out.size(), 1000, offsets.data(), &progress);
    EXPECT_EQ(status.code(), AR_DATA_LOSS);
    EXPECT_EQ(status.record(), 500u);
    EXPECT_EQ(progress.num_records, 0u);
  }
  ASSERT_TRUE(read.SetRange(*reader, 510, 520).ok()) << "a new beginning";
  EXPECT_TRUE(read.Next(Data(out), out.size(), 1000, offsets.data(), &progress).ok());
  EXPECT_EQ(progress.num_records, 10u);
  EXPECT_EQ(read.SetRange(*reader, 990, 1001).code(), AR_OUT_OF_RANGE);
}

TEST(CursorTest, GivesAllRecordsUnderAllOptions) {
  const Records records = TextRecords(3000, 60);
  TempFile file(MakeFile("uncompressed,group_size:5", records));
  for (const char* options : {"", "max_parallelism:0", "readahead_buffer_size:0",
                              "readahead_buffer_size:20K,max_parallelism:1",
                              "readahead_buffer_size:1G", "index_storage_option:offloaded"}) {
    auto reader = OpenNamed(file, options);
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
    auto reader = OpenNamed(file, options);
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
  ASSERT_TRUE(ReadSorted(*reader, bytes, {0, 3, 4, 15, 16, 29}, &back).ok());
  EXPECT_EQ(back,
            (Records{records[0], records[3], records[4], records[15], records[16], records[29]}));
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
  fails("size too large", [](RawFile* f) { ++f->index[1].decoded_data_size; });
  fails("size too small", [](RawFile* f) { --f->index[1].decoded_data_size; });
  fails("sizes that add up to too much", [](RawFile* f) {
    for (FooterEntry& entry : f->index) entry.decoded_data_size = UINT64_MAX / 2;
  });
  fails("offset of the footer", [](RawFile* f) { f->index[3].chunk_offset = f->bytes.size(); });
  fails("a chunk left out", [](RawFile* f) { f->index.erase(f->index.begin() + 1); });
  fails("the last chunk left out", [](RawFile* f) { f->index.pop_back(); });
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
  EXPECT_EQ(ReadFile(file + "x", &back).code(), AR_DATA_LOSS);
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
    const uint64_t one_record[] = {122};
    RecordsRead read;
    Records back;
    ASSERT_TRUE(read.SetSorted(*reader, one_record, 1).ok());
    EXPECT_EQ(ReadAll(&read, 0, 1, &back).message(), "") << "as Get";
    EXPECT_EQ(back, Records{records[122]});
    const uint64_t kept = ar_kept_memory();
    ar_set_cache_limit(0);
    EXPECT_LT(ar_kept_memory(), kept);
    ar_set_cache_limit(64 << 20);
    EXPECT_EQ(get(121), AR_DATA_LOSS);
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
  Records back;
  RecordsRead read;
  ASSERT_TRUE(read.SetRange(*reader, 0, records.size()).ok());
  EXPECT_EQ(ReadAll(&read, 1 << 20, 1000, &back).code(), AR_DATA_LOSS);
}

}  // namespace
}  // namespace arrayrecord
