// arrayrecord.h over the public C++ classes of google/array_record, for builds that have that
// library and Riegeli already. docs/upstream.md says how to build it and what it cannot do; the
// functions under "Optional" in the header are among that.
//
// Upstream's objects are thread-compatible only, so every thread that reads takes one for itself
// out of those that its ar_reader has idle. The writer encodes on the calling thread: given a pool,
// upstream's queues chunks without bound.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "arrayrecord.h"
#include "cpp/array_record_reader.h"
#include "cpp/array_record_writer.h"
#include "cpp/thread_pool.h"
#include "riegeli/base/maker.h"
#include "riegeli/bytes/buffered_writer.h"
#include "riegeli/bytes/fd_handle.h"
#include "riegeli/bytes/fd_reader.h"
#include "riegeli/bytes/writer.h"
#include "riegeli/chunk_encoding/constants.h"

namespace {

using Reader = array_record::ArrayRecordReader<riegeli::FdReader<riegeli::UnownedFd>>;
using Writer = array_record::ArrayRecordWriter<riegeli::Writer*>;

// ---- Errors
// --------------------------------------------------------------------------------------

struct Error {
  ar_code code;
  std::string message;
  int os_errno = 0;
  uint64_t chunk = AR_NONE;
  uint64_t record = AR_NONE;
};

ar_code Fill(ar_error* out, ar_code code, const char* message, const Error* error = nullptr) {
  if (out == nullptr) return code;
  out->code = code;
  out->os_errno = error != nullptr ? error->os_errno : 0;
  out->position = AR_NONE;
  out->chunk = error != nullptr ? error->chunk : AR_NONE;
  out->record = error != nullptr ? error->record : AR_NONE;
  std::snprintf(out->message, sizeof(out->message), "%s", message);
  return code;
}

// The wall that no exception passes.
template <typename Body>
ar_code Guard(ar_error* out, Body body) noexcept {
  try {
    body();
    return AR_OK;
  } catch (const Error& error) {
    return Fill(out, error.code, error.message.c_str(), &error);
  } catch (const std::bad_alloc&) {
    return Fill(out, AR_RESOURCE_EXHAUSTED, "out of memory");
  } catch (const std::length_error&) {
    return Fill(out, AR_RESOURCE_EXHAUSTED, "larger than memory can be");
  } catch (const std::exception& error) {
    return Fill(out, AR_INTERNAL, error.what());
  } catch (...) {
    return Fill(out, AR_INTERNAL, "unknown exception");
  }
}

ar_code NotThere(ar_error* out) {
  return Fill(out, AR_UNIMPLEMENTED, "upstream's classes cannot do that");
}

// AR_IO even for ENOENT: what is missing is not the file that the caller asked for.
[[noreturn]] void FailIo(int os_errno, const std::string& what) {
  throw Error{AR_IO, what + ": " + std::generic_category().message(os_errno), os_errno};
}

[[noreturn]] void FailOs(int os_errno, const std::string& what) {
  if (os_errno != ENOENT) FailIo(os_errno, what);
  throw Error{AR_NOT_FOUND, what + ": " + std::generic_category().message(os_errno), os_errno};
}

std::string Text(const absl::Status& status) {
  // Some failures of upstream say that all is well.
  return status.ok() ? "upstream gives no reason" : std::string(status.message());
}

// What a failure means while a file is read, whose system calls Riegeli has turned into codes.
Error ReadError(const absl::Status& status, const std::string& name) {
  Error error{AR_DATA_LOSS, (name.empty() ? "" : name + ": ") + Text(status)};
  switch (status.code()) {
    case absl::StatusCode::kUnimplemented:
      error.code = AR_UNIMPLEMENTED;
      break;
    case absl::StatusCode::kResourceExhausted:
      error.code = AR_RESOURCE_EXHAUSTED;
      break;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnknown:
      error.code = AR_IO;
      error.os_errno = EIO;
      break;
    default:  // Upstream calls most damage an invalid argument.
      break;
  }
  return error;
}

// ---- Threads
// -------------------------------------------------------------------------------------

std::atomic<uint32_t> max_threads{0};

// How many threads may work together where `wanted` were asked for; 0 is as many as there are.
uint32_t Threads(uint32_t wanted) {
  const uint32_t processors = std::max(1u, std::thread::hardware_concurrency());
  const uint32_t limit = max_threads.load(std::memory_order_relaxed);
  return std::min(wanted == 0 ? processors : wanted, limit == 0 ? processors : limit);
}

// Upstream's pool, but null in a child of fork, which has none of its threads.
array_record::ARThreadPool* Pool() {
  static const pid_t owner = getpid();
  return getpid() == owner ? array_record::ArrayRecordGlobalPool() : nullptr;
}

// Calls work(0) ... work(n - 1), each on a thread of its own, the first on the calling one. Throws
// what the first of them threw that did.
void OnThreads(size_t n, const std::function<void(size_t)>& work) {
  std::vector<std::exception_ptr> failures(n);
  const auto guarded = [&](size_t i) {
    try {
      work(i);
    } catch (...) {
      failures[i] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(n);
  for (size_t i = 1; i < n; ++i) {
    try {
      threads.emplace_back(guarded, i);
    } catch (const std::system_error&) {
      guarded(i);
    }
  }
  guarded(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure != nullptr) std::rethrow_exception(failure);
  }
}

// ---- Options
// -------------------------------------------------------------------------------------

// Copies as much of an option struct as both sides know. What only the caller knows must be zero.
template <typename Options>
Options TakeKnown(const Options* in) {
  Options out = {};
  if (in == nullptr) return out;
  uint32_t size;
  std::memcpy(&size, in, sizeof(size));
  if (size < sizeof(size)) throw Error{AR_INVALID_ARGUMENT, "struct_size of options is not set"};
  const auto* bytes = reinterpret_cast<const uint8_t*>(in);
  if (size > sizeof(out) &&
      std::any_of(bytes + sizeof(out), bytes + size, [](uint8_t b) { return b != 0; })) {
    throw Error{AR_INVALID_ARGUMENT, "options that this version of the library does not know"};
  }
  std::memcpy(&out, bytes, std::min<size_t>(size, sizeof(out)));
  return out;
}

template <typename Options>
void GiveKnown(Options known, Options* out) {
  uint32_t size;
  std::memcpy(&size, out, sizeof(size));
  if (size < sizeof(size)) throw Error{AR_INVALID_ARGUMENT, "struct_size of options is not set"};
  known.struct_size = size;
  std::memset(out, 0, size);
  std::memcpy(out, &known, std::min<size_t>(size, sizeof(known)));
}

// Whether an option string has a key. Upstream's defaults have changed over time, those of the
// header have not, so what is not said must be known.
bool Says(absl::string_view text, absl::string_view key) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const absl::string_view piece = text.substr(0, comma);
    if (piece.substr(0, std::min(piece.find(':'), piece.size())) == key) return true;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return false;
}

template <typename Options>
Options Parse(absl::string_view text) {
  absl::StatusOr<Options> options = Options::FromString(text);
  if (!options.ok()) throw Error{AR_INVALID_ARGUMENT, Text(options.status())};
  return *std::move(options);
}

constexpr uint32_t kDefaultGroupSize = 1;

Writer::Options ParseWriterOptions(absl::string_view text) {
  auto options = Parse<Writer::Options>(text);
  if (!Says(text, "group_size")) options.set_group_size(kDefaultGroupSize);
  if (!Says(text, "pad_to_block_boundary")) options.set_pad_to_block_boundary(false);
  return options;
}

// The struct as an option string, so that it is upstream that checks it.
std::string ToText(const ar_writer_options& in) {
  // In C an enum holds any int; here only its own numbers may be looked at as one.
  int compression;
  std::memcpy(&compression, &in.compression, sizeof(compression));
  const char* codec = compression == AR_UNCOMPRESSED ? "uncompressed"
                      : compression == AR_BROTLI     ? "brotli"
                      : compression == AR_SNAPPY     ? "snappy"
                      : compression == AR_ZSTD || compression == AR_DEFAULT_COMPRESSION ? "zstd"
                                                                                        : nullptr;
  if (codec == nullptr) {
    throw Error{AR_INVALID_ARGUMENT, "unknown compression " + std::to_string(compression)};
  }
  std::string text = codec;
  if (in.level != 0 && compression != AR_UNCOMPRESSED)
    text += ":" + std::to_string(in.level == AR_LEVEL_0 ? 0 : in.level);
  const auto add = [&](const char* key, uint64_t value) {
    if (value != 0) text += std::string(",") + key + ":" + std::to_string(value);
  };
  add("group_size", in.group_size);
  add("max_parallelism", in.max_parallelism);
  add("saturation_delay_ms", in.saturation_delay_ms);
  add("transpose_bucket_size", in.transpose_bucket_size);
  if (in.window_log != 0) text += ",window_log:" + std::to_string(in.window_log);
  if (in.transpose != 0) text += ",transpose";
  if (in.pad_to_block_boundary != 0) text += ",pad_to_block_boundary:true";
  return text;
}

ar_compression CodecOf(riegeli::CompressionType type) {
  switch (type) {
    case riegeli::CompressionType::kBrotli:
      return AR_BROTLI;
    case riegeli::CompressionType::kZstd:
      return AR_ZSTD;
    case riegeli::CompressionType::kSnappy:
      return AR_SNAPPY;
    case riegeli::CompressionType::kNone:
      break;
  }
  return AR_UNCOMPRESSED;
}

constexpr uint64_t kMaxReadahead = uint64_t{1} << 30;

// The options of a reader, checked.
ar_reader_options CheckReaderOptions(const ar_reader_options* in) {
  ar_reader_options options = TakeKnown(in);
  if (options.readahead_buffer_size > kMaxReadahead) {
    throw Error{AR_INVALID_ARGUMENT, "Option readahead_buffer_size: more than 1G"};
  }
  if (options.footer_prefetch_bytes > kMaxReadahead) {
    throw Error{AR_INVALID_ARGUMENT, "Option footer_prefetch_bytes: more than 1G"};
  }
  if (options.max_parallelism > INT32_MAX) {
    throw Error{AR_INVALID_ARGUMENT, "Option max_parallelism: more than 2^31 - 1"};
  }
  if (options.offloaded_index != 0 && options.footer_prefetch_bytes > 1) {
    throw Error{AR_INVALID_ARGUMENT,
                "footer_prefetch_bytes > 0 is only supported with index_storage_option:in_memory."};
  }
  return options;
}

// ---- Reading
// -------------------------------------------------------------------------------------

constexpr uint64_t kBlockSize = 65536;

// What every file of Riegeli/records begins with: a block header, and a chunk of type 's'.
constexpr uint8_t kSignature[] = {
    0x83, 0xaf, 0x70, 0xd1, 0x0d, 0x88, 0x4a, 0x3f, 0,    0,    0,    0,    0,    0,    0,    0,
    0x40, 0,    0,    0,    0,    0,    0,    0,    0x91, 0xba, 0xc2, 0x3c, 0x92, 0x87, 0xe1, 0xa9,
    0,    0,    0,    0,    0,    0,    0,    0,    0xe1, 0x9f, 0x13, 0xc0, 0xe9, 0xb1, 0xc3, 0x72,
    0x73, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0};

bool ReadAt(int fd, uint64_t position, uint8_t* out, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = pread(fd, out + done, size - done, static_cast<off_t>(position + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// Which kind of failure it is that upstream cannot open a file: it has one code for all.
ar_code CodeOfFailedOpen(int fd, uint64_t size) {
  uint8_t head[sizeof(kSignature)];
  if (!ReadAt(fd, 0, head, sizeof(head)) || std::memcmp(head, kSignature, sizeof(head)) != 0) {
    return AR_NOT_ARRAYRECORD;
  }
  // The last block of a whole file holds a chunk with one record. Its type and number of records
  // are bytes 48 to 55.
  constexpr uint8_t kOneRecord[] = {'r', 1, 0, 0, 0, 0, 0, 0};
  uint8_t tail[56];
  if (size < 2 * kBlockSize || size % kBlockSize != 0 ||
      !ReadAt(fd, size - kBlockSize, tail, sizeof(tail)) ||
      std::memcmp(tail + 48, kOneRecord, sizeof(kOneRecord)) != 0) {
    return AR_TRUNCATED;
  }
  return AR_DATA_LOSS;
}

}  // namespace

struct ar_reader {
  ~ar_reader() {
    idle.clear();
    if (fd >= 0) close(fd);
  }

  // Makes one of upstream's readers. One without readahead decodes a chunk at a time.
  std::unique_ptr<Reader> Make(uint64_t readahead, uint32_t threads) const {
    Reader::Options o;
    o.set_readahead_buffer_size(readahead);
    o.set_max_parallelism(threads);
    if (options.offloaded_index != 0) {
      o.set_index_storage_option(Reader::Options::IndexStorageOption::kOffloaded);
    }
    auto reader = std::make_unique<Reader>(
        riegeli::Maker(riegeli::UnownedFd(fd),
                       riegeli::FdReaderBase::Options().set_independent_pos(0)),
        o, threads > 1 ? Pool() : nullptr);
    if (!reader->ok()) throw ReadError(reader->status(), name);
    return reader;
  }

  std::unique_ptr<Reader> Take() const {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!idle.empty()) {
        std::unique_ptr<Reader> reader = std::move(idle.back());
        idle.pop_back();
        return reader;
      }
    }
    return Make(0, 1);
  }

  // One that has failed once does so for ever; and each keeps an index and a chunk.
  void GiveBack(std::unique_ptr<Reader> reader) const {
    if (!reader->ok()) return;
    const std::lock_guard<std::mutex> lock(mutex);
    if (idle.size() < Threads(0)) idle.push_back(std::move(reader));
  }

  // Reads a record; what it gives lives until the next call with `from`.
  absl::string_view Read(Reader* from, uint64_t record) const {
    absl::string_view value;
    if (from->SeekRecord(record) && from->ReadRecord(&value)) return value;
    Error error = ReadError(from->status(), name);
    error.record = record;
    error.chunk = record / group_size;
    throw error;
  }

  void CheckRecord(uint64_t record) const {
    if (record < num_records) return;
    Error error{AR_OUT_OF_RANGE, "record " + std::to_string(record) + " of a file with " +
                                     std::to_string(num_records)};
    error.record = record;
    throw error;
  }

  void CheckRange(uint64_t begin, uint64_t end) const {
    if (begin <= end && end <= num_records) return;
    throw Error{AR_OUT_OF_RANGE, "records [" + std::to_string(begin) + ", " + std::to_string(end) +
                                     ") of a file with " + std::to_string(num_records)};
  }

  std::string name;  // empty if opened by descriptor
  int fd = -1;
  ar_reader_options options = {};
  uint64_t num_records = 0;
  uint64_t group_size = 0;
  std::optional<std::string> writer_options;

 private:
  mutable std::mutex mutex;
  mutable std::vector<std::unique_ptr<Reader>> idle;
};

namespace {

// One of upstream's readers, for as long as this lives.
class Lease {
 public:
  explicit Lease(const ar_reader& owner) : owner_(&owner), reader_(owner.Take()) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { owner_->GiveBack(std::move(reader_)); }

