// arrayrecord.hpp - ArrayRecord files from C++17: a layer over arrayrecord.h, in this header alone.
//
//   arrayrecord::Reader reader("data.arrayrecord");
//   std::string record = reader[7];                      // one record
//   for (std::string_view r : reader.scan()) ...         // all, in order
//   for (std::string_view r : reader.batch({9, 2, 4})) ...
//
//   arrayrecord::Writer writer("out.arrayrecord", {"group_size:1,zstd:3"});
//   writer.write("a record");
//   writer.close();                                      // the file appears now
//
// Errors are exceptions of type arrayrecord::Error. What begins with try_ returns a
// Result instead and throws nothing: it has a value, or an Error.
//
//   arrayrecord::Result<arrayrecord::Reader> r = arrayrecord::Reader::try_open("data.arrayrecord");
//   if (!r) return r.error().message();
//
// Objects own their handles, can be moved and not copied. A Reader may be used by any number of
// threads at once, and the records of a Batch be looked at; the others are for one at a time. A
// Reader must outlive its scans.
#ifndef ARRAYRECORD_ARRAYRECORD_HPP_
#define ARRAYRECORD_ARRAYRECORD_HPP_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "arrayrecord.h"

namespace arrayrecord {
// The core has classes of the same names, which may be in the same program.
inline namespace api {

// Why a call failed: the fields of an ar_error. Where there are no numbers they are AR_NONE.
class Error : public std::exception {
 public:
  explicit Error(const ar_error& error) : error_(error) {}

  const char* what() const noexcept override { return error_.message; }
  ar_code code() const noexcept { return error_.code; }
  const char* code_name() const noexcept { return ar_code_name(error_.code); }
  std::string_view message() const noexcept { return error_.message; }
  int os_errno() const noexcept { return error_.os_errno; }
  uint64_t position() const noexcept { return error_.position; }
  uint64_t chunk() const noexcept { return error_.chunk; }
  uint64_t record() const noexcept { return error_.record; }

 private:
  ar_error error_;
};

// Without exceptions in the program, using a value that is not there ends it.
namespace internal {
[[noreturn]] inline void Throw(const Error& error) {
#if defined(__cpp_exceptions)
  throw error;
#else
  (void)error;
  std::abort();
#endif
}

template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* handle) const { Free(handle); }
};
template <typename T, void (*Free)(T*)>
using Handle = std::unique_ptr<T, Deleter<T, Free>>;
}  // namespace internal

// A value or the Error that came instead.
template <typename T>
class Result {
 public:
  Result(T value) : state_(std::move(value)) {}            // NOLINT: meant to convert
  Result(Error error) : state_(std::move(error)) {}        // NOLINT
  Result(const ar_error& error) : state_(Error(error)) {}  // NOLINT

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  // The value, or the Error thrown.
  T& value() & {
    Check();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    Check();
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    Check();
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }

  // Only without a value.
  const Error& error() const { return *std::get_if<1>(&state_); }

 private:
  void Check() const {
    if (!ok()) internal::Throw(error());
  }

  std::variant<T, Error> state_;
};

// That something was done.
struct Done {};

// Options: those of the struct, as they are, or of an option string such as "group_size:1,zstd:3".
// A string that cannot be understood is reported where the options are used.
class WriterOptions : public ar_writer_options {
 public:
  WriterOptions() : ar_writer_options{} { struct_size = sizeof(ar_writer_options); }
  WriterOptions(const ar_writer_options& options) : ar_writer_options(options) {}  // NOLINT
  WriterOptions(std::string_view text) : WriterOptions() {                         // NOLINT
    ar_error error;
    if (ar_writer_options_parse(text.data(), text.size(), this, &error) != AR_OK) error_ = error;
  }
  WriterOptions(const char* text) : WriterOptions(std::string_view(text)) {}  // NOLINT

  const std::optional<ar_error>& error() const { return error_; }

 private:
  std::optional<ar_error> error_;
};

class ReaderOptions : public ar_reader_options {
 public:
  ReaderOptions() : ar_reader_options{} { struct_size = sizeof(ar_reader_options); }
  ReaderOptions(const ar_reader_options& options) : ar_reader_options(options) {}  // NOLINT
  ReaderOptions(std::string_view text) : ReaderOptions() {                         // NOLINT
    ar_error error;
    if (ar_reader_options_parse(text.data(), text.size(), this, &error) != AR_OK) error_ = error;
  }
  ReaderOptions(const char* text) : ReaderOptions(std::string_view(text)) {}  // NOLINT

