// What reading may take: limits of records and chunks, memory that is in use and that is kept.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "batch.h"
#include "buffer.h"
#include "chunk_cache.h"
#include "cursor.h"
#include "gtest/gtest.h"
#include "test_util.h"

namespace {

// How many more allocations succeed; negative: all.
std::atomic<int64_t> allocations_left{-1};

void* Allocate(size_t size) {
  // In one step: the test may lift the limit while another thread is here.
  int64_t left = allocations_left;
  while (left >= 0) {
    if (left == 0) throw std::bad_alloc();
    if (allocations_left.compare_exchange_weak(left, left - 1)) break;
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace arrayrecord {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// What a process may have in memory beside what the promises are about. Sanitizers keep freed
// memory and books of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSlack = 600 * kMiB;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr uint64_t kSlack = 600 * kMiB;
#else
constexpr uint64_t kSlack = 24 * kMiB;
#endif
#else
constexpr uint64_t kSlack = 24 * kMiB;
#endif

// Of this process, from now on.
uint64_t StatusBytes(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t value;
    if (word == field && status >> value) return value << 10;
  }
  return 0;
}

// The most memory that was resident since ForgetPeak.
uint64_t Peak() { return StatusBytes("VmHWM:"); }
void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << 5; }

// A file of records of zeros, which take next to nothing in the file.
std::string Zeros(const std::string& options, size_t n, uint64_t size) {
  WriterOptions parsed;
  EXPECT_TRUE(WriterOptions::Parse(options, &parsed).ok());
  auto sink = std::make_unique<MemorySink>();
  MemorySink* memory = sink.get();
  std::unique_ptr<Writer> writer;
  EXPECT_TRUE(Writer::Create(parsed, std::move(sink), &writer).ok());
  const std::string record(size, '\0');
  for (size_t i = 0; i < n; ++i) EXPECT_TRUE(writer->Write(Data(record), &size, 1).ok());
  EXPECT_TRUE(writer->Close().ok());
  std::string file(memory->available(), '\0');
  memory->Take(Data(file), file.size());
  return file;
}

uint64_t CountWithCursor(const Reader& reader, Status* status) {
  std::unique_ptr<Cursor> cursor;
  *status = Cursor::Open(reader, 0, reader.num_records(), &cursor);
  for (uint64_t n = 0;; ++n) {
    ByteSpan record;
    *status = cursor->Next(&record);
    if (!status->ok() || record.data == nullptr) return n;
  }
}

// However far the records decompress, a cursor has its budget in memory, and a record.
TEST(CursorMemoryTest, DecodedBytesAreBounded) {
  const struct {
    const char* options;
    size_t n;
    uint64_t size;
  } kFiles[] = {{"zstd:1", 60, 4 * kMiB},
                {"zstd:1", 4, 80 * kMiB},
                {"zstd:1,group_size:100", 100, 2 * kMiB},
                {"brotli:1,group_size:100", 100, 2 * kMiB},
                {"zstd:1,group_size:300000", 300000, 600}};
  for (const auto& f : kFiles) {
    const std::string file = Zeros(f.options, f.n, f.size);
    for (bool no_readahead : {false, true}) {
      ReaderOptions options;
      options.readahead_memory = 32 * kMiB;
      options.no_readahead = no_readahead;
      auto reader = OpenFile(file, options);
      ForgetPeak();
      const uint64_t before = StatusBytes("VmRSS:");
      Status status;
      EXPECT_EQ(CountWithCursor(*reader, &status), f.n) << status.message();
      // Beside the budget and a record: what is encoded, where records begin, and codecs.
      EXPECT_LT(Peak() - before, 32 * kMiB + f.size + kSlack) << f.options << " " << f.size;
    }
  }
}

// A chunk of several records that is larger than the budget is never decoded whole, however small
// both are.
TEST(CursorMemoryTest, SmallBudgets) {
  for (const char* options : {"zstd:1,group_size:100", "brotli:1,group_size:100"}) {
    ReaderOptions small;
    small.readahead_memory = 64 << 10;
    small.no_readahead = true;
    auto reader = OpenFile(Zeros(options, 300, 30 << 10), small);
    size_t kept = 0;
    std::thread other([&] {  // whose buffers are its own
      ASSERT_LT(Buffer::kept(), 48 * kMiB);
      kept = Buffer::kept();
      Status status;
      EXPECT_EQ(CountWithCursor(*reader, &status), 300u) << status.message();
      kept = Buffer::kept() - kept;
    });
    other.join();
    EXPECT_LT(kept, 1 * kMiB) << options;
  }
}

TEST(ReadMemoryTest, SmallPiecesOfALargeChunk) {
  for (const char* options : {"zstd:1,group_size:100", "brotli:1,group_size:100"}) {
    auto reader = OpenFile(Zeros(options, 50, 3 * kMiB));
    ForgetPeak();
    const uint64_t before = StatusBytes("VmRSS:");
    RecordsRead read;
    ASSERT_TRUE(read.SetRange(*reader, 1, 50).ok());
    std::string out(4 * kMiB, '\0');
    uint64_t offsets[101];
    size_t n = 0;
    ReadProgress progress;
    do {
      ASSERT_TRUE(read.Next(Data(out), out.size(), 100, offsets, &progress).ok());
      n += progress.num_records;
    } while (progress.num_records > 0);
    EXPECT_EQ(n, 49u);
    EXPECT_LT(Peak() - before, 8 * kMiB + kSlack) << options;
  }
}

// After a large read as much is kept as may be, and the rest is the system's again.
TEST(KeptMemoryTest, LargeReadsLeaveLittleBehind) {
  for (const char* options : {"zstd:1", "uncompressed", "zstd:1,group_size:4"}) {
    auto reader = OpenFile(Zeros(options, 4, 100 * kMiB));
    const uint64_t before = StatusBytes("VmRSS:");
    for (int i = 0; i < 2; ++i) {
      std::string out;
      ASSERT_EQ(GetRecord(*reader, 1, &out).message(), "");
      ASSERT_EQ(out.size(), 100 * kMiB);
      Batch batch;
      const uint64_t wanted[] = {2, 0};
      ASSERT_TRUE(batch.Read(*reader, wanted, 2, 0).ok());
    }
    EXPECT_LT(StatusBytes("VmRSS:"), before + 16 * kMiB + kSlack) << options;
    EXPECT_LE(ar_kept_memory(), 128 * kMiB);
  }
}

TEST(KeptMemoryTest, BuffersOfThreadsTogether) {
  std::vector<std::unique_ptr<ThreadBuffer>> buffers;
  for (BufferUse use : {kEncodedChunk, kDecodedChunk, kCompressedBlock}) {
    for (int i = 0; i < 3; ++i) {
      ThreadBuffer buffer(use);
      buffer.Get((i + 10) * 3 * kMiB);
      buffer.GiveBack();
      EXPECT_LE(Buffer::kept(), Buffer::kMaxKept);
    }
  }
  ThreadBuffer again(kEncodedChunk);
  const uint8_t* kept = again.Get(kMiB);
  again.GiveBack();
  EXPECT_EQ(again.Get(kMiB), kept) << "what is small enough is used again";
}

TEST(ChunkCacheTest, CountsAllThatItHolds) {
  const Records records = TextRecords(4000, 100);
  for (const char* options : {"zstd,group_size:100", "uncompressed,group_size:100",
                              "zstd,group_size:100,transpose:true"}) {
    auto reader = OpenFile(MakeFile(options, records));
    auto other = OpenFile(MakeFile(options, records));
    ar_set_cache_limit(kMiB);
    const uint64_t without = ChunkCache::Shared().memory();
    std::string out;
    for (uint64_t i = 0; i < records.size(); i += 50) {
      ASSERT_EQ(GetRecord(i % 100 == 0 ? *reader : *other, i, &out).message(), "");
      ASSERT_EQ(out, records[i]);
      ASSERT_LE(ChunkCache::Shared().memory(), kMiB);
    }
    EXPECT_GT(ChunkCache::Shared().memory(), without + kMiB / 2);
    reader.reset();
    other.reset();
    EXPECT_LE(ChunkCache::Shared().memory(), 300000u) << "of two spare ones at most";
    ar_set_cache_limit(0);
    EXPECT_EQ(ChunkCache::Shared().memory(), 0u);
    reader = OpenFile(MakeFile(options, records));
    ASSERT_TRUE(GetRecord(*reader, 7, &out).ok()) << "also without a cache";
    EXPECT_EQ(out, records[7]);
    EXPECT_EQ(ChunkCache::Shared().memory(), 0u);
    ar_set_cache_limit(64 * kMiB);
  }
}

// Every way to read refuses what is over a limit, and names limit and place.
TEST(LimitsTest, RecordsAndChunksOverALimit) {
  const struct {
    const char* options;
    const char* limit;
    uint64_t max_record, max_chunk;
  } kCases[] = {{"zstd", "max_record_size", 999999, 1 << 30},
                {"zstd,group_size:3", "max_record_size", 999999, 1 << 30},
                {"uncompressed,group_size:3", "max_record_size", 999999, 1 << 30},
                {"zstd,group_size:3,transpose:true", "max_record_size", 999999, 1 << 30},
                {"zstd", "max_chunk_size", 1 << 30, 999999},
                {"zstd,group_size:3", "max_chunk_size", 1 << 30, 2999999},
                {"zstd,group_size:3,transpose:true", "max_chunk_size", 1 << 30, 2999999}};
  for (const auto& c : kCases) {
    Records records(12, std::string(100, 'a'));
    for (size_t i = 6; i < 9; ++i) records[i] = std::string(1000000, 'b');
    const std::string file = MakeFile(c.options, records);
    ReaderOptions options;
    for (bool fits : {false, true}) {
      options.max_record_size = c.max_record + (fits ? 1 : 0);
      options.max_chunk_size = c.max_chunk + (fits ? 1 : 0);
      auto reader = OpenFile(file, options);
      std::vector<Status> results(6);
      std::string out;
      results[0] = GetRecord(*reader, 6, &out);
      RecordsRead read;
      for (int i = 1; i < 3; ++i) {
        Records got;
        ASSERT_TRUE(read.SetRange(*reader, i == 1 ? 0 : 6, i == 1 ? 12 : 7).ok());
        results[i] = ReadAll(&read, i == 1 ? 10 << 20 : 0, 12, &got);
      }
      Records part;
      ASSERT_TRUE(read.SetRange(*reader, 6, 8).ok());
      results[5] = ReadAll(&read, 0, 12, &part);
      results[3] = Status();
      CountWithCursor(*reader, &results[3]);
      Batch batch;
      const uint64_t wanted[] = {11, 6, 0};
      results[4] = batch.Read(*reader, wanted, 3, 0);
      for (const Status& status : results) {
        if (fits) {
          ASSERT_EQ(status.message(), "") << c.options;
          continue;
        }
        ASSERT_EQ(status.code(), AR_RESOURCE_EXHAUSTED) << c.options << ": " << status.message();
        EXPECT_NE(status.message().find(c.limit), std::string::npos) << status.message();
        ar_error error;
        status.CopyTo(&error);
        EXPECT_EQ(error.record, 6u);
        EXPECT_EQ(error.chunk, reader->index().ChunkOf(6));
        EXPECT_EQ(error.position, reader->index().Get(error.chunk).begin);
      }
    }
  }
}

// A file of 1 MiB whose one chunk truly holds 26 GiB, and others that only say so: an error, and
// nothing of that size is made room for.
TEST(LimitsTest, BombsAreRefusedBeforeMemoryIsTaken) {
  RawFile raw;
  raw.AddChunk(ChunkType::kSimple, std::string("z\x01\x00", 3) + std::string(100, 'x'), 1,
               uint64_t{26} << 30);
  raw.AddChunk(ChunkType::kSimple, std::string("z\x01\x00", 3) + std::string(100, 'x'), 3,
               uint64_t{26} << 30);
  raw.AddChunk(ChunkType::kTransposed, "zxxxx", 3, uint64_t{26} << 30);
  const std::string file = raw.Finish();
  ForgetPeak();
  const uint64_t before = StatusBytes("VmRSS:");
  auto reader = OpenFile(file);
  for (uint64_t record : {0u, 1u, 4u}) {
    std::string out(10, '\0');
    size_t size;
    EXPECT_EQ(reader->Get(record, Data(out), out.size(), &size).code(), AR_RESOURCE_EXHAUSTED);
    RecordsRead read;
    Records got;
    ASSERT_TRUE(read.SetRange(*reader, record, record + 1).ok());
    EXPECT_EQ(ReadAll(&read, 0, 1, &got).code(), AR_RESOURCE_EXHAUSTED);
    std::unique_ptr<Reader> bytes;
    ASSERT_TRUE(OpenMemory(file, &bytes).ok());
    EXPECT_EQ(ReadRange(*bytes, file, record, record + 1, &got).code(), AR_RESOURCE_EXHAUSTED);
  }
  EXPECT_LT(Peak() - before, kSlack);
}

// The index of a file claims more than the file has room for, or is none.
TEST(LimitsTest, IndexThatClaimsTooMuch) {
  RawFile raw;
  raw.AddRecords({"a"});
  const struct {
    ChunkType type;
    uint64_t num_records, decoded_size;
    const char* message;
  } kHeads[] = {{ChunkType::kSimple, 3000, 100, "no room"},
                {ChunkType::kSimple, 2, 3 * kMiB, "claims"},
                {ChunkType::kSimple, 0, 100, "another kind"},
                {ChunkType::kTransposed, 2, 100, "another kind"}};
  for (const auto& h : kHeads) {
    ChunkHeader header;
    header.type = h.type;
    header.num_records = h.num_records;
    header.decoded_data_size = h.decoded_size;
    std::string file = raw.bytes;
    const uint64_t begin = file.size();
    file += PlaceChunk(begin, header, std::string(5000, '\0'));
    uint8_t head[kChunkHeadSize];
    std::copy_n(Data(file) + begin, sizeof(head), head);
    const Status status = CheckIndexHead(head, sizeof(head), begin, 2 * kTailSize);
    EXPECT_EQ(status.code(), AR_DATA_LOSS);
    EXPECT_NE(status.message().find(h.message), std::string::npos) << status.message();
  }
}

// As large as files get, and nearly empty: what its last block says of the index is looked at
// before memory is made room for it.
TEST(LimitsTest, IndexOfTerabytes) {
  constexpr uint64_t kSize = uint64_t{1} << 44;
  const std::string small = MakeFile("zstd", {});
  const File file = MemoryFile("");
  ASSERT_EQ(ftruncate(file.fd(), kSize), 0);
  ASSERT_EQ(pwrite(file.fd(), small.data() + small.size() - kTailSize, kTailSize,
                   static_cast<off_t>(kSize - kTailSize)),
            static_cast<ssize_t>(kTailSize));
  File own;
  ASSERT_TRUE(File::Duplicate(file.fd(), &own).ok());
  std::unique_ptr<Reader> reader;
  EXPECT_EQ(Reader::Open(std::move(own), ReaderOptions(), &reader).code(), AR_DATA_LOSS);
}

// A file with a chunk that truly is that large, of which the index says that it has `claimed`
// bytes.
Status ReadTerabytes(uint64_t size, uint64_t claimed) {
  ChunkHeader chunk;
  chunk.type = ChunkType::kSimple;
  chunk.num_records = 1;
  chunk.data_size = size;
  chunk.decoded_data_size = size - 3;
  uint8_t head[kChunkHeaderSize];
  chunk.Encode(head);
  const uint64_t footer = chunk.End(kSignatureEnd);

  FooterMetadata metadata;
  metadata.num_chunks = metadata.num_records = 1;
  std::string entry;
  FooterEntry{kSignatureEnd, claimed, 1}.AppendTo(&entry);
  const auto place = [](uint64_t begin, const Records& records) {
    std::string values, data("\0\x02", 2);
    for (const std::string& record : records) {
      data.push_back(static_cast<char>(record.size()));
      values += record;
    }
    data[1] = static_cast<char>(records.size());
    ChunkHeader header;
    header.type = ChunkType::kSimple;
    header.num_records = records.size();
    header.decoded_data_size = values.size();
    return PlaceChunk(begin, header, data + values);
  };
  const std::string index = place(footer, {metadata.Serialize(), entry});
  const uint64_t tail = PaddedEnd(footer + index.size());
  const std::string postscript = place(tail, {SerializePostscript(footer)});

  const File file = MemoryFile(Signature());
  EXPECT_EQ(ftruncate(file.fd(), static_cast<off_t>(tail + kTailSize)), 0);
  const auto put = [&](uint64_t at, const void* bytes, size_t n) {
    EXPECT_EQ(pwrite(file.fd(), bytes, n, static_cast<off_t>(at)), static_cast<ssize_t>(n));
  };
  put(kSignatureEnd, head, sizeof(head));
  put(footer, index.data(), index.size());
  put(tail, postscript.data(), postscript.size());
  File own;
  EXPECT_TRUE(File::Duplicate(file.fd(), &own).ok());
  std::unique_ptr<Reader> reader;
  AR_TRY(Reader::Open(std::move(own), ReaderOptions(), &reader));
  RecordsRead read;
  AR_TRY(read.SetRange(*reader, 0, 1));
  Records records;
  return ReadAll(&read, 0, 1, &records);
}

// Limits, and the chunk's own header, are looked at before memory is made room for it.
TEST(LimitsTest, ChunkOfTerabytes) {
  constexpr uint64_t kSize = uint64_t{1} << 43;
  const Status truthful = ReadTerabytes(kSize, kSize - 3);
  EXPECT_EQ(truthful.code(), AR_RESOURCE_EXHAUSTED);
  EXPECT_NE(truthful.message().find("max_record_size"), std::string::npos) << truthful.message();
  EXPECT_EQ(ReadTerabytes(kSize, 10).code(), AR_DATA_LOSS);
}

// Where each record ends takes memory, too.
TEST(LimitsTest, ManyEmptyRecordsInAChunk) {
  RawFile raw;
  raw.AddRecords(Records(101, ""));
  for (const uint64_t limit : {807u, 808u}) {
    ReaderOptions options;
    options.max_chunk_size = limit;
    auto reader = OpenFile(raw.Finish(), options);
    RecordsRead read;
    ASSERT_TRUE(read.SetRange(*reader, 0, 101).ok());
    Records records;
    EXPECT_EQ(ReadAll(&read, 0, 101, &records).code(), limit < 808 ? AR_RESOURCE_EXHAUSTED : AR_OK);
  }
}

// Whichever allocation fails, an error comes and stays, and no record is skipped.
TEST(OutOfMemoryTest, ErrorsStay) {
  const Records records = TextRecords(300, 20);
  for (const char* options : {"zstd,group_size:10", "zstd,group_size:10,transpose:true"}) {
    const std::string file = MakeFile(options, records);
    for (bool no_readahead : {true, false}) {
      ReaderOptions reader_options;
      reader_options.no_readahead = no_readahead;
      reader_options.readahead_buffer_size = 2000;
      auto reader = OpenFile(file, reader_options);
      size_t failures = 0;
      for (int64_t allowed = 0; allowed < 400; allowed += 1 + allowed / 20) {
        std::unique_ptr<Cursor> cursor;
        ASSERT_TRUE(Cursor::Open(*reader, 0, 300, &cursor).ok());
        size_t next = 0;
        bool failed = false;
        allocations_left = allowed;
        for (int calls = 0; calls < 400; ++calls) {
          ByteSpan record;
          ar_code code = AR_OK;
          try {
            code = cursor->Next(&record).code();
          } catch (const std::bad_alloc&) {
            code = AR_RESOURCE_EXHAUSTED;
          }
          if (code != AR_OK) {
            failed = true;
            allocations_left = -1;
            ASSERT_EQ(code, AR_RESOURCE_EXHAUSTED);
            continue;
          }
          ASSERT_FALSE(failed) << "a record or the end after an error";
          if (record.data == nullptr) break;
          const int64_t left = allocations_left.exchange(-1);
          ASSERT_EQ(std::string(reinterpret_cast<const char*>(record.data), record.size),
                    records[next]);
          allocations_left = left;
          ++next;
        }
        allocations_left = -1;
        failures += failed;
        ASSERT_TRUE(failed || next == 300) << next;
      }
      EXPECT_GT(failures, 3u);
    }
  }
}

}  // namespace
}  // namespace arrayrecord
