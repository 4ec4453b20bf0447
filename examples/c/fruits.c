/* Writes records to a file and reads them back: the C interface from beginning to end.
 *
 * Usage: fruits FILE
 */

#include <arrayrecord.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int fail(const ar_error* error) {
  fprintf(stderr, "%s: %s\n", ar_code_name(error->code), error->message);
  return 1;
}

static int write_file(const char* path, ar_error* error) {
  const char* fruits[] = {"apple", "banana", "cherry"};
  ar_writer_options options;
  ar_writer* writer;
  ar_code code;

  memset(&options, 0, sizeof(options));
  options.struct_size = sizeof(options);
  options.compression = AR_ZSTD;
  code = ar_writer_create(path, &options, &writer, error);
  if (code != AR_OK) return code;
  for (size_t i = 0; i < 3 && code == AR_OK; ++i) {
    const uint64_t size = strlen(fruits[i]);
    code = ar_writer_write(writer, fruits[i], &size, 1, error);
  }
  if (code == AR_OK) code = ar_writer_close(writer, error); /* the file appears now */
  ar_writer_free(writer);
  return code;
}

static int read_file(const char* path, ar_error* error) {
  ar_reader* reader;
  ar_batch* batch; /* may be read any number of times, into the same memory */
  const uint64_t wanted[] = {2, 0};

  if (ar_reader_open(path, NULL, &reader, error) != AR_OK) return error->code;
  printf("%" PRIu64 " records\n", ar_reader_num_records(reader));
  if (ar_batch_create(&batch, error) != AR_OK) {
    ar_reader_free(reader);
    return error->code;
  }
  if (ar_batch_read(batch, reader, wanted, 2, 0, error) != AR_OK) {
    ar_batch_free(batch);
    ar_reader_free(reader);
    return error->code;
  }
  for (size_t i = 0; i < 2; ++i) {
    size_t size;
    const char* record = ar_batch_record(batch, i, &size);
    printf("%" PRIu64 ": %.*s\n", wanted[i], (int)size, record);
  }
  ar_batch_free(batch);
  ar_reader_free(reader);
  return AR_OK;
}

int main(int argc, char** argv) {
  ar_error error;
  if (argc != 2) {
    fprintf(stderr, "Usage: fruits FILE\n");
    return 2;
  }
  if (write_file(argv[1], &error) != AR_OK) return fail(&error);
  if (read_file(argv[1], &error) != AR_OK) return fail(&error);
  return 0;
}
