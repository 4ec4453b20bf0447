#include "cursor.h"

#include <algorithm>

#include "read_plan.h"

namespace arrayrecord {
namespace {

// Large enough that handing groups to threads costs nothing, small enough for the cache.
constexpr uint64_t kAutoGroupBytes = 512 << 10;

}  // namespace

Status Cursor::Open(const Reader& reader, uint64_t begin, uint64_t end,
                    std::unique_ptr<Cursor>* cursor) {
  if (begin > end || end > reader.num_records()) {
    return Status(AR_OUT_OF_RANGE, "records [" + std::to_string(begin) + ", " +
                                       std::to_string(end) + ") of a file with " +
                                       std::to_string(reader.num_records()));
  }
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
    auto group = std::make_unique<Group>();
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

void Cursor::Load(Group* group) const {
  group->status = LoadRange(group->begin, group->end, group);
  if (group->status.ok()) return;
  // The records before the damage are still good.
  const uint64_t damaged = group->status.record();
  const bool some = damaged != AR_NONE && damaged > group->begin && damaged < group->end;
  group->end = some && LoadRange(group->begin, damaged, group).ok() ? damaged : group->begin;
}

Status Cursor::LoadRange(uint64_t begin, uint64_t end, Group* group) const {
  ReadPlan::Pointer plan;
  AR_TRY(ReadPlan::Range(reader_, begin, end, &plan));
  AR_TRY(plan->Load(1));
  group->bytes.reset(new uint8_t[plan->decoded_size()]);
  group->offsets.resize(end - begin + 1);
  return plan->Decode(group->bytes.get(), plan->decoded_size(), group->offsets.data(), 1);
}

Status Cursor::Next(ByteSpan* record) {
  *record = ByteSpan();
  for (;;) {
    if (!failure_.ok()) return failure_.Clone();
    if (front_ready_ && next_ < groups_.front()->end - groups_.front()->begin) break;
    if (front_ready_) {
      failure_ = std::move(groups_.front()->status);
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
