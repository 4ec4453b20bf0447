/* Runs on any library behind arrayrecord.h, to compare two of them (docs/upstream.md):
 *
 *   measure files FILE.arrayrecord...   each is read in four ways, and compared with FILE.records
 *   measure write DIRECTORY             writes files of many options there, with FILE.records
 *   measure damage FILE.arrayrecord     every byte is damaged in turn, and the file is cut off
 *   measure speed DIRECTORY             writes files there, reads them, and removes them
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arrayrecord.h"

static ar_error error;

static void fail(const char* what) {
  fprintf(stderr, "measure: %s: %s\n", what, error.message);
  exit(1);
}

static void* allocate(size_t size) {
  void* p = malloc(size > 0 ? size : 1);
  if (p == NULL) {
    fprintf(stderr, "measure: out of memory\n");
    exit(1);
  }
  return p;
}

static char* read_whole(const char* path, size_t* size) {
  FILE* f = fopen(path, "rb");
  struct stat info;
  if (f == NULL || fstat(fileno(f), &info) != 0) {
    perror(path);
    exit(1);
  }
  char* bytes = allocate((size_t)info.st_size);
  *size = fread(bytes, 1, (size_t)info.st_size, f);
  fclose(f);
  return bytes;
}

/* All records one after the other, each after its size in 4 bytes, as in a .records file. */
typedef struct records {
  char* bytes;
  size_t size, room;
} records;

static void add(records* all, const void* data, size_t size) {
  if (all->room - all->size < size + 4) {
    all->room = 2 * all->room + size + 4096;
    if ((all->bytes = realloc(all->bytes, all->room)) == NULL) exit(1);
  }
  const uint32_t size32 = (uint32_t)size;
  memcpy(all->bytes + all->size, &size32, 4);
  if (size > 0) memcpy(all->bytes + all->size + 4, data, size);
  all->size += size + 4;
}

static ar_code by_cursor(const ar_reader* reader, records* all) {
  ar_cursor* cursor;
  ar_code code = ar_cursor_open(reader, 0, ar_reader_num_records(reader), &cursor, &error);
  if (code != AR_OK) return code;
  const void* data;
  size_t size;
  while ((code = ar_cursor_next(cursor, &data, &size, &error)) == AR_OK && data != NULL) {
    add(all, data, size);
  }
  ar_cursor_free(cursor);
  return code;
}

static ar_code by_number(const ar_reader* reader, records* all) {
  size_t room = 16, size = 0;
  char* dst = allocate(room);
  ar_code code = AR_OK;
  for (uint64_t i = 0; i < ar_reader_num_records(reader); ++i) {
    while ((code = ar_reader_get(reader, i, dst, room, &size, &error)) == AR_BUFFER_TOO_SMALL) {
      free(dst);
      dst = allocate(room = size);
    }
    if (code != AR_OK) break;
    add(all, dst, size);
  }
  free(dst);
  return code;
}

static ar_code by_read(const ar_reader* reader, records* all) {
  ar_read* read;
  ar_code code = ar_read_range(reader, 0, ar_reader_num_records(reader), &read, &error);
  if (code != AR_OK) return code;
  size_t room = 16, n;
  char* dst = allocate(room);
  uint64_t offsets[65];
  ar_room need;
  for (;;) {
    code = ar_read_next(read, dst, room, 64, offsets, &n, &need, &error);
    for (size_t i = 0; i < n; ++i) add(all, dst + offsets[i], offsets[i + 1] - offsets[i]);
    if (code != AR_OK || (n == 0 && need.record == 0)) break;
    if (n == 0) {
      free(dst);
      dst = allocate(room = need.record);
    }
  }
  ar_read_free(read);
  free(dst);
  return code;
}

static ar_code by_batch(const ar_reader* reader, records* all) {
  const size_t n = ar_reader_num_records(reader);
  uint64_t* numbers = allocate(n * sizeof(*numbers));
  for (size_t i = 0; i < n; ++i) numbers[i] = n - 1 - i;
  ar_batch* batch;
  ar_code code = ar_batch_create(&batch, &error);
  if (code == AR_OK) code = ar_batch_read(batch, reader, numbers, n, 0, &error);
  for (size_t i = 0; code == AR_OK && i < n; ++i) {
    size_t size;
    const void* data = ar_batch_record(batch, n - 1 - i, &size);
    add(all, data, size);
  }
  ar_batch_free(batch);
  free(numbers);
  return code;
}

static ar_code (*const ways[])(const ar_reader*, records*) = {by_cursor, by_number, by_read,
                                                              by_batch};
enum { kWays = sizeof(ways) / sizeof(ways[0]) };

typedef enum outcome { kSame, kError, kWrong, kCrash, kHang, kOutcomes } outcome;

