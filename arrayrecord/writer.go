package arrayrecord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

const (
	// Records are collected before they are handed to the core: a call of C costs more than
	// copying a small record. They are still in the processor's cache when the core takes them.
	collectBytes   = 32 << 10
	collectRecords = 4 << 10
	// takeBytes is the size of the pieces that go to an io.Writer.
	takeBytes = 256 << 10
	// CopyChunks goes in steps of about this size.
	copyBytes = 8 << 20
)

// Writer writes one file. It is for one goroutine at a time; encoding runs on several threads by
// itself. Memory is bounded by the number of threads times the size of a chunk (or 256 KiB, if
// chunks are smaller), besides the index: at most 8 bytes per chunk, and up to 20 while Close runs.
//
// Close must be called for the file to come into being, or Abort to give it up. A Writer that is
// dropped without either is given up some time later.
type Writer struct {
	ctx    context.Context
	name   string
	core   *core.Writer
	out    io.Writer      // nil: the core writes to a local file
	upload storage.Upload // nil: the output is the caller's
	free   func()

	data    []byte
	sizes   []int
	taken   []byte
	groups  groups // only for cores that cannot copy chunks
	records int
	size    int64 // what went to out; of a local file, once it is complete
	err     error // sticky; ErrClosed after Close or Abort
	closed  bool  // successfully
}

// Create begins a file with the given name: a path, or a URL of a registered storage scheme.
// Nothing appears under that name until Close has succeeded; a file that is there already is
// replaced then, unless [WithNoOverwrite] is given, and its permission bits are kept. Parent
// directories are created. What a killed program leaves behind [storage.RemoveStale] removes.
//
// When the context is cancelled the Writer fails and Close gives the file up. Errors match
// ErrInvalidOption, ErrUnsupported, or are those of the operating system or the storage.
func Create(ctx context.Context, name string, opts ...WriterOption) (*Writer, error) {
	options, err := applyWriterOptions(opts)
	if err != nil {
		return nil, err
	}
	upload, err := storage.Create(ctx, name, storage.CreateOptions{NoOverwrite: options.NoOverwrite, NoSync: options.NoSync})
	if err != nil {
		return nil, storageError(err)
	}
	w := &Writer{ctx: ctx, name: name, upload: upload, groups: groupsOf(options)}
	if local, ok := upload.(interface{ File() *os.File }); ok {
		w.core, err = core.NewFileWriter(local.File(), options.core())
	} else {
		w.core, err = core.NewMemoryWriter(options.core())
		w.out = upload
	}
	if err != nil {
		return nil, errors.Join(fileError(name, err), upload.Abort())
	}
	w.attach()
	return w, nil
}

// NewWriter writes a file to out, strictly in order. out is not closed. After an error, or Abort,
// what has been written to out is not a valid file.
//
// Errors match ErrInvalidOption or ErrUnsupported.
func NewWriter(out io.Writer, opts ...WriterOption) (*Writer, error) {
	options, err := applyWriterOptions(opts)
	if err != nil {
		return nil, err
	}
	c, err := core.NewMemoryWriter(options.core())
	if err != nil {
		return nil, fileError("", err)
	}
	w := &Writer{ctx: context.Background(), core: c, out: out, groups: groupsOf(options)}
	w.attach()
	return w, nil
}

func (w *Writer) attach() {
	w.free = sync.OnceFunc(w.core.Free)
	runtime.AddCleanup(w, func(free func()) { free() }, w.free)
}

// Name is the name that the file was created with, or "".
func (w *Writer) Name() string { return w.name }

// NumRecords is the number of records that have been written so far.
func (w *Writer) NumRecords() int { return w.records }

// Size is the size of the file in bytes; 0 before Close has succeeded.
func (w *Writer) Size() int64 {
	if !w.closed {
		return 0
	}
	return w.size
}

// SetMetadata stores a message about the file in it: a serialized riegeli.RecordsMetadata (file
// comment, record type, descriptors; docs/format.md section 2.10). It must come before the first
// record, once. Readers of records do not see it; [Reader.Metadata] does.
//
// Errors match ErrClosed, or are those of Write.
func (w *Writer) SetMetadata(message []byte) error {
	if w.err != nil {
		return w.err
	}
	if w.records > 0 {
		return w.refuse("metadata must come before the first record")
	}
	if err := w.core.SetMetadata(message); err != nil {
		return fileError(w.name, err)
	}
	return w.drain()
}

// Write appends a record. Its bytes are copied: the slice may be used again at once.
//
// Encoding and output happen later, so an error may belong to an earlier record; after one, every
// call gives it again. Errors match ErrClosed, ErrTooLarge (for the codec), the context's error, or
// are those of the storage.
func (w *Writer) Write(record []byte) error {
	if w.err != nil {
		return w.err
	}
	if w.groups.ended {
		return w.refuse("a chunk shorter than the group size has been copied; it must be the last")
	}
	if len(w.data)+len(record) > collectBytes || len(w.sizes) == collectRecords {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.records++
	if len(record) >= collectBytes/4 {
		if err := w.flush(); err != nil {
			return err
		}
		w.sizes = append(w.sizes[:0], len(record))
		err := w.send(record, w.sizes)
		w.sizes = w.sizes[:0]
		return err
	}
	if w.data == nil {
		w.data = make([]byte, 0, collectBytes)
	}
	w.data = append(w.data, record...)
	w.sizes = append(w.sizes, len(record))
	return nil
}

// flush hands the collected records to the core.
func (w *Writer) flush() error {
	if len(w.sizes) == 0 {
		return nil
	}
	err := w.send(w.data, w.sizes)
	w.data, w.sizes = w.data[:0], w.sizes[:0]
	return err
}

func (w *Writer) send(data []byte, sizes []int) error {
	if w.ctx.Err() != nil {
		return w.fail(w.contextError())
	}
	if err := w.core.Write(data, sizes); err != nil {
		return w.fail(fileError(w.name, err))
	}
	return w.drain()
}

// drain passes finished bytes on.
func (w *Writer) drain() error {
	if w.out == nil {
		return nil
	}
	for w.core.Available() > 0 {
		if w.taken == nil {
			w.taken = make([]byte, takeBytes)
		}
		p := w.taken[:w.core.Take(w.taken)]
		n, err := w.out.Write(p)
		w.size += int64(n)
		if err == nil && n < len(p) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return w.fail(storageError(err))
		}
	}
	return nil
}

