#include "read_plan.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "thread_pool.h"

namespace arrayrecord {
namespace {

// Chunks that lie side by side are read together, but not more than stays in the cache until they
// have been verified.
constexpr uint64_t kReadSize = 256 << 10;

// Of one plan that is kept.
constexpr size_t kMaxKeptMemory = 8 << 20;

// Waking a thread for less costs more than it gains.
constexpr uint64_t kMinBytesPerThread = 64 << 10;

// Plans whose memory serves the next ones.
struct Kept {
  std::mutex mutex;
  std::vector<ReadPlan*> plans;
};

Kept& KeptPlans() {
  // Never destroyed: other threads may still use it while the process exits.
  static Kept* kept = new Kept;
  return *kept;
}

}  // namespace

ReadPlan::Pointer ReadPlan::New(const Reader& reader) {
  Pointer plan;
  {
    Kept& kept = KeptPlans();
    std::lock_guard<std::mutex> lock(kept.mutex);
    if (!kept.plans.empty()) {
      plan.reset(kept.plans.back());
      kept.plans.pop_back();
    }
  }
  if (plan == nullptr) plan.reset(new ReadPlan());
  plan->reader_ = &reader;
  return plan;
}

void ReadPlan::Recycler::operator()(ReadPlan* plan) const {
  plan->Clear();
  Kept& kept = KeptPlans();
  {
    std::lock_guard<std::mutex> lock(kept.mutex);
    if (kept.plans.size() < 2 * Processors() && plan->memory() <= kMaxKeptMemory) {
      kept.plans.push_back(plan);
      return;
    }
  }
  delete plan;
}

void ReadPlan::Clear() {
  parts_.clear();
  items_.clear();
  extents_.clear();
  sizes_.clear();
  laid_out_ = false;
  encoded_size_ = 0;
  decoded_size_ = 0;
  state_ = kPlanned;
}

size_t ReadPlan::memory() const {
  return own_bytes_.capacity() + parts_.capacity() * sizeof(Part) +
         items_.capacity() * sizeof(Item) + extents_.capacity() * sizeof(ar_extent) +
         sizes_.capacity() * sizeof(uint64_t);
}

Status ReadPlan::Range(const Reader& reader, uint64_t begin, uint64_t end, Pointer* plan) {
  AR_TRY(reader.CheckRange(begin, end));
  Pointer p = New(reader);
  p->sizes_.resize(end - begin);
  const ChunkIndex& index = reader.index();
  p->parts_.reserve((end - begin) / std::max<uint64_t>(reader.group_size(), 1) + 2);
  for (uint64_t record = begin; record < end;) {
    Part part;
    part.chunk = p->parts_.empty() ? index.ChunkOf(record) : p->parts_.back().chunk + 1;
    part.first_item = record - begin;
    part.skip = record - index.FirstRecord(part.chunk);
    record = std::min(end, index.FirstRecord(part.chunk + 1));
    part.num_items = record - begin - part.first_item;
    p->parts_.push_back(std::move(part));
  }
  *plan = std::move(p);
  return Status();
}

Status ReadPlan::Indices(const Reader& reader, const uint64_t* records, size_t n, Pointer* plan) {
  for (size_t i = 0; i < n; ++i) AR_TRY(reader.CheckRecord(records[i]));
  Pointer p = New(reader);
  p->sizes_.resize(n);
  p->items_.resize(n);
  for (size_t i = 0; i < n; ++i) p->items_[i] = {records[i], i, 0};
  auto less = [](const Item& a, const Item& b) {
    return a.record != b.record ? a.record < b.record : a.position < b.position;
  };
  if (!std::is_sorted(p->items_.begin(), p->items_.end(), less)) {
    std::sort(p->items_.begin(), p->items_.end(), less);
  }
  const ChunkIndex& index = reader.index();
  uint64_t chunk_begin = 0, chunk_end = 0;  // records
  for (size_t i = 0; i < n; ++i) {
    Item& item = p->items_[i];
    if (item.record >= chunk_end) {
      Part part;
      part.chunk = index.ChunkOf(item.record);
      part.first_item = i;
      chunk_begin = index.FirstRecord(part.chunk);
      chunk_end = index.FirstRecord(part.chunk + 1);
      p->parts_.push_back(std::move(part));
    }
    item.record -= chunk_begin;
    ++p->parts_.back().num_items;
  }
  *plan = std::move(p);
  return Status();
}

const std::vector<ar_extent>& ReadPlan::Extents(uint64_t max_gap) {
  LayOut(max_gap);
  return extents_;
}

void ReadPlan::LayOut(uint64_t max_gap) {
  extents_.clear();
  encoded_size_ = 0;
  for (Part& part : parts_) {
    if (!laid_out_) part.extent = reader_->index().extent(part.chunk, part.chunk + 1);
    const auto [begin, end] = part.extent;
    if (extents_.empty() || begin - (extents_.back().position + extents_.back().size) > max_gap) {
      extents_.push_back({begin, 0});
    }
    ar_extent& extent = extents_.back();
    const uint64_t growth = end - (extent.position + extent.size);
    extent.size += growth;
    encoded_size_ += growth;
    part.buffer_offset = encoded_size_ - (end - begin);
  }
  laid_out_ = true;
}

template <typename Weight, typename Run>
Status ReadPlan::InParallel(size_t parallelism, Weight weight, Run run) {
  if (parallelism == 0) parallelism = Processors();
  uint64_t total = 0;
  for (const Part& part : parts_) total += weight(part);
  // Twice as many runs as threads, in case one thread is slower than the others.
  const size_t runs =
      parallelism <= 1 ? 1 : std::min<uint64_t>(2 * parallelism, total / kMinBytesPerThread + 1);
  if (runs <= 1) return run(0, parts_.size());
  std::vector<size_t> bounds = {0};
  uint64_t sum = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    sum += weight(parts_[i]);
    if (sum >= total / runs * bounds.size() && bounds.size() < runs) bounds.push_back(i + 1);
  }
  bounds.push_back(parts_.size());
  std::vector<Status> results(bounds.size() - 1);
  ParallelFor(results.size(), parallelism,
              [&](size_t i) { results[i] = run(bounds[i], bounds[i + 1]); });
  for (Status& result : results) {
    if (!result.ok()) return std::move(result);
  }
  return Status();
}

