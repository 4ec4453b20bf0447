// The result of an operation that can fail: a code, a message and where in the file it happened.
#ifndef ARRAYRECORD_STATUS_H_
#define ARRAYRECORD_STATUS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "arrayrecord.h"

namespace arrayrecord {

// One pointer wide, null when OK, so that returning success costs nothing.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ar_code code, std::string message) : detail_(new Detail()) {
    detail_->code = code;
    detail_->message = std::move(message);
  }
  Status(Status&&) = default;
  Status& operator=(Status&&) = default;

  // AR_IO (or AR_NOT_FOUND) with the text of `os_errno`.
  static Status Os(int os_errno, const std::string& what);
  // Always AR_IO: what is missing is not the file that the caller asked for.
  static Status Io(int os_errno, const std::string& what);
  // Takes no memory itself, and so never says where it happened.
  static Status OutOfMemory() noexcept;
  // What the exception that is being handled means.
  static Status OfException() noexcept;

  bool ok() const { return detail_ == nullptr; }
  ar_code code() const { return ok() ? AR_OK : detail_->code; }
  std::string message() const { return ok() ? std::string() : detail_->message; }
  uint64_t record() const { return ok() ? AR_NONE : detail_->record; }

  // Notes where it happened, unless an inner layer knew better. No effect when OK.
  Status&& At(uint64_t position) && { return std::move(Note(&Detail::position, position)); }
  Status&& InChunk(uint64_t chunk) && { return std::move(Note(&Detail::chunk, chunk)); }
  Status&& InRecord(uint64_t record) && { return std::move(Note(&Detail::record, record)); }
  // Puts "context: " before the message.
  Status&& In(const char* context) &&;

  Status Clone() const;
  // Fills `error` if it is not null; returns the code.
  ar_code CopyTo(ar_error* error) const;

 private:
  struct Detail {
    ar_code code = AR_INTERNAL;
    int os_errno = 0;
    uint64_t position = AR_NONE;
    uint64_t chunk = AR_NONE;
    uint64_t record = AR_NONE;
    std::string message;
  };
  struct Delete {
    void operator()(Detail* detail) const {
      if (detail != &out_of_memory) delete detail;
    }
  };
  // Shared by all that have it, and so never changed.
  static Detail out_of_memory;

  bool is_own() const { return detail_ != nullptr && detail_.get() != &out_of_memory; }
  Status& Note(uint64_t Detail::*field, uint64_t value) {
    if (is_own() && (*detail_).*field == AR_NONE) (*detail_).*field = value;
    return *this;
  }

  std::unique_ptr<Detail, Delete> detail_;
};

// What `work` answers, or the exception that it throws means.
template <typename Work>
Status Caught(Work work) {
  try {
    return work();
  } catch (...) {
    return Status::OfException();
  }
}

inline Status Corrupt(std::string message) { return Status(AR_DATA_LOSS, std::move(message)); }

}  // namespace arrayrecord

// Returns from the enclosing function when `expression` is not OK.
#define AR_TRY(expression)                                              \
  do {                                                                  \
    ::arrayrecord::Status ar_try_status = (expression);                 \
    if (__builtin_expect(!ar_try_status.ok(), 0)) return ar_try_status; \
  } while (0)

#endif  // ARRAYRECORD_STATUS_H_
