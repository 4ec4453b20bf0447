/* arrayrecord.h - reading and writing ArrayRecord files from C.
 *
 * This is the only public header of the core, and plain C. Conventions:
 *
 *  1. Handles are opaque. An ar_X_open/ar_X_create function hands one out, the matching ar_X_free
 *     (or ar_X_close) takes it back. Freeing NULL does nothing.
 *  2. A function that can fail returns an ar_code. When the code is not AR_OK and the last argument
 *     is not NULL, the ar_error there is filled in. Its message is part of the struct: nothing
 *     needs freeing. Output arguments are untouched on failure unless said otherwise.
 *  3. Memory that the caller passes in is used only during the call, unless said otherwise. Bytes
 *     are passed as pointer and size and need no terminator; a NULL pointer is fine with size 0.
 *  4. Arguments called `scratch` are read and then overwritten by the call.
 *  5. An ar_reader may be used by any number of threads at once, and so may the records of an
 *     ar_batch be looked at; else a handle is for one at a time. A reader must outlive the reads
 *     and cursors made from it.
 *  6. Records are numbered from 0. Sizes and positions are in bytes.
 *  7. Work that is worth splitting runs on one pool of threads which all handles of the process
 *     share (ar_set_max_threads; started on first use); the calling thread takes part.
 *  8. No C++ exception leaves this interface; running out of memory is AR_RESOURCE_EXHAUSTED.
 *     Threads that cannot be started are done without.
 *  9. Any call that returns an ar_code may also answer AR_RESOURCE_EXHAUSTED for want of memory,
 *     and AR_INTERNAL for a fault of the library; comments leave these two out where nothing else
 *     makes them.
 * 10. A child of fork has none of the threads, and starts its own with the first work. Readers may
 *     be used there as before, if no call was under way in another thread when the process forked.
 *     Cursors and writers belong to the parent, and so may batches and reads: their work may be in
 *     hands that the child does not have. Do not even free them.
 * 11. Signals: the library blocks none, and its threads take what comes to the process; a program
 *     that wants a signal elsewhere blocks it before the first work. Only with
 *     ar_reader_options.mapped there is a handler, of SIGBUS, installed once: it turns what a copy
 *     from a mapped file meets into an error, and passes all else on to the handler that was there
 *     before (that of Go's runtime, say). Who installs one later must pass on what is not his in
 *     the same way, with SA_SIGINFO; where that does not happen, as with signal.Notify of SIGBUS in
 *     Go or sigaction without the old handler, a mapped file that becomes shorter ends the process
 *     or hangs the thread. Do without mapping there.
 *
 * Functions under "Optional" know of chunks and of where bytes lie; an implementation of this
 * header on top of another library may leave them out. docs/format.md describes the format.
 */
#ifndef ARRAYRECORD_ARRAYRECORD_H_
#define ARRAYRECORD_ARRAYRECORD_H_

#include <stddef.h>
#include <stdint.h>

/* The version of this header; ar_version() is that of the library behind it. */
#define AR_VERSION_MAJOR 0
#define AR_VERSION_MINOR 1
#define AR_VERSION_PATCH 0
#define AR_VERSION (AR_VERSION_MAJOR * 10000 + AR_VERSION_MINOR * 100 + AR_VERSION_PATCH)

#if defined(__GNUC__)
#define AR_API __attribute__((visibility("default")))
#else
#define AR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors ---------------------------------------------------------------------------------- */

typedef enum ar_code {
  AR_OK = 0,
  AR_CANCELLED = 1,
  AR_INVALID_ARGUMENT = 3,    /* an argument or an option string is wrong */
  AR_NOT_FOUND = 5,           /* the file does not exist */
  AR_RESOURCE_EXHAUSTED = 8,  /* out of memory, or over a limit of the format or of the options */
  AR_FAILED_PRECONDITION = 9, /* the handle is not in a state that allows the call */
  AR_OUT_OF_RANGE = 11,       /* a record number is not in the file */
  AR_UNIMPLEMENTED = 12,      /* a chunk or compression type this library does not know */
  AR_INTERNAL = 13,           /* a fault of this library */
  AR_DATA_LOSS = 15,          /* the file is damaged */
  AR_IO = 100,                /* the operating system refused; see os_errno */
  AR_TRUNCATED = 101,         /* begins like an ArrayRecord file, but its end is missing */
  AR_NOT_ARRAYRECORD = 102,   /* some other kind of file */
  AR_BUFFER_TOO_SMALL = 103   /* the buffer given cannot hold the record */
} ar_code;