  absl::string_view Read(uint64_t record) const { return owner_->Read(reader_.get(), record); }

 private:
  const ar_reader* owner_;
  std::unique_ptr<Reader> reader_;
};

void CopyTo(void* dst, size_t at, absl::string_view value) {
  if (!value.empty()) std::memcpy(static_cast<char*>(dst) + at, value.data(), value.size());
}

template <typename Open>
ar_code OpenReader(const ar_reader_options* options, const char* name, ar_reader** out,
                   ar_error* error, Open open_file) {
  return Guard(error, [&] {
    auto reader = std::make_unique<ar_reader>();
    reader->options = CheckReaderOptions(options);
    constexpr uint64_t kGiB = uint64_t{1} << 30;
    const auto limited = [](uint64_t given, uint64_t by_default) {
      return given != 0 && given != by_default;
    };
    if (reader->options.mapped != 0 || limited(reader->options.max_record_size, 2 * kGiB) ||
        limited(reader->options.max_chunk_size, 4 * kGiB)) {
      throw Error{AR_UNIMPLEMENTED, "upstream's classes have no mapping and no limits"};
    }
    reader->name = name;
    reader->fd = open_file();
    struct stat info;
    if (fstat(reader->fd, &info) != 0) FailOs(errno, "cannot get the size of the file");
    if (!S_ISREG(info.st_mode)) {
      throw Error{AR_INVALID_ARGUMENT, "not a regular file; records are read by position"};
    }
    try {
      std::unique_ptr<Reader> first = reader->Make(0, 1);
      reader->num_records = first->NumRecords();
      reader->group_size = first->RecordGroupSize();
      reader->writer_options = first->WriterOptionsString();
      // Upstream would divide by it.
      if (reader->num_records != 0 && reader->group_size == 0) {
        throw Error{AR_DATA_LOSS, "records, but none in the first chunk"};
      }
      reader->GiveBack(std::move(first));
    } catch (Error& failure) {
      if (failure.code == AR_DATA_LOSS) {
        failure.code = CodeOfFailedOpen(reader->fd, static_cast<uint64_t>(info.st_size));
      }
      throw;
    }
    *out = reader.release();
  });
}

}  // namespace

// Records in increasing order, read a chunk at a time: what is wanted of it lies in `staged_` until
// it has been handed out.
struct ar_read {
 public:
  ar_read(const ar_reader* reader, uint64_t begin, uint64_t end)
      : reader_(reader), begin_(begin), size_(end - std::min(begin, end)) {
    reader_->CheckRange(begin, end);
  }
  ar_read(const ar_reader* reader, const uint64_t* records, size_t n)
      : reader_(reader), records_(records, records + n), size_(n) {
    for (size_t i = 0; i < n; ++i) {
      reader_->CheckRecord(records[i]);
      if (i > 0 && records[i] < records[i - 1]) {
        throw Error{AR_INVALID_ARGUMENT, "the record numbers decrease"};
      }
    }
  }

