// Any records under any options come back as they were.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "read_records.h"
#include "reader.h"
#include "writer.h"

namespace {

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace arrayrecord;
  if (size < 4) return 0;
  // A file is made of every input, so what they say is in the beginning, and repeats below.
  size = std::min<size_t>(size, 1024);
  WriterOptions options;
  static constexpr Compression kCompressions[] = {
      {Codec::kNone, 0, 0}, {Codec::kZstd, 1, 20}, {Codec::kBrotli, 1, 0}, {Codec::kSnappy, 1, 0}};
  options.compression = kCompressions[data[0] % 4];
  options.pad_to_block_boundary = data[0] & 4;
  options.max_parallelism = data[0] & 8 ? 1 : 0;
  options.transpose = data[0] & 16;
  options.transpose_bucket_size = uint64_t{1} << (data[0] >> 5 << 2);
  options.group_size = 1 + data[1];
  // Records end at a byte of this value, and repeat a little, to get longer than a block.
  const uint8_t separator = data[2];
  const size_t repeat = options.pad_to_block_boundary ? 1 : 1 + data[3] / 2;
  std::vector<std::string> records(1);
  for (size_t i = 4; i < size; ++i) {
    if (data[i] == separator) {
      if (records.size() >= 50 && options.pad_to_block_boundary) break;
      records.emplace_back();
    } else {
      records.back().append(repeat, static_cast<char>(data[i]));
    }
  }

  auto sink = std::make_unique<MemorySink>();
  MemorySink* memory = sink.get();
  std::unique_ptr<Writer> writer;
  Require(Writer::Create(options, std::move(sink), &writer).ok());
  for (const std::string& record : records) {
    const uint64_t n = record.size();
    Require(writer->Write(reinterpret_cast<const uint8_t*>(record.data()), &n, 1).ok());
  }
  Require(writer->Close().ok());
  std::string file(memory->available(), '\0');
  memory->Take(reinterpret_cast<uint8_t*>(file.data()), file.size());

  std::string tail = file.substr(file.size() - kTailSize);
  uint64_t footer;
  Require(LocateFooter(reinterpret_cast<uint8_t*>(tail.data()), tail.size(), file.size(),
                       AsBytes(file), &footer)
              .ok());
  std::string index = file.substr(footer, file.size() - kTailSize - footer);
  std::unique_ptr<Reader> reader;
  Require(Reader::OpenIndex(reinterpret_cast<uint8_t*>(index.data()), index.size(), footer,
                            file.size(), ReaderOptions(), &reader)
              .ok());
  Require(reader->num_records() == records.size());
  RecordsRead read;
  Require(read.SetRange(*reader, 0, records.size()).ok());
  std::string bytes;
  for (const ar_extent& e : read.Extents(0)) bytes += file.substr(e.position, e.size);
  Require(read.SetBytes(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()).ok());
  std::string out(reader->claimed_size(), '\0');
  std::vector<uint64_t> offsets(records.size() + 1);
  ReadProgress progress;
  Require(read.Next(reinterpret_cast<uint8_t*>(out.data()), out.size(), records.size(),
                    offsets.data(), &progress)
              .ok());
  Require(progress.num_records == records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    Require(out.compare(offsets[i], offsets[i + 1] - offsets[i], records[i]) == 0);
  }
  return 0;
}
