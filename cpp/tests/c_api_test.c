/* The C header from C: it compiles, and each of its functions does what it says. */
/* For mkstemp. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrayrecord.h"

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

#define CHECK_OK(call)                                                                         \
  do {                                                                                         \
    ar_error check_error;                                                                      \
    memset(&check_error, 0, sizeof(check_error));                                              \
    ar_code check_code = (call);                                                               \
    if (check_code != AR_OK) {                                                                 \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, ar_code_name(check_code)); \
      exit(1);                                                                                 \
    }                                                                                          \
  } while (0)

/* With AR_REQUIRED_ONLY it runs on a library that has none of the optional functions. */
static int can(uint64_t capability) { return (ar_capabilities() & capability) != 0; }

enum { kRecords = 1000, kRecordSize = 20 };

static void record_of(int i, char* out) {
  memset(out, ' ', kRecordSize);
  int n = snprintf(out, kRecordSize, "record number %d", i);
  out[n] = ' ';
}

/* Writes kRecords records in calls of different sizes. */
static void write_records(ar_writer* writer) {
  static char data[kRecords * kRecordSize];
  static uint64_t sizes[kRecords];
  for (int i = 0; i < kRecords; ++i) {
    record_of(i, data + i * kRecordSize);
    sizes[i] = kRecordSize;
  }
  int done = 0;
  for (int step = 1; done < kRecords; step *= 3) {
    int n = step < kRecords - done ? step : kRecords - done;
    CHECK_OK(ar_writer_write(writer, data + done * kRecordSize, sizes, (size_t)n, NULL));
    done += n;
  }
  CHECK_OK(ar_writer_write(writer, NULL, NULL, 0, NULL));
}

static void test_options(void) {
  ar_writer_options options = {.struct_size = sizeof(options)};
  ar_error error;
  char text[512];
  CHECK_OK(ar_writer_options_parse("group_size:7,brotli:9", 21, &options, &error));
  CHECK(options.group_size == 7 && options.compression == AR_BROTLI && options.level == 9);
  CHECK_OK(ar_writer_options_format(&options, text, sizeof(text), &error));
  CHECK(strcmp(text,
               "group_size:7,transpose:false,pad_to_block_boundary:false,brotli:9,"
               "max_parallelism:1") == 0);
  CHECK_OK(ar_writer_options_format(&options, text, 5, &error));
  CHECK(strcmp(text, "grou") == 0);
  CHECK(ar_writer_options_parse("zstd:99", 7, &options, &error) == AR_INVALID_ARGUMENT);
  CHECK(error.code == AR_INVALID_ARGUMENT && strstr(error.message, "zstd") != NULL);
  CHECK(error.position == AR_NONE && error.chunk == AR_NONE && error.record == AR_NONE);
  CHECK(ar_writer_options_parse("zstd:99", 7, &options, NULL) == AR_INVALID_ARGUMENT);
  CHECK(options.group_size == 7);
  options.level = 12;
  CHECK(ar_writer_options_format(&options, text, sizeof(text), NULL) == AR_INVALID_ARGUMENT);

  ar_reader_options reader_options = {.struct_size = sizeof(reader_options)};
  CHECK_OK(ar_reader_options_parse(NULL, 0, &reader_options, &error));
  CHECK(reader_options.readahead_buffer_size == 0 && reader_options.max_parallelism == 0);
  CHECK_OK(ar_reader_options_parse("readahead_buffer_size:16M", 25, &reader_options, &error));
  CHECK(reader_options.readahead_buffer_size == 16 << 20);
  CHECK(ar_reader_options_parse("default", 7, &reader_options, NULL) == AR_INVALID_ARGUMENT);

  /* A message that is too long is cut, and ends all the same. */
  char key[2000];
  memset(key, 'k', sizeof(key));
  CHECK(ar_writer_options_parse(key, sizeof(key), &options, &error) == AR_INVALID_ARGUMENT);
  CHECK(strlen(error.message) == sizeof(error.message) - 1);
}

static void check_record(const void* data, size_t size, int i) {
  char want[kRecordSize];
  record_of(i, want);
  CHECK(size == kRecordSize && memcmp(data, want, kRecordSize) == 0);
}

/* Reads everything, in as much room as is asked for, and frees it. */
static void check_read(ar_read* read, const uint64_t* records, size_t n) {
  char* dst = NULL;
  size_t dst_size = 0, at = 0;
  for (;;) {
    uint64_t offsets[11];
    size_t num_read;
    ar_room room;
    CHECK_OK(ar_read_next(read, dst, dst_size, 10, offsets, &num_read, &room, NULL));
    for (size_t i = 0; i < num_read; ++i) {
      check_record(dst + offsets[i], offsets[i + 1] - offsets[i], (int)records[at + i]);
    }
    at += num_read;
    if (num_read > 0) continue;
    if (room.record == 0) break;
    CHECK(room.record > dst_size && room.chunk >= room.record);
    dst = realloc(dst, dst_size = room.record);
    CHECK(dst != NULL);
  }
  CHECK(at == n);
  ar_read_free(read);
  free(dst);
}

