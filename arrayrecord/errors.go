package arrayrecord

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

var (
	// ErrCorrupt marks damage to a file: a hash that does not match, an index that contradicts
	// the chunks, data that does not decompress. Errors that match it are [*CorruptError]s.
	ErrCorrupt = errors.New("arrayrecord: corrupt file")

	// ErrTruncated marks a file that begins as an ArrayRecord file does but whose end is missing,
	// usually because its writer or a copy of it was interrupted. Such errors match ErrCorrupt too.
	// They and the sentinel match io.ErrUnexpectedEOF as well.
	ErrTruncated error = sentinel{"arrayrecord: truncated file", io.ErrUnexpectedEOF}

	// ErrNotArrayRecord marks a file of some other kind.
	ErrNotArrayRecord = errors.New("arrayrecord: not an ArrayRecord file")

	// ErrOutOfRange marks a record number or range that is not in the file.
	ErrOutOfRange = errors.New("arrayrecord: record number out of range")

	// ErrClosed marks a call on a Reader or Writer after Close, or a call that was under way when
	// the Reader was closed.
	ErrClosed = errors.New("arrayrecord: already closed")

	// ErrInvalidOption marks an option, or an option string, that is not understood.
	ErrInvalidOption = errors.New("arrayrecord: invalid option")

	// ErrTooLarge marks records or chunks that exceed a limit of the format, of a codec, of the
	// options or of the memory.
	ErrTooLarge = errors.New("arrayrecord: too large")

	// ErrUnsupported marks a chunk or compression type that this package does not know, a storage
	// scheme that nothing is registered for, or what the core that is linked cannot do. It matches
	// errors.ErrUnsupported as well.
	ErrUnsupported error = sentinel{"arrayrecord: unsupported", errors.ErrUnsupported}
)

// A sentinel is an error that matches itself and a more general one.
type sentinel struct {
	text    string
	general error
}

func (s sentinel) Error() string { return s.text }
func (s sentinel) Unwrap() error { return s.general }

// CorruptError says where a file is damaged. errors.Is(err, ErrCorrupt) is true for it, and
// errors.Is(err, ErrTruncated) if the end of the file is missing.
type CorruptError struct {
	File   string // name of the file, "" if unknown
	Offset int64  // position in the file in bytes, or -1
	Chunk  int    // number of the data chunk, or -1
	Record int    // first record affected, or -1
	Reason string

	truncated bool
}

func (e *CorruptError) Error() string {
	var b strings.Builder
	b.WriteString("arrayrecord: ")
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	b.WriteString(e.Reason)
	var where []string
	if e.Offset >= 0 {
		where = append(where, fmt.Sprintf("offset %d", e.Offset))
	}
	if e.Chunk >= 0 {
		where = append(where, fmt.Sprintf("chunk %d", e.Chunk))
	}
	if e.Record >= 0 {
		where = append(where, fmt.Sprintf("record %d", e.Record))
	}
	if len(where) > 0 {
		b.WriteString(" (" + strings.Join(where, ", ") + ")")
	}
	return b.String()
}

// Is makes the sentinels match.
func (e *CorruptError) Is(target error) bool {
	return target == ErrCorrupt || e.truncated && (target == ErrTruncated || target == io.ErrUnexpectedEOF)
}

// fileError turns an error of the core into one of this package that names the file.
func fileError(name string, err error) error {
	var e *core.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case core.DataLoss, core.Truncated:
		return &CorruptError{File: name, Offset: e.Position, Chunk: e.Chunk, Record: e.Record,
			Reason: e.Message, truncated: e.Code == core.Truncated}
	case core.NotArrayRecord:
		return wrap(ErrNotArrayRecord, name, strings.TrimPrefix(e.Message, "not an ArrayRecord file: "))
	case core.OutOfRange:
		return wrap(ErrOutOfRange, name, e.Message)
	case core.InvalidArgument:
		return wrap(ErrInvalidOption, name, e.Message)
	case core.ResourceExhausted:
		return wrap(ErrTooLarge, name, e.Message)
	case core.Unimplemented:
		return wrap(ErrUnsupported, name, e.Message)
	case core.IO, core.NotFound:
		if e.Code == core.IO && e.Errno == syscall.ENOENT {
			// Something else is missing than the file of that name.
			return fmt.Errorf("arrayrecord: %s%s", prefix(name), e.Message)
		}
		op := strings.TrimSuffix(e.Message, ": "+e.Errno.Error())
		return &fs.PathError{Op: "arrayrecord: " + op, Path: name, Err: e.Errno}
	default:
		return fmt.Errorf("arrayrecord: %s%s", prefix(name), e.Message)
	}
}

// nameError names the file in an error, unless the storage has done so.
func nameError(name string, err error) error {
	if named := fileError(name, err); named != err {
		return named
	}
	if strings.Contains(err.Error(), " "+name+": ") {
		return fmt.Errorf("arrayrecord: %w", err)
	}
	return fmt.Errorf("arrayrecord: %s%w", prefix(name), err)
}

// storageError is an error of package storage, which names the file.
func storageError(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return fmt.Errorf("arrayrecord: %w", err)
}

func wrap(sentinel error, name, message string) error {
	return fmt.Errorf("%w: %s%s", sentinel, prefix(name), message)
}

func prefix(name string) string {
	if name == "" {
		return ""
	}
	return name + ": "
}
