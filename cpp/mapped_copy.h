// Copying from memory that a file is mapped to. The system answers with the signal SIGBUS where the
// file has become shorter, or its disk fails; here that becomes a result.
#ifndef ARRAYRECORD_MAPPED_COPY_H_
#define ARRAYRECORD_MAPPED_COPY_H_

#include <cstddef>
#include <cstdint>

namespace arrayrecord {

// Installs the process's handler of SIGBUS, once. Signals that are not of CopyMapped go to the
// handler that was there before, such as that of Go's runtime.
void CatchBusErrors();

// False if some of the bytes cannot be had; after CatchBusErrors.
bool CopyMapped(const uint8_t* from, size_t size, uint8_t* to);

}  // namespace arrayrecord

#endif  // ARRAYRECORD_MAPPED_COPY_H_
