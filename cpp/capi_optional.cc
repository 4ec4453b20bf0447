// The optional functions of the C header: those that know of chunks and of where bytes lie.
// Compiled with AR_REQUIRED_ONLY they answer that they are not there, which tests of callers need.
#include <algorithm>

#include "arrayrecord.h"
#include "capi.h"
#include "layout.h"
#include "survey.h"

using arrayrecord::Bytes;
using arrayrecord::ByteSpan;
using arrayrecord::FromC;
using arrayrecord::Guard;
using arrayrecord::MakeHandle;
using arrayrecord::Status;

namespace {

#ifdef AR_REQUIRED_ONLY
constexpr bool kHasOptional = false;
#else
constexpr bool kHasOptional = true;
#endif

Status NotThere() { return Status(AR_UNIMPLEMENTED, "this library cannot do that"); }

Status NoSuchChunks(const arrayrecord::ChunkIndex& index, uint64_t begin, uint64_t end) {
  return Status(AR_OUT_OF_RANGE, "chunks [" + std::to_string(begin) + ", " + std::to_string(end) +
                                     ") of a file with " + std::to_string(index.num_chunks()));
}

template <typename Body>
ar_code GuardOptional(ar_error* error, Body body) {
  return Guard(error, [&]() -> Status { return kHasOptional ? body() : NotThere(); });
}

}  // namespace

namespace arrayrecord {

Status CheckOptional(const ReaderOptions& options) {
  const ReaderOptions defaults;
  if (kHasOptional || (!options.mapped && options.max_record_size == defaults.max_record_size &&
                       options.max_chunk_size == defaults.max_chunk_size)) {
    return Status();
  }
  return NotThere();
}

}  // namespace arrayrecord

uint64_t ar_capabilities(void) {
  if (!kHasOptional) return 0;
  return AR_CAN_READ_BYTES | AR_CAN_TELL_CHUNKS | AR_CAN_COPY_CHUNKS | AR_CAN_METADATA |
         AR_CAN_MAP | AR_CAN_LIMIT | AR_CAN_SURVEY | AR_CAN_APPEND;
}

const ar_extent* ar_read_extents(ar_read* read, uint64_t max_gap, size_t* n) {
  *n = 0;
  const ar_extent* extents = nullptr;
  GuardOptional(nullptr, [&] {
    const auto& found = read->impl.Extents(max_gap);
    extents = found.data();
    *n = found.size();
    return Status();
  });
  return extents;
}

ar_code ar_read_set_bytes(ar_read* read, void* scratch, size_t scratch_size, ar_error* error) {
  return GuardOptional(error, [&] { return read->impl.SetBytes(Bytes(scratch), scratch_size); });
}

ar_code ar_index_locate(void* scratch, size_t scratch_size, uint64_t file_size, const void* head,
                        size_t head_size, uint64_t* index_begin, ar_error* error) {
  return GuardOptional(error, [&] {
    return arrayrecord::LocateFooter(Bytes(scratch), scratch_size, file_size,
                                     ByteSpan(Bytes(head), head == nullptr ? 0 : head_size),
                                     index_begin);
  });
}

ar_code ar_index_check(const void* head, size_t head_size, uint64_t index_begin, uint64_t file_size,
                       ar_error* error) {
  return GuardOptional(error, [&] {
    if (head == nullptr || head_size < AR_INDEX_HEAD_SIZE) {
      return Status(AR_INVALID_ARGUMENT,
                    "the head of an index is 64 bytes, not " + std::to_string(head_size));
    }
    return arrayrecord::CheckIndexHead(Bytes(head), head_size, index_begin, file_size)
        .At(index_begin)
        .In("cannot read the index");
  });
}

ar_code ar_reader_open_index(void* scratch, size_t scratch_size, uint64_t index_begin,
                             uint64_t file_size, const ar_reader_options* options,
                             ar_reader** reader, ar_error* error) {
  return GuardOptional(error, [&] {
    arrayrecord::ReaderOptions checked;
    AR_TRY(FromC(options, &checked));
    return MakeHandle(reader, [&](ar_reader* handle) {
      return arrayrecord::Reader::OpenIndex(Bytes(scratch), scratch_size, index_begin, file_size,
                                            checked, &handle->impl);
    });
  });
}

