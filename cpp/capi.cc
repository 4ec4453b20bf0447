// The C header over the C++ classes. Nothing here but checks of arguments, and the wall that no
// exception passes.
#include "capi.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>

#include "arrayrecord.h"
#include "cursor.h"
#include "layout.h"
#include "options.h"
#include "read_plan.h"
#include "read_records.h"
#include "reader.h"
#include "status.h"
#include "writer.h"

using arrayrecord::ByteSpan;
using arrayrecord::FromC;
using arrayrecord::Guard;
using arrayrecord::Status;

struct ar_reader {
  std::unique_ptr<arrayrecord::Reader> impl;
};
struct ar_plan {
  arrayrecord::ReadPlan::Pointer impl;
};
struct ar_cursor {
  std::unique_ptr<arrayrecord::Cursor> impl;
};
struct ar_writer {
  std::unique_ptr<arrayrecord::Writer> impl;
  arrayrecord::MemorySink* memory = nullptr;  // owned by impl
};

namespace {

// The standard library wants pointers to something even where there is nothing to copy.
uint8_t* Bytes(void* p) {
  static uint8_t nothing;
  return p != nullptr ? static_cast<uint8_t*>(p) : &nothing;
}

const uint8_t* Bytes(const void* p) { return Bytes(const_cast<void*>(p)); }

// Wraps a C++ object into its handle.
template <typename Handle, typename Make>
Status MakeHandle(Handle** out, Make make) {
  auto handle = std::make_unique<Handle>();
  AR_TRY(make(handle.get()));
  *out = handle.release();
  return Status();
}

Status OpenReader(std::optional<arrayrecord::File> file, const char* path,
                  const ar_reader_options* options, ar_reader** reader) {
  arrayrecord::ReaderOptions checked;
  AR_TRY(FromC(options, &checked));
  if (!file) {
    file.emplace();
    AR_TRY(arrayrecord::File::OpenForReading(path, &*file));
  }
  return MakeHandle(reader, [&](ar_reader* handle) {
    return arrayrecord::Reader::Open(std::move(*file), checked, &handle->impl);
  });
}

template <typename MakeSink>
Status CreateWriter(const ar_writer_options* options, ar_writer** writer, MakeSink make_sink) {
  arrayrecord::WriterOptions checked;
  AR_TRY(FromC(options, &checked));
  return MakeHandle(writer, [&](ar_writer* handle) {
    std::unique_ptr<arrayrecord::Sink> sink;
    AR_TRY(make_sink(handle, checked, &sink));
    return arrayrecord::Writer::Create(checked, std::move(sink), &handle->impl);
  });
}

}  // namespace

const char* ar_code_name(ar_code code) {
  switch (code) {
    case AR_OK:
      return "OK";
    case AR_CANCELLED:
      return "CANCELLED";
    case AR_INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case AR_NOT_FOUND:
      return "NOT_FOUND";
    case AR_RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case AR_FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case AR_OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case AR_UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case AR_INTERNAL:
      return "INTERNAL";
    case AR_DATA_LOSS:
      return "DATA_LOSS";
    case AR_IO:
      return "IO";
    case AR_TRUNCATED:
      return "TRUNCATED";
    case AR_NOT_ARRAYRECORD:
      return "NOT_ARRAYRECORD";
    case AR_BUFFER_TOO_SMALL:
      return "BUFFER_TOO_SMALL";
  }
  return "unknown code";
}

ar_code ar_reader_open(const char* path, const ar_reader_options* options, ar_reader** reader,
                       ar_error* error) {
  return Guard(error, [&] { return OpenReader(std::nullopt, path, options, reader); });
}

ar_code ar_reader_open_fd(int fd, const ar_reader_options* options, ar_reader** reader,
                          ar_error* error) {
  return Guard(error, [&] {
    return OpenReader(arrayrecord::File(fd, /*owned=*/false), nullptr, options, reader);
  });
}

void ar_reader_free(ar_reader* reader) { delete reader; }

uint64_t ar_reader_num_records(const ar_reader* reader) { return reader->impl->num_records(); }

uint64_t ar_reader_claimed_size(const ar_reader* reader) { return reader->impl->claimed_size(); }

uint64_t ar_reader_record_group_size(const ar_reader* reader) { return reader->impl->group_size(); }

const char* ar_reader_writer_options(const ar_reader* reader, size_t* size) {
  const std::string* options = reader->impl->writer_options();
  *size = options != nullptr ? options->size() : 0;
  return options != nullptr ? options->c_str() : nullptr;
}

ar_code ar_reader_get(const ar_reader* reader, uint64_t record, void* dst, size_t dst_size,
                      size_t* size, ar_error* error) {
  return Guard(error, [&] {
    size_t found = 0;
    Status status = reader->impl->Get(record, Bytes(dst), dst_size, &found);
    if (status.ok() || status.code() == AR_BUFFER_TOO_SMALL) *size = found;
    return status;
  });
}

