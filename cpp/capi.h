// What the files of the C header's implementation share.
#ifndef ARRAYRECORD_CAPI_H_
#define ARRAYRECORD_CAPI_H_

#include <memory>

#include "arrayrecord.h"
#include "options.h"
#include "read_records.h"
#include "reader.h"
#include "status.h"
#include "writer.h"

struct ar_reader {
  std::unique_ptr<arrayrecord::Reader> impl;
};
struct ar_read {
  arrayrecord::RecordsRead impl;
};
struct ar_writer {
  std::unique_ptr<arrayrecord::Writer> impl;
  arrayrecord::MemorySink* memory = nullptr;  // owned by impl
};

namespace arrayrecord {

// The wall that no exception passes.
template <typename Body>
ar_code Guard(ar_error* error, Body body) {
  return Caught([&]() -> Status { return body(); }).CopyTo(error);
}

// The standard library wants pointers to something even where there is nothing to copy.
inline uint8_t* Bytes(void* p) {
  static uint8_t nothing;
  return p != nullptr ? static_cast<uint8_t*>(p) : &nothing;
}
inline const uint8_t* Bytes(const void* p) { return Bytes(const_cast<void*>(p)); }

// Wraps a C++ object into its handle.
template <typename Handle, typename Make>
Status MakeHandle(Handle** out, Make make) {
  auto handle = std::make_unique<Handle>();
  AR_TRY(make(handle.get()));
  *out = handle.release();
  return Status();
}

// Options of C with their defaults filled in; null stands for the defaults. AR_INVALID_ARGUMENT.
Status FromC(const ar_writer_options* in, WriterOptions* out);
Status FromC(const ar_reader_options* in, ReaderOptions* out);

// AR_UNIMPLEMENTED if options ask for what this library was compiled without.
Status CheckOptional(const ReaderOptions& options);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_CAPI_H_
