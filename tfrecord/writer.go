package tfrecord

import (
	"bufio"
	"fmt"
	"io"
)

// A Writer writes records in the order of the calls. It is for one goroutine at
// a time.
type Writer struct {
	dst    *bufio.Writer
	comp   compressor // between the records and dst; nil for none
	out    io.Writer  // comp, or dst
	frame  [HeaderSize]byte
	offset int64
	count  int
	err    error // returned by every further call
}

// NewWriter returns a Writer that writes to dst, which stays the caller's to
// close. Bytes are buffered; the file is complete only when Close has returned
// nil. Errors: ErrInvalidOption.
func NewWriter(dst io.Writer, opts ...WriterOption) (*Writer, error) {
	options, err := applyWriterOptions(opts)
	if err != nil {
		return nil, err
	}
	w := &Writer{dst: bufio.NewWriterSize(dst, defaultBufferSize)}
	w.out = w.dst
	comp, err := newCompressor(options.Compression, options.Level, w.dst)
	if err != nil {
		return nil, invalidOption("%w", err)
	}
	if comp != nil {
		w.comp, w.out = comp, comp
	}
	return w, nil
}

// Write adds a record. The bytes are copied or written before it returns.
//
// An error, which names the record and is what dst returned or ErrClosed, is
// final: every later call returns it too, and the file is not usable.
func (w *Writer) Write(record []byte) error {
	if w.err != nil {
		return w.err
	}
	putHeader(w.frame[:], len(record))
	w.put(w.frame[:])
	w.put(record)
	putFooter(w.frame[:], record)
	w.put(w.frame[:FooterSize])
	if w.err != nil {
		return w.err
	}
	w.count++
	w.offset += int64(HeaderSize + len(record) + FooterSize)
	return nil
}

func (w *Writer) put(p []byte) {
	if w.err == nil {
		_, err := w.out.Write(p)
		w.fail(err)
	}
}

// fail keeps the first error.
func (w *Writer) fail(err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("tfrecord: writing record %d at offset %d: %w", w.count, w.offset, err)
	}
}

// Flush hands everything written so far to dst, so that a reader of a growing
// file gets it. With compression, each call costs some density. Errors are
// Write's.
func (w *Writer) Flush() error {
	if w.err != nil {
		return w.err
	}
	if w.comp != nil {
		w.fail(w.comp.Flush())
	}
	w.fail(w.dst.Flush())
	return w.err
}

// Close writes what is buffered and ends the compressed stream. It does not
// close dst. Errors are Write's; closing again does nothing and returns nil.
func (w *Writer) Close() error {
	if w.err == errClosed {
		return nil
	}
	if w.err != nil {
		return w.err
	}
	if w.comp != nil {
		w.fail(w.comp.Close())
	}
	w.fail(w.dst.Flush())
	if w.err != nil {
		return w.err
	}
	w.err = errClosed
	return nil
}

var errClosed = fmt.Errorf("tfrecord: %w", ErrClosed)

// NumRecords returns how many records have been written.
func (w *Writer) NumRecords() int { return w.count }

// Offset returns how many bytes the records take, in the uncompressed stream.
func (w *Writer) Offset() int64 { return w.offset }
