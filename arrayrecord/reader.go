package arrayrecord

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Reader reads the records of one file: singly or many by number, or in order. All its methods may
// be called by many goroutines at the same time.
//
// Opening reads and checks the index, not the records: damage to a chunk is reported when the
// chunk is read.
type Reader struct {
	name    string
	options ReaderOptions
	guard   guard
	core    *core.Reader
	fetcher *fetcher // nil: the core reads the file

	// Fixed when the file is opened, so that they can be asked after Close too.
	numRecords, groupSize, numChunks int
	size                             int64
	chunkSize                        int // in the file, of a chunk on average, at least 1
	writerOptions                    string
	hasWriterOptions                 bool

	density density
}

// Open opens the file with the given name: a path, or a URL of a registered storage scheme.
//
// The context covers the opening alone. Errors match fs.ErrNotExist, ErrNotArrayRecord,
// ErrTruncated, ErrCorrupt, ErrUnsupported, ErrInvalidOption, ErrTooLarge, or are those of the
// operating system or the storage.
func Open(ctx context.Context, name string, opts ...ReaderOption) (*Reader, error) {
	options, err := applyReaderOptions(opts)
	if err != nil {
		return nil, err
	}
	r := &Reader{name: name, options: options.WithDefaults()}
	object, err := storage.OpenWithTail(ctx, name, endSize(r.options))
	if err != nil {
		return nil, storageError(err)
	}
	local, ok := object.(interface{ File() *os.File })
	if ok {
		defer object.Close() // the core has a descriptor of its own
		err = r.openFile(local.File())
	} else {
		err = r.openFetched(ctx, objectFetcher(object, name), func() { object.Close() })
	}
	if err != nil {
		if !ok {
			defer object.Close()
		}
		s := &suspect{fetcher: objectFetcher(object, name), name: name, options: r.options, object: object}
		return nil, s.describeCut(ctx, err)
	}
	return r, nil
}

// NewReader opens a file of size bytes that is read through src. src must allow parallel calls of
// ReadAt, as the contract of io.ReaderAt says. It remains the caller's to close, after Close has
// returned: it is not used any more then. An *os.File is read through a descriptor of the Reader's
// own, and may be closed at once.
//
// Errors are those of Open.
func NewReader(src io.ReaderAt, size int64, opts ...ReaderOption) (*Reader, error) {
	options, err := applyReaderOptions(opts)
	if err != nil {
		return nil, err
	}
	r := &Reader{options: options.WithDefaults()}
	if f, ok := src.(*os.File); ok {
		r.name = f.Name()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() == size {
			if err := r.openFile(f); err != nil {
				return nil, r.describeCut(readerAtFetcher(src, size, r.name), err)
			}
			return r, nil
		}
	}
	if size < 0 {
		return nil, wrap(ErrNotArrayRecord, r.name, fmt.Sprintf("size %d", size))
	}
	if err := r.openFetched(context.Background(), readerAtFetcher(src, size, r.name), func() {}); err != nil {
		return nil, r.describeCut(readerAtFetcher(src, size, r.name), err)
	}
	return r, nil
}

func (r *Reader) describeCut(s *fetcher, failure error) error {
	return (&suspect{fetcher: s, name: r.name, options: r.options}).describeCut(context.Background(), failure)
}

func (r *Reader) openFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("arrayrecord: %w", err)
	}
	c, err := core.OpenFile(f, core.ReaderOptions(r.options))
	if err != nil {
		return fileError(r.name, err)
	}
	r.size = info.Size()
	r.attach(c, func() {})
	return nil
}

func (r *Reader) openFetched(ctx context.Context, s *fetcher, closeFile func()) error {
	if !core.Can(core.CanReadBytes) {
		return wrap(ErrUnsupported, r.name, "the core that is linked reads local files only")
	}
	c, err := s.openCore(ctx, r.options)
	if err != nil {
		return r.error(err)
	}
	r.fetcher, r.size = s, s.size
	r.attach(c, closeFile)
	return nil
}