/* Stands for "does not apply" in the numbers of an ar_error. */
#define AR_NONE UINT64_MAX

typedef struct ar_error {
  ar_code code;
  int32_t os_errno;  /* with AR_IO, else 0 */
  uint64_t position; /* file position of the damage, or AR_NONE */
  uint64_t chunk;    /* number of the chunk, or AR_NONE */
  uint64_t record;   /* number of the record (the first one affected), or AR_NONE */
  char message[512]; /* ends with a 0 byte; longer texts are cut */
} ar_error;

/* The name of a code, such as "DATA_LOSS". Static memory. */
AR_API const char* ar_code_name(ar_code code);

/* ---- The library ------------------------------------------------------------------------------
 */

/* AR_VERSION of the library. */
AR_API uint32_t ar_version(void);

/* What an implementation of this header can do besides what every one must. Functions of what it
 * cannot do answer AR_UNIMPLEMENTED, or 0 where they return a number. */
typedef enum ar_capability {
  AR_CAN_READ_BYTES = 1 << 0,  /* "Optional: bytes that the caller reads" */
  AR_CAN_TELL_CHUNKS = 1 << 1, /* "Optional: chunks" */
  AR_CAN_COPY_CHUNKS = 1 << 2, /* ar_writer_copy_chunks */
  AR_CAN_METADATA = 1 << 3,    /* "Optional: metadata" */
  AR_CAN_MAP = 1 << 4,         /* ar_reader_options.mapped */
  AR_CAN_LIMIT = 1 << 5,       /* max_record_size and max_chunk_size of ar_reader_options */
  AR_CAN_SURVEY = 1 << 6,      /* "Optional: damaged files" */
  AR_CAN_APPEND = 1 << 7       /* ar_writer_append_fd */
} ar_capability;

/* The ar_capability bits of the library. */
AR_API uint64_t ar_capabilities(void);

/* Has work run on at most `threads` threads, the calling one included; 0 is the default: one per
 * processor that the process may use, with the quota of its control group if that is less. Takes
 * effect for work that begins later. May be called by any thread at any time. */
AR_API void ar_set_max_threads(uint32_t threads);

/* How much memory the chunks that single reads have decoded last may take, those of all readers of
 * the process together; 64 MiB by default. 0 keeps none. May be called by any thread at any time.
 */
AR_API void ar_set_cache_limit(uint64_t bytes);

/* How often a single read has found its chunk among those, and how often not, since the process
 * began; a read into too small a buffer counts too. Chunks of one record are not looked for. */
AR_API void ar_cache_counts(uint64_t* hits, uint64_t* misses);

/* The memory that the library keeps for later use, in bytes: the chunks of ar_set_cache_limit, and
 * buffers of threads, which are never more than 64 MiB all together. What is larger than 32 MiB by
 * itself goes back to the system after each use. */
AR_API uint64_t ar_kept_memory(void);

/* ---- Options (docs/format.md section 8) --------------------------------------------------------
 *
 * Option structs carry their size, so that later versions can have more fields: set `struct_size`
 * to sizeof and the rest to zero, as `ar_reader_options o = {sizeof(o)}` does. 0 stands for the
 * default in every field.
 */

typedef enum ar_compression {
  AR_DEFAULT_COMPRESSION = 0, /* zstd */
  AR_UNCOMPRESSED = 'u',
  AR_BROTLI = 'b',
  AR_ZSTD = 'z',
  AR_SNAPPY = 's'
} ar_compression;

/* Level 0 of a codec, in a field where 0 stands for the default. */
#define AR_LEVEL_0 INT32_MIN

