// Many bytes in memory: appended at the end, gone at the front when they are taken.
#ifndef ARRAYRECORD_BYTE_QUEUE_H_
#define ARRAYRECORD_BYTE_QUEUE_H_

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>

#include "varint.h"

namespace arrayrecord {

// Keeps bytes in pieces: growing neither moves them nor takes twice their room for a moment.
class ByteQueue {
 public:
  // What AppendWhole takes at most.
  static constexpr size_t kMinPiece = 4 << 10;
  static constexpr size_t kMaxPiece = 256 << 10;

  size_t size() const { return size_; }
  // The memory that the pieces take.
  size_t memory() const { return memory_; }

  void Append(const uint8_t* data, size_t size) {
    while (size > 0) {
      const size_t n = std::min(size, Room(1));
      Put(data, n);
      data += n;
      size -= n;
    }
  }

  // Up to kMinPiece bytes, which will lie in one piece.
  void AppendWhole(const uint8_t* data, size_t size) {
    Room(size);
    Put(data, size);
  }

  // Pieces are numbered from the front; their addresses stay until they are popped.
  size_t num_pieces() const { return pieces_.size(); }
  ByteSpan piece(size_t i) const {
    const Piece& p = pieces_[i];
    return ByteSpan(p.bytes.get() + p.begin, p.end - p.begin);
  }
  void PopPiece() {
    size_ -= pieces_.front().end - pieces_.front().begin;
    memory_ -= pieces_.front().capacity;
    pieces_.pop_front();
  }

  // Moves up to `size` bytes from the front to `out`, and tells how many.
  size_t Take(uint8_t* out, size_t size) {
    size_t taken = 0;
    while (taken < size && size_ > 0) {
      Piece& first = pieces_.front();
      const size_t n = std::min(size - taken, first.end - first.begin);
      std::memcpy(out + taken, first.bytes.get() + first.begin, n);
      taken += n;
      first.begin += n;
      size_ -= n;
      if (first.begin < first.end) break;
      if (pieces_.size() == 1) {
        first.begin = first.end = 0;  // for the next bytes
      } else {
        PopPiece();
      }
    }
    return taken;
  }

 private:
  struct Piece {
    std::unique_ptr<uint8_t[]> bytes;
    size_t capacity = 0;
    size_t begin = 0, end = 0;
  };

  // How much fits into the last piece, which is a new one if that would be less than `needed`.
  size_t Room(size_t needed) {
    if (pieces_.empty() || pieces_.back().capacity - pieces_.back().end < needed) {
      Piece piece;
      piece.capacity = std::clamp(memory_, kMinPiece, kMaxPiece);
      piece.bytes.reset(new uint8_t[piece.capacity]);
      memory_ += piece.capacity;
      pieces_.push_back(std::move(piece));
    }
    return pieces_.back().capacity - pieces_.back().end;
  }

  void Put(const uint8_t* data, size_t size) {
    if (size == 0) return;
    std::memcpy(pieces_.back().bytes.get() + pieces_.back().end, data, size);
    pieces_.back().end += size;
    size_ += size;
  }

  std::deque<Piece> pieces_;
  size_t size_ = 0;
  size_t memory_ = 0;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_BYTE_QUEUE_H_
