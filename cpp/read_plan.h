// Reading many records in three steps - plan, load, decode - so that they can be decoded straight
// into memory of the right size that belongs to the caller.
//
// Planning sorts the records by chunk: its cost depends on what is asked for, not on the file.
// Loading reads the chunks, verifies them, and finds the records' sizes. Decoding decompresses into
// the caller's memory, in the order asked for.
#ifndef ARRAYRECORD_READ_PLAN_H_
#define ARRAYRECORD_READ_PLAN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "buffer.h"
#include "reader.h"
#include "records_chunk.h"
#include "status.h"

namespace arrayrecord {

class ReadPlan {
 public:
  // Plans that are done are kept, a few of them, and their memory serves later ones.
  struct Recycler {
    void operator()(ReadPlan* plan) const;
  };
  using Pointer = std::unique_ptr<ReadPlan, Recycler>;

  static Status Range(const Reader& reader, uint64_t begin, uint64_t end, Pointer* plan);
  static Status Indices(const Reader& reader, const uint64_t* records, size_t n, Pointer* plan);

  // The file ranges needed, with ranges at most `max_gap` bytes apart made one.
  const std::vector<ar_extent>& Extents(uint64_t max_gap);

  // Threads: at most `parallelism`, 0 for as many as the pool has.
  Status Load(size_t parallelism);
  // With the bytes of all extents, which stay in use and are overwritten.
  Status LoadBytes(uint8_t* bytes, uint64_t size, size_t parallelism);

  uint64_t decoded_size() const { return decoded_size_; }
  size_t num_records() const { return sizes_.size(); }

  // Stores the records one after the other and num_records() + 1 offsets.
  Status Decode(uint8_t* out, uint64_t out_size, uint64_t* offsets, size_t parallelism);

 private:
  // One chunk and the records wanted of it: items [first_item, first_item + num_items).
  struct Part {
    uint64_t chunk = 0;
    ChunkIndex::Extent extent = {0, 0};
    uint64_t buffer_offset = 0;
    size_t first_item = 0;
    size_t num_items = 0;
    uint64_t skip = 0;        // in plans of a range: records before the first one wanted
    bool whole = false;       // all records of the chunk, in order, side by side in the output
    uint64_t skip_bytes = 0;  // after loading: the bytes of those records
    RecordsChunk records;
  };
  // A record wanted, in plans of indices.
  struct Item {
    uint64_t record;    // then: its number in the chunk
    uint64_t position;  // in the list asked for
    uint64_t begin;     // after loading: where it begins in the decoded chunk
  };

  ReadPlan() = default;
  static Pointer New(const Reader& reader);
  void Clear();
  size_t memory() const;
  uint64_t InChunk(const Part& part, size_t i) const {
    return items_.empty() ? part.skip + i : items_[part.first_item + i].record;
  }
  uint64_t Position(const Part& part, size_t i) const {
    return items_.empty() ? part.first_item + i : items_[part.first_item + i].position;
  }
  void LayOut(uint64_t max_gap);
  bool IsWhole(const Part& part) const;
  Status LoadParts(size_t begin, size_t end, uint8_t* bytes, bool read);
  Status LoadPart(Part* part, uint8_t* bytes);
  Status DecodePart(const Part& part, uint8_t* out, const uint64_t* offsets) const;
  // Splits the parts into runs of about equal weight and calls run(begin, end) for each.
  template <typename Weight, typename Run>
  Status InParallel(size_t parallelism, Weight weight, Run run);
  Status AtPart(const Part& part, Status status) const;

  const Reader* reader_ = nullptr;
  std::vector<Part> parts_;
  std::vector<Item> items_;
  std::vector<ar_extent> extents_;
  bool laid_out_ = false;
  uint64_t encoded_size_ = 0;
  Buffer own_bytes_;
  std::vector<uint64_t> sizes_;  // by position
  uint64_t decoded_size_ = 0;
  enum { kPlanned, kLoaded, kDecoded, kFailed } state_ = kPlanned;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_READ_PLAN_H_