typedef struct ar_writer_options {
  uint32_t struct_size;
  uint32_t group_size;            /* records in a chunk, up to 2^31 - 1; default 1 */
  uint32_t max_parallelism;       /* threads that encode; default one per processor */
  uint32_t saturation_delay_ms;   /* how long a write waits for busy threads before it encodes too;
                                     default 10 */
  uint64_t transpose_bucket_size; /* bytes of columns compressed together; default 256 */
  int32_t transpose;              /* 1: chunks are stored by columns of protobuf fields */
  int32_t pad_to_block_boundary;  /* 1: chunks begin at multiples of 64 KiB */
  ar_compression compression;
  int32_t level;        /* brotli 0 to 11, default 6; zstd -131072 to 22, default 3; snappy 1 to 2,
                           default 1; 0 itself is AR_LEVEL_0 */
  int32_t window_log;   /* brotli 10 to 30, default 22; zstd 10 to 31, default 20 */
  int32_t no_overwrite; /* 1: ar_writer_create and ar_writer_close fail, with AR_IO and EEXIST, if
                           there is a file of that name. No part of option strings */
  int32_t no_sync;      /* 1: ar_writer_close does not wait for the disk. A power failure may then
                           leave an empty file under the name. No part of option strings */
  int32_t no_digest; /* 1: the index has no digest of the chunks, by which verifying notices those
                        that were exchanged. No part of option strings */
} ar_writer_options;

typedef struct ar_reader_options {
  uint32_t struct_size;
  uint32_t max_parallelism;       /* threads of one call or cursor; default one per processor */
  uint64_t readahead_buffer_size; /* bytes of chunks that a cursor reads together, up to 2^30; 1 is
                                     one chunk at a time; default chosen by the reader */
  uint64_t readahead_memory;      /* bytes of decoded records that a cursor has in memory at once;
                                     a larger record comes alone, a larger chunk of several in
                                     pieces (chunks that are transposed or compressed by snappy are
                                     decoded whole for that); default 64 MiB */
  uint64_t footer_prefetch_bytes; /* how many bytes at the end of a file are read in one go when it
                                     is opened, up to 2^30; default 1 MiB. 1 is no more than must
                                     be read, as is the default with offloaded_index, and the only
                                     other value that goes with it. For callers that read by
                                     themselves */
  uint64_t max_record_size;       /* a larger record is AR_RESOURCE_EXHAUSTED; default 2 GiB */
  uint64_t max_chunk_size;        /* the same for the records of a chunk together; default 4 GiB */
  int32_t no_readahead;           /* 1: cursors read when they are asked, on the calling thread */
  int32_t offloaded_index;        /* 1: the index lives in a temporary file, not in memory */
  int32_t mapped; /* 1: the file is mapped to memory. A file that becomes shorter gives errors then,
                     too: the library installs a handler of SIGBUS that passes on what is not its
                     own. No part of option strings */
} ar_reader_options;

/* Parse an option string; the empty string gives the defaults. `out->struct_size` must be set; the
 * other fields are overwritten. AR_INVALID_ARGUMENT. */
AR_API ar_code ar_writer_options_parse(const char* text, size_t text_size, ar_writer_options* out,
                                       ar_error* error);
AR_API ar_code ar_reader_options_parse(const char* text, size_t text_size, ar_reader_options* out,
                                       ar_error* error);

/* Stores the full option string, as it is recorded in files, in `out`: cut to `out_size`, always
 * terminated. AR_INVALID_ARGUMENT if a value is out of range. */
AR_API ar_code ar_writer_options_format(const ar_writer_options* options, char* out,
                                        size_t out_size, ar_error* error);

/* AR_INVALID_ARGUMENT if a value is out of range. */
AR_API ar_code ar_writer_options_check(const ar_writer_options* options, ar_error* error);
AR_API ar_code ar_reader_options_check(const ar_reader_options* options, ar_error* error);

/* ---- Reading ----------------------------------------------------------------------------------
 */

typedef struct ar_reader ar_reader;
typedef struct ar_read ar_read;
typedef struct ar_batch ar_batch;
typedef struct ar_cursor ar_cursor;

/* Opens a file by name; options NULL are the defaults. AR_INVALID_ARGUMENT (options), AR_NOT_FOUND,
 * AR_IO, AR_TRUNCATED, AR_NOT_ARRAYRECORD, AR_DATA_LOSS, AR_UNIMPLEMENTED, AR_RESOURCE_EXHAUSTED.
 */
AR_API ar_code ar_reader_open(const char* path, const ar_reader_options* options,
                              ar_reader** reader, ar_error* error);

/* Like ar_reader_open, for an open file descriptor of a file that can be read by position. The
 * reader has a duplicate of its own: the caller may close its descriptor at any time. */
AR_API ar_code ar_reader_open_fd(int fd, const ar_reader_options* options, ar_reader** reader,
                                 ar_error* error);

