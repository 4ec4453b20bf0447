// The C header over the C++ classes. Nothing here but checks of arguments, and the wall that no
// exception passes. What is optional is in capi_optional.cc.
#include "capi.h"

#include <algorithm>

#include "arrayrecord.h"
#include "batch.h"
#include "buffer.h"
#include "chunk_cache.h"
#include "cursor.h"
#include "thread_pool.h"

using arrayrecord::Bytes;
using arrayrecord::ByteSpan;
using arrayrecord::FromC;
using arrayrecord::Guard;
using arrayrecord::MakeHandle;
using arrayrecord::Status;

struct ar_batch {
  arrayrecord::Batch impl;
};
struct ar_cursor {
  std::unique_ptr<arrayrecord::Cursor> impl;
};

namespace {

template <typename OpenFile>
ar_code OpenReader(const ar_reader_options* options, ar_reader** reader, ar_error* error,
                   OpenFile open_file) {
  return Guard(error, [&] {
    arrayrecord::ReaderOptions checked;
    AR_TRY(FromC(options, &checked));
    AR_TRY(arrayrecord::CheckOptional(checked));
    arrayrecord::File file;
    AR_TRY(open_file(&file));
    return MakeHandle(reader, [&](ar_reader* handle) {
      return arrayrecord::Reader::Open(std::move(file), checked, &handle->impl);
    });
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

uint32_t ar_version(void) { return AR_VERSION; }

void ar_set_max_threads(uint32_t threads) { arrayrecord::SetMaxThreads(threads); }

void ar_set_cache_limit(uint64_t bytes) { arrayrecord::ChunkCache::Shared().SetLimit(bytes); }

void ar_cache_counts(uint64_t* hits, uint64_t* misses) {
  arrayrecord::ChunkCache::Shared().Counts(hits, misses);
}

uint64_t ar_kept_memory(void) {
  return arrayrecord::ChunkCache::Shared().memory() + arrayrecord::Buffer::kept();
}

ar_code ar_reader_open(const char* path, const ar_reader_options* options, ar_reader** reader,
                       ar_error* error) {
  return OpenReader(options, reader, error, [&](arrayrecord::File* file) {
    return arrayrecord::File::OpenForReading(path, file);
  });
}

ar_code ar_reader_open_fd(int fd, const ar_reader_options* options, ar_reader** reader,
                          ar_error* error) {
  return OpenReader(options, reader, error, [&](arrayrecord::File* file) {
    return arrayrecord::File::Duplicate(fd, file);
  });
}

void ar_reader_free(ar_reader* reader) { delete reader; }

uint64_t ar_reader_num_records(const ar_reader* reader) { return reader->impl->num_records(); }

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

ar_code ar_read_range(const ar_reader* reader, uint64_t begin, uint64_t end, ar_read** read,
                      ar_error* error) {
  return Guard(error, [&] {
    return MakeHandle(
        read, [&](ar_read* handle) { return handle->impl.SetRange(*reader->impl, begin, end); });
  });
}

ar_code ar_read_sorted(const ar_reader* reader, const uint64_t* records, size_t n, ar_read** read,
                       ar_error* error) {
  return Guard(error, [&] {
    return MakeHandle(
        read, [&](ar_read* handle) { return handle->impl.SetSorted(*reader->impl, records, n); });
  });
}

ar_code ar_read_reset_range(ar_read* read, const ar_reader* reader, uint64_t begin, uint64_t end,
                            ar_error* error) {
  return Guard(error, [&] { return read->impl.SetRange(*reader->impl, begin, end); });
}

ar_code ar_read_reset_sorted(ar_read* read, const ar_reader* reader, const uint64_t* records,
                             size_t n, ar_error* error) {
  return Guard(error, [&] { return read->impl.SetSorted(*reader->impl, records, n); });
}

ar_code ar_read_next(ar_read* read, void* dst, size_t dst_size, size_t max_records,
                     uint64_t* offsets, size_t* num_read, ar_room* room, ar_error* error) {
  arrayrecord::ReadProgress progress;
  const ar_code code = Guard(error, [&] {
    return read->impl.Next(Bytes(dst), dst_size, max_records, offsets, &progress);
  });
  *num_read = progress.num_records;
  *room = progress.room;
  return code;
}

void ar_read_free(ar_read* read) { delete read; }

ar_code ar_batch_create(ar_batch** batch, ar_error* error) {
  return Guard(error, [&] { return MakeHandle(batch, [](ar_batch*) { return Status(); }); });
}

ar_code ar_batch_read(ar_batch* batch, const ar_reader* reader, const uint64_t* records, size_t n,
                      uint32_t parallelism, ar_error* error) {
  return Guard(error, [&] { return batch->impl.Read(*reader->impl, records, n, parallelism); });
}

const void* ar_batch_record(const ar_batch* batch, size_t i, size_t* size) {
  const ByteSpan record = i < batch->impl.size() ? batch->impl.Record(i) : ByteSpan();
  *size = record.size;
  return record.data;
}

void ar_batch_free(ar_batch* batch) { delete batch; }

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
