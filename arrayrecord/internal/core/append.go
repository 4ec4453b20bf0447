package core

// #include "arrayrecord.h"
import "C"

import "os"

// CanAppend is whether the core goes on with complete files.
const CanAppend = C.AR_CAN_APPEND

// NewAppendWriter goes on with the complete file f, from now until Free; f stays the caller's, and
// is locked until it is closed.
func NewAppendWriter(f *os.File, o WriterOptions, noSync bool) (*Writer, error) {
	options, err := o.c()
	if err != nil {
		return nil, err
	}
	if noSync {
		options.no_sync = 1
	}
	var h *C.ar_writer
	var e C.ar_error
	if C.ar_writer_append_fd(C.int(f.Fd()), &options, &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Writer{h, f}, nil
}

// Gap is what an unfinished append has left in a file; mostly nothing.
func (r *Reader) Gap() Extent {
	var gap C.ar_extent
	C.ar_reader_gap(r.h, &gap)
	return Extent{int64(gap.position), int(gap.size)}
}