  void Next(void* dst, size_t dst_size, size_t max_records, uint64_t* offsets, size_t* num_read,
            ar_room* room) {
    offsets[0] = 0;
    size_t used = 0;
    while (*num_read < max_records) {
      if (given_ == sizes_.size()) {
        if (at_ == size_) return;
        if (failure_ == nullptr) Stage();
        if (failure_ != nullptr) std::rethrow_exception(failure_);
      }
      const size_t left = staged_.size() - staged_at_;
      if (left > dst_size - used && *num_read > 0) return TellRoom(room);
      while (given_ < sizes_.size() && *num_read < max_records) {
        const size_t size = sizes_[given_];
        if (size > dst_size - used) return TellRoom(room);
        CopyTo(dst, used, absl::string_view(staged_).substr(staged_at_, size));
        staged_at_ += size;
        used += size;
        ++given_;
        offsets[++*num_read] = used;
      }
    }
  }

 private:
  uint64_t Record(size_t i) const { return records_.empty() ? begin_ + i : records_[i]; }

  // Reads what is wanted of the next chunk, or stores why that cannot be done.
  void Stage() {
    staged_.clear();
    sizes_.clear();
    given_ = staged_at_ = 0;
    try {
      const Lease lease(*reader_);
      const uint64_t chunk = Record(at_) / reader_->group_size;
      size_t end = at_;
      for (; end < size_ && Record(end) / reader_->group_size == chunk; ++end) {
        const absl::string_view value = lease.Read(Record(end));
        staged_.append(value.data(), value.size());
        sizes_.push_back(value.size());
      }
      at_ = end;
    } catch (...) {
      sizes_.clear();
      failure_ = std::current_exception();
    }
  }