ar_code ar_reader_read_range(const ar_reader* reader, uint64_t begin, uint64_t end, void* dst,
                             size_t dst_size, uint64_t* offsets, uint64_t* num_read,
                             size_t* size_of_next, ar_error* error) {
  arrayrecord::ReadProgress progress;
  offsets[0] = 0;
  const ar_code code = Guard(error, [&] {
    return arrayrecord::ReadRange(*reader->impl, begin, end, Bytes(dst), dst_size, offsets,
                                  &progress);
  });
  *num_read = progress.num_records;
  *size_of_next = progress.size_of_next;
  return code;
}

ar_code ar_reader_read_sorted(const ar_reader* reader, const uint64_t* records, size_t n, void* dst,
                              size_t dst_size, uint64_t* offsets, uint64_t* num_read,
                              size_t* size_of_next, ar_error* error) {
  arrayrecord::ReadProgress progress;
  offsets[0] = 0;
  const ar_code code = Guard(error, [&] {
    return arrayrecord::ReadSorted(*reader->impl, records, n, Bytes(dst), dst_size, offsets,
                                   &progress);
  });
  *num_read = progress.num_records;
  *size_of_next = progress.size_of_next;
  return code;
}

ar_code ar_plan_range(const ar_reader* reader, uint64_t begin, uint64_t end, ar_plan** plan,
                      ar_error* error) {
  return Guard(error, [&] {
    return MakeHandle(plan, [&](ar_plan* handle) {
      return arrayrecord::ReadPlan::Range(*reader->impl, begin, end, &handle->impl);
    });
  });
}

ar_code ar_plan_indices(const ar_reader* reader, const uint64_t* records, size_t n, ar_plan** plan,
                        ar_error* error) {
  return Guard(error, [&] {
    return MakeHandle(plan, [&](ar_plan* handle) {
      return arrayrecord::ReadPlan::Indices(*reader->impl, records, n, &handle->impl);
    });
  });
}

ar_code ar_plan_load(ar_plan* plan, uint32_t parallelism, ar_error* error) {
  return Guard(error, [&] { return plan->impl->Load(parallelism); });
}

ar_code ar_plan_load_bytes(ar_plan* plan, void* scratch, size_t scratch_size, uint32_t parallelism,
                           ar_error* error) {
  return Guard(error,
               [&] { return plan->impl->LoadBytes(Bytes(scratch), scratch_size, parallelism); });
}

uint64_t ar_plan_decoded_size(const ar_plan* plan) { return plan->impl->decoded_size(); }

ar_code ar_plan_decode(ar_plan* plan, void* dst, size_t dst_size, uint64_t* offsets,
                       uint32_t parallelism, ar_error* error) {
  return Guard(error,
               [&] { return plan->impl->Decode(Bytes(dst), dst_size, offsets, parallelism); });
}

void ar_plan_free(ar_plan* plan) { delete plan; }

const ar_extent* ar_plan_extents(ar_plan* plan, uint64_t max_gap, size_t* n) {
  *n = 0;
  const ar_extent* extents = nullptr;
  Guard(nullptr, [&] {
    const auto& found = plan->impl->Extents(max_gap);
    extents = found.data();
    *n = found.size();
    return Status();
  });
  return extents;
}

ar_code ar_cursor_open(const ar_reader* reader, uint64_t begin, uint64_t end, ar_cursor** cursor,
                       ar_error* error) {
  return Guard(error, [&] {
    return MakeHandle(cursor, [&](ar_cursor* handle) {
      return arrayrecord::Cursor::Open(*reader->impl, begin, end, &handle->impl);
    });
  });
}

ar_code ar_cursor_next(ar_cursor* cursor, const void** data, size_t* size, ar_error* error) {
  return Guard(error, [&] {
    ByteSpan record;
    AR_TRY(cursor->impl->Next(&record));
    *data = record.data;
    *size = record.size;
    return Status();
  });
}

void ar_cursor_free(ar_cursor* cursor) { delete cursor; }

ar_code ar_writer_create(const char* path, const ar_writer_options* options, ar_writer** writer,
                         ar_error* error) {
  return Guard(error, [&] {
    return CreateWriter(options, writer,
                        [&](ar_writer*, const arrayrecord::WriterOptions& checked,
                            std::unique_ptr<arrayrecord::Sink>* sink) {
                          return arrayrecord::NamedFileSink::Create(path, checked, sink);
                        });
  });
}

ar_code ar_writer_create_fd(int fd, const ar_writer_options* options, ar_writer** writer,
                            ar_error* error) {
  return Guard(error, [&] {
    return CreateWriter(options, writer,
                        [&](ar_writer*, const arrayrecord::WriterOptions&,
                            std::unique_ptr<arrayrecord::Sink>* sink) {
                          *sink = std::make_unique<arrayrecord::FdSink>(fd);
                          return Status();
                        });
  });
}

