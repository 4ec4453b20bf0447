#include "cursor.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "read_records.h"

namespace arrayrecord {
namespace {

// Large enough that handing groups to threads costs nothing, small enough for the cache.
constexpr uint64_t kAutoGroupBytes = 1 << 20;

}  // namespace

Status Cursor::Open(const Reader& reader, uint64_t begin, uint64_t end,
                    std::unique_ptr<Cursor>* cursor) {
  AR_TRY(reader.CheckRange(begin, end));
  if (!reader.has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
  cursor->reset(new Cursor(reader, begin, end));
  return Status();
}

Cursor::Cursor(const Reader& reader, uint64_t begin, uint64_t end)
    : reader_(reader), planned_(begin), end_(end) {
  const ReaderOptions& options = reader.options();
  group_bytes_ = options.readahead_buffer_size == ReaderOptions::kAutoReadahead
                     ? kAutoGroupBytes
                     : options.readahead_buffer_size;
  size_t threads = Processors();
  if (options.max_parallelism >= 0) {
    threads = std::min<size_t>(threads, static_cast<size_t>(options.max_parallelism));
  }
  max_groups_ = threads + 1;  // one is being handed out
}

Cursor::~Cursor() {
  for (auto& group : groups_) {
    if (group->task) group->task->Cancel();
  }
}

void Cursor::ReadAhead() {
  const ChunkIndex& index = reader_.index();
  while (planned_ < end_ && groups_.size() < max_groups_) {
    auto group = spare_ ? std::move(spare_) : std::make_unique<Group>();
    group->begin = planned_;
    uint64_t chunk_end = index.RunOf(index.ChunkOf(planned_), std::max<uint64_t>(group_bytes_, 1));
    planned_ = std::min(end_, index.FirstRecord(chunk_end));
    group->end = planned_;
    if (max_groups_ > 1) {
      Group* g = group.get();
      g->task = std::make_shared<Task>([this, g] { Load(g); });
      ThreadPool::Shared().Submit(g->task);
    }
    groups_.push_back(std::move(group));
  }
}

void Cursor::Group::Reserve(uint64_t size) {
  std::unique_ptr<uint8_t[]> larger(new uint8_t[size]);
  const uint64_t used = offsets[end - begin];
  if (used > 0) std::memcpy(larger.get(), bytes.get(), used);
  bytes = std::move(larger);
  capacity = size;
}

void Cursor::Load(Group* group) const {
  const uint64_t end = std::exchange(group->end, group->begin);
  group->offsets.resize(end - group->begin + 1);
  group->offsets[0] = 0;
  if (group->capacity == 0) {
    const ChunkIndex& index = reader_.index();
    const ChunkIndex::Extent extent =
        index.extent(index.ChunkOf(group->begin), index.ChunkOf(end - 1) + 1);
    group->Reserve(extent.end - extent.begin);
  }
  while (group->end < end && group->status.ok()) {
    uint64_t* offsets = &group->offsets[group->end - group->begin];
    ReadProgress progress;
    group->status = ReadRange(reader_, group->end, end, group->bytes.get(), group->capacity,
                              offsets, &progress);
    group->end += progress.num_records;
    if (progress.size_of_next > 0) {
      group->Reserve(
          std::max(2 * group->capacity, offsets[progress.num_records] + progress.size_of_next));
    }
  }
}

Status Cursor::Next(ByteSpan* record) {
  *record = ByteSpan();
  for (;;) {
    if (!failure_.ok()) return failure_.Clone();
    if (front_ready_ && next_ < groups_.front()->end - groups_.front()->begin) break;
    if (front_ready_) {
      failure_ = std::move(groups_.front()->status);
      spare_ = std::move(groups_.front());
      groups_.pop_front();
      front_ready_ = false;
      continue;
    }
    ReadAhead();
    if (groups_.empty()) return Status();
    Group* group = groups_.front().get();
    if (group->task) {
      group->task->Finish();
    } else {
      Load(group);
    }
    front_ready_ = true;
    next_ = 0;
  }
  const Group& group = *groups_.front();
  *record = ByteSpan(group.bytes.get() + group.offsets[next_],
                     group.offsets[next_ + 1] - group.offsets[next_]);
  ++next_;
  return Status();
}

}  // namespace arrayrecord