/* What comes of reading a file in all ways; `want` is what is in it. */
static outcome read_file(const char* path, const records* want) {
  ar_reader* reader;
  if (ar_reader_open(path, NULL, &reader, &error) != AR_OK) return kError;
  outcome result = kSame;
  for (int i = 0; i < kWays; ++i) {
    records all = {NULL, 0, 0};
    if (ways[i](reader, &all) != AR_OK) {
      if (result == kSame) result = kError;
      /* What came before the error must be right, if not whole. */
      if (all.size > want->size || memcmp(all.bytes, want->bytes, all.size) != 0) result = kWrong;
    } else if (all.size != want->size || memcmp(all.bytes, want->bytes, all.size) != 0) {
      result = kWrong;
    }
    free(all.bytes);
  }
  ar_reader_free(reader);
  return result;
}

static int files(int n, char** paths) {
  int good = 0;
  for (int i = 0; i < n; ++i) {
    char other[4096];
    records want = {NULL, 0, 0};
    snprintf(other, sizeof(other), "%.*s.records", (int)(strrchr(paths[i], '.') - paths[i]),
             paths[i]);
    want.bytes = read_whole(other, &want.size);
    const outcome result = read_file(paths[i], &want);
    if (result == kSame) {
      ++good;
    } else {
      printf("%s: %s\n", paths[i], result == kError ? error.message : "other records");
    }
    free(want.bytes);
  }
  printf("%d of %d files read as they should be, in %d ways\n", good, n, kWays);
  return good != n;
}

static void put(const char* path, const char* bytes, size_t size) {
  FILE* f = fopen(path, "wb");
  if (f == NULL || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) {
    perror(path);
    exit(1);
  }
}

/* One way to damage a file: a byte is changed, or the file ends there. */
typedef struct harm {
  size_t at;
  unsigned char mask; /* 0: the file ends */
} harm;

/* Which way is being tried, and what came of them: shared with the child that tries. */
typedef struct progress {
  size_t next;
  int counts[kOutcomes];
} progress;

static void try_all(const char* copy, char* bytes, size_t size, const harm* harms, size_t n,
                    const records* want, progress* done) {
  for (; done->next < n; ++done->next) {
    const harm* h = &harms[done->next];
    alarm(20);
    bytes[h->at] ^= (char)h->mask;
    put(copy, bytes, h->mask != 0 ? size : h->at);
    bytes[h->at] ^= (char)h->mask;
    ++done->counts[read_file(copy, want)];
  }
}