ar_code ar_writer_create_memory(const ar_writer_options* options, ar_writer** writer,
                                ar_error* error) {
  return Guard(error, [&] {
    return CreateWriter(options, writer,
                        [&](ar_writer* handle, const arrayrecord::WriterOptions&,
                            std::unique_ptr<arrayrecord::Sink>* sink) {
                          auto memory = std::make_unique<arrayrecord::MemorySink>();
                          handle->memory = memory.get();
                          *sink = std::move(memory);
                          return Status();
                        });
  });
}

ar_code ar_writer_write(ar_writer* writer, const void* data, const uint64_t* sizes, size_t n,
                        ar_error* error) {
  return Guard(error, [&] { return writer->impl->Write(Bytes(data), sizes, n); });
}

size_t ar_writer_take(ar_writer* writer, void* dst, size_t dst_size) {
  if (writer->memory == nullptr) return 0;
  if (dst == nullptr) return writer->memory->available();
  return writer->memory->Take(Bytes(dst), dst_size);
}

ar_code ar_writer_close(ar_writer* writer, ar_error* error) {
  return Guard(error, [&] { return writer->impl->Close(); });
}

void ar_writer_free(ar_writer* writer) { delete writer; }

ar_code ar_index_locate(void* scratch, size_t scratch_size, uint64_t file_size, const void* head,
                        size_t head_size, uint64_t* index_begin, ar_error* error) {
  return Guard(error, [&] {
    return arrayrecord::LocateFooter(Bytes(scratch), scratch_size, file_size,
                                     ByteSpan(Bytes(head), head == nullptr ? 0 : head_size),
                                     index_begin);
  });
}

ar_code ar_reader_open_index(void* scratch, size_t scratch_size, uint64_t index_begin,
                             uint64_t file_size, const ar_reader_options* options,
                             ar_reader** reader, ar_error* error) {
  return Guard(error, [&] {
    arrayrecord::ReaderOptions checked;
    AR_TRY(FromC(options, &checked));
    return MakeHandle(reader, [&](ar_reader* handle) {
      return arrayrecord::Reader::OpenIndex(Bytes(scratch), scratch_size, index_begin, file_size,
                                            checked, &handle->impl);
    });
  });
}

void ar_reader_metadata_extent(const ar_reader* reader, ar_extent* extent) {
  const auto found = reader->impl->metadata_extent();
  *extent = {found.begin, found.end - found.begin};
}

ar_code ar_metadata_decode(const void* bytes, size_t bytes_size, void* dst, size_t dst_size,
                           size_t* size, ar_error* error) {
  return Guard(error, [&] {
    arrayrecord::TransposedRecords metadata;
    AR_TRY(arrayrecord::DecodeMetadata(ByteSpan(Bytes(bytes), bytes_size), &metadata));
    *size = metadata.sizes[0];
    if (*size > dst_size) {
      return Status(AR_BUFFER_TOO_SMALL, "the metadata is larger than the buffer");
    }
    std::copy_n(metadata.values.get(), *size, Bytes(dst));
    return Status();
  });
}

ar_code ar_writer_set_metadata(ar_writer* writer, const void* data, size_t size, ar_error* error) {
  return Guard(error, [&] { return writer->impl->SetMetadata(ByteSpan(Bytes(data), size)); });
}

uint64_t ar_reader_num_chunks(const ar_reader* reader) {
  return reader->impl->index().num_chunks();
}

uint64_t ar_reader_index_size(const ar_reader* reader) { return reader->impl->index().bytes(); }

uint64_t ar_reader_chunk_first_record(const ar_reader* reader, uint64_t chunk) {
  const arrayrecord::ChunkIndex& index = reader->impl->index();
  return chunk < index.num_chunks() ? index.FirstRecord(chunk) : index.num_records();
}

uint64_t ar_reader_chunk_of_record(const ar_reader* reader, uint64_t record) {
  return reader->impl->index().ChunkOf(record);
}

uint64_t ar_reader_chunk_run(const ar_reader* reader, uint64_t chunk, uint64_t bytes) {
  return reader->impl->index().RunOf(chunk, bytes);
}

ar_code ar_reader_chunk_extent(const ar_reader* reader, uint64_t begin, uint64_t end,
                               ar_extent* extent, ar_error* error) {
  return Guard(error, [&] {
    const arrayrecord::ChunkIndex& index = reader->impl->index();
    if (begin >= end || end > index.num_chunks()) {
      return Status(AR_OUT_OF_RANGE, "chunks [" + std::to_string(begin) + ", " +
                                         std::to_string(end) + ") of a file with " +
                                         std::to_string(index.num_chunks()));
    }
    const auto found = index.extent(begin, end);
    *extent = {found.begin, found.end - found.begin};
    return Status();
  });
}

ar_code ar_writer_copy_chunks(ar_writer* writer, const ar_reader* reader, uint64_t begin,
                              uint64_t end, void* scratch, size_t scratch_size, ar_error* error) {
  return Guard(error, [&] {
    return writer->impl->CopyChunks(*reader->impl, begin, end, static_cast<uint8_t*>(scratch),
                                    scratch_size);
  });
}
