// An open ArrayRecord file: its index, and single records. Reading many is in read_records.h and
// batch.h, reading in order with threads in cursor.h.
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

// Finds the footer's position from the last whole block of a file, which is overwritten.
// `head` is the beginning of the file or empty; it only serves to tell damaged files from foreign
// ones.
Status LocateFooter(uint8_t* tail, size_t tail_size, uint64_t file_size, ByteSpan head,
                    uint64_t* footer_offset);

// Checks by the first `size` bytes of the index, of which kChunkHeadSize are enough, whether it can
// be one that ends where the tail begins: before anything is read or allocated for it.
Status CheckIndexHead(const uint8_t* head, size_t size, uint64_t footer_offset, uint64_t file_size);

// Safe for use by many threads at once.
class Reader {
 public:
  static Status Open(File file, const ReaderOptions& options, std::unique_ptr<Reader>* reader);

  // Opens a reader without a file from the bytes between footer and tail, which are overwritten.
  static Status OpenIndex(uint8_t* footer, size_t footer_size, uint64_t footer_offset,
                          uint64_t file_size, const ReaderOptions& options,
                          std::unique_ptr<Reader>* reader);

  // Opens a file, or none, with the chunks given instead of its index.
  static Status OpenChunks(File file, const ar_piece* chunks, size_t n,
                           const ReaderOptions& options, std::unique_ptr<Reader>* reader);

  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  uint64_t num_records() const { return index_.num_records(); }
  uint64_t group_size() const { return index_.group_size(); }
  // The size of all records as the index has it, which nothing has checked.
  uint64_t claimed_size() const { return index_.DecodedSize(0, index_.num_chunks()); }
  // Null if the file does not have them.
  const std::string* writer_options() const {
    return metadata_.has_writer_options ? &metadata_.writer_options : nullptr;
  }
  // What an append that was not finished has left; mostly none.
  const Gap& gap() const { return metadata_.gap; }
  // Of the chunks, as their writer had it; 0 without one.
  bool has_digest() const { return metadata_.has_digest; }
  uint64_t digest() const { return metadata_.digest; }
  const ReaderOptions& options() const { return options_; }
  const ChunkIndex& index() const { return index_; }
  bool has_file() const { return file_.is_open(); }
  const File& file() const { return file_; }

  // The bytes between the signature and the first data chunk, where metadata may be.
  ChunkIndex::Extent metadata_extent() const {
    const uint64_t end = index_.num_chunks() > 0 ? index_.extent(0, 1).begin : footer_offset_;
    return {kSignatureEnd, end == metadata_.gap.end ? metadata_.gap.begin : end};
  }

  // Decodes the metadata in the bytes of that extent, or reads them from the file if there are
  // none. AR_NOT_FOUND if another chunk is there.
  Status Metadata(ByteSpan bytes, TransposedRecords* metadata) const;

  // Reads one record; see ar_reader_get.
  Status Get(uint64_t record, uint8_t* out, size_t out_size, size_t* size) const;

  Status CheckRecord(uint64_t record) const;
  Status CheckRange(uint64_t begin, uint64_t end) const;

  // Checks what the index claims of a chunk against the limits of the options, before memory is
  // allocated for it; the size of one of its records.
  Status CheckLimits(const IndexedChunk& chunk) const {
    const bool small =
        IsFree(chunk.decoded_size) && chunk.num_records <= options_.max_chunk_size / 8;
    return small ? Status() : CheckLarge(chunk);
  }
  Status CheckRecordSize(uint64_t size) const {
    return size <= options_.max_record_size ? Status() : RecordTooLarge(size);
  }
  // Whether records that have this size together are below all limits.
  bool IsFree(uint64_t size) const {
    return size <= options_.max_record_size && size <= options_.max_chunk_size;
  }
  // Whether a chunk is one that Open keeps.
  bool CanCache(const IndexedChunk& chunk) const;
  // A chunk of several records of the file, decoded: from the cache or to there.
  Status Open(uint64_t number, const IndexedChunk& chunk,
              std::shared_ptr<const OpenChunk>* open) const;
  // Reads the file from chunk `first` up to `end` to where `memory` makes room.
  template <typename Memory>
  Status ReadChunks(const IndexedChunk& first, uint64_t end, Memory* memory) const {
    const uint64_t size = end - first.begin;
    if (size > kLargeChunk) AR_TRY(CheckHead(first));
    return file_.ReadAt(first.begin, memory->Get(size), size);
  }

 private:
  // What is larger is not made room for on the index's word alone.
  static constexpr uint64_t kLargeChunk = 4 << 20;

  Reader();
  Status CheckGap();
  Status ReadFooter(uint8_t* bytes, uint64_t footer_offset, uint64_t file_size);
  Status CheckLarge(const IndexedChunk& chunk) const;
  Status CheckHead(const IndexedChunk& chunk) const;
  Status RecordTooLarge(uint64_t size) const;
  Status GetFrom(uint64_t number, const IndexedChunk& chunk, uint64_t record, uint8_t* out,
                 size_t out_size, size_t* size) const;

  const uint64_t id_;  // of the process, in the cache
  ReaderOptions options_;
  File file_;
  FooterMetadata metadata_;
  uint64_t footer_offset_ = 0;
  ChunkIndex index_;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_READER_H_