  void TellRoom(ar_room* room) const { *room = {sizes_[given_], staged_.size() - staged_at_}; }

  const ar_reader* reader_;  // may have gone, but for Next
  uint64_t begin_ = 0;
  std::vector<uint64_t> records_;  // empty for a range
  size_t size_;
  size_t at_ = 0;  // the first that is not staged
  std::string staged_;
  std::vector<size_t> sizes_;
  size_t given_ = 0;
  size_t staged_at_ = 0;
  std::exception_ptr failure_;
};

struct ar_batch {
  // What a record took that is larger goes back to the system.
  static constexpr size_t kMaxKept = size_t{32} << 20;

  void Read(const ar_reader& reader, const uint64_t* records, size_t n, uint32_t parallelism) {
    size = 0;
    for (size_t i = 0; i < n; ++i) reader.CheckRecord(records[i]);
    if (values.size() < n) values.resize(n);
    for (std::string& value : values) {
      if (value.capacity() > kMaxKept) std::string().swap(value);
    }
    // In order, so that each chunk is decoded by one thread, once.
    order.resize(n);
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return records[a] < records[b]; });
    constexpr size_t kWorthAThread = 16;
    const size_t parts =
        std::max<size_t>(1, std::min<size_t>(Threads(parallelism), n / kWorthAThread));
    OnThreads(parts, [&](size_t part) {
      const Lease lease(reader);
      for (size_t i = part * n / parts; i < (part + 1) * n / parts; ++i) {
        const absl::string_view value = lease.Read(records[order[i]]);
        values[order[i]].assign(value.data(), value.size());
      }
    });
    size = n;
  }

  std::vector<std::string> values;
  std::vector<size_t> order;
  size_t size = 0;
};

struct ar_cursor {
  const ar_reader* owner;
  std::unique_ptr<Reader> reader;
  uint64_t at, end;
  std::optional<Error> failure;
};

