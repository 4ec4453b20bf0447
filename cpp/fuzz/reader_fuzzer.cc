// A whole file: opened and read in every way - as bytes, as a file, as a mapped file; at once,
// piece by piece, one by one - which must all find the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "batch.h"
#include "cursor.h"
#include "fuzz_file.h"
#include "read_records.h"
#include "reader.h"

namespace arrayrecord {
namespace {

using Records = std::vector<std::string>;

// More than this is legal, but slow.
constexpr uint64_t kMaxRecords = 100000;
constexpr uint64_t kMaxSize = 100 << 20;

std::string Text(ByteSpan span) {
  return std::string(reinterpret_cast<const char*>(span.data), span.size);
}

Status ReadAll(RecordsRead* read, uint64_t room, Records* records) {
  constexpr size_t kMost = 100;
  std::string out(room, '\0');
  std::vector<uint64_t> offsets(kMost + 1);
  for (;;) {
    ReadProgress progress;
    AR_TRY(read->Next(Data(&out), out.size(), kMost, offsets.data(), &progress));
    for (size_t i = 0; i < progress.num_records; ++i) {
      records->push_back(out.substr(offsets[i], offsets[i + 1] - offsets[i]));
    }
    if (progress.num_records > 0) continue;
    if (progress.room.chunk == 0) return Status();
    Require(progress.room.record > out.size() && progress.room.record <= progress.room.chunk);
    out.resize(progress.room.record);
  }
}

Status ReadBytes(const Reader& reader, const std::string& file, Records* records) {
  RecordsRead read;
  Require(read.SetRange(reader, 0, reader.num_records()).ok());
  std::string bytes;
  for (const ar_extent& extent : read.Extents(10)) {
    Require(extent.position <= file.size() && extent.size <= file.size() - extent.position);
    bytes += file.substr(extent.position, extent.size);
  }
  Require(read.SetBytes(Data(&bytes), bytes.size()).ok());
  return ReadAll(&read, 0, records);
}

Status ReadPieces(const Reader& reader, Records* records) {
  RecordsRead read;
  Require(read.SetRange(reader, 0, reader.num_records()).ok());
  return ReadAll(&read, 1000, records);
}

Status ReadWithCursor(const Reader& reader, Records* records) {
  std::unique_ptr<Cursor> cursor;
  Require(Cursor::Open(reader, 0, reader.num_records(), &cursor).ok());
  for (;;) {
    ByteSpan record;
    AR_TRY(cursor->Next(&record));
    if (record.data == nullptr) return Status();
    records->push_back(Text(record));
  }
}

Status ReadBatch(const Reader& reader, Records* records) {
  std::vector<uint64_t> all(reader.num_records());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  Batch batch;
  AR_TRY(batch.Read(reader, all.data(), all.size(), 1));
  for (size_t i = 0; i < all.size(); ++i) records->push_back(Text(batch.Record(i)));
  return Status();
}

Status ReadOneByOne(const Reader& reader, Records* records) {
  for (uint64_t i = 0; i < reader.num_records(); ++i) {
    std::string out(10, '\0');
    size_t size = 0;
    Status status = reader.Get(i, Data(&out), out.size(), &size);
    if (status.code() == AR_BUFFER_TOO_SMALL) {
      if (size > kMaxSize) return Corrupt("larger than the file can hold here");
      out.resize(size);
      status = reader.Get(i, Data(&out), out.size(), &size);
      Require(status.code() != AR_BUFFER_TOO_SMALL);
    }
    AR_TRY(std::move(status));
    records->push_back(out.substr(0, size));
  }
  return Status();
}

}  // namespace
}  // namespace arrayrecord

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  std::string file = FuzzFile(data, size);
  if (file.empty()) return 0;

  std::string tail = file.substr(kTailSize);
  uint64_t footer;
  std::unique_ptr<Reader> bytes;
  Status opened = LocateFooter(Data(&tail), tail.size(), file.size(),
                               ByteSpan(Data(&file), kSignatureEnd), &footer);
  if (opened.ok()) {
    std::string index = file.substr(footer, kTailSize - footer);
    opened =
        Reader::OpenIndex(Data(&index), index.size(), footer, file.size(), ReaderOptions(), &bytes);
  }

  const int fd = FuzzDescriptor(file);
  const File content(fd, /*owned=*/true);
  for (bool mapped : {false, true}) {
    ReaderOptions options;
    options.mapped = mapped;
    File own;
    Require(File::Duplicate(fd, &own).ok());
    std::unique_ptr<Reader> reader;
    Require(Reader::Open(std::move(own), options, &reader).code() == opened.code());
    if (!opened.ok() || reader->num_records() > kMaxRecords || reader->claimed_size() > kMaxSize) {
      continue;
    }
    Records want;
    const Status status = ReadBytes(*bytes, file, &want);
    for (auto read : {ReadPieces, ReadWithCursor, ReadBatch, ReadOneByOne}) {
      Records got;
      Require(read(*reader, &got).ok() == status.ok());
      Require(!status.ok() || got == want);
    }
    std::vector<uint64_t> some;
    const uint64_t n = reader->num_records();
    for (size_t i = 0; i < 20 && n > 0; ++i) some.push_back(Hash(&i, sizeof(i)) % n);
    std::sort(some.begin(), some.end());
    RecordsRead sorted;
    Records got;
    Require(sorted.SetSorted(*reader, some.data(), some.size()).ok());
    if (ReadAll(&sorted, 100, &got).ok() && status.ok()) {
      for (size_t i = 0; i < some.size(); ++i) Require(got[i] == want[some[i]]);
    }
  }
  return 0;
}
