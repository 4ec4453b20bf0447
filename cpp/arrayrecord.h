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
 *  5. An ar_reader may be used by any number of threads at once. Every other handle may be used by
 *     one thread at a time. A reader must outlive the plans and cursors made from it.
 *  6. Records are numbered from 0. Sizes and positions are in bytes.
 *  7. Work that is worth splitting runs on one pool of threads which all handles of the process
 *     share (one thread per processor, started on first use); the calling thread takes part.
 *  8. No C++ exception leaves this interface; running out of memory is AR_RESOURCE_EXHAUSTED.
 *
 * Functions under "Optional" know of chunks and of where bytes lie; an implementation of this
 * header on top of another library may leave them out. docs/format.md describes the format.
 */
#ifndef ARRAYRECORD_ARRAYRECORD_H_
#define ARRAYRECORD_ARRAYRECORD_H_

#include <stddef.h>
#include <stdint.h>

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

/* ---- Options (docs/format.md section 8) --------------------------------------------------------
 */

typedef enum ar_compression {
  AR_UNCOMPRESSED = 0,
  AR_BROTLI = 'b',
  AR_ZSTD = 'z',
  AR_SNAPPY = 's'
} ar_compression;

typedef struct ar_writer_options {
  uint32_t group_size;          /* records in a chunk, 1 to 2^31 - 1 */
  uint32_t max_parallelism;     /* threads that encode; 0: one per processor */
  uint32_t saturation_delay_ms; /* how long a write waits for busy threads before it encodes too */
  int32_t transpose;            /* 0 or 1: chunks are stored by columns of protobuf fields */
  uint64_t transpose_bucket_size; /* bytes of columns that are compressed together */
  int32_t pad_to_block_boundary;  /* 0 or 1: chunks begin at multiples of 64 KiB */
  ar_compression compression;
  int32_t level;      /* brotli 0 to 11, zstd -131072 to 22, snappy 1 to 2 */
  int32_t window_log; /* brotli 10 to 30, zstd 10 to 31; 0: not set */
} ar_writer_options;

typedef struct ar_reader_options {
  uint64_t readahead_buffer_size; /* up to 2^30; AR_NONE: chosen by the reader */
  int32_t max_parallelism;        /* -1: one per processor; 0: no readahead */
  int32_t offloaded_index;        /* 1: the index lives in a temporary file, not in memory */
  int32_t mapped; /* 1: the file is mapped to memory. A file that becomes shorter gives errors then,
                     too: the library installs a handler of SIGBUS that passes on what is not its
                     own. No part of option strings */
} ar_reader_options;

/* Parse an option string; the empty string gives the defaults. AR_INVALID_ARGUMENT. */
AR_API ar_code ar_writer_options_parse(const char* text, size_t text_size, ar_writer_options* out,
                                       ar_error* error);
AR_API ar_code ar_reader_options_parse(const char* text, size_t text_size, ar_reader_options* out,
                                       ar_error* error);

/* Stores the full option string, as it is recorded in files, in `out`: cut to `out_size`, always
 * terminated. AR_INVALID_ARGUMENT if a value is out of range. */
AR_API ar_code ar_writer_options_format(const ar_writer_options* options, char* out,
                                        size_t out_size, ar_error* error);

/* ---- Reading ----------------------------------------------------------------------------------
 */

typedef struct ar_reader ar_reader;
typedef struct ar_plan ar_plan;
typedef struct ar_cursor ar_cursor;

/* Opens a file by name; options NULL are the defaults. AR_INVALID_ARGUMENT (options), AR_NOT_FOUND,
 * AR_IO, AR_TRUNCATED, AR_NOT_ARRAYRECORD, AR_DATA_LOSS, AR_UNIMPLEMENTED, AR_RESOURCE_EXHAUSTED.
 */
AR_API ar_code ar_reader_open(const char* path, const ar_reader_options* options,
                              ar_reader** reader, ar_error* error);

/* Like ar_reader_open, for an open file descriptor of a file that can be read by position. The
 * descriptor stays the caller's and must stay open until the reader is freed. */
AR_API ar_code ar_reader_open_fd(int fd, const ar_reader_options* options, ar_reader** reader,
                                 ar_error* error);

/* Frees a reader. No other thread may be using it. */
AR_API void ar_reader_free(ar_reader* reader);

AR_API uint64_t ar_reader_num_records(const ar_reader* reader);

/* The number of records in each chunk but the last, 0 for a file without records. */
AR_API uint64_t ar_reader_record_group_size(const ar_reader* reader);