static void tell(const char* what, const char* copy, char* bytes, size_t size, const harm* harms,
                 size_t n, const records* want) {
  progress* done =
      mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (done == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  while (done->next < n) {
    const pid_t child = fork();
    if (child == 0) {
      if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
      try_all(copy, bytes, size, harms, n, want, done);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    ++done->counts[WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? kHang : kCrash];
    ++done->next;
  }
  printf("%s: %d same, %d error, %d wrong records, %d crash, %d hang\n", what, done->counts[kSame],
         done->counts[kError], done->counts[kWrong], done->counts[kCrash], done->counts[kHang]);
  fflush(stdout);
  munmap(done, sizeof(*done));
}

static int damage(const char* path) {
  ar_set_max_threads(1);
  records want = {NULL, 0, 0};
  ar_reader* reader;
  if (ar_reader_open(path, NULL, &reader, &error) != AR_OK) fail(path);
  if (by_cursor(reader, &want) != AR_OK) fail(path);
  ar_reader_free(reader);
  size_t size, n = 0;
  char* bytes = read_whole(path, &size);
  harm* harms = allocate(2 * size * sizeof(*harms));
  char copy[] = "/tmp/measure-XXXXXX";
  close(mkstemp(copy));
  for (size_t at = 0; at < size; ++at) {
    /* Padding is alike: it is tried near to what it pads. */
    int padding = 1;
    for (size_t i = at < 24 ? 0 : at - 24; i < size && i < at + 8; ++i) padding &= bytes[i] == 0;
    if (padding) continue;
    harms[n++] = (harm){at, 0x10};
  }
  tell("damaged bytes", copy, bytes, size, harms, n, &want);
  n = 0;
  for (size_t at = 0; at < size; at += at % 65536 < 100 || at % 65536 > 65500 ? 1 : 997) {
    harms[n++] = (harm){at, 0};
  }
  tell("cut off", copy, bytes, size, harms, n, &want);
  unlink(copy);
  free(harms);
  free(bytes);
  free(want.bytes);
  return 0;
}

static uint64_t next_random(uint64_t* state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

/* The same records in every way to write them. */
static int write_all(const char* directory) {
  static const char* const options[] = {"uncompressed",
                                        "zstd",
                                        "zstd:-5,group_size:7",
                                        "brotli",
                                        "brotli:1,group_size:64",
                                        "snappy",
                                        "snappy,group_size:7",
                                        "group_size:64,pad_to_block_boundary:true",
                                        "transpose,group_size:64",
                                        "transpose,group_size:64,brotli",
                                        "transpose,group_size:64,transpose_bucket_size:4K,snappy",
                                        "zstd:0,window_log:15,group_size:1000"};
  enum { kRecords = 1000, kOptions = sizeof(options) / sizeof(options[0]) };
  records all = {NULL, 0, 0};
  char record[2000];
  uint64_t state = 7, sizes[kRecords];
  for (int i = 0; i < kRecords; ++i) {
    sizes[i] = i % 10 == 0 ? 0 : next_random(&state) % (i % 50 == 1 ? sizeof(record) : 100);
    for (size_t j = 0; j < sizes[i]; ++j) record[j] = "abcd    "[next_random(&state) % 8];
    add(&all, record, sizes[i]);
  }
  for (int i = 0; i < kOptions; ++i) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%02d.records", directory, i);
    put(path, all.bytes, all.size);
    snprintf(path, sizeof(path), "%s/%02d.arrayrecord", directory, i);
    ar_writer_options parsed = {sizeof(parsed), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    if (ar_writer_options_parse(options[i], strlen(options[i]), &parsed, &error) != AR_OK) {
      fail(options[i]);
    }
    ar_writer* writer;
    if (ar_writer_create(path, &parsed, &writer, &error) != AR_OK) fail(path);
    const char* at = all.bytes;
    for (int j = 0; j < kRecords; at += 4 + sizes[j++]) {
      if (ar_writer_write(writer, at + 4, &sizes[j], 1, &error) != AR_OK) fail(path);
    }
    if (ar_writer_close(writer, &error) != AR_OK) fail(path);
    ar_writer_free(writer);
  }
  free(all.bytes);
  printf("%d files written\n", kOptions);
  return 0;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void speed_of(const char* directory, const char* text) {
  enum { kRecords = 200000, kSize = 250, kBatch = 1024, kBatches = 100 };
  char path[4096];
  snprintf(path, sizeof(path), "%s/measure.arrayrecord", directory);
  ar_writer_options options = {sizeof(options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  if (ar_writer_options_parse(text, strlen(text), &options, &error) != AR_OK) fail(text);
  static char data[100 * kSize];
  static uint64_t sizes[100];
  uint64_t state = 1;
  double start = now();
  ar_writer* writer;
  if (ar_writer_create(path, &options, &writer, &error) != AR_OK) fail(path);
  for (int i = 0; i < kRecords / 100; ++i) {
    for (size_t j = 0; j < sizeof(data); ++j)
      data[j] = "abcdefgh        "[next_random(&state) % 16];
    for (int j = 0; j < 100; ++j) sizes[j] = kSize;
    if (ar_writer_write(writer, data, sizes, 100, &error) != AR_OK) fail(path);
  }
  if (ar_writer_close(writer, &error) != AR_OK) fail(path);
  ar_writer_free(writer);
  const double written = now() - start;

  start = now();
  ar_reader* reader;
  if (ar_reader_open(path, NULL, &reader, &error) != AR_OK) fail(path);
  const double opened = now() - start;
  start = now();
  ar_cursor* cursor;
  const void* record;
  size_t size, n = 0;
  if (ar_cursor_open(reader, 0, kRecords, &cursor, &error) != AR_OK) fail(path);
  while (ar_cursor_next(cursor, &record, &size, &error) == AR_OK && record != NULL) ++n;
  ar_cursor_free(cursor);
  if (n != kRecords) fail(path);
  const double in_order = now() - start;

  char dst[kSize];
  enum { kGets = 20000 };
  start = now();
  for (int i = 0; i < kGets; ++i) {
    const uint64_t number = next_random(&state) % kRecords;
    if (ar_reader_get(reader, number, dst, sizeof(dst), &size, &error) != AR_OK) fail(path);
  }
  const double singly = now() - start;

  uint64_t numbers[kBatch];
  ar_batch* batch;
  if (ar_batch_create(&batch, &error) != AR_OK) fail(path);
  start = now();
  for (int i = 0; i < kBatches; ++i) {
    for (int j = 0; j < kBatch; ++j) numbers[j] = next_random(&state) % kRecords;
    if (ar_batch_read(batch, reader, numbers, kBatch, 0, &error) != AR_OK) fail(path);
  }
  const double batches = now() - start;
  ar_batch_free(batch);
  ar_reader_free(reader);
  unlink(path);
  const double mb = (double)kRecords * kSize / 1e6;
  printf(
      "%-24s write %.0f MB/s, open %.1f ms, in order %.0f MB/s, single %.1f k/s, batches %.1f "
      "k/s\n",
      text, mb / written, 1e3 * opened, mb / in_order, kGets / singly / 1e3,
      (double)kBatch * kBatches / batches / 1e3);
}

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "files") == 0) return files(argc - 2, argv + 2);
  if (argc == 3 && strcmp(argv[1], "write") == 0) return write_all(argv[2]);
  if (argc == 3 && strcmp(argv[1], "damage") == 0) return damage(argv[2]);
  if (argc == 3 && strcmp(argv[1], "speed") == 0) {
    speed_of(argv[2], "group_size:1,zstd");
    speed_of(argv[2], "group_size:64,zstd");
    speed_of(argv[2], "group_size:64,uncompressed");
    return 0;
  }
  fprintf(stderr,
          "usage: measure files FILE... | write DIRECTORY | damage FILE | speed DIRECTORY\n");
  return 2;
}
