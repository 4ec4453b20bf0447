package arrayrecord

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Reader reads the records of one file: one by one in order, singly by number, or many at once.
// All its methods may be called by many goroutines at the same time. Read, Seek and RecordIndex
// share one position; all others are independent of it.
//
// Opening reads and checks the index, not the records: damage to a chunk is reported when the
// chunk is read.
type Reader struct {
	name    string
	options ReaderOptions
	guard   guard
	core    *core.Reader
	source  *source  // nil: the core reads the file
	file    *os.File // nil if there is a source

	// Fixed when the file is opened, so that they can be asked after Close too.
	numRecords, groupSize, numChunks int
	size                             int64
	chunkSize                        int64 // in the file, of a chunk on average, at least 1
	writerOptions                    string
	hasWriterOptions                 bool

	density density // of chunks that were read lately

	mu       sync.Mutex
	position int      // next record of Read
	scan     *scanner // nil until the first Read, and after a Seek
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
	object, err := storage.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("arrayrecord: %w", err)
	}
	closeObject := func() { object.Close() }
	r := &Reader{name: name, options: options}
	if local, ok := object.(interface{ File() *os.File }); ok {
		err = r.openFile(local.File(), closeObject)
	} else {
		err = r.openSource(ctx, objectSource(object), closeObject)
	}
	if err != nil {
		object.Close()
		return nil, err
	}
	return r, nil
}

// NewReader opens a file of size bytes that is read through src. src must allow parallel calls of
// ReadAt, as the contract of io.ReaderAt says, and remains the caller's to close, after the
// Reader. An *os.File is read directly by descriptor.
//
// Errors are those of Open.
func NewReader(src io.ReaderAt, size int64, opts ...ReaderOption) (*Reader, error) {
	options, err := applyReaderOptions(opts)
	if err != nil {
		return nil, err
	}
	r := &Reader{options: options}
	if f, ok := src.(*os.File); ok {
		r.name = f.Name()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() == size {
			if err := r.openFile(f, func() {}); err != nil {
				return nil, err
			}
			return r, nil
		}
	}
	if size < 0 {
		return nil, wrap(ErrNotArrayRecord, r.name, fmt.Sprintf("size %d", size))
	}
	if err := r.openSource(context.Background(), readerAtSource(src, size), func() {}); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) openFile(f *os.File, closeFile func()) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("arrayrecord: %w", err)
	}
	c, err := core.OpenFile(f, core.ReaderOptions(r.options))
	if err != nil {
		return fileError(r.name, err)
	}
	r.file, r.size = f, info.Size()
	r.attach(c, func() {
		closeFile()
		runtime.KeepAlive(f)
	})
	return nil
}

func (r *Reader) openSource(ctx context.Context, s *source, closeSource func()) error {
	c, err := s.openCore(ctx, core.ReaderOptions(r.options))
	if err != nil {
		return r.error(err)
	}
	r.source, r.size = s, s.size
	r.attach(c, closeSource)
	return nil
}

func (r *Reader) attach(c *core.Reader, closeSource func()) {
	r.core = c
	r.numRecords, r.groupSize, r.numChunks = c.NumRecords(), c.GroupSize(), c.NumChunks()
	r.chunkSize = 1
	if extent, err := c.ChunkExtent(0, r.numChunks); err == nil { // there are chunks
		r.chunkSize = int64(extent.Size / r.numChunks)
		r.density.set(extent.Size, r.numRecords, c.ClaimedSize(extent.Size*maxExpansion))
	}
	r.writerOptions, r.hasWriterOptions = c.WriterOptions()
	free := sync.OnceFunc(func() {
		c.Free()
		closeSource()
	})
	r.guard.free = free
	// A reader that is dropped without Close gives its memory back all the same.
	runtime.AddCleanup(r, func(free func()) { free() }, free)
}

