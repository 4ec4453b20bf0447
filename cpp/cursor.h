// Reading records in order, with the next chunks being loaded and decoded by the pool meanwhile.
#ifndef ARRAYRECORD_CURSOR_H_
#define ARRAYRECORD_CURSOR_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

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

  // The next record, valid until the next call; nothing (data null) at the end.
  Status Next(ByteSpan* record);

 private:
  // A run of chunks that is read, verified and decoded in one go.
  struct Group {
    uint64_t begin = 0, end = 0;  // records
    Status status;                // why there is nothing from `end` on
    std::unique_ptr<uint8_t[]> bytes;
    uint64_t capacity = 0;
    std::vector<uint64_t> offsets;
    std::shared_ptr<Task> task;

    // What has been read stays.
    void Reserve(uint64_t size);
  };

  Cursor(const Reader& reader, uint64_t begin, uint64_t end);
  void ReadAhead();
  void Load(Group* group) const;

  const Reader& reader_;
  uint64_t planned_;  // records from here on have no group yet
  const uint64_t end_;
  uint64_t group_bytes_;
  size_t max_groups_;
  std::deque<std::unique_ptr<Group>> groups_;  // the front one is being handed out
  std::unique_ptr<Group> spare_;               // whose memory serves the next one
  bool front_ready_ = false;
  size_t next_ = 0;  // record in the front group
  Status failure_;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CURSOR_H_
