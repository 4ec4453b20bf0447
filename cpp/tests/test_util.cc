#include "test_util.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "read_records.h"
#include "simple_chunk.h"

namespace arrayrecord {

std::string MakeFile(const std::string& options, const Records& records) {
  WriterOptions parsed;
  EXPECT_EQ(WriterOptions::Parse(options, &parsed).message(), "");
  auto sink = std::make_unique<MemorySink>();
  MemorySink* memory = sink.get();
  std::unique_ptr<Writer> writer;
  EXPECT_EQ(Writer::Create(parsed, std::move(sink), &writer).message(), "");
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
  std::string tail = file.size() < kTailSize ? file : file.substr(file.size() - kTailSize);
  uint64_t footer;
  AR_TRY(LocateFooter(Data(tail), tail.size(), file.size(), AsBytes(file), &footer));
  std::string index = file.substr(footer, file.size() - kTailSize - footer);
  return Reader::OpenIndex(Data(index), index.size(), footer, file.size(), parsed, reader);
}

namespace {

// All that `read` gives, from the bytes of a file in memory, with as little room as does.
Status ReadFrom(RecordsRead* read, const std::string& file, size_t n, Records* records) {
  std::string bytes;
  for (const ar_extent& extent : read->Extents(100)) {
    bytes += file.substr(extent.position, extent.size);
  }
  AR_TRY(read->SetBytes(Data(bytes), bytes.size()));
  std::string out;
  std::vector<uint64_t> offsets(n + 1);
  for (;;) {
    ReadProgress progress;
    AR_TRY(read->Next(Data(out), out.size(), n, offsets.data(), &progress));
    for (size_t i = 0; i < progress.num_records; ++i) {
      records->push_back(out.substr(offsets[i], offsets[i + 1] - offsets[i]));
    }
    if (progress.num_records == 0 && progress.room.chunk == 0) return Status();
    if (out.size() < progress.room.chunk) out.resize(progress.room.chunk);
  }
}

}  // namespace

Status ReadRange(const Reader& reader, const std::string& file, uint64_t begin, uint64_t end,
                 Records* records) {
  RecordsRead read;
  AR_TRY(read.Reset(reader, begin, end));
  return ReadFrom(&read, file, end - begin, records);
}

Status ReadSorted(const Reader& reader, const std::string& file,
                  const std::vector<uint64_t>& indices, Records* records) {
  RecordsRead read;
  AR_TRY(read.Reset(reader, indices.data(), indices.size()));
  return ReadFrom(&read, file, indices.size(), records);
}

Status ReadFile(const std::string& file, Records* records) {
  std::unique_ptr<Reader> reader;
  AR_TRY(OpenMemory(file, &reader));
  return ReadRange(*reader, file, 0, reader->num_records(), records);
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
