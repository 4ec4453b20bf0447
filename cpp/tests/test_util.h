// Files made and read in memory, for tests.
#ifndef ARRAYRECORD_TESTS_TEST_UTIL_H_
#define ARRAYRECORD_TESTS_TEST_UTIL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chunk.h"
#include "layout.h"
#include "read_records.h"
#include "reader.h"
#include "status.h"
#include "writer.h"

namespace arrayrecord {

using Records = std::vector<std::string>;

inline const uint8_t* Data(const std::string& s) {
  return reinterpret_cast<const uint8_t*>(s.data());
}
inline uint8_t* Data(std::string& s) { return reinterpret_cast<uint8_t*>(s.data()); }

// A whole file with the given records, written with the options of a string.
std::string MakeFile(const std::string& options, const Records& records);
std::string MakeFile(const WriterOptions& options, const Records& records);

// Records of `n` words each, different from each other.
Records TextRecords(size_t n, size_t words);

// Opens a file in memory. The reader has no file of its own.
Status OpenMemory(const std::string& file, std::unique_ptr<Reader>* reader,
                  const std::string& options = "");

// Reads records [begin, end) of a file in memory, or the given ones, which must not decrease.
Status ReadRange(const Reader& reader, const std::string& file, uint64_t begin, uint64_t end,
                 Records* records);
Status ReadSorted(const Reader& reader, const std::string& file,
                  const std::vector<uint64_t>& indices, Records* records);

// Opens and reads everything, in every way that there is: from bytes, from a file and from a mapped
// file; one by one, all at once, piece by piece, by a cursor. They must agree.
Status ReadFile(const std::string& file, Records* records);

// A file that is nowhere but in memory.
File MemoryFile(const std::string& content);
std::unique_ptr<Reader> OpenFile(const std::string& content,
                                 const ReaderOptions& options = ReaderOptions());
// A record, in as much room as it takes.
Status GetRecord(const Reader& reader, uint64_t i, std::string* record);
// All that a read gives, in pieces of at most `room` bytes, or what a record takes.
Status ReadAll(RecordsRead* read, size_t room, size_t max_records, Records* records);

// A chunk with right hashes, placed at `begin` in a file: with block headers.
std::string PlaceChunk(uint64_t begin, ChunkHeader header, const std::string& data);

// A file from parts, with right hashes everywhere: data chunks as they are given, then a footer
// with the given records, then a postscript for it.
struct RawFile {
  std::string bytes = Signature();
  std::vector<FooterEntry> index;

  // Appends a chunk of the type with right hashes, and its entry in the index.
  void AddChunk(ChunkType type, const std::string& data, uint64_t num_records,
                uint64_t decoded_data_size);
  // Appends a simple uncompressed chunk.
  void AddRecords(const Records& records);
  // The footer of the index as it is now.
  std::string Finish() const;
  std::string FinishWith(const Records& footer_records) const;
  Records FooterRecords() const;
};

// A copy of bytes behind which nothing can be read or written.
class GuardedBytes {
 public:
  explicit GuardedBytes(const std::string& bytes);
  ~GuardedBytes();
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  uint8_t* data() const { return data_; }

 private:
  void* map_;
  size_t map_size_;
  uint8_t* data_;
};

// A file on disk that is deleted in the end.
class TempFile {
 public:
  explicit TempFile(const std::string& content);
  ~TempFile();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string TempDir();
std::string ReadWholeFile(const std::string& path);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_TESTS_TEST_UTIL_H_
