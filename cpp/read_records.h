// Reading records in increasing order, in one pass: chunks that lie side by side are read together,
// a few at a time, then verified and decoded while they are in the processor's cache, straight to
// where the caller wants the records.
#ifndef ARRAYRECORD_READ_RECORDS_H_
#define ARRAYRECORD_READ_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "buffer.h"
#include "reader.h"
#include "records_chunk.h"
#include "status.h"

namespace arrayrecord {

struct ReadProgress {
  size_t num_records = 0;  // that have been read
  ar_room room = {0, 0};   // what those take that did not fit
};

// Goes on from call to call. What has been read, verified or decoded and did not fit is kept, so
// that nothing is done twice. Used by one thread at a time.
class RecordsRead {
 public:
  RecordsRead() = default;
  RecordsRead(const RecordsRead&) = delete;
  RecordsRead& operator=(const RecordsRead&) = delete;

  // Begins with records [begin, end), or with `n` records by number, which must not decrease. The
  // memory of what was read before is used again. `reader` must outlive the read.
  Status SetRange(const Reader& reader, uint64_t begin, uint64_t end);
  Status SetSorted(const Reader& reader, const uint64_t* records, size_t n);

  // The file ranges needed, with ranges at most `max_gap` bytes apart made one.
  const std::vector<ar_extent>& Extents(uint64_t max_gap);
  // Takes the chunks from the bytes of all extents instead of a file. They are overwritten.
  Status SetBytes(uint8_t* bytes, uint64_t size);

  // See ar_read_next. `progress` is set also when it fails.
  Status Next(uint8_t* out, uint64_t out_size, size_t max_records, uint64_t* offsets,
              ReadProgress* progress);

 private:
  // Where the records of one call go.
  struct Output {
    uint8_t* const bytes;
    const uint64_t size;
    const size_t max_records;
    uint64_t* offsets;  // the first one is where the next record goes
    ReadProgress* const progress;

    uint64_t bytes_left() const { return size - offsets[0]; }
    size_t records_left() const { return max_records - progress->num_records; }
    void Advance(uint64_t n) {
      offsets += n;
      progress->num_records += n;
    }
  };

  void Clear();
  Status Start(const Reader& reader);
  void LayOut(uint64_t max_gap);
  uint8_t* BytesAt(uint64_t position);

  template <typename Wanted>
  Status Run(const Wanted& wanted, Output* out);
  template <typename Wanted>
  Status OpenNext(const Wanted& wanted);
  template <typename Wanted>
  Status ReadRun(const Wanted& wanted);
  template <typename Wanted>
  Status OpenChunkOfRun(const Wanted& wanted);
  template <typename Wanted>
  Status Deliver(const Wanted& wanted, Output* out);
  template <typename Wanted>
  Status DeliverWhole(const Wanted& wanted, Output* out);
  template <typename Wanted>
  Status FindSizes(const Wanted& wanted);
  template <typename Wanted>
  Status Copy(const Wanted& wanted, uint64_t n, uint8_t* out);
  template <typename Wanted>
  Status CopyFromStream(const Wanted& wanted, uint64_t n, uint8_t* out);
  Status CheckSizes(const uint64_t* sizes, uint64_t n) const;
  uint64_t SizeOf(uint64_t record) const {
    return begins_[record - first_ + 1] - begins_[record - first_];
  }
  void CloseChunk() {
    if (sized_ || cached_ != nullptr || !records_.is_simple()) return CloseKeptChunk();
    open_ = false;
    run_.Next();
  }
  void CloseKeptChunk();

  const Reader* reader_ = nullptr;
  const ChunkIndex* index_ = nullptr;
  // What is wanted: a range, or a list.
  bool is_range_ = true;
  uint64_t range_begin_ = 0, range_end_ = 0;
  std::vector<uint64_t> list_;
  uint64_t next_ = 0;  // item
  bool begun_ = false;
  Status failure_;

  // The caller's bytes.
  std::vector<ar_extent> extents_;
  bool laid_out_ = false;
  uint64_t extents_size_ = 0;
  uint8_t* given_ = nullptr;
  size_t extent_ = 0;         // the one where the last chunk was
  uint64_t extent_base_ = 0;  // of its bytes in given_

  // Chunks that lie side by side in memory, from the next one on.
  ChunkIndex::Walk run_;
  uint64_t run_end_ = 0;
  uint64_t run_base_ = 0;  // position of run_bytes_ in the file
  uint8_t* run_bytes_ = nullptr;
  ThreadBuffer encoded_{kEncodedChunk};

  // The chunk whose records come next, if it is open: items up to items_end_.
  bool open_ = false;
  std::shared_ptr<const OpenChunk> cached_;  // then it is not one of the run
  RecordsChunk records_;
  uint64_t first_ = 0;  // record
  uint64_t items_end_ = 0;
  bool sized_ = false;            // the two that follow are known
  std::vector<uint64_t> begins_;  // of the records, and the end of the last
  uint64_t remaining_ = 0;        // bytes of the items that are left
  // Where records come from once some of them have been decoded: values_, or stream_ if it is null.
  bool decoding_ = false;
  const uint8_t* values_ = nullptr;
  ThreadBuffer decoded_{kDecodedChunk};
  BlockStream stream_;
  uint64_t streamed_ = 0;  // the last record that came from the stream
  Buffer repeated_;        // it, if it is wanted again
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_READ_RECORDS_H_