/* Frees a reader. No other thread may be using it. */
AR_API void ar_reader_free(ar_reader* reader);

AR_API uint64_t ar_reader_num_records(const ar_reader* reader);

/* The number of records in each chunk but the last, 0 for a file without records. */
AR_API uint64_t ar_reader_record_group_size(const ar_reader* reader);

/* The writer's option string as recorded in the file. NULL if the file has none (files from before
 * October 2022). Lives as long as the reader. */
AR_API const char* ar_reader_writer_options(const ar_reader* reader, size_t* size);

/* Reads one record into `dst` and stores its size in `size`. AR_BUFFER_TOO_SMALL if it may not fit:
 * then `size` says how much room is enough, and `dst` holds nothing of use. Where the index tells
 * that, nothing is read; nothing has checked the index then, so do not allocate more than a few MiB
 * on its word, but use an ar_read. AR_OUT_OF_RANGE, AR_DATA_LOSS, AR_IO, AR_UNIMPLEMENTED,
 * AR_RESOURCE_EXHAUSTED, AR_FAILED_PRECONDITION (a reader without a file). */
AR_API ar_code ar_reader_get(const ar_reader* reader, uint64_t record, void* dst, size_t dst_size,
                             size_t* size, ar_error* error);

/* An ar_read goes through records in increasing order: those of a range, or `n` of them by number,
 * which may repeat but not decrease (AR_INVALID_ARGUMENT). Nothing is read yet; `records` is
 * copied. AR_OUT_OF_RANGE, AR_RESOURCE_EXHAUSTED. */
AR_API ar_code ar_read_range(const ar_reader* reader, uint64_t begin, uint64_t end, ar_read** read,
                             ar_error* error);
AR_API ar_code ar_read_sorted(const ar_reader* reader, const uint64_t* records, size_t n,
                              ar_read** read, ar_error* error);

/* The same, in place of what `read` was made for: its memory is used again. After a failure the
 * read is as it was before. AR_OUT_OF_RANGE, AR_INVALID_ARGUMENT. */
AR_API ar_code ar_read_reset_range(ar_read* read, const ar_reader* reader, uint64_t begin,
                                   uint64_t end, ar_error* error);
AR_API ar_code ar_read_reset_sorted(ar_read* read, const ar_reader* reader, const uint64_t* records,
                                    size_t n, ar_error* error);

/* What did not fit: both 0 unless something did not. */
typedef struct ar_room {
  size_t record; /* the size of the next record */
  size_t chunk;  /* of the next records, those wanted of one chunk, together */
} ar_room;

/* Reads the next records, at most `max_records` and as many as `dst` has room for. The i-th of them
 * comes to lie at [offsets[i], offsets[i + 1]) of `dst`, without gaps; `offsets` has room for
 * max_records + 1 numbers. `num_read` tells how many there are, 0 after the last. A call ends
 * before a chunk whose records `dst` has no room for, unless it is the first of the call: of that
 * one come as many as fit. Then `room` tells what the next ones take, which has been checked
 * against the chunk's data. So there are fewer than `max_records` only where `room` says why, and
 * at the end. The chunk stays in memory for the next call, as it is in the file; nothing is read
 * twice. One of more than 4 MiB, or than readahead_memory, is decoded piece by piece then, unless
 * it is transposed or compressed by snappy. After a failure the records that `num_read` tells of
 * are good, and every later call fails in the same way. The work is done on the calling thread.
 * AR_DATA_LOSS, AR_IO, AR_UNIMPLEMENTED, AR_RESOURCE_EXHAUSTED, AR_FAILED_PRECONDITION (neither a
 * file nor bytes). */
AR_API ar_code ar_read_next(ar_read* read, void* dst, size_t dst_size, size_t max_records,
                            uint64_t* offsets, size_t* num_read, ar_room* room, ar_error* error);

AR_API void ar_read_free(ar_read* read);

/* Creates a batch without records. AR_RESOURCE_EXHAUSTED. */
AR_API ar_code ar_batch_create(ar_batch** batch, ar_error* error);

/* Reads `n` records by number, in any order and with repetitions, on up to `parallelism` threads
 * (0: one per processor). They take the place of those that the batch has, of this or another
 * reader, and their memory: a batch keeps what its largest reads took, but no piece above 32 MiB.
 * After a failure the batch has no records. No other thread may be using the batch.
 * AR_OUT_OF_RANGE, AR_DATA_LOSS, AR_IO, AR_UNIMPLEMENTED, AR_RESOURCE_EXHAUSTED,
 * AR_FAILED_PRECONDITION (no file). */
