package core

// #include "arrayrecord.h"
import "C"

import (
	"os"
	"runtime"
	"unsafe"
)

// Writer encodes records. One goroutine at a time.
type Writer struct {
	h    *C.ar_writer
	file *os.File // must not be closed by a finalizer while the core's threads write to it
}

// NewFileWriter writes to a local file from its current position, from now until Free; the file
// stays the caller's.
func NewFileWriter(f *os.File, o WriterOptions) (*Writer, error) {
	options, err := o.c()
	if err != nil {
		return nil, err
	}
	var h *C.ar_writer
	var e C.ar_error
	if C.ar_writer_create_fd(C.int(f.Fd()), &options, &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Writer{h, f}, nil
}

// NewMemoryWriter keeps what it has written until Take takes it away.
func NewMemoryWriter(o WriterOptions) (*Writer, error) {
	options, err := o.c()
	if err != nil {
		return nil, err
	}
	var h *C.ar_writer
	var e C.ar_error
	if C.ar_writer_create_memory(&options, &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Writer{h, nil}, nil
}

// Write appends records that lie one after the other in data.
func (w *Writer) Write(data []byte, sizes []int) error {
	var e C.ar_error
	if C.ar_writer_write(w.h, bytesPtr(data), (*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(sizes))),
		C.size_t(len(sizes)), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// SetMetadata stores a RecordsMetadata message. Only before the first record.
func (w *Writer) SetMetadata(message []byte) error {
	var e C.ar_error
	if C.ar_writer_set_metadata(w.h, bytesPtr(message), C.size_t(len(message)), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// CopyChunks appends the chunks [begin, end) of r as they are. data holds their bytes, and is
// overwritten; nil for a reader of a local file.
func (w *Writer) CopyChunks(r *Reader, begin, end int, data []byte) error {
	var e C.ar_error
	if C.ar_writer_copy_chunks(w.h, r.h, C.uint64_t(begin), C.uint64_t(end), bytesPtr(data),
		C.size_t(len(data)), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// Available is the number of bytes that Take can take from a memory writer.
func (w *Writer) Available() int { return int(C.ar_writer_take(w.h, nil, 0)) }

// Take moves finished bytes of a memory writer to dst.
func (w *Writer) Take(dst []byte) int {
	return int(C.ar_writer_take(w.h, bytesPtr(dst), C.size_t(len(dst))))
}

// Close finishes the file. Free is still needed.
func (w *Writer) Close() error {
	var e C.ar_error
	if C.ar_writer_close(w.h, &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// Free releases the writer. What has not gone out yet is dropped.
func (w *Writer) Free() {
	C.ar_writer_free(w.h)
	runtime.KeepAlive(w.file)
}