// ---- Files that appear under their name when they are complete
// -----------------------------------

namespace {

template <typename Call>
int IgnoringEintr(Call call) {
  int result;
  do {
    result = call();
  } while (result != 0 && errno == EINTR);
  return result;
}

std::string RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> found(realpath(path.c_str(), nullptr),
                                                          &std::free);
  return found == nullptr ? std::string() : std::string(found.get());
}

// A hidden file in the directory of its target, locked while it is written.
class NamedFile {
 public:
  NamedFile(const std::string& path, bool replace, bool sync)
      : path_(path), replace_(replace), sync_(sync) {
    const size_t slash = path.rfind('/');
    const std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
    if (base.empty() || base == "." || base == "..") {
      throw Error{AR_INVALID_ARGUMENT, "cannot create " + path + ": the name ends in a directory"};
    }
    struct stat info;
    if (lstat(path.c_str(), &info) == 0) {
      if (!replace) Fail(EEXIST, "create");
      // Renaming over a symbolic link would replace the link, and over /dev/stdout the device.
      if (stat(path.c_str(), &info) != 0) Fail(errno, "create");
      if (!S_ISREG(info.st_mode)) Fail(S_ISDIR(info.st_mode) ? EISDIR : EINVAL, "replace");
      target_ = RealPath(path);
      if (target_.empty()) Fail(errno, "create");
      directory_ = target_.substr(0, target_.rfind('/') + 1);
    } else {
      if (errno != ENOENT) Fail(errno, "create");
      directory_ = RealPath(slash == std::string::npos ? "." : path.substr(0, slash + 1));
      if (directory_.empty()) Fail(errno, "create");
      if (directory_.back() != '/') directory_ += '/';
      target_ = directory_ + base;
    }
    std::random_device random;
    temporary_ = directory_ + ".arrayrecord-";
    for (int i = 0; i < 26; ++i) temporary_ += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[random() % 32];
    temporary_ += ".tmp";
    fd_ = open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) {
      const int failed = errno;
      temporary_.clear();
      Fail(failed, "create");
    }
    // Where there are no locks it is not locked.
    (void)IgnoringEintr([&] { return flock(fd_, LOCK_EX | LOCK_NB); });
    try {
      KeepPermissions();
    } catch (...) {
      Drop();
      throw;
    }
  }
  NamedFile(const NamedFile&) = delete;
  NamedFile& operator=(const NamedFile&) = delete;
  ~NamedFile() { Drop(); }

  int fd() const { return fd_; }

  // Gives the file its name. When that fails nothing of it is left, but for one that has replaced
  // another, if only syncing the directory fails.
  void Publish() {
    const bool replaces = KeepPermissions();
    if (sync_ && IgnoringEintr([&] { return fsync(fd_); }) != 0) Fail(errno, "sync");
    // A network file system reports here what it reports when a file is closed; the lock stays.
    const int copy = fcntl(fd_, F_DUPFD_CLOEXEC, 0);
    if (copy < 0 || close(copy) != 0) Fail(errno, "close");
    // Only links know that a name is taken; Drop takes the other name away.
    if (replace_ ? std::rename(temporary_.c_str(), target_.c_str()) != 0
                 : link(temporary_.c_str(), target_.c_str()) != 0) {
      Fail(errno, "name");
    }
    if (replace_) temporary_.clear();
    if (sync_) SyncDirectory(replaces);
    Drop();
  }

 private:
  [[noreturn]] void Fail(int os_errno, const char* what) const {
    FailOs(os_errno, std::string("cannot ") + what + " " + path_);
  }

  // Gives the file the permissions of the one that it will replace. Whether there is one.
  bool KeepPermissions() const {
    struct stat old;
    if (lstat(target_.c_str(), &old) != 0) {
      if (errno != ENOENT) Fail(errno, "create");
      return false;
    }
    if (S_ISREG(old.st_mode) && fchmod(fd_, old.st_mode & 0777) != 0) {
      Fail(errno, "keep the permissions of");
    }
    return true;
  }

  void SyncDirectory(bool replaces) const {
    const int fd = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 ? errno : 0;
    if (fd >= 0) {
      if (IgnoringEintr([&] { return fsync(fd); }) != 0) failed = errno;
      close(fd);
      // Some file systems know no such thing. It says nothing about the disk.
      if (failed == EINVAL || failed == EOPNOTSUPP) failed = 0;
    }
    if (failed == 0) return;
    if (!replaces) unlink(target_.c_str());
    Fail(failed, "sync the directory of");
  }

  // The hidden name goes first: while there is one the file is locked.
  void Drop() {
    if (!temporary_.empty()) unlink(temporary_.c_str());
    temporary_.clear();
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

  const std::string path_;  // as asked for
  const bool replace_, sync_;
  std::string directory_;  // ends in a slash
  std::string target_;     // symbolic links resolved
  std::string temporary_;  // the hidden name, empty while there is none
  int fd_ = -1;
};

// ---- Writing
// -------------------------------------------------------------------------------------

// Writes to a descriptor or, if that is -1, to memory. Unlike Riegeli's own writers it keeps errno.
class Sink : public riegeli::BufferedWriter {
 public:
  explicit Sink(int fd) : BufferedWriter(riegeli::BufferOptions()), fd_(fd) {}

  int os_errno() const { return os_errno_; }
  std::string memory;

