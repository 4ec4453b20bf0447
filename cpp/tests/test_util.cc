#include "test_util.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "batch.h"
#include "cursor.h"
#include "gtest/gtest.h"
#include "read_records.h"
#include "simple_chunk.h"

namespace arrayrecord {

std::string MakeFile(const std::string& options, const Records& records) {
  WriterOptions parsed;
  EXPECT_EQ(WriterOptions::Parse(options, &parsed).message(), "");
  return MakeFile(parsed, records);
}

std::string MakeFile(const WriterOptions& options, const Records& records) {
  auto sink = std::make_unique<MemorySink>();
  MemorySink* memory = sink.get();
  std::unique_ptr<Writer> writer;
  EXPECT_EQ(Writer::Create(options, std::move(sink), &writer).message(), "");
  for (const std::string& record : records) {
    uint64_t size = record.size();
    EXPECT_EQ(writer->Write(Data(record), &size, 1).message(), "");
  }
  EXPECT_EQ(writer->Close().message(), "");
  std::string file(memory->available(), '\0');
  EXPECT_EQ(memory->Take(Data(file), file.size()), file.size());
  return file;
}

Records TextRecords(size_t n, size_t words) {
  Records records;
  for (size_t i = 0; i < n; ++i) {
    std::string record;
    for (size_t w = 0; w < words; ++w) record += "word" + std::to_string(i * 31 + w * 7) + " ";
    records.push_back(record);
  }
  return records;
}

Status OpenMemory(const std::string& file, std::unique_ptr<Reader>* reader,
                  const std::string& options) {
  ReaderOptions parsed;
  AR_TRY(ReaderOptions::Parse(options, &parsed));
  const uint64_t whole = file.size() / kTailSize * kTailSize;
  std::string tail = whole == 0 ? file : file.substr(whole - kTailSize, kTailSize);
  uint64_t footer;
  AR_TRY(LocateFooter(Data(tail), tail.size(), file.size(), AsBytes(file), &footer));
  std::string index = file.substr(footer, file.size() - kTailSize - footer);
  return Reader::OpenIndex(Data(index), index.size(), footer, file.size(), parsed, reader);
}

File MemoryFile(const std::string& content) {
  const int fd = memfd_create("arrayrecord-test", MFD_CLOEXEC);
  EXPECT_GE(fd, 0);
  File file(fd, /*owned=*/true);
  std::vector<iovec> pieces = {{const_cast<char*>(content.data()), content.size()}};
  EXPECT_TRUE(file.Write(&pieces).ok());
  return file;
}

std::unique_ptr<Reader> OpenFile(const std::string& content, const ReaderOptions& options) {
  std::unique_ptr<Reader> reader;
  EXPECT_EQ(Reader::Open(MemoryFile(content), options, &reader).message(), "");
  return reader;
}

Status GetRecord(const Reader& reader, uint64_t i, std::string* record) {
  size_t size = 0;
  record->resize(20);
  Status status = reader.Get(i, Data(*record), record->size(), &size);
  if (status.code() == AR_BUFFER_TOO_SMALL) {
    record->resize(size);
    status = reader.Get(i, Data(*record), record->size(), &size);
    EXPECT_NE(status.code(), AR_BUFFER_TOO_SMALL);
  }
  record->resize(size);
  return status;
}

Status ReadAll(RecordsRead* read, size_t room, size_t max_records, Records* records) {
  std::string out(room, '\0');
  std::vector<uint64_t> offsets(max_records + 1);
  for (;;) {
    ReadProgress progress;
    Status status = read->Next(Data(out), out.size(), max_records, offsets.data(), &progress);
    for (size_t i = 0; i < progress.num_records; ++i) {
      records->push_back(out.substr(offsets[i], offsets[i + 1] - offsets[i]));
    }
    AR_TRY(std::move(status));
    if (progress.num_records > 0) continue;
    if (progress.room.chunk == 0) return Status();
    EXPECT_GT(progress.room.record, out.size());
    EXPECT_LE(progress.room.record, progress.room.chunk);
    out.resize(progress.room.record);
  }
}

namespace {

Status ReadFrom(RecordsRead* read, const std::string& file, Records* records) {
  std::string bytes;
  for (const ar_extent& extent : read->Extents(100)) {
    bytes += file.substr(extent.position, extent.size);
  }
  AR_TRY(read->SetBytes(Data(bytes), bytes.size()));
  return ReadAll(read, 0, 1000, records);
}

}  // namespace

Status ReadRange(const Reader& reader, const std::string& file, uint64_t begin, uint64_t end,
                 Records* records) {
  RecordsRead read;
  AR_TRY(read.SetRange(reader, begin, end));
  return ReadFrom(&read, file, records);
}

Status ReadSorted(const Reader& reader, const std::string& file,
                  const std::vector<uint64_t>& indices, Records* records) {
  RecordsRead read;
  AR_TRY(read.SetSorted(reader, indices.data(), indices.size()));
  return ReadFrom(&read, file, records);
}

namespace {

Status ReadFromBytes(const std::string& file, Records* records) {
  std::unique_ptr<Reader> reader;
  AR_TRY(OpenMemory(file, &reader));
  return ReadRange(*reader, file, 0, reader->num_records(), records);
}

Status ReadWithCursor(const Reader& reader, Records* records) {
  std::unique_ptr<Cursor> cursor;
  AR_TRY(Cursor::Open(reader, 0, reader.num_records(), &cursor));
  for (;;) {
    ByteSpan record;
    AR_TRY(cursor->Next(&record));
    if (record.data == nullptr) return Status();
    records->emplace_back(reinterpret_cast<const char*>(record.data), record.size);
  }
}

Status ReadAsBatch(const Reader& reader, Records* records) {
  std::vector<uint64_t> all(reader.num_records());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  Batch batch;
  AR_TRY(batch.Read(reader, all.data(), all.size(), 0));
  for (size_t i = 0; i < all.size(); ++i) {
    const ByteSpan record = batch.Record(i);
    records->emplace_back(reinterpret_cast<const char*>(record.data), record.size);
  }
  return Status();
}

Status ReadOneByOne(const Reader& reader, Records* records) {
  for (uint64_t i = 0; i < reader.num_records(); ++i) {
    records->emplace_back();
    AR_TRY(GetRecord(reader, i, &records->back()));
  }
  return Status();
}

template <size_t room>
Status ReadInPieces(const Reader& reader, Records* records) {
  RecordsRead read;
  AR_TRY(read.SetRange(reader, 0, reader.num_records()));
  return ReadAll(&read, room, 1000, records);
}

const struct {
  const char* name;
  Status (*read)(const Reader& reader, Records* records);
} kWays[] = {{"cursor", ReadWithCursor},
             {"batch", ReadAsBatch},
             {"one by one", ReadOneByOne},
             {"pieces", ReadInPieces<0>},
             {"large pieces", ReadInPieces<1 << 20>}};

}  // namespace

Status ReadFile(const std::string& file, Records* records) {
  Records want;
  const Status result = ReadFromBytes(file, &want);
  const File content = MemoryFile(file);
  for (bool mapped : {false, true}) {
    ReaderOptions options;
    options.mapped = mapped;
    File own;
    EXPECT_TRUE(File::Duplicate(content.fd(), &own).ok());
    std::unique_ptr<Reader> reader;
    const Status opened = Reader::Open(std::move(own), options, &reader);
    if (!opened.ok()) {
      EXPECT_EQ(opened.code(), result.code()) << opened.message() << "; " << result.message();
      continue;
    }
    for (const auto& way : kWays) {
      Records got;
      const Status status = way.read(*reader, &got);
      EXPECT_EQ(status.code(), result.code())
          << way.name << (mapped ? ", mapped: " : ": ") << status.message()
          << "; bytes: " << result.message();
      EXPECT_TRUE(!result.ok() || got == want) << way.name << (mapped ? ", mapped" : "");
    }
  }
  if (result.ok()) records->insert(records->end(), want.begin(), want.end());
  return result.Clone();
}

std::string PlaceChunk(uint64_t begin, ChunkHeader header, const std::string& data) {
  header.data_size = data.size();
  header.data_hash = Hash(data.data(), data.size());
  std::string logical(kChunkHeaderSize, '\0');
  header.Encode(Data(logical));
  logical += data;
  const uint64_t end = header.End(begin);
  std::string out;
  size_t next = 0;
  for (uint64_t pos = begin; pos < end; ++pos) {
    if (pos % kBlockSize == 0) {
      BlockHeader block;
      block.previous_chunk = pos - begin;
      block.next_chunk = end - pos;
      uint8_t bytes[kBlockHeaderSize];
      block.Encode(bytes);
      out.append(reinterpret_cast<char*>(bytes), sizeof(bytes));
      pos += sizeof(bytes);
    }
    out += next < logical.size() ? logical[next++] : '\0';
  }
  return out;
}

void RawFile::AddChunk(ChunkType type, const std::string& data, uint64_t num_records,
                       uint64_t decoded_data_size) {
  ChunkHeader header;
  header.type = type;
  header.num_records = num_records;
  header.decoded_data_size = decoded_data_size;
  index.push_back({bytes.size(), decoded_data_size, num_records});
  bytes += PlaceChunk(bytes.size(), header, data);
}

namespace {

std::string SimpleData(const Records& records, uint64_t* decoded_size) {
  std::string sizes, values, data(1, '\0');
  for (const std::string& record : records) {
    AppendVarint64(record.size(), &sizes);
    values += record;
  }
  *decoded_size = values.size();
  AppendVarint64(sizes.size(), &data);
  return data + sizes + values;
}

void AppendPadding(std::string* bytes) {
  const uint64_t begin = bytes->size();
  if (begin % kBlockSize == 0) return;
  uint64_t target = begin + RemainingInBlock(begin);
  if (target - begin < kChunkHeaderSize) target += kBlockSize;
  *bytes += PlaceChunk(begin, ChunkHeader(),
                       std::string(ChunkBytesBetween(begin, target) - kChunkHeaderSize, '\0'));
}

void AppendSimple(const Records& records, std::string* bytes) {
  ChunkHeader header;
  header.type = ChunkType::kSimple;
  header.num_records = records.size();
  const std::string data = SimpleData(records, &header.decoded_data_size);
  *bytes += PlaceChunk(bytes->size(), header, data);
}

}  // namespace

void RawFile::AddRecords(const Records& records) {
  uint64_t decoded_size;
  const std::string data = SimpleData(records, &decoded_size);
  AddChunk(ChunkType::kSimple, data, records.size(), decoded_size);
}

Records RawFile::FooterRecords() const {
  FooterMetadata metadata;
  metadata.num_chunks = index.size();
  for (const FooterEntry& entry : index) metadata.num_records += entry.num_records;
  Records records = {metadata.Serialize()};
  for (const FooterEntry& entry : index) {
    records.emplace_back();
    entry.AppendTo(&records.back());
  }
  return records;
}

std::string RawFile::Finish() const { return FinishWith(FooterRecords()); }

std::string RawFile::FinishWith(const Records& footer_records) const {
  std::string file = bytes;
  const uint64_t footer = file.size();
  AppendSimple(footer_records, &file);
  AppendPadding(&file);
  AppendSimple(Records(3, SerializePostscript(footer)), &file);
  AppendPadding(&file);
  return file;
}

GuardedBytes::GuardedBytes(const std::string& bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t readable = (bytes.size() + page - 1) / page * page;
  map_size_ = readable + page;
  map_ = mmap(nullptr, map_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(map_, MAP_FAILED);
  uint8_t* const end = static_cast<uint8_t*>(map_) + readable;
  EXPECT_EQ(mprotect(end, page, PROT_NONE), 0);
  data_ = std::copy(bytes.begin(), bytes.end(), end - bytes.size()) - bytes.size();
}

GuardedBytes::~GuardedBytes() { munmap(map_, map_size_); }

std::string TempDir() {
  std::string name = testing::TempDir() + "arrayrecord-XXXXXX";
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  return name;
}

TempFile::TempFile(const std::string& content) : path_(testing::TempDir() + "arrayrecord-XXXXXX") {
  int fd = mkstemp(path_.data());
  EXPECT_GE(fd, 0);
  File file(fd, /*owned=*/true);
  std::vector<iovec> pieces = {{const_cast<char*>(content.data()), content.size()}};
  EXPECT_TRUE(file.Write(&pieces).ok());
}

TempFile::~TempFile() { std::remove(path_.c_str()); }

std::string ReadWholeFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

}  // namespace arrayrecord
