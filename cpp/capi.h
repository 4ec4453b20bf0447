// What the files of the C header's implementation share.
#ifndef ARRAYRECORD_CAPI_H_
#define ARRAYRECORD_CAPI_H_

#include <exception>
#include <new>

#include "arrayrecord.h"
#include "options.h"
#include "status.h"

namespace arrayrecord {

// The wall that no exception passes.
template <typename Body>
ar_code Guard(ar_error* error, Body body) {
  try {
    return Status(body()).CopyTo(error);
  } catch (const std::bad_alloc&) {
    return Status(AR_RESOURCE_EXHAUSTED, "out of memory").CopyTo(error);
  } catch (const std::exception& e) {
    return Status(AR_INTERNAL, e.what()).CopyTo(error);
  } catch (...) {
    return Status(AR_INTERNAL, "unknown exception").CopyTo(error);
  }
}

// Options of C with their defaults filled in; null stands for the defaults. AR_INVALID_ARGUMENT.
Status FromC(const ar_writer_options* in, WriterOptions* out);
Status FromC(const ar_reader_options* in, ReaderOptions* out);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CAPI_H_