func (r *Reader) attach(c *core.Reader, closeFile func()) {
	r.core = c
	r.numRecords, r.groupSize = c.NumRecords(), c.GroupSize()
	r.writerOptions, r.hasWriterOptions = c.WriterOptions()
	r.chunkSize = 1
	if r.groupSize > 0 {
		r.numChunks = (r.numRecords + r.groupSize - 1) / r.groupSize
		claimed := int(r.size)
		if core.Can(core.CanTellChunks) {
			r.numChunks = c.NumChunks() // groups may be uneven
			claimed = c.ClaimedSize(math.MaxInt)
		}
		r.chunkSize = max(int(r.size)/r.numChunks, 1)
		r.density.set(r.numRecords, claimed)
	}
	free := sync.OnceFunc(func() {
		c.Free()
		closeFile()
	})
	r.guard.open(free)
	// A reader that is dropped without Close gives its memory back all the same.
	runtime.AddCleanup(r, func(free func()) { free() }, free)
}

// error names the file in an error of storage or the core.
func (r *Reader) error(err error) error {
	if errors.Is(err, ErrClosed) {
		return ErrClosed
	}
	return nameError(r.name, err)
}

// Name is the name that the file was opened by, or "".
func (r *Reader) Name() string { return r.name }

// Size is the size of the file in bytes, as it was when it was opened.
func (r *Reader) Size() int64 { return r.size }

// NumRecords is the number of records in the file.
func (r *Reader) NumRecords() int { return r.numRecords }

// RecordGroupSize is the number of records in every chunk but the last, or in the only chunk; 0
// for a file without records (docs/format.md section 6.4).
func (r *Reader) RecordGroupSize() int { return r.groupSize }

// WriterOptions is the option string of the writer as recorded in the file; false for files so
// old (before October 2022) that they have none.
func (r *Reader) WriterOptions() (string, bool) { return r.writerOptions, r.hasWriterOptions }

// String describes the reader by its name and number of records.
func (r *Reader) String() string {
	return fmt.Sprintf("arrayrecord.Reader(%q, records=%d)", r.name, r.numRecords)
}

// Metadata is the serialized riegeli.RecordsMetadata message of the file, if it has one (docs/format.md
// section 2.10); most have none. It is read and decoded by each call.
//
// Errors match ErrClosed, ErrCorrupt, ErrTooLarge, ErrUnsupported (the core that is linked knows of
// no metadata), the context's error, or are those of the storage.
func (r *Reader) Metadata(ctx context.Context) ([]byte, bool, error) {
	if !r.guard.acquire() {
		return nil, false, ErrClosed
	}
	defer r.guard.release()
	if ctx.Err() != nil {
		return nil, false, r.error(ahead.ContextError(ctx))
	}
	if !core.Can(core.CanMetadata) {
		return nil, false, wrap(ErrUnsupported, r.name, "metadata")
	}
	var data []byte
	if r.fetcher != nil {
		extent := r.core.MetadataExtent()
		if extent.Size == 0 {
			return nil, false, nil
		}
		ctx, stop := r.guard.context(ctx)
		defer stop()
		var err error
		if data, err = r.fetcher.readExtents(ctx, []core.Extent{extent}); err != nil {
			return nil, false, r.error(err)
		}
	}
	message, ok, err := r.core.Metadata(data)
	if err != nil {
		return nil, false, r.error(err)
	}
	return message, ok, nil
}

// NumChunks is the number of data chunks.
func (r *Reader) NumChunks() int { return r.numChunks }

// ChunkRecords gives the records [begin, end) of a data chunk. It panics if there is no such
// chunk, and gives 0, 0 after Close.
func (r *Reader) ChunkRecords(chunk int) (begin, end int) {
	if chunk < 0 || chunk >= r.numChunks {
		panic(fmt.Sprintf("arrayrecord: chunk %d of a file with %d", chunk, r.numChunks))
	}
	if !r.guard.acquire() {
		return 0, 0
	}
	defer r.guard.release()
	return r.firstRecord(chunk), r.firstRecord(chunk + 1)
}

// firstRecord is the number of a chunk's first record; that of the records for the end. The caller
// holds the guard.
func (r *Reader) firstRecord(chunk int) int {
	if core.Can(core.CanTellChunks) {
		return r.core.FirstRecord(chunk)
	}
	return min(chunk*r.groupSize, r.numRecords)
}

