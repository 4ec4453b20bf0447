// The option structs of the C header: 0 stands for the default there, and the structs of later or
// earlier versions are longer or shorter.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "capi.h"

namespace arrayrecord {
namespace {

// Copies as much of an option struct as both sides know. What only the caller knows must be zero.
template <typename Options>
Status TakeKnown(const Options* in, Options* out) {
  uint32_t size;
  std::memcpy(&size, in, sizeof(size));
  if (size < sizeof(size)) return Status(AR_INVALID_ARGUMENT, "struct_size of options is not set");
  const auto* bytes = reinterpret_cast<const uint8_t*>(in);
  if (size > sizeof(*out) &&
      std::any_of(bytes + sizeof(*out), bytes + size, [](uint8_t b) { return b != 0; })) {
    return Status(AR_INVALID_ARGUMENT, "options that this version of the library does not know");
  }
  *out = Options();
  std::memcpy(out, bytes, std::min<size_t>(size, sizeof(*out)));
  return Status();
}

template <typename Options>
Status GiveKnown(Options known, Options* out) {
  uint32_t size;
  std::memcpy(&size, out, sizeof(size));
  if (size < sizeof(size)) return Status(AR_INVALID_ARGUMENT, "struct_size of options is not set");
  known.struct_size = size;
  std::memset(out, 0, size);
  std::memcpy(out, &known, std::min<size_t>(size, sizeof(known)));
  return Status();
}

template <typename In, typename Out>
void SetUnlessZero(In in, Out* out) {
  if (in != 0) *out = static_cast<Out>(in);
}

int32_t LevelToC(int level) { return level == 0 ? AR_LEVEL_0 : level; }

Status CodecFromC(const ar_writer_options& in, Compression* out) {
  // In C an enum holds any int; here only its own numbers may be looked at as one.
  int compression;
  static_assert(sizeof(compression) == sizeof(in.compression), "the enum is an int");
  std::memcpy(&compression, &in.compression, sizeof(compression));
  switch (compression) {
    case AR_DEFAULT_COMPRESSION:
    case AR_ZSTD:
      *out = {Codec::kZstd, 3, 20};
      break;
    case AR_BROTLI:
      *out = {Codec::kBrotli, 6, 0};
      break;
    case AR_SNAPPY:
      *out = {Codec::kSnappy, 1, 0};
      break;
    case AR_UNCOMPRESSED:
      *out = {Codec::kNone, 0, 0};
      break;
    default:
      return Status(AR_INVALID_ARGUMENT, "unknown compression " + std::to_string(compression));
  }
  SetUnlessZero(in.level == AR_LEVEL_0 ? 0 : in.level, &out->level);
  if (in.level == AR_LEVEL_0) out->level = 0;
  SetUnlessZero(in.window_log, &out->window_log);
  return Status();
}

ar_compression CodecToC(Codec codec) {
  return codec == Codec::kNone ? AR_UNCOMPRESSED : static_cast<ar_compression>(codec);
}

std::string_view Text(const char* text, size_t size) {
  return size == 0 ? std::string_view() : std::string_view(text, size);
}

}  // namespace

Status FromC(const ar_writer_options* in, WriterOptions* out) {
  *out = WriterOptions();
  if (in == nullptr) return Status();
  ar_writer_options known;
  AR_TRY(TakeKnown(in, &known));
  SetUnlessZero(known.group_size, &out->group_size);
  SetUnlessZero(known.max_parallelism, &out->max_parallelism);
  SetUnlessZero(known.saturation_delay_ms, &out->saturation_delay_ms);
  SetUnlessZero(known.transpose_bucket_size, &out->transpose_bucket_size);
  out->transpose = known.transpose != 0;
  out->pad_to_block_boundary = known.pad_to_block_boundary != 0;
  out->no_overwrite = known.no_overwrite != 0;
  out->no_sync = known.no_sync != 0;
  out->no_digest = known.no_digest != 0;
  AR_TRY(CodecFromC(known, &out->compression));
  return out->Validate();
}

Status FromC(const ar_reader_options* in, ReaderOptions* out) {
  *out = ReaderOptions();
  if (in == nullptr) return Status();
  ar_reader_options known;
  AR_TRY(TakeKnown(in, &known));
  SetUnlessZero(known.max_parallelism, &out->max_parallelism);
  SetUnlessZero(known.readahead_buffer_size, &out->readahead_buffer_size);
  SetUnlessZero(known.readahead_memory, &out->readahead_memory);
  SetUnlessZero(known.footer_prefetch_bytes, &out->footer_prefetch_bytes);
  SetUnlessZero(known.max_record_size, &out->max_record_size);
  SetUnlessZero(known.max_chunk_size, &out->max_chunk_size);
  out->no_readahead = known.no_readahead != 0;
  out->offloaded_index = known.offloaded_index != 0;
  out->mapped = known.mapped != 0;
  return out->Validate();
}

}  // namespace arrayrecord

using arrayrecord::Guard;
using arrayrecord::Status;

ar_code ar_writer_options_parse(const char* text, size_t text_size, ar_writer_options* out,
                                ar_error* error) {
  return Guard(error, [&] {
    arrayrecord::WriterOptions parsed;
    AR_TRY(arrayrecord::WriterOptions::Parse(arrayrecord::Text(text, text_size), &parsed));
    ar_writer_options known = {};
    known.group_size = parsed.group_size;
    known.max_parallelism = parsed.max_parallelism;
    known.saturation_delay_ms = parsed.saturation_delay_ms;
    known.transpose_bucket_size = parsed.transpose_bucket_size;
    known.transpose = parsed.transpose;
    known.pad_to_block_boundary = parsed.pad_to_block_boundary;
    known.compression = arrayrecord::CodecToC(parsed.compression.codec);
    known.level = arrayrecord::LevelToC(parsed.compression.level);
    known.window_log = parsed.compression.window_log;
    return arrayrecord::GiveKnown(known, out);
  });
}

ar_code ar_reader_options_parse(const char* text, size_t text_size, ar_reader_options* out,
                                ar_error* error) {
  return Guard(error, [&] {
    arrayrecord::ReaderOptions parsed;
    AR_TRY(arrayrecord::ReaderOptions::Parse(arrayrecord::Text(text, text_size), &parsed));
    ar_reader_options known = {};
    known.max_parallelism = parsed.max_parallelism;
    known.readahead_buffer_size = parsed.readahead_buffer_size;
    known.footer_prefetch_bytes = parsed.footer_prefetch_bytes;
    known.no_readahead = parsed.no_readahead;
    known.offloaded_index = parsed.offloaded_index;
    return arrayrecord::GiveKnown(known, out);
  });
}

ar_code ar_writer_options_format(const ar_writer_options* options, char* out, size_t out_size,
                                 ar_error* error) {
  return Guard(error, [&] {
    arrayrecord::WriterOptions checked;
    AR_TRY(FromC(options, &checked));
    if (out_size > 0) out[checked.ToString().copy(out, out_size - 1)] = '\0';
    return Status();
  });
}

ar_code ar_writer_options_check(const ar_writer_options* options, ar_error* error) {
  return Guard(error, [&] {
    arrayrecord::WriterOptions checked;
    return FromC(options, &checked);
  });
}

ar_code ar_reader_options_check(const ar_reader_options* options, ar_error* error) {
  return Guard(error, [&] {
    arrayrecord::ReaderOptions checked;
    return FromC(options, &checked);
  });
}