AR_API ar_code ar_batch_read(ar_batch* batch, const ar_reader* reader, const uint64_t* records,
                             size_t n, uint32_t parallelism, ar_error* error);

/* The i-th record of a batch; NULL, with a size of 0, if it has fewer. It lives until the batch is
 * read or freed; the reader need not. */
AR_API const void* ar_batch_record(const ar_batch* batch, size_t i, size_t* size);

AR_API void ar_batch_free(ar_batch* batch);

/* Reads in order from record `begin` up to `end`, with chunks ahead being read and decoded on the
 * pool. Memory is bounded by the readahead options and the largest record, whatever the size of the
 * file. AR_OUT_OF_RANGE, AR_RESOURCE_EXHAUSTED, AR_FAILED_PRECONDITION (no file). */
AR_API ar_code ar_cursor_open(const ar_reader* reader, uint64_t begin, uint64_t end,
                              ar_cursor** cursor, ar_error* error);

/* Gives the next record: `*data` stays valid until the next call with this cursor. At the end
 * `*data` is NULL and the answer is AR_OK. After an error every call gives that error again.
 * AR_DATA_LOSS, AR_IO, AR_UNIMPLEMENTED, AR_RESOURCE_EXHAUSTED. */
AR_API ar_code ar_cursor_next(ar_cursor* cursor, const void** data, size_t* size, ar_error* error);

AR_API void ar_cursor_free(ar_cursor* cursor);

/* ---- Writing ----------------------------------------------------------------------------------
 */

typedef struct ar_writer ar_writer;

/* Creates a file; options NULL are the defaults. The bytes go to a temporary file in the directory
 * of `path`, which must exist; a symbolic link is followed. ar_writer_close gives it its name in
 * one step, having forced it to the disk, and keeps the permission bits of a file that it replaces.
 * Where the system has them the temporary file is one without a name, which goes when its process
 * does. Else it is called ".arrayrecord-", 26 characters of A to Z and 2 to 7, and ".tmp", and is
 * locked (flock) while it is written: one that is not locked has been left by a process that was
 * killed, and may be removed. AR_INVALID_ARGUMENT (options, name), AR_NOT_FOUND (the directory),
 * AR_IO, AR_UNIMPLEMENTED. */
AR_API ar_code ar_writer_create(const char* path, const ar_writer_options* options,
                                ar_writer** writer, ar_error* error);

/* Writes to an open file descriptor, from its current position, which stands for position 0. The
 * descriptor stays the caller's and must stay open until the writer is freed: threads of the pool
 * write to it after calls have returned. */
AR_API ar_code ar_writer_create_fd(int fd, const ar_writer_options* options, ar_writer** writer,
                                   ar_error* error);

/* Writes to memory: the caller takes the bytes away with ar_writer_take after each call. */
AR_API ar_code ar_writer_create_memory(const ar_writer_options* options, ar_writer** writer,
                                       ar_error* error);

/* Appends `n` records whose bytes lie one after the other at `data`, with their sizes in `sizes`.
 * The bytes are copied or written before the call returns; encoding goes on in the pool. Waits when
 * too much is queued. After an error every call gives that error again. AR_RESOURCE_EXHAUSTED (a
 * record too large for the codec), AR_IO, AR_FAILED_PRECONDITION (after close). */
AR_API ar_code ar_writer_write(ar_writer* writer, const void* data, const uint64_t* sizes, size_t n,
                               ar_error* error);

/* Memory writers: moves up to `dst_size` finished bytes to `dst` and returns how many. With `dst`
 * NULL returns how many there are. */
AR_API size_t ar_writer_take(ar_writer* writer, void* dst, size_t dst_size);

/* Finishes the file: the last chunk, the index, the name. The handle must still be freed. After a
 * failure nothing is left of a file of ar_writer_create, with one exception: one that has replaced
 * another stays, complete, if only syncing the directory fails. AR_RESOURCE_EXHAUSTED, AR_IO,
 * AR_NOT_FOUND (the directory has gone), AR_FAILED_PRECONDITION (after close). */
AR_API ar_code ar_writer_close(ar_writer* writer, ar_error* error);

/* Frees a writer. One that was not closed successfully leaves no file under the name given to
 * ar_writer_create. */
