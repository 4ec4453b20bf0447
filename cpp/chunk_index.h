// Where each data chunk lies and which records it has, in about as many bits as a chunk offset
// differs from the one before (Elias-Fano coding), instead of 64.
//
// An offset is split in two. The low bits of all offsets are packed one after the other. The high
// bits are a bit string in which offset i is a 1 at place (high part + i): it has as many ones as
// there are offsets and at most as many zeros, and the i-th 1 gives the high part back. The place
// of every 64th 1 is noted, so finding one takes a look at a few words.
//
// The sizes of the chunks' records come 64 at a time: each as what it has above the smallest of the
// 64, in as many bits as the largest of those needs, and the sum of all before them.
#ifndef ARRAYRECORD_CHUNK_INDEX_H_
#define ARRAYRECORD_CHUNK_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "layout.h"
#include "status.h"

namespace arrayrecord {

// Zeroed words on the heap, or in an unlinked temporary file that the system can page out.
class WordArray {
 public:
  WordArray() = default;
  ~WordArray() { Free(); }
  WordArray(const WordArray&) = delete;
  WordArray& operator=(const WordArray&) = delete;

  Status Allocate(size_t words, bool in_file);
  Status Assign(const std::vector<uint64_t>& words, bool in_file);
  uint64_t& operator[](size_t i) { return data_[i]; }
  uint64_t operator[](size_t i) const { return data_[i]; }
  size_t size() const { return size_; }

 private:
  void Free();

  uint64_t* data_ = nullptr;
  size_t size_ = 0;
  bool mapped_ = false;
};

// What the index tells of a data chunk: its place goes up to the next chunk, the footer, or a gap.
struct IndexedChunk {
  uint64_t begin, end;
  uint64_t num_records;
  uint64_t decoded_size;
};

// Numbers, 64 of which are packed into as few words as the largest has bits.
class PackedSizes {
 public:
  // False if the sum of all is more than 2^64 - 1.
  bool Add(uint64_t size) {
    sizes_[num_sizes_++] = size;
    if (__builtin_add_overflow(sum_, size, &sum_)) return false;
    if (num_sizes_ == kAtOnce) Pack();
    return true;
  }
  // The same for those of `n` chunks, faster; then it is not known how many were added.
  bool Add(const FooterEntry* chunks, size_t n);
  // After all.
  Status Finish(bool in_file);

  uint64_t operator[](uint64_t i) const { return Get(kHeader * (i / kAtOnce), i % kAtOnce); }
  // The sum of the first `n`.
  uint64_t SumOf(uint64_t n) const;
  size_t bytes() const { return (headers_.size() + words_.size()) * sizeof(uint64_t); }

 private:
  static constexpr uint64_t kAtOnce = 64;
  // Of 64 sizes: the sum of those before them, the smallest, and where the words begin.
  static constexpr uint64_t kHeader = 3;

  void Pack();
  uint64_t Get(uint64_t header, uint64_t i) const {
    const uint64_t begin = headers_[header + 2];
    const uint64_t bits = headers_[header + kHeader + 2] - begin;
    if (bits == 0) return headers_[header + 1];
    const uint64_t bit = i * bits;
    uint64_t above = words_[begin + bit / 64] >> bit % 64;
    if (bit % 64 + bits > 64) above |= words_[begin + bit / 64 + 1] << (64 - bit % 64);
    return headers_[header + 1] + (above & (~uint64_t{0} >> (64 - bits)));
  }

  uint64_t sizes_[kAtOnce];  // those that are not packed yet
  uint64_t num_sizes_ = 0;
  uint64_t sum_ = 0;
  uint64_t packed_sum_ = 0;
  std::vector<uint64_t> new_headers_, new_words_;
  WordArray headers_, words_;
};

class ChunkIndex {
 public:
  // Makes room for `num_chunks` chunks that lie before `end`. With `offloaded` the memory is a
  // temporary file.
  Status Start(uint64_t num_chunks, uint64_t end, bool offloaded);
  // Adds the next chunk. Offsets must increase, stay below `end`, and be possible for a chunk;
  // chunks must have records. The sum of the decoded sizes is below 2^64.
  Status Add(uint64_t offset, uint64_t num_records, uint64_t decoded_size);
  // Adds the next `n` chunks, faster if there are many and they have the same number of records.
  Status Add(const FooterEntry* chunks, size_t n);
  // Has the place of the chunk before `gap.end`, where another one or the footer begins, end at
  // `gap.begin`: what lies between is no part of the file. In increasing order, after that chunk.
  void AddGap(const Gap& gap) { gaps_.push_back(gap); }
  // After all chunks: checks that they have `num_records` records together.
  Status Finish(uint64_t num_records);

  uint64_t num_chunks() const { return num_chunks_; }
  uint64_t num_records() const { return num_records_; }
  // The number of records in the first chunk, 0 if there is none.
  uint64_t group_size() const { return group_size_; }