 protected:
  bool WriteInternal(absl::string_view src) override {
    if (fd_ < 0) {
      try {
        memory.append(src.data(), src.size());
      } catch (const std::exception&) {
        return Fail(absl::ResourceExhaustedError("out of memory"));
      }
      move_start_pos(src.size());
      return true;
    }
    while (!src.empty()) {
      const ssize_t n = ::write(fd_, src.data(), std::min<size_t>(src.size(), 1 << 30));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        os_errno_ = errno;
        return Fail(
            absl::UnknownError("cannot write: " + std::generic_category().message(os_errno_)));
      }
      src.remove_prefix(static_cast<size_t>(n));
      move_start_pos(static_cast<size_t>(n));
    }
    return true;
  }

 private:
  const int fd_;
  int os_errno_ = 0;
};

}  // namespace

struct ar_writer {
 public:
  ar_writer(const ar_writer_options* options, int fd)
      : ar_writer(TakeKnown(options), fd, nullptr) {}
  ar_writer(const ar_writer_options* options, const char* path)
      : ar_writer(TakeKnown(options), -1, path) {}

  void Write(const void* data, const uint64_t* sizes, size_t n) {
    CheckOpen();
    const char* record = static_cast<const char*>(data);
    for (size_t i = 0; i < n; record += sizes[i++]) {
      if (!upstream_.WriteRecord(absl::string_view(sizes[i] > 0 ? record : "", sizes[i]))) Fail();
    }
  }

  void Close() {
    CheckOpen();
    closed_ = true;
    if (!upstream_.Close() || !sink_.Close()) Fail();
    try {
      if (file_ != nullptr) file_->Publish();
    } catch (const Error& error) {
      file_.reset();
      failure_ = error;
      throw;
    }
  }

  size_t Take(void* dst, size_t size) {
    std::string& memory = sink_.memory;
    if (dst == nullptr) return memory.size() - taken_;
    const size_t n = std::min(size, memory.size() - taken_);
    CopyTo(dst, 0, absl::string_view(memory).substr(taken_, n));
    taken_ += n;
    if (taken_ == memory.size()) {
      memory.clear();
      taken_ = 0;
    }
    return n;
  }

 private:
  // Options are checked before there is a file.
  ar_writer(const ar_writer_options& options, int fd, const char* path)
      : options_(ParseWriterOptions(ToText(options))),
        file_(path == nullptr ? nullptr
                              : std::make_unique<NamedFile>(path, options.no_overwrite == 0,
                                                            options.no_sync == 0)),
        sink_(file_ != nullptr ? file_->fd() : fd),
        upstream_(&sink_, options_, nullptr) {
    if (!upstream_.ok()) Fail();
  }

  void CheckOpen() const {
    if (failure_.has_value()) throw *failure_;
    if (closed_) throw Error{AR_FAILED_PRECONDITION, "the writer has been closed"};
  }

  [[noreturn]] void Fail() {
    const absl::Status status = upstream_.ok() ? sink_.status() : upstream_.status();
    Error error{AR_INTERNAL, Text(status)};
    if (sink_.os_errno() != 0) {
      error.code = AR_IO;
      error.os_errno = sink_.os_errno();
    } else if (absl::IsResourceExhausted(status)) {
      error.code = AR_RESOURCE_EXHAUSTED;
    }
    file_.reset();
    failure_ = error;
    throw error;
  }

  const Writer::Options options_;
  std::unique_ptr<NamedFile> file_;
  Sink sink_;
  Writer upstream_;
  bool closed_ = false;
  size_t taken_ = 0;
  std::optional<Error> failure_;
};

namespace {

template <typename Target>
ar_code CreateWriter(Target target, const ar_writer_options* options, ar_writer** writer,
                     ar_error* error) {
  return Guard(error, [&] { *writer = new ar_writer(options, target); });
}

}  // namespace

// ---- The header: the library
// ---------------------------------------------------------------------

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

uint64_t ar_capabilities(void) { return 0; }

void ar_set_max_threads(uint32_t threads) { max_threads = threads; }

// What upstream's readers keep is no cache whose size could be set or asked for.
void ar_set_cache_limit(uint64_t) {}

void ar_cache_counts(uint64_t* hits, uint64_t* misses) { *hits = *misses = 0; }

uint64_t ar_kept_memory(void) { return 0; }

// ---- The header: options
// -------------------------------------------------------------------------

ar_code ar_writer_options_parse(const char* text, size_t text_size, ar_writer_options* out,
                                ar_error* error) {
  return Guard(error, [&] {
    const Writer::Options parsed = ParseWriterOptions(absl::string_view(text, text_size));
    ar_writer_options known = {};
    known.group_size = parsed.group_size();
    known.max_parallelism = parsed.max_parallelism().value_or(0);
    known.saturation_delay_ms = parsed.saturation_delay_ms();
    known.transpose_bucket_size = parsed.transpose_bucket_size();
    known.transpose = parsed.transpose();
    known.pad_to_block_boundary = parsed.pad_to_block_boundary();
    known.compression = CodecOf(parsed.compression_type());
    if (known.compression != AR_UNCOMPRESSED) {
      known.level = parsed.compression_level() == 0 ? AR_LEVEL_0 : parsed.compression_level();
    }
    known.window_log = parsed.window_log().value_or(0);
    GiveKnown(known, out);
  });
}