AR_API void ar_writer_free(ar_writer* writer);

/* ---- Optional: bytes that the caller reads (objects in a bucket, memory) ---------------------
 */

/* Size of the block at the end of a file that says where the index is. */
#define AR_TAIL_SIZE 65536

/* Finds where the index begins from the last AR_TAIL_SIZE bytes of a file of `file_size` bytes; if
 * that is no multiple of AR_TAIL_SIZE, from those before the last multiple, which tell how it is
 * wrong. `head` is the first 64 bytes of the file, or NULL if the caller does not want to read
 * them; they only tell AR_TRUNCATED from AR_NOT_ARRAYRECORD. AR_INVALID_ARGUMENT, AR_TRUNCATED,
 * AR_NOT_ARRAYRECORD, AR_DATA_LOSS, AR_UNIMPLEMENTED. */
AR_API ar_code ar_index_locate(void* scratch, size_t scratch_size, uint64_t file_size,
                               const void* head, size_t head_size, uint64_t* index_begin,
                               ar_error* error);

/* The bytes at the beginning of the index that ar_index_check wants. */
#define AR_INDEX_HEAD_SIZE 64

/* Checks by the first AR_INDEX_HEAD_SIZE bytes from `index_begin` on whether an index can be there
 * that ends where the tail begins: before a caller reads, and makes room for, all of it.
 * AR_DATA_LOSS, AR_INVALID_ARGUMENT, AR_UNIMPLEMENTED. */
AR_API ar_code ar_index_check(const void* head, size_t head_size, uint64_t index_begin,
                              uint64_t file_size, ar_error* error);

/* Opens a reader from the bytes [index_begin, file_size - AR_TAIL_SIZE) of a file. Reads of such a
 * reader take bytes from ar_read_set_bytes. AR_INVALID_ARGUMENT, AR_DATA_LOSS, AR_UNIMPLEMENTED,
 * AR_IO (the temporary file of offloaded_index). */
AR_API ar_code ar_reader_open_index(void* scratch, size_t scratch_size, uint64_t index_begin,
                                    uint64_t file_size, const ar_reader_options* options,
                                    ar_reader** reader, ar_error* error);

typedef struct ar_extent {
  uint64_t position;
  uint64_t size;
} ar_extent;

/* The ranges of the file that a read needs, in increasing order, with ranges at most `max_gap`
 * bytes apart made one. The extents live until the next call with this read. NULL with `n` 0 if
 * nothing is needed or memory ran out. */
AR_API const ar_extent* ar_read_extents(ar_read* read, uint64_t max_gap, size_t* n);

/* Has a read take the bytes of all extents that ar_read_extents gave, one after the other, instead
 * of a file. It uses and overwrites `scratch` until it is freed or reset. AR_INVALID_ARGUMENT (not
 * as many bytes as the extents have), AR_FAILED_PRECONDITION (the read has begun, or has its
 * bytes), AR_UNIMPLEMENTED. */
AR_API ar_code ar_read_set_bytes(ar_read* read, void* scratch, size_t scratch_size,
                                 ar_error* error);

/* ---- Optional: metadata ------------------------------------------------------------------------
 */

/* Where a chunk with a serialized RecordsMetadata message lies, if the file has one. Its size is 0
 * if there is no room for one. */
AR_API void ar_reader_metadata_extent(const ar_reader* reader, ar_extent* extent);

/* Stores that message in `dst`, like ar_reader_get, and its size in `size`. `bytes` are those of
 * the extent, or NULL for a reader with a file. Answers AR_NOT_FOUND if the file has none.
 * AR_DATA_LOSS, AR_IO, AR_BUFFER_TOO_SMALL, AR_RESOURCE_EXHAUSTED, AR_INVALID_ARGUMENT,
 * AR_UNIMPLEMENTED. */
AR_API ar_code ar_reader_metadata(const ar_reader* reader, const void* bytes, size_t bytes_size,
                                  void* dst, size_t dst_size, size_t* size, ar_error* error);

/* Stores a serialized RecordsMetadata message in the file. Only before the first record.
 * AR_FAILED_PRECONDITION. */
AR_API ar_code ar_writer_set_metadata(ar_writer* writer, const void* data, size_t size,
                                      ar_error* error);

/* ---- Optional: chunks --------------------------------------------------------------------------
 */

