#include "status.h"

#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

namespace arrayrecord {

Status::Detail Status::out_of_memory = {AR_RESOURCE_EXHAUSTED, 0, AR_NONE, AR_NONE, AR_NONE,
                                        "out of memory"};

Status Status::OutOfMemory() noexcept {
  Status status;
  status.detail_.reset(&out_of_memory);
  return status;
}

Status Status::OfException() noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return OutOfMemory();
    } catch (const std::length_error&) {
      return Status(AR_RESOURCE_EXHAUSTED, "larger than memory can be");
    } catch (const std::exception& e) {
      return Status(AR_INTERNAL, e.what());
    } catch (...) {
      return Status(AR_INTERNAL, "unknown exception");
    }
  } catch (...) {
    return OutOfMemory();
  }
}

Status Status::Os(int os_errno, const std::string& what) {
  Status status(os_errno == ENOENT ? AR_NOT_FOUND : AR_IO,
                what + ": " + std::generic_category().message(os_errno));
  status.detail_->os_errno = os_errno;
  return status;
}

Status Status::Io(int os_errno, const std::string& what) {
  Status status = Os(os_errno, what);
  status.detail_->code = AR_IO;
  return status;
}

Status&& Status::In(const char* context) && {
  if (is_own()) detail_->message = std::string(context) + ": " + detail_->message;
  return std::move(*this);
}

Status Status::Clone() const {
  Status copy;
  copy.detail_.reset(is_own() ? new Detail(*detail_) : detail_.get());
  return copy;
}

ar_code Status::CopyTo(ar_error* error) const {
  if (ok()) return AR_OK;
  if (error != nullptr) {
    error->code = detail_->code;
    error->os_errno = detail_->os_errno;
    error->position = detail_->position;
    error->chunk = detail_->chunk;
    error->record = detail_->record;
    size_t n = detail_->message.copy(error->message, sizeof(error->message) - 1);
    error->message[n] = '\0';
  }
  return detail_->code;
}

}  // namespace arrayrecord