  const std::optional<ar_error>& error() const { return error_; }

 private:
  std::optional<ar_error> error_;
};

// Records that were read together, a range of std::string_view that live as long as the batch. It
// may outlive the reader.
class Batch {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator(const Batch* batch, size_t i) : batch_(batch), i_(i) {}
    std::string_view operator*() const { return (*batch_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++i_;
      return before;
    }
    bool operator==(const Iterator& other) const { return i_ == other.i_; }
    bool operator!=(const Iterator& other) const { return i_ != other.i_; }

   private:
    const Batch* batch_;
    size_t i_;
  };

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // i < size().
  std::string_view operator[](size_t i) const {
    size_t size = 0;
    const void* data = ar_batch_record(batch_.get(), i, &size);
    return {static_cast<const char*>(data), size};
  }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size_}; }

 private:
  friend class Reader;
  explicit Batch(ar_batch* batch) : batch_(batch) {}

  internal::Handle<ar_batch, ar_batch_free> batch_;
  size_t size_ = 0;
};

// Goes through records in order, reading ahead.
class Scan {
 public:
  // The next record, until the next call; nothing at the end. After an error every call has it.
  Result<std::optional<std::string_view>> try_next() {
    const void* data = nullptr;
    size_t size = 0;
    ar_error error;
    if (ar_cursor_next(cursor_.get(), &data, &size, &error) != AR_OK) return error;
    if (data == nullptr) return std::optional<std::string_view>();
    return std::optional<std::string_view>({static_cast<const char*>(data), size});
  }
  std::optional<std::string_view> next() { return try_next().value(); }

  // What `for` needs. Throws; each record lives until the next step. Only once.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator() = default;
    explicit Iterator(Scan* scan) : scan_(scan) { ++*this; }
    std::string_view operator*() const { return *record_; }
    const std::string_view* operator->() const { return &*record_; }
    Iterator& operator++() {
      record_ = scan_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    // Only whether both are at the end, or both are not.
    bool operator==(const Iterator& other) const {
      return record_.has_value() == other.record_.has_value();
    }
    bool operator!=(const Iterator& other) const { return !(*this == other); }

   private:
    Scan* scan_ = nullptr;
    std::optional<std::string_view> record_;
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(); }

 private:
  friend class Reader;
  explicit Scan(ar_cursor* cursor) : cursor_(cursor) {}

  internal::Handle<ar_cursor, ar_cursor_free> cursor_;
};

// A file that is open for reading.
class Reader {
 public:
  explicit Reader(const std::string& path, const ReaderOptions& options = {})
      : Reader(try_open(path, options).value()) {}

  static Result<Reader> try_open(const std::string& path, const ReaderOptions& options = {}) {
    if (options.error()) return *options.error();
    ar_reader* reader = nullptr;
    ar_error error;
    if (ar_reader_open(path.c_str(), &options, &reader, &error) != AR_OK) return error;
    return Reader(reader);
  }

  // The number of records.
  uint64_t size() const { return ar_reader_num_records(reader_.get()); }
  bool empty() const { return size() == 0; }
  uint64_t group_size() const { return ar_reader_record_group_size(reader_.get()); }
  // As recorded in the file; empty if it has none. Lives as long as the reader.
  std::string_view writer_options() const {
    size_t size = 0;
    const char* text = ar_reader_writer_options(reader_.get(), &size);
    return text == nullptr ? std::string_view() : std::string_view(text, size);
  }