void ar_reader_metadata_extent(const ar_reader* reader, ar_extent* extent) {
  *extent = {0, 0};
  if (!kHasOptional) return;
  const auto found = reader->impl->metadata_extent();
  *extent = {found.begin, found.end - found.begin};
}

ar_code ar_reader_metadata(const ar_reader* reader, const void* bytes, size_t bytes_size, void* dst,
                           size_t dst_size, size_t* size, ar_error* error) {
  return GuardOptional(error, [&] {
    arrayrecord::TransposedRecords metadata;
    AR_TRY(reader->impl->Metadata(ByteSpan(Bytes(bytes), bytes == nullptr ? 0 : bytes_size),
                                  &metadata));
    *size = metadata.sizes[0];
    if (*size > dst_size) {
      return Status(AR_BUFFER_TOO_SMALL, "the metadata is larger than the buffer");
    }
    std::copy_n(metadata.values.data(), *size, Bytes(dst));
    return Status();
  });
}

ar_code ar_writer_set_metadata(ar_writer* writer, const void* data, size_t size, ar_error* error) {
  return GuardOptional(error,
                       [&] { return writer->impl->SetMetadata(ByteSpan(Bytes(data), size)); });
}

uint64_t ar_reader_num_chunks(const ar_reader* reader) {
  return kHasOptional ? reader->impl->index().num_chunks() : 0;
}

uint64_t ar_reader_index_size(const ar_reader* reader) {
  return kHasOptional ? reader->impl->index().bytes() : 0;
}

uint64_t ar_reader_chunk_first_record(const ar_reader* reader, uint64_t chunk) {
  if (!kHasOptional) return 0;
  const arrayrecord::ChunkIndex& index = reader->impl->index();
  return chunk < index.num_chunks() ? index.FirstRecord(chunk) : index.num_records();
}

uint64_t ar_reader_chunk_of_record(const ar_reader* reader, uint64_t record) {
  return kHasOptional ? reader->impl->index().ChunkOf(record) : 0;
}

uint64_t ar_reader_claimed_size(const ar_reader* reader) {
  return kHasOptional ? reader->impl->claimed_size() : 0;
}

void ar_reader_run(const ar_reader* reader, uint64_t record, uint64_t file_bytes,
                   uint64_t decoded_bytes, ar_run* run) {
  *run = ar_run();
  if (!kHasOptional) return;
  const arrayrecord::ChunkIndex& index = reader->impl->index();
  const uint64_t begin = index.ChunkOf(record);
  const uint64_t end = index.RunOf(begin, file_bytes, decoded_bytes);
  const auto extent = index.extent(begin, end);
  *run = {index.FirstRecord(begin),
          index.FirstRecord(end),
          {extent.begin, extent.end - extent.begin},
          index.DecodedSize(begin, end)};
}

ar_code ar_reader_chunk_extent(const ar_reader* reader, uint64_t begin, uint64_t end,
                               ar_extent* extent, ar_error* error) {
  return GuardOptional(error, [&] {
    const arrayrecord::ChunkIndex& index = reader->impl->index();
    if (begin >= end || end > index.num_chunks()) return NoSuchChunks(index, begin, end);
    const auto found = index.extent(begin, end);
    *extent = {found.begin, found.end - found.begin};
    return Status();
  });
}

ar_code ar_writer_copy_chunks(ar_writer* writer, const ar_reader* reader, uint64_t begin,
                              uint64_t end, void* scratch, size_t scratch_size, ar_error* error) {
  return GuardOptional(error, [&] {
    return writer->impl->CopyChunks(*reader->impl, begin, end, static_cast<uint8_t*>(scratch),
                                    scratch_size);
  });
}

