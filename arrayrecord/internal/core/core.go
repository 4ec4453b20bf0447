// Package core is the thin layer between Go and the C header of the core, cpp/arrayrecord.h. It
// is the only package that calls C. It hands the core memory that Go allocated and never keeps
// memory that C allocated; names, contexts and storage are the business of package arrayrecord.
package core

// #cgo CFLAGS: -I${SRCDIR}/../../../cpp
// /* Nothing in the core calls back, or keeps pointers: but ar_read_set_bytes, whose bytes are pinned. */
// #cgo noescape ar_writer_options_parse
// #cgo nocallback ar_writer_options_parse
// #cgo noescape ar_writer_options_format
// #cgo nocallback ar_writer_options_format
// #cgo noescape ar_writer_options_check
// #cgo nocallback ar_writer_options_check
// #cgo noescape ar_reader_options_parse
// #cgo nocallback ar_reader_options_parse
// #cgo noescape ar_reader_options_check
// #cgo nocallback ar_reader_options_check
// #cgo noescape ar_reader_open_fd
// #cgo nocallback ar_reader_open_fd
// #cgo noescape ar_reader_open_index
// #cgo nocallback ar_reader_open_index
// #cgo noescape ar_index_locate
// #cgo nocallback ar_index_locate
// #cgo noescape ar_index_check
// #cgo nocallback ar_index_check
// #cgo noescape ar_reader_metadata
// #cgo nocallback ar_reader_metadata
// #cgo noescape ar_reader_chunk_extent
// #cgo nocallback ar_reader_chunk_extent
// #cgo noescape ar_reader_get
// #cgo nocallback ar_reader_get
// #cgo noescape ar_reader_run
// #cgo nocallback ar_reader_run
// #cgo noescape ar_read_range
// #cgo nocallback ar_read_range
// #cgo noescape ar_read_sorted
// #cgo nocallback ar_read_sorted
// #cgo noescape ar_read_reset_range
// #cgo nocallback ar_read_reset_range
// #cgo noescape ar_read_reset_sorted
// #cgo nocallback ar_read_reset_sorted
// #cgo noescape ar_read_next
// #cgo nocallback ar_read_next
// #cgo noescape ar_writer_create_fd
// #cgo nocallback ar_writer_create_fd
// #cgo noescape ar_writer_create_memory
// #cgo nocallback ar_writer_create_memory
// #cgo noescape ar_writer_write
// #cgo nocallback ar_writer_write
// #cgo noescape ar_writer_set_metadata
// #cgo nocallback ar_writer_set_metadata
// #cgo noescape ar_writer_copy_chunks
// #cgo nocallback ar_writer_copy_chunks
// #cgo noescape ar_writer_take
// #cgo nocallback ar_writer_take
// #cgo noescape ar_writer_close
// #cgo nocallback ar_writer_close
// #include <stdlib.h>
// #include "arrayrecord.h"
import "C"

import (
	"fmt"
	"syscall"
	"unsafe"
)

// What the core can do besides what every one must.
const (
	CanReadBytes  = C.AR_CAN_READ_BYTES
	CanTellChunks = C.AR_CAN_TELL_CHUNKS
	CanCopyChunks = C.AR_CAN_COPY_CHUNKS
	CanMetadata   = C.AR_CAN_METADATA
	CanMap        = C.AR_CAN_MAP
	CanLimit      = C.AR_CAN_LIMIT
)

var capabilities = uint64(C.ar_capabilities())

// Can reports whether the core has a capability.
func Can(capability uint64) bool { return capabilities&capability != 0 }

// SetCacheLimit bounds the memory of decoded chunks that are kept for single reads.
func SetCacheLimit(bytes int) { C.ar_set_cache_limit(C.uint64_t(bytes)) }

// CacheCounts is how often single reads found their chunk decoded, and how often not.
func CacheCounts() (hits, misses int64) {
	var h, m C.uint64_t
	C.ar_cache_counts(&h, &m)
	return int64(h), int64(m)
}

// SetMaxThreads bounds the threads of the core; 0 is the default.
func SetMaxThreads(n int) { C.ar_set_max_threads(C.uint32_t(n)) }

// KeptMemory is what the core keeps for later use, in bytes.
func KeptMemory() int { return int(C.ar_kept_memory()) }

// Code says what kind of failure an Error is. The values are those of ar_code.
type Code int

// The codes that callers tell apart.
const (
	InvalidArgument    Code = C.AR_INVALID_ARGUMENT
	NotFound           Code = C.AR_NOT_FOUND
	ResourceExhausted  Code = C.AR_RESOURCE_EXHAUSTED
	FailedPrecondition Code = C.AR_FAILED_PRECONDITION
	OutOfRange         Code = C.AR_OUT_OF_RANGE
	Unimplemented      Code = C.AR_UNIMPLEMENTED
	DataLoss           Code = C.AR_DATA_LOSS
	IO                 Code = C.AR_IO
	Truncated          Code = C.AR_TRUNCATED
	NotArrayRecord     Code = C.AR_NOT_ARRAYRECORD
)

// Error is a failure that the core reports. Numbers that do not apply are -1.
type Error struct {
	Code     Code
	Errno    syscall.Errno // with code IO or NotFound
	Position int64
	Chunk    int
	Record   int
	Message  string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s)", e.Message, C.GoString(C.ar_code_name(C.ar_code(e.Code))))
}

func number(v C.uint64_t) int64 {
	if v == C.AR_NONE {
		return -1
	}
	return int64(v)
}

// newError takes its argument by value, so that only failures put one on the heap.
func newError(e C.ar_error) error {
	return &Error{
		Code:     Code(e.code),
		Errno:    syscall.Errno(e.os_errno),
		Position: number(e.position),
		Chunk:    int(number(e.chunk)),
		Record:   int(number(e.record)),
		Message:  C.GoString(&e.message[0]),
	}
}

// bytesPtr points to the first byte, or to nothing.
func bytesPtr(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

func text(s string) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.StringData(s))), C.size_t(len(s))
}
