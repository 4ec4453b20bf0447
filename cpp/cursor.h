// Reading records in order, with the next chunks being read and decoded by the pool meanwhile.
#ifndef ARRAYRECORD_CURSOR_H_
#define ARRAYRECORD_CURSOR_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "buffer.h"
#include "read_records.h"
#include "reader.h"
#include "status.h"
#include "thread_pool.h"

namespace arrayrecord {

class Cursor {
 public:
  static Status Open(const Reader& reader, uint64_t begin, uint64_t end,
                     std::unique_ptr<Cursor>* cursor);
  // Waits for what is being read ahead.
  ~Cursor();

  // The next record, valid until the next call; nothing (data null) at the end. After a failure
  // always that failure.
  Status Next(ByteSpan* record);

 private:
  // A run of chunks that is read, verified and decoded in one go, or piece by piece if it is one
  // chunk that is larger than what may be in memory.
  struct Group {
    uint64_t cost = 0;  // the part of the memory that may be in use
    uint64_t left = 0;  // records that no piece has had yet
    RecordsRead read;
    // The piece that is in memory.
    Buffer bytes;
    std::vector<uint64_t> offsets;
    size_t num_records = 0;
    Status status;  // why there is nothing after it
    std::shared_ptr<Task> task;
  };

  Cursor(const Reader& reader, uint64_t begin, uint64_t end);
  Status NextPiece(bool* at_end);
  void ReadAhead();
  void ReadPiece(Group* group) const;
  Status FillPiece(Group* group) const;

  const Reader& reader_;
  uint64_t planned_;  // records from here on have no group yet
  const uint64_t end_;
  const uint64_t memory_;  // what the groups may take together
  const bool reads_ahead_;
  size_t max_groups_;
  uint64_t group_bytes_;                       // in the file
  uint64_t group_memory_;                      // decoded
  uint64_t in_use_ = 0;                        // the costs of groups_
  std::deque<std::unique_ptr<Group>> groups_;  // the front one is being handed out
  std::unique_ptr<Group> spare_;               // whose memory serves the next one
  bool front_ready_ = false;
  size_t next_ = 0;  // record in the piece of the front group
  size_t piece_end_ = 0;
  Status failure_;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CURSOR_H_
