package tfrecordio

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/slab"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	dofn.Register3x1((*readFn).ProcessElement)
	dofn.Register3x1((*readNamedFn).ProcessElement)
}

// readFn turns a part of a file into its records.
type readFn struct {
	Config readConfig

	read counters.Set
}

func newReadFn(c readConfig) any { return &readFn{Config: c} }

// Setup makes the counters, which do not travel.
func (f *readFn) Setup() { f.read = counters.Read() }

// ProcessElement reads one part.
func (f *readFn) ProcessElement(ctx context.Context, p part, emit func([]byte)) error {
	var memory slab.Slab
	_, err := p.read(ctx, f.Config, &f.read, func(record []byte, _ int64) { emit(memory.Copy(record)) })
	return wrap(err)
}

// readNamedFn is readFn with the name of the file beside each record.
type readNamedFn struct {
	Config readConfig

	read counters.Set
}

func newReadNamedFn(c readConfig) any { return &readNamedFn{Config: c} }

// Setup makes the counters, which do not travel.
func (f *readNamedFn) Setup() { f.read = counters.Read() }

// ProcessElement reads one part.
func (f *readNamedFn) ProcessElement(ctx context.Context, p part, emit func(string, []byte)) error {
	var memory slab.Slab
	_, err := p.read(ctx, f.Config, &f.read, func(record []byte, _ int64) { emit(p.Name, memory.Copy(record)) })
	return wrap(err)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("tfrecordio: %w", err)
	}
	return nil
}

// newReader reads a part of size bytes.
func (c readConfig) newReader(src io.Reader, size int64, compression tfrecord.Compression) (*tfrecord.Reader, error) {
	// What is asked of storage at a time is enough for a bucket, and little
	// memory when many files are read at once.
	const least, most = 64 << 10, 1 << 20
	return tfrecord.NewReader(src, tfrecord.WithCompression(compression), tfrecord.WithMaxRecordSize(c.MaxRecordSize),
		tfrecord.WithBufferSize(int(min(max(size, least), most))))
}

// openFile opens a file that had a certain size when it was found.
func openFile(ctx context.Context, name string, size int64) (storage.Object, error) {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	if o.Size() != size {
		err := fmt.Errorf("%s: the file has changed: it has %d bytes, and had %d when it was found", name, o.Size(), size)
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// The counters are brought up to date after that much.
const (
	countRecords = 1024
	countBytes   = 4 << 20
)

// read gives the records of the part to use, which must copy what it keeps, and
// where they begin, and returns how the file is compressed. It counts if count
// is not nil.
//
// A part that begins at a record and is read without an error ends where a
// record ends. So, by induction from the beginning of the file, all parts of a
// file begin at records if none of them fails.
func (p part) read(ctx context.Context, c readConfig, count *counters.Set, use func(record []byte, offset int64)) (compression tfrecord.Compression, err error) {
	o, err := openFile(ctx, p.Name, p.Size)
	if err != nil {
		return p.Compression, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()

	src := &countingReader{r: io.NewSectionReader(storage.NewReaderAt(ctx, o), p.Begin, p.End-p.Begin)}
	r, err := c.newReader(src, p.End-p.Begin, p.Compression)
	if err != nil {
		return p.Compression, fmt.Errorf("%s: %w", p.Name, err)
	}
	var records, counted, size int64
	add := func(files int64) {
		if count != nil {
			count.Add(ctx, files, records, src.n-counted)
		}
		records, counted, size = 0, src.n, 0
	}
	for {
		offset := p.Begin + r.Offset()
		record, err := r.Next()
		if err == io.EOF {
			files := int64(0)
			if p.End == p.Size {
				files = 1
			}
			add(files)
			return r.Compression(), nil
		}
		if err != nil {
			return r.Compression(), p.explain(err)
		}
		use(record, offset)
		records++
		size += int64(len(record))
		if records == countRecords || size >= countBytes {
			add(0)
			if ctx.Err() != nil {
				return r.Compression(), fmt.Errorf("%s: %w", p.Name, context.Cause(ctx))
			}
		}
	}
}

// explain makes an error of reading the part one about the file.
func (p part) explain(err error) error {
	failure, ok := errors.AsType[*tfrecord.RecordError](err)
	if !ok || p.Begin == 0 && p.End == p.Size {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	moved := *failure
	moved.Offset += p.Begin
	if p.End < p.Size && errors.Is(err, tfrecord.ErrTruncated) {
		return fmt.Errorf("%s: the record at offset %d goes on behind offset %d, where another seemed to begin: "+
			"its data has TFRecords in it; read such files as a whole, with WithSplitSize(0)", p.Name, moved.Offset, p.End)
	}
	if p.Begin == 0 {
		return fmt.Errorf("%s: %w", p.Name, &moved)
	}
	hint := ""
	if errors.Is(err, tfrecord.ErrCorrupt) {
		hint = " (records that have TFRecords in their data look like that too; read such files with WithSplitSize(0))"
	}
	return fmt.Errorf("%s: counted from the record at offset %d: %w%s", p.Name, p.Begin, &moved, hint)
}

// countingReader counts the bytes that were read from r.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
