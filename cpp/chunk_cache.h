// The chunks of several records that single reads have decoded last, so that reads of their other
// records need not decode them again. One for all readers of the process.
#ifndef ARRAYRECORD_CHUNK_CACHE_H_
#define ARRAYRECORD_CHUNK_CACHE_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
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

  // Decodes what is in bytes.
  Status Decode(const Chunk& chunk, uint64_t max_size);
  ByteSpan Record(uint64_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends[i - 1];
    return ByteSpan(values + begin, ends[i] - begin);
  }
  size_t memory() const {
    return sizeof(*this) + bytes.capacity() + decoded.capacity() + records.memory() +
           ends.capacity() * sizeof(uint64_t);
  }
};

// For any number of threads.
class ChunkCache {
 public:
  struct Key {
    uint64_t reader, chunk;
    bool operator==(const Key& other) const {
      return reader == other.reader && chunk == other.chunk;
    }
  };

  ChunkCache() { spare_.reserve(kMaxSpare); }
  static ChunkCache& Shared();

  // What all that is kept may take, in bytes.
  void SetLimit(uint64_t bytes);
  uint64_t limit() const { return limit_; }
  uint64_t memory() const;

  // Null if it is not here.
  std::shared_ptr<const OpenChunk> Find(const Key& key);
  // How often Find has found something, and how often not.
  void Counts(uint64_t* hits, uint64_t* misses) const;
  // Something to open a chunk in.
  std::shared_ptr<OpenChunk> New();
  // Keeps a chunk, unless it is too large.
  void Put(const Key& key, std::shared_ptr<const OpenChunk> open);
  // Drops all chunks of a reader.
  void Forget(uint64_t reader);

 private:
  // Besides the memory: chunks that come back into a small cache are still in that of the
  // processor.
  static constexpr size_t kMaxChunks = 256;
  static constexpr size_t kMaxSpare = 2;
  static constexpr size_t kMaxSpareMemory = 4 << 20;

  struct Slot {
    Key key;
    size_t memory;
    std::shared_ptr<const OpenChunk> open;
  };
  using Slots = std::list<Slot>;
  struct Hash {
    size_t operator()(const Key& key) const {
      return (key.reader * 0x9e3779b97f4a7c15 ^ key.chunk) * 0x9e3779b97f4a7c15 >> 20;
    }
  };

  void Recycle(OpenChunk* done);
  // Moves slots to `evicted` until the rest takes at most `bytes` and is at most `chunks`. What is
  // evicted must be dropped without the lock, which recycling takes.
  void Shrink(uint64_t bytes, size_t chunks, Slots* evicted);

  mutable std::mutex mutex_;
  std::atomic<uint64_t> limit_{64 << 20};
  uint64_t memory_ = 0;  // of slots and spare ones
  uint64_t hits_ = 0, misses_ = 0;
  Slots slots_;  // the one that was used last comes first
  std::unordered_map<Key, Slots::iterator, Hash> by_key_;
  std::vector<std::unique_ptr<OpenChunk>> spare_;  // whose memory serves the next ones
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CHUNK_CACHE_H_