/* The sum of the sizes of all records as the index has it: for guesses, as nothing has checked it.
 */
AR_API uint64_t ar_reader_claimed_size(const ar_reader* reader);

/* The writer's option string as recorded in the file. NULL if the file has none (files from before
 * October 2022). Lives as long as the reader. */
AR_API const char* ar_reader_writer_options(const ar_reader* reader, size_t* size);

/* Reads one record into `dst`. Stores its size in `size` also when the answer is
 * AR_BUFFER_TOO_SMALL; `dst` then holds nothing of use. AR_OUT_OF_RANGE, AR_DATA_LOSS, AR_IO,
 * AR_UNIMPLEMENTED. Readers without a file (ar_reader_open_index) give AR_FAILED_PRECONDITION. */
AR_API ar_code ar_reader_get(const ar_reader* reader, uint64_t record, void* dst, size_t dst_size,
                             size_t* size, ar_error* error);

/* Reads records [begin, end) of a reader with a file, in order, as many as `dst` has room for.
 * Record begin + i comes to lie at [offsets[i], offsets[i + 1]) of `dst`, without gaps; `offsets`
 * has room for end - begin + 1 numbers. `num_read` tells how many records there are now. If the
 * next ones, those of one chunk, do not fit, `size_of_next` is what they take, else 0. After a
 * failure, too, the records that `num_read` tells of are good. The work is done on the calling
 * thread. AR_OUT_OF_RANGE, AR_DATA_LOSS, AR_IO, AR_UNIMPLEMENTED, AR_RESOURCE_EXHAUSTED,
 * AR_FAILED_PRECONDITION (no file). */
AR_API ar_code ar_reader_read_range(const ar_reader* reader, uint64_t begin, uint64_t end,
                                    void* dst, size_t dst_size, uint64_t* offsets,
                                    uint64_t* num_read, size_t* size_of_next, ar_error* error);

/* The same for `n` records by number. Numbers may repeat but not decrease: AR_INVALID_ARGUMENT. */
AR_API ar_code ar_reader_read_sorted(const ar_reader* reader, const uint64_t* records, size_t n,
                                     void* dst, size_t dst_size, uint64_t* offsets,
                                     uint64_t* num_read, size_t* size_of_next, ar_error* error);

/* Reads of records in any order, on several threads, or from elsewhere than a file, are plans that
 * go through three steps, so that the caller can allocate exactly what is needed: make it, load it,
 * decode it.
 *
 * ar_plan_range plans records [begin, end), ar_plan_indices any record numbers in any order, with
 * repetitions. Nothing is read yet. AR_OUT_OF_RANGE. */
AR_API ar_code ar_plan_range(const ar_reader* reader, uint64_t begin, uint64_t end, ar_plan** plan,
                             ar_error* error);
AR_API ar_code ar_plan_indices(const ar_reader* reader, const uint64_t* records, size_t n,
                               ar_plan** plan, ar_error* error);

/* Reads and verifies the chunks of the plan, on up to `parallelism` threads (0: one per
 * processor), and finds the sizes of the records. AR_DATA_LOSS, AR_IO, AR_UNIMPLEMENTED,
 * AR_RESOURCE_EXHAUSTED. */
AR_API ar_code ar_plan_load(ar_plan* plan, uint32_t parallelism, ar_error* error);

/* After loading: the sum of the sizes of all records asked for. */
AR_API uint64_t ar_plan_decoded_size(const ar_plan* plan);

/* After loading: decodes all records into `dst`, which must hold ar_plan_decoded_size bytes, in
 * the order asked for and without gaps. Record i lies at [offsets[i], offsets[i + 1]); `offsets`
 * has room for one number more than there are records. A plan can be decoded once. */
AR_API ar_code ar_plan_decode(ar_plan* plan, void* dst, size_t dst_size, uint64_t* offsets,
                              uint32_t parallelism, ar_error* error);

AR_API void ar_plan_free(ar_plan* plan);

/* Reads in order from record `begin` up to `end`, with chunks ahead being loaded and decoded on the
 * pool. Memory is bounded by the readahead options, whatever the size of the file. */
AR_API ar_code ar_cursor_open(const ar_reader* reader, uint64_t begin, uint64_t end,
                              ar_cursor** cursor, ar_error* error);

/* Gives the next record: `*data` stays valid until the next call with this cursor. At the end
 * `*data` is NULL and the answer is AR_OK. After an error every call gives that error again. */
AR_API ar_code ar_cursor_next(ar_cursor* cursor, const void** data, size_t* size, ar_error* error);

