// The chunks of several records that single reads have decoded last, so that reads of their other
// records need not decode them again.
#ifndef ARRAYRECORD_CHUNK_CACHE_H_
#define ARRAYRECORD_CHUNK_CACHE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "buffer.h"
#include "records_chunk.h"
#include "status.h"

namespace arrayrecord {

// A chunk with all of its records at hand.
struct OpenChunk {
  Buffer bytes;  // as in the file; records refers to them
  RecordsChunk records;
  Buffer decoded;
  const uint8_t* values = nullptr;
  std::vector<uint64_t> ends;  // of the records, in values

  // Verifies and decodes what is in bytes.
  Status Decode(const Chunk& chunk, uint64_t num_records) {
    AR_TRY(records.Open(chunk, num_records));
    ends.resize(num_records);
    AR_TRY(records.DecodeSizes(ends.data()));
    for (uint64_t i = 1; i < num_records; ++i) ends[i] += ends[i - 1];
    values = records.plain_values();
    if (values == nullptr) {
      uint8_t* out = decoded.Get(records.decoded_size());
      AR_TRY(records.DecodeValues(out));
      values = out;
    }
    return Status();
  }
  ByteSpan Record(uint64_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends[i - 1];
    return ByteSpan(values + begin, ends[i] - begin);
  }
  size_t memory() const { return bytes.capacity() + decoded.capacity(); }
};

// For any number of threads. Holds up to kMaxChunks chunks and kMaxMemory bytes.
class ChunkCache {
 public:
  // Null if it is not here.
  std::shared_ptr<const OpenChunk> Find(uint64_t chunk) {
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].chunk != chunk) continue;
      std::rotate(slots_.begin(), slots_.begin() + i, slots_.begin() + i + 1);
      return slots_[0].open;
    }
    return nullptr;
  }

  // Something to open a chunk in.
  std::shared_ptr<OpenChunk> New() {
    std::unique_ptr<OpenChunk> open;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!spare_.empty()) {
        open = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    if (open == nullptr) open = std::make_unique<OpenChunk>();
    return std::shared_ptr<OpenChunk>(open.release(), [this](OpenChunk* done) { Recycle(done); });
  }

  void Put(uint64_t chunk, std::shared_ptr<const OpenChunk> open) {
    const size_t memory = open->memory();
    if (memory > kMaxMemory) return;
    std::vector<Slot> evicted;  // outlives the lock, which recycling takes
    std::lock_guard<std::mutex> lock(mutex_);
    while (slots_.size() >= kMaxChunks || memory_ + memory > kMaxMemory) {
      memory_ -= slots_.back().memory;
      evicted.push_back(std::move(slots_.back()));
      slots_.pop_back();
    }
    memory_ += memory;
    slots_.insert(slots_.begin(), {chunk, memory, std::move(open)});
  }

 private:
  static constexpr size_t kMaxChunks = 8;
  static constexpr size_t kMaxMemory = 64 << 20;
  static constexpr size_t kMaxSpare = 2;
  static constexpr size_t kMaxSpareMemory = 4 << 20;

  struct Slot {
    uint64_t chunk;
    size_t memory;
    std::shared_ptr<const OpenChunk> open;
  };

  void Recycle(OpenChunk* done) {
    std::unique_ptr<OpenChunk> open(done);
    std::lock_guard<std::mutex> lock(mutex_);
    if (spare_.size() < kMaxSpare && open->memory() <= kMaxSpareMemory) {
      spare_.push_back(std::move(open));
    }
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<OpenChunk>> spare_;  // whose memory serves the next ones
  size_t memory_ = 0;
  std::vector<Slot> slots_;  // the one that was used last comes first
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CHUNK_CACHE_H_