// error names the file in an error of a source or the core.
func (r *Reader) error(err error) error {
	if named := fileError(r.name, err); named != err {
		return named
	}
	return fmt.Errorf("arrayrecord: %s%w", prefix(r.name), err)
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

// Metadata is the serialized riegeli.RecordsMetadata message of the file, if it has one (docs/format.md
// section 2.10); most have none. It is read and decoded by each call.
//
// Errors match ErrClosed, ErrCorrupt, the context's error, or are those of the storage.
func (r *Reader) Metadata(ctx context.Context) ([]byte, bool, error) {
	if !r.guard.acquire() {
		return nil, false, ErrClosed
	}
	defer r.guard.release()
	extent := r.core.MetadataExtent()
	if extent.Size == 0 {
		return nil, false, nil
	}
	var data []byte
	var err error
	if r.source != nil {
		data, err = r.source.readExtents(ctx, []core.Extent{extent})
	} else {
		data = make([]byte, extent.Size)
		_, err = r.file.ReadAt(data, extent.Position)
	}
	if err != nil {
		return nil, false, r.error(err)
	}
	message, ok, err := core.DecodeMetadata(data)
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
	return r.core.FirstRecord(chunk), r.core.FirstRecord(chunk + 1)
}

// ChunkExtent gives the place of the data chunks [begin, end) in the file: offset and size in bytes,
// headers and padding included. It panics if there are no such chunks, also if there are none
// between begin and end, and gives 0, 0 after Close.
func (r *Reader) ChunkExtent(begin, end int) (offset, size int64) {
	if begin < 0 || begin >= end || end > r.numChunks {
		panic(fmt.Sprintf("arrayrecord: chunks [%d, %d) of a file with %d", begin, end, r.numChunks))
	}
	if !r.guard.acquire() {
		return 0, 0
	}
	defer r.guard.release()
	e, err := r.core.ChunkExtent(begin, end)
	if err != nil { // only for a range that was refused above
		panic(err)
	}
	return e.Position, int64(e.Size)
}

// Close releases the reader. Calls under way end with ErrClosed or finish; later calls give
// ErrClosed. Closing again does nothing. The error is always nil.
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
// Errors match ErrOutOfRange, ErrClosed, ErrCorrupt, ErrUnsupported, or are those of the storage.
func (r *Reader) Get(i int) ([]byte, error) { return r.get(context.Background(), i) }

func (r *Reader) get(ctx context.Context, i int) ([]byte, error) {
	buffer := scratch.Get().(*[]byte)
	defer scratch.Put(buffer)
	record, err := r.appendRecord(ctx, (*buffer)[:0], i)
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
func (r *Reader) AppendRecord(dst []byte, i int) ([]byte, error) {
	return r.appendRecord(context.Background(), dst, i)
}

func (r *Reader) appendRecord(ctx context.Context, dst []byte, i int) ([]byte, error) {
	if !r.guard.acquire() {
		return dst, ErrClosed
	}
	defer r.guard.release()
	if err := r.checkRecord(i); err != nil {
		return dst, err
	}
	if r.source != nil {
		b, err := r.load(ctx, func() (*core.Plan, error) { return r.core.PlanRange(i, i+1) }, 1)
		if err != nil {
			return dst, err
		}
		return append(dst, b.data...), nil
	}
	for {
		n, err := r.core.Get(i, dst[len(dst):cap(dst)])
		if err != nil {
			return dst, r.error(err)
		}
		if n <= cap(dst)-len(dst) {
			return dst[:len(dst)+n], nil
		}
		dst = slices.Grow(dst, n)
	}
}

// Read returns the record at the current position and moves on; io.EOF at the end. Chunks ahead
// are read and decoded meanwhile. The slice belongs to the caller.
//
// After an error, Read gives that error again until Seek. Errors match io.EOF, ErrClosed,
// ErrCorrupt, ErrUnsupported, or are those of the storage.
func (r *Reader) Read() ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guard.closed() {
		return nil, ErrClosed
	}
	if r.scan == nil {
		r.scan = r.newScanner(context.Background(), r.position, r.numRecords)
	}
	record, err := r.scan.next()
	if err == nil {
		r.position++
	}
	return record, err
}

// Seek moves the current position to record i. Positions past the end are the end; a negative
// one is an error that matches ErrOutOfRange. Nothing is read.
func (r *Reader) Seek(i int) error {
	if i < 0 {
		return wrap(ErrOutOfRange, r.name, fmt.Sprintf("seek to record %d", i))
	}
	if r.guard.closed() {
		return ErrClosed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position = min(i, r.numRecords)
	if r.scan != nil && !r.scan.seek(r.position) {
		r.scan.stop()
		r.scan = nil
	}
	return nil
}

// RecordIndex is the current position: the number of the record that Read gives next.
func (r *Reader) RecordIndex() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.position
}
