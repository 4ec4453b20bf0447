// What is left of a file: its chunks are found without the index, in parts of any size, and a file
// is made of them that has exactly the records that could be read.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrayrecord.h"
#include "cursor.h"
#include "fuzz_file.h"
#include "layout.h"
#include "reader.h"
#include "survey.h"
#include "writer.h"

namespace arrayrecord {
namespace {

using Records = std::vector<std::string>;

// More is legal, but slow.
constexpr uint64_t kMaxSize = 16 << 20;
constexpr uint64_t kMaxRecords = 10000;

ReaderOptions Limits() {
  ReaderOptions options;
  options.max_record_size = options.max_chunk_size = kMaxSize;
  return options;
}

bool Readable(const ar_piece& piece) {
  return (piece.chunk_type == 'r' || piece.chunk_type == 't') &&
         (piece.fault == AR_FAULT_NONE || piece.fault == AR_FAULT_BLOCK_HEADER);
}

// All pieces, by windows that are at least `window` bytes.
std::vector<ar_piece> FindAll(const std::string& file, const ChunkIndex* index, uint64_t window) {
  const ReaderOptions options = Limits();
  std::vector<ar_piece> pieces;
  uint64_t end = 0;
  for (uint64_t at = 0; at < file.size();) {
    end = std::min<uint64_t>(file.size(), std::max(end, at + window));
    std::string part = file.substr(at, end - at);
    Survey survey({Data(&part), at, end}, file.size(), options, index, /*decode=*/true);
    uint64_t need = 0;
    ar_piece piece;
    if (!survey.Next(at, &piece, &need)) {
      Require(need > end && need <= file.size());
      end = need;
      continue;
    }
    Require(piece.begin == at && piece.end > at && piece.end <= file.size());
    at = piece.end;
    pieces.push_back(piece);
  }
  return pieces;
}

Records ReadAll(const Reader& reader) {
  std::unique_ptr<Cursor> cursor;
  Require(Cursor::Open(reader, 0, reader.num_records(), &cursor).ok());
  Records records;
  for (;;) {
    ByteSpan record;
    Require(cursor->Next(&record).ok());  // it has been decoded before
    if (record.data == nullptr) return records;
    records.emplace_back(reinterpret_cast<const char*>(record.data), record.size);
  }
}

}  // namespace
}  // namespace arrayrecord

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  std::string file = FuzzFile(data, size);
  if (file.empty()) return 0;
  // Of some the end is missing.
  if (data[0] % 4 == 3) file.resize(file.size() - data[1] * 500);
  const File content(FuzzDescriptor(file), /*owned=*/true);
  File own;
  Require(File::Duplicate(content.fd(), &own).ok());
  std::unique_ptr<Reader> indexed;
  (void)Reader::Open(std::move(own), ReaderOptions(), &indexed);
  FindAll(file, indexed != nullptr ? &indexed->index() : nullptr, 1000);

  std::vector<ar_piece> chunks = FindAll(file, nullptr, file.size());
  for (uint64_t window : {uint64_t{1}, uint64_t{30000}}) {
    const std::vector<ar_piece> again = FindAll(file, nullptr, window);
    auto place = [](const ar_piece& a, const ar_piece& b) {
      return a.begin == b.begin && a.end == b.end && a.digest == b.digest;
    };
    auto sound = [](std::vector<ar_piece> pieces) {
      pieces.erase(std::remove_if(pieces.begin(), pieces.end(),
                                  [](const ar_piece& p) { return !Readable(p); }),
                   pieces.end());
      return pieces;
    };
    const std::vector<ar_piece> want = sound(chunks), got = sound(again);
    Require(std::equal(want.begin(), want.end(), got.begin(), got.end(), place));
  }
  uint64_t records = 0;
  chunks.erase(
      std::remove_if(chunks.begin(), chunks.end(), [](const ar_piece& p) { return !Readable(p); }),
      chunks.end());
  for (const ar_piece& chunk : chunks) records += chunk.num_records;
  if (records > kMaxRecords) return 0;
  File file_of_found;
  Require(File::Duplicate(content.fd(), &file_of_found).ok());
  std::unique_ptr<Reader> found;
  Require(
      Reader::OpenChunks(std::move(file_of_found), chunks.data(), chunks.size(), Limits(), &found)
          .ok());
  const Records want = ReadAll(*found);
  Require(want.size() == records);

  auto memory = std::make_unique<MemorySink>();
  MemorySink* const sink = memory.get();
  std::unique_ptr<Writer> writer;
  WriterOptions options;
  options.max_parallelism = 1;
  options.group_size = static_cast<uint32_t>(std::max<uint64_t>(found->group_size(), 1));
  Require(Writer::Create(options, std::move(memory), &writer).ok());
  uint64_t n = 0;
  while (n < chunks.size() && chunks[n].num_records == options.group_size) ++n;
  // Not those of which a block header is wrong: copying is strict.
  for (uint64_t c = 0; c < n; ++c) {
    Require(writer->CopyChunks(*found, c, c + 1, nullptr, 0).ok() ==
            (chunks[c].fault == AR_FAULT_NONE));
  }
  for (size_t i = n * options.group_size; i < want.size(); ++i) {
    const uint64_t record_size = want[i].size();
    const auto* record = reinterpret_cast<const uint8_t*>(want[i].data());
    Require(writer->Write(record, &record_size, 1).ok());
  }
  Require(writer->Close().ok());
  std::string made(sink->available(), '\0');
  sink->Take(Data(&made), made.size());
  File made_file(FuzzDescriptor(made), /*owned=*/true);
  std::unique_ptr<Reader> reader;
  Require(Reader::Open(std::move(made_file), ReaderOptions(), &reader).ok());
  Records kept;
  for (size_t c = 0, at = 0; c < chunks.size(); at += chunks[c++].num_records) {
    if (c < n && chunks[c].fault != AR_FAULT_NONE) continue;
    for (size_t i = 0; i < chunks[c].num_records; ++i) kept.push_back(want[at + i]);
  }
  Require(ReadAll(*reader) == kept);
  return 0;
}
