// Option strings of writers and readers (docs/format.md section 8).
#ifndef ARRAYRECORD_OPTIONS_H_
#define ARRAYRECORD_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "codec.h"
#include "status.h"

namespace arrayrecord {

struct WriterOptions {
  uint32_t group_size = 1;
  uint32_t max_parallelism = 0;  // 0: one per processor
  uint32_t saturation_delay_ms = 10;
  bool transpose = false;
  uint64_t transpose_bucket_size = 256;
  bool pad_to_block_boundary = false;
  Compression compression = {Codec::kZstd, 3, 20};
  // No part of option strings.
  bool no_overwrite = false;
  bool no_sync = false;
  bool no_digest = false;

  static Status Parse(std::string_view text, WriterOptions* options);
  // For options that were not parsed: AR_INVALID_ARGUMENT if a value is out of range.
  Status Validate() const;

  // The full form, as it is recorded in files. Depends on the options alone: where the number of
  // threads was left open, 1 is recorded on every machine.
  std::string ToString() const;
};

struct ReaderOptions {
  static constexpr uint64_t kAutoReadahead = 0;

  uint32_t max_parallelism = 0;  // 0: one per processor
  uint64_t readahead_buffer_size = kAutoReadahead;
  // 0: 1 MiB, or with an offloaded index what must be read. Not used by the core.
  uint64_t footer_prefetch_bytes = 0;
  bool no_readahead = false;
  bool offloaded_index = false;
  // No part of option strings.
  uint64_t readahead_memory = 64 << 20;
  uint64_t max_record_size = uint64_t{2} << 30;
  uint64_t max_chunk_size = uint64_t{4} << 30;
  bool mapped = false;

  static Status Parse(std::string_view text, ReaderOptions* options);
  Status Validate() const;
};

}  // namespace arrayrecord

#endif  // ARRAYRECORD_OPTIONS_H_
