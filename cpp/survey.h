// What lies in a file, chunk after chunk, found without its index: for checking files, and for
// saving what is left of damaged ones (docs/format.md section 2.7). Works on a part of the file in
// memory, so that parts can be looked at side by side.
#ifndef ARRAYRECORD_SURVEY_H_
#define ARRAYRECORD_SURVEY_H_

#include <cstdint>

#include "chunk.h"
#include "chunk_index.h"
#include "options.h"
#include "status.h"

namespace arrayrecord {

// Bytes [begin, end) of a file. Those of chunks that have been looked at are changed.
struct Window {
  uint8_t* bytes;
  uint64_t begin, end;
};

class Survey {
 public:
  // `index` may be null; else the chunks that it tells of are looked for where others are damaged.
  Survey(const Window& window, uint64_t file_size, const ReaderOptions& options,
         const ChunkIndex* index, bool decode)
      : window_(window), file_size_(file_size), options_(options), index_(index), decode_(decode) {}

  // Looks at what begins at `position`, which must be in the window, and be where a chunk can
  // begin. False if that takes more of the file, up to `*need`.
  bool Next(uint64_t position, ar_piece* piece, uint64_t* need);

 private:
  enum Look { kGood, kBad, kNeedMore };

  bool Has(uint64_t end, uint64_t* need) const;
  const uint8_t* At(uint64_t position) const { return window_.bytes + (position - window_.begin); }
  bool TakeHeader(uint64_t begin, ChunkHeader* header, uint64_t* hash) const;
  bool Fits(const ChunkHeader& header, uint64_t begin) const;
  Look LookForChunk(uint64_t position, uint64_t* need) const;
  uint64_t NextIndexed(uint64_t position) const;
  uint64_t GuessEnd(const ChunkHeader& header, uint64_t begin) const;
  bool FindNext(uint64_t position, const ChunkHeader& claimed, ar_piece* piece,
                uint64_t* need) const;
  uint64_t BadBlockHeader(uint64_t begin, uint64_t end) const;
  const uint8_t* Gather(const ChunkHeader& header, uint64_t begin);
  ar_fault Check(const Chunk& chunk) const;
  Status Decode(const Chunk& chunk) const;

  const Window window_;
  const uint64_t file_size_;
  const ReaderOptions& options_;
  const ChunkIndex* const index_;
  const bool decode_;
};

// Where the first chunk begins at or after block position `position`, by the block header there.
Status FirstChunkFrom(uint64_t position, const uint8_t* block_header, uint64_t* begin);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_SURVEY_H_