// fail makes an error stick.
func (w *Writer) fail(err error) error {
	w.err = err
	return err
}

// refuse is the error of a call that does not suit what has been written, and changes nothing.
func (w *Writer) refuse(why string) error {
	return fmt.Errorf("arrayrecord: %s%s", prefix(w.name), why)
}

func (w *Writer) contextError() error {
	return fmt.Errorf("arrayrecord: %s%w", prefix(w.name), ahead.ContextError(w.ctx))
}

// CopyChunks appends the data chunks [begin, end) of r without decompressing them, at the speed of
// copying; their hashes are verified. All of them must have as many records as w's group size,
// except for the very last chunk of w, which may be shorter: after a short one w takes no more
// records. The records written so far must fill whole chunks. Codecs may differ from w's.
//
// What does not fit, or is damaged, gives an error that names r's file, and w stays usable; of long
// ranges the first part may have been copied then ([Writer.NumRecords] tells). Errors of w's file
// name that. Errors match ErrOutOfRange, ErrClosed, ErrCorrupt, the context's error, or are those of
// the storage.
func (w *Writer) CopyChunks(ctx context.Context, r *Reader, begin, end int) error {
	if w.err != nil {
		return w.err
	}
	if !r.guard.acquire() {
		return wrap(ErrClosed, r.name, "the reader to copy from")
	}
	defer r.guard.release()
	if begin < 0 || begin > end || end > r.numChunks {
		return wrap(ErrOutOfRange, r.name, fmt.Sprintf("chunks [%d, %d) of %d", begin, end, r.numChunks))
	}
	if err := w.flush(); err != nil {
		return err
	}
	if !core.Can(core.CanCopyChunks) {
		return w.copyRecords(ctx, r, begin, end)
	}
	for begin < end {
		if ctx.Err() != nil {
			return r.error(ahead.ContextError(ctx))
		}
		stepEnd := end
		if run := r.core.Run(r.core.FirstRecord(begin), copyBytes, math.MaxInt); run.End < r.numRecords {
			stepEnd = min(end, r.core.ChunkOf(run.End))
		}
		var data []byte
		if r.fetcher != nil {
			extent, err := r.core.ChunkExtent(begin, stepEnd)
			if err != nil {
				return r.error(err)
			}
			if data, err = r.fetcher.readExtents(ctx, []core.Extent{extent}); err != nil {
				return r.error(err)
			}
		}
		n := r.core.FirstRecord(stepEnd) - r.core.FirstRecord(begin)
		if err := w.core.CopyChunks(r.core, begin, stepEnd, data); err != nil {
			return w.copyError(r, err)
		}
		w.records += n
		if err := w.drain(); err != nil {
			return err
		}
		begin = stepEnd
	}
	return nil
}

// copyError tells whose error it is.
func (w *Writer) copyError(r *Reader, err error) error {
	var e *core.Error
	switch {
	case !errors.As(err, &e):
		return w.fail(err)
	case e.Chunk >= 0: // a chunk of r that cannot be read, or does not fit
		return r.error(err)
	case e.Code == core.FailedPrecondition:
		return fileError(w.name, err) // w is not where it must be; nothing has happened to it
	default:
		return w.fail(fileError(w.name, err))
	}
}

// Close writes what is left, finishes the file and gives it its name. The file survives a loss of
// power then, unless NoSync is set ([WriterOptions]). If that fails, or anything
// has failed before, the file is given up. Closing again does nothing; closing after Abort gives
// ErrClosed.
//
// Errors are those of Write.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	if w.err == nil {
		w.finish()
	}
	if w.err != nil {
		err := w.err
		return errors.Join(err, w.Abort())
	}
	w.err = ErrClosed
	w.closed = true
	w.free()
	return nil
}

func (w *Writer) finish() {
	if w.flush() != nil {
		return
	}
	if w.ctx.Err() != nil {
		w.fail(w.contextError())
		return
	}
	if err := w.core.Close(); err != nil {
		w.fail(fileError(w.name, err))
		return
	}
	if w.drain() != nil || w.upload == nil {
		return
	}
	if local, ok := w.upload.(interface{ File() *os.File }); ok {
		info, err := local.File().Stat()
		if err != nil {
			w.fail(fmt.Errorf("arrayrecord: %s%w", prefix(w.name), err))
			return
		}
		w.size = info.Size()
	}
	if err := w.upload.Commit(); err != nil {
		w.fail(storageError(err))
	}
}

// Abort gives the file up: nothing appears under its name, and nothing temporary is left. After
// Close or Abort it does nothing.
func (w *Writer) Abort() error {
	if w.err == ErrClosed {
		return nil
	}
	w.err = ErrClosed
	w.free()
	if w.upload == nil {
		return nil
	}
	return w.upload.Abort()
}