  struct Extent {
    uint64_t begin, end;
  };
  // The file range from chunk `begin` to the beginning of chunk `end` (or the footer).
  // begin < end <= num_chunks().
  Extent extent(uint64_t begin, uint64_t end) const {
    if (end == begin + 1) return Neighbours(begin);
    const uint64_t next = Offset(end);
    return {Offset(begin), gaps_.empty() ? next : EndBefore(next)};
  }
  // What the records of chunks [begin, end) take together; of one chunk.
  uint64_t DecodedSize(uint64_t begin, uint64_t end) const {
    return sizes_.SumOf(end) - sizes_.SumOf(begin);
  }
  uint64_t DecodedSize(uint64_t chunk) const { return sizes_[chunk]; }
  IndexedChunk Get(uint64_t chunk) const {
    const Extent place = Neighbours(chunk);
    return {place.begin, place.end, RecordsIn(chunk), DecodedSize(chunk)};
  }
  // The end of the longest run of chunks from `chunk`, which must be below num_chunks(), that takes
  // at most `file_bytes` of the file and has records of at most `decoded_bytes`; one chunk at
  // least.
  uint64_t RunOf(uint64_t chunk, uint64_t file_bytes, uint64_t decoded_bytes) const;

  uint64_t FirstRecord(uint64_t chunk) const {
    if (uneven_) return first_record_[chunk];
    return chunk < num_chunks_ ? chunk * group_size_ : num_records_;
  }
  uint64_t RecordsIn(uint64_t chunk) const { return FirstRecord(chunk + 1) - FirstRecord(chunk); }
  // The chunk that holds `record`, which must be below num_records().
  uint64_t ChunkOf(uint64_t record) const;

  size_t bytes() const;

  // Goes from chunk to chunk, for less than looking each up.
  class Walk {
   public:
    Walk() = default;
    // Begins at `chunk`, which must be below num_chunks().
    Walk(const ChunkIndex& index, uint64_t chunk);

    uint64_t number() const { return number_; }
    // Where the chunk begins, and the next one or the footer. Beyond the last chunk only begin()
    // has a meaning, that of the footer.
    uint64_t begin() const { return begin_; }
    uint64_t end() const { return index_->gaps_.empty() ? end_ : index_->EndBefore(end_); }
    void Next() {
      ++number_;
      begin_ = end_;
      if (number_ < index_->num_chunks_) FindEnd();
    }

   private:
    void FindEnd() {
      while (bits_ == 0) bits_ = index_->high_[++word_];
      const uint64_t place = word_ * 64 + static_cast<uint64_t>(__builtin_ctzll(bits_));
      bits_ &= bits_ - 1;
      const uint64_t i = number_ + 1;
      end_ = (place - i) << index_->low_bits_ | index_->Low(i);
    }

    const ChunkIndex* index_ = nullptr;
    uint64_t number_ = 0, begin_ = 0;
    uint64_t end_ = 0;   // where the next one begins
    uint64_t word_ = 0;  // in high_
    uint64_t bits_ = 0;  // of that word, those that come after the one for end_
  };

 private:
  static constexpr uint64_t kSampling = 64;

  // Whether all of `chunks` are right, come after those added so far and have as many records.
  bool AreAlike(const FooterEntry* chunks, size_t n) const;
  void Append(uint64_t value);
  // The same for the offsets of `n` chunks.
  void Append(const FooterEntry* chunks, size_t n);
  uint64_t Low(uint64_t i) const {
    if (low_bits_ == 0) return 0;
    const uint64_t bit = i * low_bits_;
    uint64_t low = low_[bit / 64] >> bit % 64;
    if (bit % 64 + low_bits_ > 64) low |= low_[bit / 64 + 1] << (64 - bit % 64);
    return low & ((uint64_t{1} << low_bits_) - 1);
  }
  // The place of the i-th 1.
  uint64_t Select(uint64_t i) const;
  uint64_t Offset(uint64_t i) const { return (Select(i) - i) << low_bits_ | Low(i); }
  Extent Neighbours(uint64_t i) const;
  // Where the chunk before the one at `next` ends.
  uint64_t EndBefore(uint64_t next) const;
  static Status TooLarge();
  Status BecomeUneven();

  bool offloaded_ = false;
  bool uneven_ = false;
  unsigned low_bits_ = 0;
  uint64_t num_chunks_ = 0;
  uint64_t num_records_ = 0;
  uint64_t group_size_ = 0;
  uint64_t end_ = 0;
  uint64_t added_ = 0;
  uint64_t last_offset_ = 0;
  uint64_t last_count_ = 0;
  WordArray low_;
  WordArray high_;
  WordArray samples_;
  PackedSizes sizes_;
  std::vector<Gap> gaps_;
  WordArray first_record_;  // only if a chunk other than the last is unlike the first
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CHUNK_INDEX_H_
