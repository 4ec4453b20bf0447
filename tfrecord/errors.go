package tfrecord

import (
	"errors"
	"fmt"
	"io"
)

var (
	// ErrCorrupt is reported when bytes of the input are wrong: a CRC does not
	// match, or the compressed stream is invalid. Nothing behind that place can
	// be found, since only the length of a record says where the next begins.
	ErrCorrupt = errors.New("corrupt data")

	// ErrTruncated is reported when the input ends inside a record, or inside
	// the compressed stream. It usually means a writer that was not closed or a
	// copy that was not finished. It is io.ErrUnexpectedEOF too.
	ErrTruncated error = truncation{}

	// ErrTooLarge is reported for a record longer than the reader's limit, see
	// WithMaxRecordSize.
	ErrTooLarge = errors.New("record too large")

	// ErrInvalidOption is reported by NewReader and NewWriter for an option
	// whose value makes no sense.
	ErrInvalidOption = errors.New("invalid option")

	// ErrClosed is reported by a Writer that is used after Close.
	ErrClosed = errors.New("writer is closed")
)

// RecordError says where reading failed. It unwraps to one of ErrCorrupt,
// ErrTruncated and ErrTooLarge, or to the source's own error when reading from
// it failed, and to the cause underneath if there is one.
type RecordError struct {
	// Record is the number of the record that could not be read, from 0.
	Record int
	// Offset is where that record begins, in bytes from the beginning of the
	// uncompressed stream. In a plain file this is the offset in the file.
	Offset int64
	// Compression is what the stream was compressed with.
	Compression Compression
	// Err is what went wrong.
	Err error
}

func (e *RecordError) Error() string {
	where := ""
	if e.Compression != Auto && e.Compression != None {
		where = fmt.Sprintf(" of the %v stream's content", e.Compression)
	}
	return fmt.Sprintf("tfrecord: record %d at offset %d%s: %v", e.Record, e.Offset, where, e.Err)
}

// OfContent reports whether the bytes that were read are at fault, and not the
// reading of them. An error of reading is one of the source, which may name the
// file already.
func (e *RecordError) OfContent() bool {
	return errors.Is(e.Err, ErrCorrupt) || errors.Is(e.Err, ErrTruncated) || errors.Is(e.Err, ErrTooLarge)
}

// Unwrap returns what went wrong.
func (e *RecordError) Unwrap() error { return e.Err }

type truncation struct{}

func (truncation) Error() string { return "truncated input" }

func (truncation) Unwrap() error { return io.ErrUnexpectedEOF }

// fault is a sentinel with the particulars of one case.
type fault struct {
	sentinel error
	cause    error // may be nil
	detail   string
}

func (f *fault) Error() string {
	if f.cause == nil {
		return f.sentinel.Error() + ": " + f.detail
	}
	return f.sentinel.Error() + ": " + f.detail + ": " + f.cause.Error()
}

func (f *fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.sentinel}
	}
	return []error{f.sentinel, f.cause}
}

func corrupt(format string, args ...any) error {
	return &fault{sentinel: ErrCorrupt, detail: fmt.Sprintf(format, args...)}
}

func truncated(format string, args ...any) error {
	return &fault{sentinel: ErrTruncated, detail: fmt.Sprintf(format, args...)}
}
