// Going on with a file, whatever it holds - an unfinished append, a digest, a short last chunk: it
// is refused untouched, or becomes what it was with more behind, and is what it was if it is not
// closed.
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "append.h"
#include "cursor.h"
#include "fuzz_file.h"
#include "reader.h"
#include "writer.h"

namespace arrayrecord {
namespace {

using Records = std::vector<std::string>;

constexpr uint64_t kMaxSize = 16 << 20;

std::string ContentOf(int fd) {
  struct stat info;
  Require(fstat(fd, &info) == 0);
  std::string content(static_cast<size_t>(info.st_size), '\0');
  Require(pread(fd, content.data(), content.size(), 0) == info.st_size);
  return content;
}

Status ReadAll(int fd, Records* records) {
  ReaderOptions options;
  options.max_record_size = options.max_chunk_size = kMaxSize;
  File own;
  Require(File::Duplicate(fd, &own).ok());
  std::unique_ptr<Reader> reader;
  AR_TRY(Reader::Open(std::move(own), options, &reader));
  std::unique_ptr<Cursor> cursor;
  AR_TRY(Cursor::Open(*reader, 0, reader->num_records(), &cursor));
  for (;;) {
    ByteSpan record;
    AR_TRY(cursor->Next(&record));
    if (record.data == nullptr) return Status();
    records->emplace_back(reinterpret_cast<const char*>(record.data), record.size);
  }
}

}  // namespace
}  // namespace arrayrecord

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  const std::string file = FuzzFile(data, size);
  if (file.empty()) return 0;
  const File content(FuzzDescriptor(file), /*owned=*/true);
  uint64_t group_size;
  {
    File own;
    Require(File::Duplicate(content.fd(), &own).ok());
    std::unique_ptr<Reader> reader;
    if (!Reader::Open(std::move(own), ReaderOptions(), &reader).ok()) return 0;
    if (reader->num_records() > 10000 || reader->claimed_size() > kMaxSize / 2) return 0;
    group_size = reader->group_size();
  }
  Records before;
  const bool sound = ReadAll(content.fd(), &before).ok();
  WriterOptions options;
  options.max_parallelism = 1;
  options.no_sync = true;
  options.compression = {Codec::kNone, 0, 0};
  options.group_size = static_cast<uint32_t>(group_size + (data[1] % 2));
  if (options.group_size == 0) options.group_size = 1;

  const std::string record(data[2] % 2 == 0 ? 3000 : 3, 'x');
  for (bool close : {false, true}) {
    const std::string old = ContentOf(content.fd());
    std::unique_ptr<Writer> writer;
    if (!Writer::Append(content.fd(), options, &writer).ok()) {
      Require(ContentOf(content.fd()) == old);
      return 0;
    }
    const uint64_t record_size = record.size();
    const auto* bytes = reinterpret_cast<const uint8_t*>(record.data());
    for (int i = 0; i < 5; ++i) Require(writer->Write(bytes, &record_size, 1).ok());
    if (close) Require(writer->Close().ok());
    writer.reset();
    Records want = before, got;
    if (close) want.insert(want.end(), 5, record);
    const bool readable = ReadAll(content.fd(), &got).ok();
    Require(readable == sound && (!sound || got == want));
  }
  return 0;
}
