#include "input.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>

#include "fail.h"
#include "layout.h"
#include "reader.h"

namespace arrayrecord::floor {

void ReadAt(int fd, uint64_t position, uint8_t* out, uint64_t size) {
  while (size > 0) {
    const ssize_t n = pread(fd, out, size, static_cast<off_t>(position));
    if (n < 0) FailSystem("pread");
    if (n == 0) Fail("the file has become shorter");
    out += n, position += static_cast<uint64_t>(n), size -= static_cast<uint64_t>(n);
  }
}

void Unblock(const uint8_t* from, uint64_t begin, uint64_t end, uint8_t* to) {
  for (uint64_t at = begin; at < end;) {
    if (at % kBlockSize == 0) at = std::min(end, at + kBlockHeaderSize);
    const uint64_t n = std::min(end - at, RemainingInBlock(at));
    if (to != from + (at - begin)) std::memmove(to, from + (at - begin), n);
    to += n;
    at += n;
  }
}

Footer::Footer(int fd, uint64_t file_size) : end(file_size - kTailSize) {
  uint8_t tail[kTailSize];
  ReadAt(fd, end, tail, kTailSize);
  Check(LocateFooter(tail, kTailSize, file_size, ByteSpan(), &begin));
  std::unique_ptr<uint8_t[]> bytes(new uint8_t[end - begin]);
  ReadAt(fd, begin, bytes.get(), end - begin);
  Unblock(bytes.get(), begin, end, bytes.get());
  const View view(bytes.get());
  num_records = view.num_records;
  values_size = view.decoded_size;
  sizes_size = view.sizes.size;
  if (view.codec != Codec::kNone) {
    ByteSpan in = view.sizes;
    sizes_size = TakeVarint(&in);
  }
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> zstd(ZSTD_createDCtx(), ZSTD_freeDCtx);
  sizes.reset(new uint8_t[sizes_size]);
  floor::Decompress(view.codec, view.sizes, sizes_size, zstd.get(), sizes.get());
  values.reset(new uint8_t[values_size]);
  floor::Decompress(view.codec, view.values, values_size, zstd.get(), values.get());
}

uint64_t FileSize(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) FailSystem("fstat");
  if (info.st_size < static_cast<off_t>(kMinFileSize)) Fail("not an ArrayRecord file");
  return static_cast<uint64_t>(info.st_size);
}

int OpenFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) FailSystem(path);
  return fd;
}

Input::Input(const std::string& path, bool mapped) : fd(OpenFile(path)), file_size(FileSize(fd)) {
  const Footer footer(fd, file_size);
  ByteSpan sizes(footer.sizes.get(), footer.sizes_size);
  ByteSpan values(footer.values.get(), footer.values_size);
  for (uint64_t i = 0; i < footer.num_records; ++i) {
    const ByteSpan record = values.Take(TakeVarint(&sizes));
    if (i == 0) continue;  // of the file as a whole
    FooterEntry entry;
    Check(entry.Parse(record));
    if (!chunks.empty()) chunks.back().end = entry.chunk_offset;
    chunks.push_back({entry.chunk_offset, footer.begin, num_records, entry.num_records,
                      entry.decoded_data_size});
    num_records += entry.num_records;
    decoded_size += entry.decoded_data_size;
  }
  if (chunks.empty()) Fail("no records");
  group_size = chunks[0].num_records;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (runs.empty() || chunks[i].end - chunks[runs.back()].begin > kRunBytes) runs.push_back(i);
  }
  runs.push_back(chunks.size());
  if (mapped) {
    void* at = mmap(nullptr, file_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED) FailSystem("mmap");
    map = static_cast<const uint8_t*>(at);
  }
}

}  // namespace arrayrecord::floor
