#include "status.h"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace arrayrecord {

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
  if (detail_) detail_->message = std::string(context) + ": " + detail_->message;
  return std::move(*this);
}

Status Status::Clone() const {
  Status copy;
  if (detail_) copy.detail_ = std::make_unique<Detail>(*detail_);
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
