// An open ArrayRecord file: its index, and single records. Reading many is in read_plan.h, reading
// in order in cursor.h.
#ifndef ARRAYRECORD_READER_H_
#define ARRAYRECORD_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "buffer.h"
#include "chunk.h"
#include "chunk_cache.h"
#include "chunk_index.h"
#include "file.h"
#include "layout.h"
#include "options.h"
#include "status.h"
#include "transpose_decoder.h"

namespace arrayrecord {

// Finds the footer's position from the last kTailSize bytes of a file, which are overwritten.
// `head` is the beginning of the file or empty; it only serves to tell damaged files from foreign
// ones.
Status LocateFooter(uint8_t* tail, size_t tail_size, uint64_t file_size, ByteSpan head,
                    uint64_t* footer_offset);

// Decodes a metadata chunk that begins at kSignatureEnd. AR_NOT_FOUND if there is another chunk.
Status DecodeMetadata(ByteSpan bytes, TransposedRecords* metadata);

// Safe for use by many threads at once.
class Reader {
 public:
  static Status Open(File file, const ReaderOptions& options, std::unique_ptr<Reader>* reader);

  // Opens a reader without a file from the bytes between footer and tail, which are overwritten.
  static Status OpenIndex(uint8_t* footer, size_t footer_size, uint64_t footer_offset,
                          uint64_t file_size, const ReaderOptions& options,
                          std::unique_ptr<Reader>* reader);

  uint64_t num_records() const { return index_.num_records(); }
  uint64_t group_size() const { return index_.group_size(); }
  // The size of all records as the index has it, which nothing has checked.
  uint64_t claimed_size() const { return claimed_size_; }
  // Null if the file does not have them.
  const std::string* writer_options() const {
    return metadata_.has_writer_options ? &metadata_.writer_options : nullptr;
  }
  const ReaderOptions& options() const { return options_; }
  const ChunkIndex& index() const { return index_; }
  bool has_file() const { return file_.is_open(); }
  const File& file() const { return file_; }

  // The bytes between the signature and the first data chunk, where metadata may be.
  ChunkIndex::Extent metadata_extent() const {
    return {kSignatureEnd, index_.num_chunks() > 0 ? index_.extent(0, 1).begin : footer_offset_};
  }

  // Reads one record. `*size` is set whether or not it fits.
  Status Get(uint64_t record, uint8_t* out, size_t out_size, size_t* size) const;

  Status CheckRecord(uint64_t record) const;
  Status CheckRange(uint64_t begin, uint64_t end) const;

 private:
  Reader() = default;
  Status ReadFooter(uint8_t* bytes, uint64_t footer_offset, uint64_t file_size);
  // Reads a chunk and verifies its header.
  Status ReadChunk(uint64_t number, Buffer* buffer, Chunk* chunk) const;
  // The record of a chunk that has no other; one of several.
  Status GetOnly(uint64_t number, uint8_t* out, size_t out_size, size_t* size) const;
  Status GetOneOf(uint64_t number, uint64_t in_chunk, uint8_t* out, size_t out_size,
                  size_t* size) const;

  ReaderOptions options_;
  File file_;
  FooterMetadata metadata_;
  uint64_t footer_offset_ = 0;
  uint64_t claimed_size_ = 0;
  ChunkIndex index_;
  mutable ChunkCache cache_;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_READER_H_
