#include "cursor.h"

#include <algorithm>
#include <utility>

namespace arrayrecord {
namespace {

// Large enough that handing groups to threads costs nothing, small enough for the cache.
constexpr uint64_t kAutoGroupBytes = 1 << 20;

// What the sizes of records may take beside them, in relation.
constexpr uint64_t kMinPieceRecords = 1024;

size_t ThreadsOf(const ReaderOptions& options) {
  const size_t threads = MaxThreads();
  return options.max_parallelism == 0 ? threads
                                      : std::min<size_t>(threads, options.max_parallelism);
}

}  // namespace

Status Cursor::Open(const Reader& reader, uint64_t begin, uint64_t end,
                    std::unique_ptr<Cursor>* cursor) {
  AR_TRY(reader.CheckRange(begin, end));
  if (!reader.has_file()) return Status(AR_FAILED_PRECONDITION, "the reader has no file");
  cursor->reset(new Cursor(reader, begin, end));
  return Status();
}

Cursor::Cursor(const Reader& reader, uint64_t begin, uint64_t end)
    : reader_(reader),
      planned_(begin),
      end_(end),
      memory_(reader.options().readahead_memory),
      reads_ahead_(!reader.options().no_readahead) {
  const ReaderOptions& options = reader.options();
  group_bytes_ = options.readahead_buffer_size == ReaderOptions::kAutoReadahead
                     ? kAutoGroupBytes
                     : options.readahead_buffer_size;
  max_groups_ = reads_ahead_ ? ThreadsOf(options) + 1 : 1;  // one is being handed out
  group_memory_ = std::max<uint64_t>(memory_ / max_groups_, 1);
}

Cursor::~Cursor() {
  for (auto& group : groups_) {
    if (group->task) group->task->Cancel();
  }
}

void Cursor::ReadAhead() {
  const ChunkIndex& index = reader_.index();
  while (planned_ < end_ && groups_.size() < max_groups_) {
    const uint64_t chunk = index.ChunkOf(planned_);
    const uint64_t chunk_end = index.RunOf(chunk, group_bytes_, group_memory_);
    const uint64_t end = std::min(end_, index.FirstRecord(chunk_end));
    const uint64_t cost = std::min(index.DecodedSize(chunk, chunk_end), memory_);
    if (!groups_.empty() && cost > memory_ - in_use_) return;

    auto group = spare_ ? std::move(spare_) : std::make_unique<Group>();
    group->status = group->read.SetRange(reader_, planned_, end);
    group->cost = cost;
    group->left = end - planned_;
    Group* g = group.get();
    groups_.push_back(std::move(group));
    planned_ = end;
    in_use_ += cost;
    if (!reads_ahead_) continue;
    auto task = std::make_shared<Task>([this, g] { ReadPiece(g); });
    if (ThreadPool::Shared().Offer(task)) g->task = std::move(task);
  }
}

// Reads the next piece of a group, unless its status says why there is none. Throws nothing.
void Cursor::ReadPiece(Group* group) const {
  group->num_records = 0;
  if (group->status.ok()) group->status = Caught([&] { return FillPiece(group); });
}

// Reads as many records as there is room for.
Status Cursor::FillPiece(Group* group) const {
  const uint64_t most = std::max(group_memory_ / sizeof(uint64_t), kMinPieceRecords);
  const size_t max_records = std::min(group->left, most);
  if (group->offsets.size() < max_records + 1) group->offsets.resize(max_records + 1);
  // What fills the memory by itself may be more. It is made room for when it has been looked at.
  if (group->cost < memory_) group->bytes.Get(std::max<uint64_t>(group->cost, 1));
  for (;;) {
    ReadProgress progress;
    Status status = group->read.Next(group->bytes.data(), group->bytes.capacity(), max_records,
                                     group->offsets.data(), &progress);
    group->num_records = progress.num_records;
    group->left -= progress.num_records;
    if (!status.ok() || progress.num_records > 0 || progress.room.record == 0) return status;
    group->bytes.Free();
    group->bytes =
        Buffer(std::max<uint64_t>(progress.room.record, std::min(progress.room.chunk, memory_)));
  }
}

// Makes the next piece ready.
Status Cursor::NextPiece(bool* at_end) {
  if (front_ready_) {
    Group* front = groups_.front().get();
    AR_TRY(std::move(front->status));
    if (front->left > 0) {
      ReadPiece(front);
      next_ = 0;
      piece_end_ = front->num_records;
      return Status();
    }
    front_ready_ = false;
    next_ = piece_end_ = 0;
    in_use_ -= front->cost;
    front->task.reset();
    if (front->bytes.capacity() > group_memory_) front->bytes.Free();
    spare_ = std::move(groups_.front());
    groups_.pop_front();
  }
  ReadAhead();
  if (groups_.empty()) {
    *at_end = true;
    return Status();
  }
  Group* front = groups_.front().get();
  if (front->task) {
    front->task->Finish();
  } else {
    ReadPiece(front);
  }
  front_ready_ = true;
  next_ = 0;
  piece_end_ = front->num_records;
  return Status();
}

Status Cursor::Next(ByteSpan* record) {
  *record = ByteSpan();
  if (!failure_.ok()) return failure_.Clone();
  while (next_ == piece_end_) {
    bool at_end = false;
    failure_ = Caught([&] { return NextPiece(&at_end); });
    if (!failure_.ok()) return failure_.Clone();
    if (at_end) return Status();
  }
  const Group& group = *groups_.front();
  *record = ByteSpan(group.bytes.data() + group.offsets[next_],
                     group.offsets[next_ + 1] - group.offsets[next_]);
  ++next_;
  return Status();
}

}  // namespace arrayrecord