  // Stores one record in `out`, whose memory is used again.
  Result<Done> try_get(uint64_t record, std::string* out) const {
    // What fits into the memory there, or this many bytes, takes one call.
    constexpr size_t kFirst = 4096;
    // More than this is not made room for on the word of an index that nothing has checked.
    constexpr size_t kMost = size_t{4} << 20;
    out->resize(out->capacity() < kFirst ? kFirst : out->capacity());
    for (;;) {
      size_t size = 0;
      ar_error error;
      const ar_code code =
          ar_reader_get(reader_.get(), record, out->data(), out->size(), &size, &error);
      if (code == AR_OK) {
        out->resize(size);
        return Done();
      }
      const bool larger = code == AR_BUFFER_TOO_SMALL && size > out->size();
      if (larger && size <= kMost) {
        out->resize(size);
        continue;
      }
      out->clear();
      if (!larger) return error;
      Result<Batch> batch = try_batch(&record, 1);
      if (!batch) return batch.error();
      *out = (*batch)[0];
      return Done();
    }
  }
  Result<std::string> try_get(uint64_t record) const {
    std::string out;
    const Result<Done> done = try_get(record, &out);
    if (!done) return done.error();
    return out;
  }
  std::string get(uint64_t record) const { return try_get(record).value(); }
  std::string operator[](uint64_t record) const { return get(record); }

  // Records by number, in any order and with repetitions, on up to `parallelism` threads (0: one
  // per processor).
  Result<Batch> try_batch(const uint64_t* records, size_t n, uint32_t parallelism = 0) const {
    ar_batch* handle = nullptr;
    ar_error error;
    if (ar_batch_create(&handle, &error) != AR_OK) return error;
    Batch batch(handle);
    Result<Done> done = try_read(&batch, records, n, parallelism);
    if (!done) return done.error();
    return batch;
  }
  // The same into a batch, in place of what it has: its memory is used again.
  Result<Done> try_read(Batch* batch, const uint64_t* records, size_t n,
                        uint32_t parallelism = 0) const {
    batch->size_ = 0;
    ar_error error;
    if (ar_batch_read(batch->batch_.get(), reader_.get(), records, n, parallelism, &error) !=
        AR_OK) {
      return error;
    }
    batch->size_ = n;
    return Done();
  }
  Result<Batch> try_batch(const std::vector<uint64_t>& records, uint32_t parallelism = 0) const {
    return try_batch(records.data(), records.size(), parallelism);
  }
  Batch batch(const std::vector<uint64_t>& records, uint32_t parallelism = 0) const {
    return try_batch(records, parallelism).value();
  }
  Batch batch(std::initializer_list<uint64_t> records, uint32_t parallelism = 0) const {
    return try_batch(records.begin(), records.size(), parallelism).value();
  }

  // The records [begin, end) in order.
  Result<Scan> try_scan(uint64_t begin, uint64_t end) const {
    ar_cursor* cursor = nullptr;
    ar_error error;
    if (ar_cursor_open(reader_.get(), begin, end, &cursor, &error) != AR_OK) return error;
    return Scan(cursor);
  }
  Scan scan(uint64_t begin, uint64_t end) const { return try_scan(begin, end).value(); }
  Scan scan() const { return scan(0, size()); }

  // For functions of arrayrecord.h.
  ar_reader* handle() const { return reader_.get(); }

 private:
  explicit Reader(ar_reader* reader) : reader_(reader) {}

  internal::Handle<ar_reader, ar_reader_free> reader_;
};

// A file that is being written. It appears under its name when close has succeeded; a Writer that
// goes before leaves nothing.
class Writer {
 public:
  explicit Writer(const std::string& path, const WriterOptions& options = {})
      : Writer(try_create(path, options).value()) {}

  static Result<Writer> try_create(const std::string& path, const WriterOptions& options = {}) {
    if (options.error()) return *options.error();
    ar_writer* writer = nullptr;
    ar_error error;
    if (ar_writer_create(path.c_str(), &options, &writer, &error) != AR_OK) return error;
    return Writer(writer);
  }

  // Appends a record. After an error every call has it.
  Result<Done> try_write(std::string_view record) {
    const uint64_t size = record.size();
    ar_error error;
    if (ar_writer_write(writer_.get(), record.data(), &size, 1, &error) != AR_OK) return error;
    return Done();
  }
  void write(std::string_view record) { try_write(record).value(); }

  Result<Done> try_close() {
    ar_error error;
    if (ar_writer_close(writer_.get(), &error) != AR_OK) return error;
    return Done();
  }
  void close() { try_close().value(); }

  // For functions of arrayrecord.h.
  ar_writer* handle() const { return writer_.get(); }

 private:
  explicit Writer(ar_writer* writer) : writer_(writer) {}

  internal::Handle<ar_writer, ar_writer_free> writer_;
};

}  // namespace api
}  // namespace arrayrecord

#endif  // ARRAYRECORD_ARRAYRECORD_HPP_