static void check_chunks(const ar_reader* reader, uint64_t group_size) {
  CHECK(ar_reader_num_chunks(reader) == (kRecords + group_size - 1) / group_size);
  CHECK(ar_reader_chunk_first_record(reader, 1) == group_size);
  CHECK(ar_reader_chunk_first_record(reader, ar_reader_num_chunks(reader)) == kRecords);
  CHECK(ar_reader_chunk_of_record(reader, group_size) == 1);
  ar_run run;
  ar_reader_run(reader, group_size + group_size / 2, 1, 1, &run);
  CHECK(run.begin == group_size && run.end == 2 * group_size);
  CHECK(run.claimed_size == group_size * kRecordSize);
  ar_reader_run(reader, 0, UINT64_MAX, UINT64_MAX, &run);
  CHECK(run.end == kRecords && run.claimed_size == (uint64_t)kRecords * kRecordSize);
  CHECK(ar_reader_claimed_size(reader) == run.claimed_size);
  CHECK(ar_reader_index_size(reader) > 0);
  ar_extent extent;
  CHECK_OK(ar_reader_chunk_extent(reader, 0, 1, &extent, NULL));
  CHECK(extent.position >= 64 && extent.size > 40);
  CHECK(ar_reader_chunk_extent(reader, 1, 1, &extent, NULL) == AR_OUT_OF_RANGE);
}

static void check_reader(const ar_reader* reader, uint64_t group_size) {
  ar_error error;
  CHECK(ar_reader_num_records(reader) == kRecords);
  CHECK(ar_reader_record_group_size(reader) == group_size);
  size_t size;
  const char* options = ar_reader_writer_options(reader, &size);
  CHECK(options != NULL && size == strlen(options) && strstr(options, "group_size:") == options);

  if (can(AR_CAN_TELL_CHUNKS)) {
    check_chunks(reader, group_size);
  } else {
    CHECK(ar_reader_num_chunks(reader) == 0 && ar_reader_claimed_size(reader) == 0);
    ar_extent extent;
    CHECK(ar_reader_chunk_extent(reader, 0, 1, &extent, &error) == AR_UNIMPLEMENTED);
  }

  ar_read* read = NULL;
  CHECK(ar_read_range(reader, 0, kRecords + 1, &read, &error) == AR_OUT_OF_RANGE);
  CHECK(read == NULL && error.code == AR_OUT_OF_RANGE);
  uint64_t outside = kRecords;
  CHECK(ar_read_sorted(reader, &outside, 1, &read, &error) == AR_OUT_OF_RANGE);
  CHECK(error.record == kRecords);
}