AR_API void ar_cursor_free(ar_cursor* cursor);

/* ---- Writing ----------------------------------------------------------------------------------
 */

typedef struct ar_writer ar_writer;

/* Creates a file; options NULL are the defaults. The bytes go to a temporary file beside it;
 * ar_writer_close gives it its name. AR_INVALID_ARGUMENT (options), AR_IO, AR_UNIMPLEMENTED. */
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

/* Finishes the file: the last chunk, the index, the name. The handle must still be freed. */
AR_API ar_code ar_writer_close(ar_writer* writer, ar_error* error);

/* Frees a writer. One that was not closed successfully leaves no file under the name given to
 * ar_writer_create. */
AR_API void ar_writer_free(ar_writer* writer);

/* ---- Optional: sources that the caller reads (objects in a bucket, memory) ---------------------
 */

/* Size of the block at the end of a file that says where the index is. */
#define AR_TAIL_SIZE 65536

/* Finds where the index begins from the last AR_TAIL_SIZE bytes of a file of `file_size` bytes.
 * `head` is the first 64 bytes of the file, or NULL if the caller does not want to read them; they
 * only tell AR_TRUNCATED from AR_NOT_ARRAYRECORD. */
AR_API ar_code ar_index_locate(void* scratch, size_t scratch_size, uint64_t file_size,
                               const void* head, size_t head_size, uint64_t* index_begin,
                               ar_error* error);

/* Opens a reader from the bytes [index_begin, file_size - AR_TAIL_SIZE) of a file. Plans of such a
 * reader are loaded with ar_plan_load_bytes. */
AR_API ar_code ar_reader_open_index(void* scratch, size_t scratch_size, uint64_t index_begin,
                                    uint64_t file_size, const ar_reader_options* options,
                                    ar_reader** reader, ar_error* error);

typedef struct ar_extent {
  uint64_t position;
  uint64_t size;
} ar_extent;

/* The ranges of the file that a plan needs, in increasing order, with ranges at most `max_gap`
 * bytes apart made one. Call it before loading. The extents live as long as the plan. */
AR_API const ar_extent* ar_plan_extents(ar_plan* plan, uint64_t max_gap, size_t* n);

/* Like ar_plan_load, with the bytes of all extents, one after the other, instead of a file. The
 * plan keeps using `scratch` until it is freed. */
AR_API ar_code ar_plan_load_bytes(ar_plan* plan, void* scratch, size_t scratch_size,
                                  uint32_t parallelism, ar_error* error);

/* ---- Optional: metadata ------------------------------------------------------------------------
 */

/* Where a chunk with a serialized RecordsMetadata message lies, if the file has one. Its size is 0
 * if there is no room for one. */
AR_API void ar_reader_metadata_extent(const ar_reader* reader, ar_extent* extent);

/* Decodes the metadata chunk in the bytes of that extent into `dst`, like ar_reader_get. Answers
 * AR_NOT_FOUND if it is some other chunk. AR_DATA_LOSS. */
AR_API ar_code ar_metadata_decode(const void* bytes, size_t bytes_size, void* dst, size_t dst_size,
                                  size_t* size, ar_error* error);

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

/* The end (exclusive) of the shortest run of chunks that begins at `chunk` and spans at least
 * `bytes` bytes of the file, or the number of chunks. */
AR_API uint64_t ar_reader_chunk_run(const ar_reader* reader, uint64_t chunk, uint64_t bytes);

/* Where the chunks [begin, end) lie in the file. AR_OUT_OF_RANGE. */
AR_API ar_code ar_reader_chunk_extent(const ar_reader* reader, uint64_t begin, uint64_t end,
                                      ar_extent* extent, ar_error* error);

/* Appends the chunks [begin, end) of another file without decompressing them; their hashes are
 * verified. Every chunk must have exactly as many records as the writer's group size, except for
 * the last chunk of the file that is being written; the writer must stand at the end of a group.
 * `scratch` holds the bytes of ar_reader_chunk_extent, or is NULL for a reader with a file.
 * AR_FAILED_PRECONDITION, AR_OUT_OF_RANGE, AR_DATA_LOSS, AR_IO. */
AR_API ar_code ar_writer_copy_chunks(ar_writer* writer, const ar_reader* reader, uint64_t begin,
                                     uint64_t end, void* scratch, size_t scratch_size,
                                     ar_error* error);

#ifdef __cplusplus
}
#endif

#endif /* ARRAYRECORD_ARRAYRECORD_H_ */