// ChunkExtent gives the place of the data chunks [begin, end) in the file: offset and size in bytes,
// headers and padding included. With a core that knows nothing of chunks it is an estimate. It
// panics if there are no such chunks, also if there are none between begin and end, and gives 0, 0
// after Close.
func (r *Reader) ChunkExtent(begin, end int) (offset, size int64) {
	if begin < 0 || begin >= end || end > r.numChunks {
		panic(fmt.Sprintf("arrayrecord: chunks [%d, %d) of a file with %d", begin, end, r.numChunks))
	}
	if !r.guard.acquire() {
		return 0, 0
	}
	defer r.guard.release()
	e := r.chunkExtent(begin, end)
	return e.Position, int64(e.Size)
}

// chunkExtent is ChunkExtent for callers that hold the guard.
func (r *Reader) chunkExtent(begin, end int) core.Extent {
	if !core.Can(core.CanTellChunks) {
		return core.Extent{Position: int64(begin) * int64(r.chunkSize), Size: (end - begin) * r.chunkSize}
	}
	e, err := r.core.ChunkExtent(begin, end)
	if err != nil { // only for a range that does not exist
		panic(err)
	}
	return e
}

// Close releases the reader. Calls under way end with ErrClosed or finish, and Close returns when
// they have: what NewReader was given is not used any more then. Later calls give ErrClosed.
// Closing again does nothing. The error is always nil.
func (r *Reader) Close() error {
	r.guard.close()
	return nil
}

func (r *Reader) checkRecord(i int) error {
	if i >= 0 && i < r.numRecords {
		return nil
	}
	return wrap(ErrOutOfRange, r.name, fmt.Sprintf("record %d of %d", i, r.numRecords))
}

// scratch holds buffers that records are decoded into before their size is known. Records that
// need larger ones than maxScratch keep them.
const maxScratch = 1 << 20

var scratch = sync.Pool{New: func() any { return new([]byte) }}

// Get reads one record. The slice belongs to the caller.
//
// Errors match ErrOutOfRange, ErrClosed, ErrCorrupt, ErrUnsupported, ErrTooLarge, the context's
// error, or are those of the storage.
func (r *Reader) Get(ctx context.Context, i int) ([]byte, error) {
	buffer := scratch.Get().(*[]byte)
	defer scratch.Put(buffer)
	record, err := r.AppendRecord(ctx, (*buffer)[:0], i)
	if err != nil {
		return nil, err
	}
	if cap(record) > maxScratch {
		return slices.Clip(record), nil
	}
	*buffer = record
	// Appending to nil, unlike make, does not clear what is overwritten at once.
	return slices.Clip(append([]byte(nil), record...)), nil
}

// AppendRecord appends one record to dst and returns the longer slice, as append does. Where dst
// has room nothing is allocated.
//
// Errors are those of Get; dst is returned with them as it was.
func (r *Reader) AppendRecord(ctx context.Context, dst []byte, i int) ([]byte, error) {
	if !r.guard.acquire() {
		return dst, ErrClosed
	}
	defer r.guard.release()
	if err := r.checkRecord(i); err != nil {
		return dst, err
	}
	if ctx.Err() != nil {
		return dst, r.error(ahead.ContextError(ctx))
	}
	if r.fetcher == nil {
		watch := startWatch()
		for {
			room := dst[len(dst):cap(dst)]
			n, err := r.core.Get(i, room)
			if err != nil {
				watch.records(r.name, 0, 0, err)
				return dst, r.error(err)
			}
			if n <= len(room) {
				watch.records(r.name, 1, n, nil)
				return dst[:len(dst)+n], nil
			}
			if n > maxTrusted {
				break
			}
			dst = slices.Grow(dst, n)
		}
	}
	return r.appendByRead(ctx, dst, i)
}

// appendByRead appends a record whose size is known only from its chunk.
func (r *Reader) appendByRead(ctx context.Context, dst []byte, i int) ([]byte, error) {
	rd, err := r.openRead(ctx, func(rd *read) error { return rd.Range(r.core, i, i+1) })
	if err != nil {
		return dst, r.error(err)
	}
	for {
		var offsets [2]int
		n, room, err := rd.Next(dst[len(dst):cap(dst)], offsets[:])
		if err == nil && n == 0 {
			dst = slices.Grow(dst, room.Record)
			continue
		}
		if rd.err = err; err == nil {
			rd.records, rd.bytes = 1, offsets[1]
		}
		closeRead(rd, err == nil)
		if err != nil {
			return dst, r.error(err)
		}
		return dst[:len(dst)+offsets[1]], nil
	}
}