static void test_file(void) {
  char path[] = "/tmp/arrayrecord-c-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  close(fd);
  ar_writer_options options = {.struct_size = sizeof(options)};
  CHECK_OK(ar_writer_options_parse("group_size:7", 12, &options, NULL));
  ar_writer* writer;
  CHECK_OK(ar_writer_create(path, &options, &writer, NULL));
  write_records(writer);
  CHECK(ar_writer_take(writer, NULL, 0) == 0);
  CHECK_OK(ar_writer_close(writer, NULL));
  CHECK(ar_writer_close(writer, NULL) == AR_FAILED_PRECONDITION);
  ar_writer_free(writer);

  ar_error error;
  ar_reader* reader;
  CHECK(ar_reader_open("/no/such/file", NULL, &reader, &error) == AR_NOT_FOUND);
  CHECK(error.os_errno != 0 && strstr(error.message, "/no/such/file") != NULL);
  CHECK_OK(ar_reader_open(path, NULL, &reader, &error));
  check_reader(reader, 7);

  char buffer[kRecordSize];
  size_t size = 0;
  CHECK_OK(ar_reader_get(reader, 123, buffer, sizeof(buffer), &size, &error));
  check_record(buffer, size, 123);
  CHECK(ar_reader_get(reader, 123, buffer, 3, &size, &error) == AR_BUFFER_TOO_SMALL);
  CHECK(size == kRecordSize);
  CHECK(ar_reader_get(reader, 123, NULL, 0, &size, NULL) == AR_BUFFER_TOO_SMALL);
  CHECK(ar_reader_get(reader, kRecords, buffer, 3, &size, &error) == AR_OUT_OF_RANGE);

  uint64_t wanted[] = {999, 0, 500, 500, 3, 4, 5};
  ar_batch* batch;
  CHECK_OK(ar_batch_create(&batch, &error));
  for (size_t n = 7; n > 0; --n) {
    CHECK_OK(ar_batch_read(batch, reader, wanted, n, 0, &error));
    for (size_t i = 0; i < n; ++i) {
      const void* record = ar_batch_record(batch, i, &size);
      check_record(record, size, (int)wanted[i]);
    }
    CHECK(ar_batch_record(batch, n, &size) == NULL && size == 0);
  }
  ar_batch_free(batch);

  uint64_t sorted[] = {0, 3, 4, 5, 500, 500, 999};
  ar_read* read;
  CHECK_OK(ar_read_sorted(reader, sorted, 7, &read, &error));
  check_read(read, sorted, 7);
  uint64_t all[kRecords];
  for (int i = 0; i < kRecords; ++i) all[i] = (uint64_t)i;
  CHECK_OK(ar_read_range(reader, 10, 10, &read, &error));
  CHECK_OK(ar_read_reset_sorted(read, reader, sorted, 7, &error));
  CHECK_OK(ar_read_reset_range(read, reader, 3, kRecords, &error));
  check_read(read, all + 3, kRecords - 3);
  uint64_t hits = 99, misses = 99;
  ar_cache_counts(&hits, &misses);
  CHECK(hits != 99 && misses != 99);

  ar_cursor* cursor;
  CHECK_OK(ar_cursor_open(reader, 5, kRecords, &cursor, &error));
  const void* data;
  for (int i = 5; i < kRecords; ++i) {
    CHECK_OK(ar_cursor_next(cursor, &data, &size, &error));
    CHECK(data != NULL);
    check_record(data, size, i);
  }
  CHECK_OK(ar_cursor_next(cursor, &data, &size, &error));
  CHECK(data == NULL);
  ar_cursor_free(cursor);
  CHECK(ar_cursor_open(reader, 5, kRecords + 1, &cursor, NULL) == AR_OUT_OF_RANGE);
  ar_reader_free(reader);

  /* By descriptor, both ways, and chunks copied from the one to the other. */
  fd = open(path, O_RDONLY);
  CHECK(fd >= 0);
  CHECK_OK(ar_reader_open_fd(fd, NULL, &reader, &error));
  char copy_path[] = "/tmp/arrayrecord-c-XXXXXX";
  int copy_fd = mkstemp(copy_path);
  CHECK(copy_fd >= 0);
  CHECK_OK(ar_writer_create_fd(copy_fd, &options, &writer, &error));
  if (can(AR_CAN_COPY_CHUNKS)) {
    CHECK_OK(
        ar_writer_copy_chunks(writer, reader, 0, ar_reader_num_chunks(reader), NULL, 0, &error));
  } else {
    CHECK(ar_writer_copy_chunks(writer, reader, 0, 1, NULL, 0, &error) == AR_UNIMPLEMENTED);
    write_records(writer);
  }
  CHECK_OK(ar_writer_close(writer, &error));
  ar_writer_free(writer);
  ar_reader_free(reader);
  close(fd);
  CHECK_OK(ar_reader_open_fd(copy_fd, NULL, &reader, &error));
  check_reader(reader, 7);
  ar_reader_free(reader);
  close(copy_fd);

  CHECK_OK(ar_writer_create("/tmp/arrayrecord-c-abandoned", NULL, &writer, &error));
  ar_writer_free(writer);
  CHECK(access("/tmp/arrayrecord-c-abandoned", F_OK) != 0);
  unlink(copy_path);
  unlink(path);
}