AR_API uint64_t ar_reader_num_chunks(const ar_reader* reader);

/* The memory that the index takes, in bytes; with offloaded_index, that of its temporary file. */
AR_API uint64_t ar_reader_index_size(const ar_reader* reader);

/* The first record of a chunk; for chunk = number of chunks, the number of records. */
AR_API uint64_t ar_reader_chunk_first_record(const ar_reader* reader, uint64_t chunk);

/* The chunk that holds a record, which must be below ar_reader_num_records. */
AR_API uint64_t ar_reader_chunk_of_record(const ar_reader* reader, uint64_t record);

/* The sum of the sizes of all records as the index has it: for guesses, as nothing has checked it.
 */
AR_API uint64_t ar_reader_claimed_size(const ar_reader* reader);

typedef struct ar_run {
  uint64_t begin, end;   /* records, those of whole chunks */
  ar_extent extent;      /* in the file */
  uint64_t claimed_size; /* the sizes of the records together, as the index has it */
} ar_run;

/* The longest run of chunks, from the one that holds `record` on, that takes at most `file_bytes`
 * of the file and has records of at most `decoded_bytes` together, but one chunk at least. The
 * record must be below ar_reader_num_records. */
AR_API void ar_reader_run(const ar_reader* reader, uint64_t record, uint64_t file_bytes,
                          uint64_t decoded_bytes, ar_run* run);

/* Where the chunks [begin, end) lie in the file. AR_OUT_OF_RANGE, AR_UNIMPLEMENTED. */
AR_API ar_code ar_reader_chunk_extent(const ar_reader* reader, uint64_t begin, uint64_t end,
                                      ar_extent* extent, ar_error* error);

/* Appends the chunks [begin, end) of another file without decompressing them; their hashes are
 * verified. Every chunk must have exactly as many records as the writer's group size, except for
 * the last chunk of the file that is being written; the writer must stand at the end of a group.
 * `scratch` holds the bytes of ar_reader_chunk_extent, or is NULL for a reader with a file. An
 * error that has a chunk is one of the other file: nothing was copied, and the writer is as it was.
 * AR_FAILED_PRECONDITION, AR_OUT_OF_RANGE, AR_DATA_LOSS, AR_IO, AR_INVALID_ARGUMENT,
 * AR_UNIMPLEMENTED. */
AR_API ar_code ar_writer_copy_chunks(ar_writer* writer, const ar_reader* reader, uint64_t begin,
                                     uint64_t end, void* scratch, size_t scratch_size,
                                     ar_error* error);

/* ---- Optional: appending -----------------------------------------------------------------------
 */

/* Makes a writer that goes on with the complete file of `fd`, which must be open for reading and
 * writing, not for appending, and stay so until the writer is freed. Options are as for a new file;
 * the group size must be that of the file, and a file without a digest stays one. The records that
 * are there are not written again, but for those of a last chunk that does not fill a group.
 *
 * The file opens as it was until ar_writer_close makes it the longer one in one step; only while
 * its end is written once more, behind it, it cannot be opened. If the process is killed, bytes may
 * be left in it that are no part of it, which the next append removes; if that was in such a
 * moment, the survey finds all that was there. A writer that is freed without being closed, or
 * fails, makes the file what it was, unless only the last sync fails. The file is locked (flock)
 * meanwhile, and not touched before the first record comes.
 *
 * The errors of ar_reader_open_fd; AR_INVALID_ARGUMENT (the descriptor, another group size),
 * AR_FAILED_PRECONDITION (a file whose groups have different sizes), AR_IO with EWOULDBLOCK
 * (somebody else appends), AR_UNIMPLEMENTED. */
AR_API ar_code ar_writer_append_fd(int fd, const ar_writer_options* options, ar_writer** writer,
                                   ar_error* error);

/* ---- Optional: damaged files -------------------------------------------------------------------
 *
 * What lies in a file is found chunk after chunk, by the chunks' own headers and, behind damage, by
 * the index and the block headers. The caller reads the file, in parts of any size.
 */