ar_code ar_reader_options_parse(const char* text, size_t text_size, ar_reader_options* out,
                                ar_error* error) {
  return Guard(error, [&] {
    const absl::string_view options(text, text_size);
    const auto parsed = Parse<Reader::Options>(options);
    ar_reader_options known = {};
    // 0 stands for the default in the struct.
    if (parsed.max_parallelism().has_value()) {
      known.no_readahead = *parsed.max_parallelism() == 0;
      known.max_parallelism = std::max<uint32_t>(*parsed.max_parallelism(), 1);
    }
    if (Says(options, "readahead_buffer_size")) {
      known.readahead_buffer_size = std::max<uint64_t>(parsed.readahead_buffer_size(), 1);
    }
    known.offloaded_index =
        parsed.index_storage_option() == Reader::Options::IndexStorageOption::kOffloaded;
    known.struct_size = sizeof(known);
    CheckReaderOptions(&known);
    GiveKnown(known, out);
  });
}

ar_code ar_writer_options_format(const ar_writer_options* options, char* out, size_t out_size,
                                 ar_error* error) {
  return Guard(error, [&] {
    Writer::Options parsed = ParseWriterOptions(ToText(TakeKnown(options)));
    // As upstream does when it writes.
    if (!parsed.max_parallelism().has_value()) parsed.set_max_parallelism(1);
    if (out_size > 0) out[parsed.ToString().copy(out, out_size - 1)] = '\0';
  });
}

ar_code ar_writer_options_check(const ar_writer_options* options, ar_error* error) {
  return Guard(error, [&] { ParseWriterOptions(ToText(TakeKnown(options))); });
}

ar_code ar_reader_options_check(const ar_reader_options* options, ar_error* error) {
  return Guard(error, [&] { CheckReaderOptions(options); });
}

// ---- The header: reading
// -------------------------------------------------------------------------

ar_code ar_reader_open(const char* path, const ar_reader_options* options, ar_reader** reader,
                       ar_error* error) {
  return OpenReader(options, path, reader, error, [&] {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) FailOs(errno, std::string("cannot open ") + path);
    return fd;
  });
}

ar_code ar_reader_open_fd(int fd, const ar_reader_options* options, ar_reader** reader,
                          ar_error* error) {
  return OpenReader(options, "", reader, error, [&] {
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) FailIo(errno, "cannot duplicate the file descriptor");
    return own;
  });
}

void ar_reader_free(ar_reader* reader) { delete reader; }

uint64_t ar_reader_num_records(const ar_reader* reader) { return reader->num_records; }

uint64_t ar_reader_record_group_size(const ar_reader* reader) { return reader->group_size; }

const char* ar_reader_writer_options(const ar_reader* reader, size_t* size) {
  const auto& options = reader->writer_options;
  *size = options.has_value() ? options->size() : 0;
  return options.has_value() ? options->c_str() : nullptr;
}

ar_code ar_reader_get(const ar_reader* reader, uint64_t record, void* dst, size_t dst_size,
                      size_t* size, ar_error* error) {
  return Guard(error, [&] {
    reader->CheckRecord(record);
    const Lease lease(*reader);
    const absl::string_view value = lease.Read(record);
    *size = value.size();
    if (value.size() > dst_size) {
      Error too_small{AR_BUFFER_TOO_SMALL, "the record is larger than the buffer"};
      too_small.record = record;
      throw too_small;
    }
    CopyTo(dst, 0, value);
  });
}

ar_code ar_read_range(const ar_reader* reader, uint64_t begin, uint64_t end, ar_read** read,
                      ar_error* error) {
  return Guard(error, [&] { *read = new ar_read(reader, begin, end); });
}

ar_code ar_read_sorted(const ar_reader* reader, const uint64_t* records, size_t n, ar_read** read,
                       ar_error* error) {
  return Guard(error, [&] { *read = new ar_read(reader, records, n); });
}

ar_code ar_read_reset_range(ar_read* read, const ar_reader* reader, uint64_t begin, uint64_t end,
                            ar_error* error) {
  return Guard(error, [&] { *read = ar_read(reader, begin, end); });
}

ar_code ar_read_reset_sorted(ar_read* read, const ar_reader* reader, const uint64_t* records,
                             size_t n, ar_error* error) {
  return Guard(error, [&] { *read = ar_read(reader, records, n); });
}

ar_code ar_read_next(ar_read* read, void* dst, size_t dst_size, size_t max_records,
                     uint64_t* offsets, size_t* num_read, ar_room* room, ar_error* error) {
  *num_read = 0;
  *room = {0, 0};
  return Guard(error, [&] { read->Next(dst, dst_size, max_records, offsets, num_read, room); });
}

void ar_read_free(ar_read* read) { delete read; }

ar_code ar_batch_create(ar_batch** batch, ar_error* error) {
  return Guard(error, [&] { *batch = new ar_batch; });
}

ar_code ar_batch_read(ar_batch* batch, const ar_reader* reader, const uint64_t* records, size_t n,
                      uint32_t parallelism, ar_error* error) {
  return Guard(error, [&] { batch->Read(*reader, records, n, parallelism); });
}

const void* ar_batch_record(const ar_batch* batch, size_t i, size_t* size) {
  *size = i < batch->size ? batch->values[i].size() : 0;
  return i < batch->size ? batch->values[i].data() : nullptr;
}

void ar_batch_free(ar_batch* batch) { delete batch; }

