#include "chunk_cache.h"

#include <utility>

namespace arrayrecord {

Status OpenChunk::Decode(const Chunk& chunk, uint64_t max_size) {
  AR_TRY(records.Open(chunk, max_size));
  ends.resize(records.num_records());
  AR_TRY(records.DecodeSizes(ends.data()));
  for (size_t i = 1; i < ends.size(); ++i) ends[i] += ends[i - 1];
  values = records.plain_values();
  if (values == nullptr) {
    uint8_t* out = decoded.Get(records.decoded_size());
    AR_TRY(records.DecodeValues(out));
    values = out;
  }
  return Status();
}

ChunkCache& ChunkCache::Shared() {
  // Never destroyed: other threads may still use it while the process exits.
  static ChunkCache* cache = new ChunkCache;
  return *cache;
}

void ChunkCache::SetLimit(uint64_t bytes) {
  Slots evicted;
  std::vector<std::unique_ptr<OpenChunk>> spare;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    limit_ = bytes;
    Shrink(bytes, kMaxChunks, &evicted);
    if (memory_ > bytes) {
      for (const auto& open : spare_) memory_ -= open->memory();
      spare.swap(spare_);
    }
  }
}

uint64_t ChunkCache::memory() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return memory_;
}

std::shared_ptr<const OpenChunk> ChunkCache::Find(const Key& key) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  slots_.splice(slots_.begin(), slots_, found->second);
  return slots_.front().open;
}

void ChunkCache::Counts(uint64_t* hits, uint64_t* misses) const {
  std::lock_guard<std::mutex> lock(mutex_);
  *hits = hits_;
  *misses = misses_;
}

std::shared_ptr<OpenChunk> ChunkCache::New() {
  std::unique_ptr<OpenChunk> open;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!spare_.empty()) {
      open = std::move(spare_.back());
      spare_.pop_back();
      memory_ -= open->memory();
    }
  }
  if (open == nullptr) open = std::make_unique<OpenChunk>();
  return std::shared_ptr<OpenChunk>(open.release(), [this](OpenChunk* done) { Recycle(done); });
}

void ChunkCache::Shrink(uint64_t bytes, size_t chunks, Slots* evicted) {
  while (!slots_.empty() && (memory_ > bytes || slots_.size() > chunks)) {
    memory_ -= slots_.back().memory;
    by_key_.erase(slots_.back().key);
    evicted->splice(evicted->end(), slots_, std::prev(slots_.end()));
  }
}

void ChunkCache::Put(const Key& key, std::shared_ptr<const OpenChunk> open) {
  const size_t memory = open->memory();
  Slots fresh, evicted;
  fresh.push_back({key, memory, std::move(open)});
  std::lock_guard<std::mutex> lock(mutex_);
  if (memory > limit_ || by_key_.count(key) > 0) return;  // or another thread was faster
  Shrink(limit_ - memory, kMaxChunks - 1, &evicted);
  if (memory_ + memory > limit_) return;  // the spare ones take the rest
  by_key_.emplace(key, fresh.begin());
  memory_ += memory;
  slots_.splice(slots_.begin(), fresh);
}

void ChunkCache::Forget(uint64_t reader) {
  Slots forgotten;
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto slot = slots_.begin(); slot != slots_.end();) {
    const auto at = slot++;
    if (at->key.reader != reader) continue;
    memory_ -= at->memory;
    by_key_.erase(at->key);
    forgotten.splice(forgotten.end(), slots_, at);
  }
}

void ChunkCache::Recycle(OpenChunk* done) {
  std::unique_ptr<OpenChunk> open(done);
  const size_t memory = open->memory();
  if (memory > kMaxSpareMemory) return;
  std::lock_guard<std::mutex> lock(mutex_);
  if (spare_.size() >= kMaxSpare || memory_ + memory > limit_) return;
  spare_.push_back(std::move(open));
  memory_ += memory;
}

}  // namespace arrayrecord