Status ReadPlan::Load(size_t parallelism) {
  if (!reader_->has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
  if (state_ != kPlanned) return Status(AR_FAILED_PRECONDITION, "the plan has been loaded before");
  LayOut(0);
  uint8_t* bytes = own_bytes_.Get(encoded_size_);
  state_ = kFailed;
  AR_TRY(InParallel(
      parallelism, [](const Part& part) { return part.extent.end - part.extent.begin; },
      [&](size_t b, size_t e) { return LoadParts(b, e, bytes, /*read=*/true); }));
  for (uint64_t size : sizes_) decoded_size_ += size;
  state_ = kLoaded;
  return Status();
}

Status ReadPlan::LoadBytes(uint8_t* bytes, uint64_t size, size_t parallelism) {
  if (state_ != kPlanned) return Status(AR_FAILED_PRECONDITION, "the plan has been loaded before");
  if (!laid_out_) LayOut(0);
  if (size != encoded_size_) {
    return Status(AR_INVALID_ARGUMENT, "the extents have " + std::to_string(encoded_size_) +
                                           " bytes, not " + std::to_string(size));
  }
  state_ = kFailed;
  AR_TRY(InParallel(
      parallelism, [](const Part& part) { return part.extent.end - part.extent.begin; },
      [&](size_t b, size_t e) { return LoadParts(b, e, bytes, /*read=*/false); }));
  for (uint64_t size : sizes_) decoded_size_ += size;
  state_ = kLoaded;
  return Status();
}

Status ReadPlan::AtPart(const Part& part, Status status) const {
  if (status.ok()) return status;
  return std::move(status)
      .At(part.extent.begin)
      .InChunk(part.chunk)
      .InRecord(reader_->index().FirstRecord(part.chunk) + InChunk(part, 0));
}

Status ReadPlan::LoadParts(size_t begin, size_t end, uint8_t* bytes, bool read) {
  while (begin < end) {
    // A run of chunks side by side in file and buffer.
    size_t run_end = begin + 1;
    const uint64_t first = parts_[begin].extent.begin;
    while (run_end < end && parts_[run_end].extent.begin == parts_[run_end - 1].extent.end &&
           parts_[run_end].extent.end - first <= kReadSize) {
      ++run_end;
    }
    if (read) {
      AR_TRY(
          AtPart(parts_[begin], reader_->file().ReadAt(first, bytes + parts_[begin].buffer_offset,
                                                       parts_[run_end - 1].extent.end - first)));
    }
    constexpr size_t kAhead = 2;
    if (read && run_end + kAhead < end) {
      const ChunkIndex::Extent& next = parts_[run_end + kAhead].extent;
      reader_->file().Prefetch(next.begin, next.end - next.begin);
    }
    for (; begin < run_end; ++begin) {
      AR_TRY(AtPart(parts_[begin], LoadPart(&parts_[begin], bytes + parts_[begin].buffer_offset)));
    }
  }
  return Status();
}

Status ReadPlan::LoadPart(Part* part, uint8_t* bytes) {
  Chunk chunk;
  AR_TRY(ParseChunk(bytes, part->extent.begin, part->extent.end, &chunk));
  AR_TRY(part->records.Open(chunk, reader_->index().RecordsIn(part->chunk)));
  part->whole = IsWhole(*part);
  if (part->whole) {
    // Sizes go where they belong.
    return part->records.DecodeSizes(&sizes_[Position(*part, 0)]);
  }
  if (part->records.num_records() == 1) {
    for (size_t i = 0; i < part->num_items; ++i) {
      sizes_[Position(*part, i)] = part->records.decoded_size();
    }
    return Status();
  }
  thread_local std::vector<uint64_t> sizes;
  sizes.resize(part->records.num_records());
  AR_TRY(part->records.DecodeSizes(sizes.data()));
  uint64_t begin = 0;
  uint64_t at = 0;
  for (size_t i = 0; i < part->num_items; ++i) {
    for (; at < InChunk(*part, i); ++at) begin += sizes[at];
    if (i == 0) part->skip_bytes = begin;
    if (!items_.empty()) items_[part->first_item + i].begin = begin;
    sizes_[Position(*part, i)] = sizes[at];
  }
  return Status();
}

bool ReadPlan::IsWhole(const Part& part) const {
  if (part.num_items != part.records.num_records()) return false;
  for (size_t i = 0; i < part.num_items && !items_.empty(); ++i) {
    if (InChunk(part, i) != i || Position(part, i) != Position(part, 0) + i) return false;
  }
  return true;
}

Status ReadPlan::Decode(uint8_t* out, uint64_t out_size, uint64_t* offsets, size_t parallelism) {
  if (state_ != kLoaded) {
    return Status(AR_FAILED_PRECONDITION, "the plan is not loaded, or has been decoded before");
  }
  if (out_size < decoded_size_) {
    return Status(AR_BUFFER_TOO_SMALL, "the records have " + std::to_string(decoded_size_) +
                                           " bytes, the buffer " + std::to_string(out_size));
  }
  state_ = kDecoded;
  offsets[0] = 0;
  for (size_t i = 0; i < sizes_.size(); ++i) offsets[i + 1] = offsets[i] + sizes_[i];
  return InParallel(
      parallelism, [](const Part& part) { return part.records.decoded_size(); },
      [&](size_t b, size_t e) {
        for (; b < e; ++b) AR_TRY(AtPart(parts_[b], DecodePart(parts_[b], out, offsets)));
        return Status();
      });
}

Status ReadPlan::DecodePart(const Part& part, uint8_t* out, const uint64_t* offsets) const {
  uint8_t* first = out + offsets[Position(part, 0)];
  if (part.whole) return part.records.DecodeValues(first);
  if (part.records.num_records() == 1) {
    AR_TRY(part.records.DecodeValues(first));
    for (size_t i = 1; i < part.num_items; ++i) {
      std::memcpy(out + offsets[Position(part, i)], first, part.records.decoded_size());
    }
    return Status();
  }
  const uint8_t* values = part.records.plain_values();
  if (values == nullptr) {
    uint8_t* decoded = Buffer::OfThread<kDecodedChunk>().Get(part.records.decoded_size());
    AR_TRY(part.records.DecodeValues(decoded));
    values = decoded;
  }
  if (items_.empty()) {
    // The records of a range stand side by side here as there.
    std::memcpy(first, values + part.skip_bytes,
                offsets[part.first_item + part.num_items] - offsets[part.first_item]);
    return Status();
  }
  for (size_t i = 0; i < part.num_items; ++i) {
    const Item& item = items_[part.first_item + i];
    std::memcpy(out + offsets[item.position], values + item.begin, sizes_[item.position]);
  }
  return Status();
}

}  // namespace arrayrecord