typedef enum ar_fault {
  AR_FAULT_NONE = 0,
  AR_FAULT_BLOCK_HEADER = 1, /* the chunk is right but for a block header in it, at fault_at */
  AR_FAULT_CHUNK_HEADER = 2, /* there should be a chunk, and nothing tells what it was */
  AR_FAULT_DATA = 3,         /* the data have another hash than the header says */
  AR_FAULT_RECORDS = 4,      /* the hashes are right, and it cannot be decoded */
  AR_FAULT_CUT_OFF = 5,      /* the chunk goes on behind the end of the file */
  AR_FAULT_OUT_OF_PLACE = 6, /* a signature or metadata that is not at the beginning */
  AR_FAULT_UNKNOWN_TYPE = 7, /* of chunk or compression */
  AR_FAULT_TOO_LARGE = 8     /* over max_record_size or max_chunk_size; not looked at further */
} ar_fault;

/* A chunk, or a damaged place. */
typedef struct ar_piece {
  uint64_t begin, end;   /* in the file */
  uint64_t digest;       /* what the chunk adds to ar_reader_digest: 0 for 's' and 'p' */
  uint64_t num_records;  /* as the header says; 0, as digest and the next two, if that is damaged */
  uint64_t decoded_size; /* of the records together */
  uint32_t chunk_type;   /* 'r' and 't' have records; 's', 'm', 'p' */
  ar_fault fault;
  uint64_t fault_at; /* position of the fault */
} ar_piece;

typedef struct ar_survey_range {
  uint64_t position;  /* where the bytes given begin in the file: a chunk, or where one should be */
  uint64_t until;     /* chunks that begin here or later are left out */
  uint64_t file_size; /* of the whole file */
  int32_t decode;     /* 1: all records are decoded */
} ar_survey_range;

/* Looks at chunks one after the other, in the bytes of the file from `range->position` on, which
 * are overwritten, and stores up to `max_pieces` of them. They follow each other without gaps.
 * Stops where the next chunk is not wholly in the bytes: then `need` is the position up to which
 * they must reach. Else it is 0, and the pieces reach at least to `until` unless there are
 * `max_pieces`. `reader` may be NULL; behind damage the chunks are looked for that its index has.
 * Where to go on is the end of the last piece; the bytes from there on are as they were.
 * AR_INVALID_ARGUMENT, AR_UNIMPLEMENTED. */
AR_API ar_code ar_survey(void* scratch, size_t scratch_size, const ar_survey_range* range,
                         const ar_reader* reader, const ar_reader_options* options,
                         ar_piece* pieces, size_t max_pieces, size_t* num_pieces, uint64_t* need,
                         ar_error* error);

/* The size of a block header. One is at every multiple of 64 KiB. */
#define AR_BLOCK_HEADER_SIZE 24

/* Tells by the block header at `position` where the first chunk begins there or later.
 * AR_DATA_LOSS, AR_INVALID_ARGUMENT, AR_UNIMPLEMENTED. */
AR_API ar_code ar_survey_begin(const void* block_header, size_t size, uint64_t position,
                               uint64_t* begin, ar_error* error);

/* What the index has of the chunks [begin, end), one piece each: places, and numbers and sizes of
 * records. AR_OUT_OF_RANGE, AR_UNIMPLEMENTED. */
AR_API ar_code ar_reader_chunks(const ar_reader* reader, uint64_t begin, uint64_t end,
                                ar_piece* pieces, ar_error* error);

/* What an append that was killed has left among the chunks, or before the index: chunks that are no
 * part of the file, and zeros. Mostly its size is 0. */
AR_API void ar_reader_gap(const ar_reader* reader, ar_extent* gap);

/* The sum, modulo 2^64, of what the chunks before the index, but for those of ar_reader_gap, had as
 * `digest` when the file was written. AR_NOT_FOUND if the file does not have it,
 * AR_UNIMPLEMENTED. */
AR_API ar_code ar_reader_digest(const ar_reader* reader, uint64_t* digest, ar_error* error);

/* Makes a reader from chunks that were found, in increasing order, as one with their index would
 * be: for a file whose index is lost. It takes the file of `fd`, as ar_reader_open_fd does; with -1
 * it has none. The records are numbered as if the chunks were all there are. AR_INVALID_ARGUMENT,
 * AR_DATA_LOSS (chunks that cannot be), AR_IO, AR_UNIMPLEMENTED. */
AR_API ar_code ar_reader_open_chunks(int fd, const ar_piece* chunks, size_t n,
                                     const ar_reader_options* options, ar_reader** reader,
                                     ar_error* error);

#ifdef __cplusplus
}
#endif

#endif /* ARRAYRECORD_ARRAYRECORD_H_ */
