package storage

import (
	"context"
	"io"
	"time"
)

// An Object is an opened, immutable file or object. It is safe for concurrent
// use. Its content does not change while it is open, even when another object
// is committed under the same name.
//
// Objects on local disk also implement interface{ File() *os.File }; the file
// belongs to the Object.
type Object interface {
	// Name is the name that the object was opened with.
	Name() string

	// Size is the object's length in bytes.
	Size() int64

	// ReadAt fills p from byte offset off, with the rules of io.ReaderAt: it
	// returns fewer than len(p) bytes only with an error, which is io.EOF at
	// the end of the object. The call ends early when ctx does. The error
	// after Close matches fs.ErrClosed.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)

	// Close releases what the object holds. It may be called again.
	Close() error
}

// An Upload is an object being created. Bytes go to a temporary place;
// either Commit or Abort must be called. An Upload is used by one goroutine at
// a time.
//
// Uploads on local disk also implement interface{ File() *os.File }, the
// temporary file; the file belongs to the Upload.
type Upload interface {
	// Write appends to the object. After a failed Write, Commit fails.
	io.Writer

	// Commit publishes the object under its name in one step. Once it has
	// succeeded the object survives a loss of power, unless
	// CreateOptions.NoSync is set. When it fails, nothing of this upload is
	// left, with one exception: a file on local disk that has replaced another
	// stays, complete, if only syncing its directory fails. A second call
	// fails with fs.ErrClosed.
	Commit() error

	// Abort drops the upload; nothing appears under the name. It may be
	// called again, and does nothing after Commit. An Upload that becomes
	// unreachable is dropped, too, some time later.
	Abort() error
}

// Info describes one object.
type Info struct {
	Name    string    // in the form in which the system was asked
	Size    int64     // in bytes
	ModTime time.Time // of the last change
}

// CreateOptions change how an object is created. The zero value replaces an
// object that is there.
type CreateOptions struct {
	// NoOverwrite makes Commit fail with fs.ErrExist, and leave the object
	// that is there alone, when the name is taken at that moment.
	NoOverwrite bool

	// NoSync makes Commit not wait for the disk: after a loss of power there
	// may be an empty or incomplete file under the name. It concerns local
	// disk; object stores keep what they have confirmed.
	NoSync bool
}

// StaleOptions change what RemoveStale takes.
type StaleOptions struct {
	// OlderThan spares files that were written to less than that ago. Some
	// network file systems do not tell one machine of the locks of another:
	// there it must be longer than any writer may pause.
	OlderThan time.Duration
	// DryRun removes nothing.
	DryRun bool
}

// A System is one place that holds files. All names are complete, scheme
// included. Implementations are safe for concurrent use; package storagetest
// holds the tests that they must pass.
type System interface {
	// Open opens an object for reading. A missing object is fs.ErrNotExist.
	Open(ctx context.Context, name string) (Object, error)

	// Create starts an object. Directories on the way are made where the
	// place has directories. The end of ctx before Commit makes Write and
	// Commit fail.
	Create(ctx context.Context, name string, opts CreateOptions) (Upload, error)

	// List returns the objects that match the pattern, sorted by name, nil
	// when there are none. See the package function [List] for patterns.
	List(ctx context.Context, pattern string) ([]Info, error)

	// Stat describes one object. A missing object is fs.ErrNotExist.
	Stat(ctx context.Context, name string) (Info, error)

	// Rename gives an object another name, replacing what has that name and
	// making directories as Create does. A missing source is fs.ErrNotExist.
	Rename(ctx context.Context, from, to string) error

	// Remove deletes an object. A missing object is fs.ErrNotExist.
	Remove(ctx context.Context, name string) error

	// RemoveAll deletes the object of that name and all objects below it, as
	// if the name were a directory. That there are none is no error.
	RemoveAll(ctx context.Context, name string) error

	// RemoveStale deletes what uploads below dir have left that were killed;
	// see the package function [RemoveStale].
	RemoveStale(ctx context.Context, dir string, opts StaleOptions) ([]Info, error)
}

// NewReaderAt returns o as an io.ReaderAt whose reads end when ctx does. It is
// safe for concurrent use and does not close o.
func NewReaderAt(ctx context.Context, o Object) io.ReaderAt {
	return readerAt{ctx, o}
}

type readerAt struct {
	ctx context.Context
	o   Object
}

func (r readerAt) ReadAt(p []byte, off int64) (int, error) {
	return r.o.ReadAt(r.ctx, p, off)
}