ar_code ar_survey(void* scratch, size_t scratch_size, const ar_survey_range* range,
                  const ar_reader* reader, const ar_reader_options* options, ar_piece* pieces,
                  size_t max_pieces, size_t* num_pieces, uint64_t* need, ar_error* error) {
  return GuardOptional(error, [&] {
    arrayrecord::ReaderOptions checked;
    AR_TRY(FromC(options, &checked));
    if (range->file_size > INT64_MAX || range->position > range->file_size ||
        scratch_size > range->file_size - range->position) {
      return Status(AR_INVALID_ARGUMENT, "the bytes given are not in the file");
    }
    if (!arrayrecord::CanBeginChunk(range->position)) {
      return Status(AR_INVALID_ARGUMENT, "no chunk can begin there");
    }
    const arrayrecord::Window window = {Bytes(scratch), range->position,
                                        range->position + scratch_size};
    arrayrecord::Survey survey(window, range->file_size, checked,
                               reader != nullptr ? &reader->impl->index() : nullptr,
                               range->decode != 0);
    const uint64_t until = std::min(range->until, range->file_size);
    uint64_t at = range->position;
    *num_pieces = 0;
    *need = 0;
    while (*num_pieces < max_pieces && at < until) {
      if (!survey.Next(at, &pieces[*num_pieces], need)) break;
      at = pieces[(*num_pieces)++].end;
    }
    return Status();
  });
}

ar_code ar_survey_begin(const void* block_header, size_t size, uint64_t position, uint64_t* begin,
                        ar_error* error) {
  return GuardOptional(error, [&] {
    if (size < AR_BLOCK_HEADER_SIZE || position > INT64_MAX) {
      return Status(AR_INVALID_ARGUMENT, "a block header is 24 bytes");
    }
    return arrayrecord::FirstChunkFrom(position, Bytes(block_header), begin);
  });
}

ar_code ar_reader_chunks(const ar_reader* reader, uint64_t begin, uint64_t end, ar_piece* pieces,
                         ar_error* error) {
  return GuardOptional(error, [&] {
    const arrayrecord::ChunkIndex& index = reader->impl->index();
    if (begin > end || end > index.num_chunks()) return NoSuchChunks(index, begin, end);
    for (uint64_t c = begin; c < end; ++c) {
      const arrayrecord::IndexedChunk chunk = index.Get(c);
      ar_piece& piece = pieces[c - begin];
      piece = ar_piece();
      piece.begin = piece.fault_at = chunk.begin;
      piece.end = chunk.end;
      piece.num_records = chunk.num_records;
      piece.decoded_size = chunk.decoded_size;
    }
    return Status();
  });
}

ar_code ar_reader_open_chunks(int fd, const ar_piece* chunks, size_t n,
                              const ar_reader_options* options, ar_reader** reader,
                              ar_error* error) {
  return GuardOptional(error, [&] {
    arrayrecord::ReaderOptions checked;
    AR_TRY(FromC(options, &checked));
    arrayrecord::File file;
    if (fd >= 0) AR_TRY(arrayrecord::File::Duplicate(fd, &file));
    return MakeHandle(reader, [&](ar_reader* handle) {
      return arrayrecord::Reader::OpenChunks(std::move(file), chunks, n, checked, &handle->impl);
    });
  });
}

void ar_reader_gap(const ar_reader* reader, ar_extent* gap) {
  *gap = {0, 0};
  if (!kHasOptional) return;
  const arrayrecord::Gap& found = reader->impl->gap();
  *gap = {found.begin, found.end - found.begin};
}

ar_code ar_reader_digest(const ar_reader* reader, uint64_t* digest, ar_error* error) {
  return GuardOptional(error, [&] {
    if (!reader->impl->has_digest()) return Status(AR_NOT_FOUND, "the index has no digest");
    *digest = reader->impl->digest();
    return Status();
  });
}

ar_code ar_writer_append_fd(int fd, const ar_writer_options* options, ar_writer** writer,
                            ar_error* error) {
  return GuardOptional(error, [&] {
    arrayrecord::WriterOptions checked;
    AR_TRY(FromC(options, &checked));
    return MakeHandle(writer, [&](ar_writer* handle) {
      return arrayrecord::Writer::Append(fd, checked, &handle->impl);
    });
  });
}