ar_code ar_cursor_open(const ar_reader* reader, uint64_t begin, uint64_t end, ar_cursor** cursor,
                       ar_error* error) {
  return Guard(error, [&] {
    reader->CheckRange(begin, end);
    const ar_reader_options& options = reader->options;
    const uint64_t readahead = options.readahead_buffer_size != 0
                                   ? options.readahead_buffer_size
                                   : Reader::Options::kDefaultReadaheadBufferSize;
    const uint32_t threads = options.no_readahead != 0 ? 1 : Threads(options.max_parallelism);
    *cursor = new ar_cursor{reader, reader->Make(readahead, threads), begin, end, std::nullopt};
  });
}

ar_code ar_cursor_next(ar_cursor* cursor, const void** data, size_t* size, ar_error* error) {
  return Guard(error, [&] {
    if (cursor->failure.has_value()) throw *cursor->failure;
    if (cursor->at == cursor->end) {
      *data = nullptr;
      *size = 0;
      return;
    }
    try {
      const absl::string_view value = cursor->owner->Read(cursor->reader.get(), cursor->at);
      *data = value.empty() ? "" : value.data();
      *size = value.size();
      ++cursor->at;
    } catch (const Error& failure) {
      cursor->failure = failure;
      throw;
    }
  });
}

void ar_cursor_free(ar_cursor* cursor) { delete cursor; }

// ---- The header: writing
// -------------------------------------------------------------------------

ar_code ar_writer_create(const char* path, const ar_writer_options* options, ar_writer** writer,
                         ar_error* error) {
  return CreateWriter(path, options, writer, error);
}

ar_code ar_writer_create_fd(int fd, const ar_writer_options* options, ar_writer** writer,
                            ar_error* error) {
  return fd < 0 ? Guard(error, [] { FailIo(EBADF, "cannot write"); })
                : CreateWriter(fd, options, writer, error);
}

ar_code ar_writer_create_memory(const ar_writer_options* options, ar_writer** writer,
                                ar_error* error) {
  return CreateWriter(-1, options, writer, error);
}

ar_code ar_writer_write(ar_writer* writer, const void* data, const uint64_t* sizes, size_t n,
                        ar_error* error) {
  return Guard(error, [&] { writer->Write(data, sizes, n); });
}

size_t ar_writer_take(ar_writer* writer, void* dst, size_t dst_size) {
  return writer->Take(dst, dst_size);
}

ar_code ar_writer_close(ar_writer* writer, ar_error* error) {
  return Guard(error, [&] { writer->Close(); });
}

void ar_writer_free(ar_writer* writer) { delete writer; }

// ---- The header: what is optional
// ----------------------------------------------------------------

ar_code ar_index_locate(void*, size_t, uint64_t, const void*, size_t, uint64_t*, ar_error* error) {
  return NotThere(error);
}

ar_code ar_index_check(const void*, size_t, uint64_t, uint64_t, ar_error* error) {
  return NotThere(error);
}

ar_code ar_reader_open_index(void*, size_t, uint64_t, uint64_t, const ar_reader_options*,
                             ar_reader**, ar_error* error) {
  return NotThere(error);
}

const ar_extent* ar_read_extents(ar_read*, uint64_t, size_t* n) {
  *n = 0;
  return nullptr;
}

ar_code ar_read_set_bytes(ar_read*, void*, size_t, ar_error* error) { return NotThere(error); }

void ar_reader_metadata_extent(const ar_reader*, ar_extent* extent) { *extent = {0, 0}; }

ar_code ar_reader_metadata(const ar_reader*, const void*, size_t, void*, size_t, size_t*,
                           ar_error* error) {
  return NotThere(error);
}

ar_code ar_reader_digest(const ar_reader*, uint64_t*, ar_error* error) { return NotThere(error); }

ar_code ar_writer_set_metadata(ar_writer*, const void*, size_t, ar_error* error) {
  return NotThere(error);
}

uint64_t ar_reader_num_chunks(const ar_reader*) { return 0; }

uint64_t ar_reader_index_size(const ar_reader*) { return 0; }

uint64_t ar_reader_chunk_first_record(const ar_reader*, uint64_t) { return 0; }

uint64_t ar_reader_chunk_of_record(const ar_reader*, uint64_t) { return 0; }

uint64_t ar_reader_claimed_size(const ar_reader*) { return 0; }

void ar_reader_run(const ar_reader*, uint64_t, uint64_t, uint64_t, ar_run* run) { *run = ar_run(); }

ar_code ar_reader_chunk_extent(const ar_reader*, uint64_t, uint64_t, ar_extent*, ar_error* error) {
  return NotThere(error);
}

ar_code ar_writer_copy_chunks(ar_writer*, const ar_reader*, uint64_t, uint64_t, void*, size_t,
                              ar_error* error) {
  return NotThere(error);
}

ar_code ar_writer_append_fd(int, const ar_writer_options*, ar_writer**, ar_error* error) {
  return NotThere(error);
}

ar_code ar_survey(void*, size_t, const ar_survey_range*, const ar_reader*, const ar_reader_options*,
                  ar_piece*, size_t, size_t*, uint64_t*, ar_error* error) {
  return NotThere(error);
}

ar_code ar_survey_begin(const void*, size_t, uint64_t, uint64_t*, ar_error* error) {
  return NotThere(error);
}

ar_code ar_reader_chunks(const ar_reader*, uint64_t, uint64_t, ar_piece*, ar_error* error) {
  return NotThere(error);
}

void ar_reader_gap(const ar_reader*, ar_extent* gap) { *gap = {0, 0}; }

ar_code ar_reader_open_chunks(int, const ar_piece*, size_t, const ar_reader_options*, ar_reader**,
                              ar_error* error) {
  return NotThere(error);
}