static void test_bytes(char* file, size_t size) {
  ar_error error;
  char* tail = malloc(AR_TAIL_SIZE);
  memcpy(tail, file + size - AR_TAIL_SIZE, AR_TAIL_SIZE);
  uint64_t index_begin;
  ar_set_cache_limit(1 << 20);
  CHECK_OK(ar_index_locate(tail, AR_TAIL_SIZE, size, file, 64, &index_begin, &error));
  CHECK(ar_index_locate(tail, 10, size, NULL, 0, &index_begin, &error) == AR_INVALID_ARGUMENT);
  CHECK(ar_index_locate(tail, AR_TAIL_SIZE, 7, "1234567", 7, &index_begin, &error) ==
        AR_NOT_ARRAYRECORD);
  CHECK_OK(ar_index_check(file + index_begin, AR_INDEX_HEAD_SIZE, index_begin, size, &error));
  size_t index_size = size - AR_TAIL_SIZE - (size_t)index_begin;
  char* index = malloc(index_size);
  memcpy(index, file + index_begin, index_size);
  ar_reader* reader;
  CHECK(ar_reader_open_index(index, index_size - 1, index_begin, size, NULL, &reader, &error) ==
        AR_INVALID_ARGUMENT);
  CHECK_OK(ar_reader_open_index(index, index_size, index_begin, size, NULL, &reader, &error));
  check_reader(reader, 1);

  ar_extent about;
  char message[5];
  size_t message_size = 0;
  ar_reader_metadata_extent(reader, &about);
  CHECK(about.position == 64 && about.size > 40);
  CHECK(ar_reader_metadata(reader, file + 64, about.size, message, 3, &message_size, &error) ==
        AR_BUFFER_TOO_SMALL);
  CHECK(message_size == 5);
  CHECK_OK(ar_reader_metadata(reader, file + 64, about.size, message, 5, &message_size, &error));
  CHECK(memcmp(message, "about", 5) == 0);
  CHECK(ar_reader_metadata(reader, file + 64, about.size - 1, message, 5, &message_size, &error) ==
        AR_INVALID_ARGUMENT);

  char byte;
  size_t record_size;
  CHECK(ar_reader_get(reader, 0, &byte, 1, &record_size, &error) == AR_FAILED_PRECONDITION);
  uint64_t wanted[] = {7, 7, 8, 900, 901};
  ar_read* read;
  CHECK_OK(ar_read_sorted(reader, wanted, 5, &read, &error));
  size_t n;
  ar_read_extents(read, 0, &n);
  CHECK(n == 2);
  ar_read_extents(read, UINT64_MAX - 1, &n);
  CHECK(n == 1);
  const ar_extent* extents = ar_read_extents(read, 0, &n);
  CHECK(n == 2);
  size_t total = (size_t)(extents[0].size + extents[1].size);
  char* bytes = malloc(total);
  memcpy(bytes, file + extents[0].position, extents[0].size);
  memcpy(bytes + extents[0].size, file + extents[1].position, extents[1].size);
  CHECK_OK(ar_read_set_bytes(read, bytes, total, &error));
  check_read(read, wanted, 5);
  free(bytes);
  ar_reader_free(reader);
  free(index);
  free(tail);
}

static void test_memory(void) {
  ar_error error;
  ar_writer* writer;
  CHECK_OK(ar_writer_create_memory(NULL, &writer, &error));
  if (can(AR_CAN_METADATA)) {
    CHECK_OK(ar_writer_set_metadata(writer, "about", 5, &error));
    CHECK(ar_writer_set_metadata(writer, "about", 5, &error) == AR_FAILED_PRECONDITION);
  } else {
    CHECK(ar_writer_set_metadata(writer, "about", 5, &error) == AR_UNIMPLEMENTED);
  }
  write_records(writer);
  CHECK_OK(ar_writer_close(writer, &error));
  size_t size = ar_writer_take(writer, NULL, 0);
  CHECK(size > 0 && size % AR_TAIL_SIZE == 0);
  char* file = malloc(size);
  CHECK(ar_writer_take(writer, file, 100) == 100);
  CHECK(ar_writer_take(writer, file + 100, size) == size - 100);
  CHECK(ar_writer_take(writer, NULL, 0) == 0);
  ar_writer_free(writer);

  if (can(AR_CAN_READ_BYTES)) {
    test_bytes(file, size);
  } else {
    uint64_t index_begin;
    CHECK(ar_index_locate(file + size - AR_TAIL_SIZE, AR_TAIL_SIZE, size, file, 64, &index_begin,
                          &error) == AR_UNIMPLEMENTED);
  }
  free(file);
}

int main(void) {
  ar_reader_free(NULL);
  ar_read_free(NULL);
  ar_batch_free(NULL);
  ar_cursor_free(NULL);
  ar_writer_free(NULL);
  CHECK(strcmp(ar_code_name(AR_DATA_LOSS), "DATA_LOSS") == 0);
  CHECK(strcmp(ar_code_name((ar_code)77), "unknown code") == 0);
  CHECK(ar_version() == AR_VERSION);
#ifdef AR_REQUIRED_ONLY
  CHECK(ar_capabilities() == 0);
#else
  CHECK(ar_capabilities() ==
        (AR_CAN_READ_BYTES | AR_CAN_TELL_CHUNKS | AR_CAN_COPY_CHUNKS | AR_CAN_METADATA |
         AR_CAN_MAP | AR_CAN_LIMIT | AR_CAN_SURVEY | AR_CAN_APPEND));
#endif
  test_options();
  for (uint32_t threads = 0; threads < 4; ++threads) {
    ar_set_max_threads(threads);
    test_file();
  }
  test_memory();
  printf("c_api_test: passed\n");
  return 0;
}
