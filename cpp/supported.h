// Says in a line what the core cannot be built for, or without, before the compiler lists what
// follows from that.
#ifndef ARRAYRECORD_SUPPORTED_H_
#define ARRAYRECORD_SUPPORTED_H_

#if !defined(__GNUC__) || defined(_WIN32)
#error "arrayrecord needs gcc or clang, on a system with POSIX"
#elif __SIZEOF_POINTER__ != 8
#error "arrayrecord needs a 64-bit processor"
#elif __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
// Words are copied between memory and file without swapping.
#error "arrayrecord needs a little-endian processor"
#elif __cplusplus < 201703L
#error "arrayrecord needs C++17"
#endif

// clang-format off
#if !__has_include(<zstd.h>)
#error "zstd is missing: apt install libzstd-dev | apk add zstd-dev | dnf install libzstd-devel | brew install zstd"
#elif !__has_include(<brotli/decode.h>)
#error "brotli is missing: apt install libbrotli-dev | apk add brotli-dev | dnf install brotli-devel | brew install brotli"
#elif !__has_include(<snappy.h>)
#error "snappy is missing: apt install libsnappy-dev | apk add snappy-dev | dnf install snappy-devel | brew install snappy"
#endif
// clang-format on

#endif  // ARRAYRECORD_SUPPORTED_H_
