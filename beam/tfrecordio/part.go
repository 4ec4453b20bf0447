package tfrecordio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/recordcopy"
	"github.com/arrayrecord/arrayrecord-go/internal/readahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	dofn.Register3x1((*readFn).ProcessElement)
	dofn.Register3x1((*readNamedFn).ProcessElement)
}

// readFn turns a part of a file into its records.
type readFn struct{ source }

func newReadFn(c readConfig) any { return &readFn{source{Config: c}} }

// ProcessElement reads one part.
func (f *readFn) ProcessElement(ctx context.Context, p part, emit func([]byte)) error {
	var memory recordcopy.Memory
	return f.read(ctx, p, func(record []byte) { emit(memory.Copy(record)) })
}

// readNamedFn is readFn with the name of the file beside each record.
type readNamedFn struct{ source }

func newReadNamedFn(c readConfig) any { return &readNamedFn{source{Config: c}} }

// ProcessElement reads one part.
func (f *readNamedFn) ProcessElement(ctx context.Context, p part, emit func(string, []byte)) error {
	var memory recordcopy.Memory
	return f.read(ctx, p, func(record []byte) { emit(p.Name, memory.Copy(record)) })
}

// source is what the DoFns have in common.
type source struct {
	Config readConfig

	counters counters.Set
}

// Setup makes the counters, which do not travel.
func (f *source) Setup() { f.counters = counters.Read() }

// The counters are brought up to date after that much.
const (
	countRecords = 1024
	countBytes   = 4 << 20
)

// read gives the records of a part to use, which must copy them, and counts.
func (f *source) read(ctx context.Context, p part, use func(record []byte)) error {
	defer f.counters.FileTime(ctx, time.Now())
	var records, size, counted int64
	_, err := p.read(ctx, f.Config, func(record []byte, _, done int64) {
		use(record)
		f.counters.RecordSize(ctx, len(record))
		records++
		size += int64(len(record))
		if records == countRecords || size >= countBytes {
			f.counters.Add(ctx, 0, records, done-counted)
			records, size, counted = 0, 0, done
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", caller, err)
	}
	files := int64(0)
	if p.End == p.Size {
		files = 1
	}
	f.counters.Add(ctx, files, records, p.End-p.Begin-counted)
	return nil
}

// newReader reads a part of size bytes.
func (c readConfig) newReader(src io.Reader, size int64, compression tfrecord.Compression) (*tfrecord.Reader, error) {
	// What is asked of storage at a time is enough for a bucket, and little
	// memory when many files are read at once.
	const least, most = 64 << 10, 1 << 20
	return tfrecord.NewReader(src, tfrecord.ReaderOptions{
		Compression:   compression,
		MaxRecordSize: c.MaxRecordSize,
		BufferSize:    min(max(size, least), most),
	})
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

// read gives to use, which must copy what it keeps: each record of the part,
// where in the file it begins, and how many bytes of the part have been read.
// It returns how the file is compressed.
//
// A part that begins at a record and is read without an error ends where a
// record ends. So, by induction from the beginning of the file, all parts of a
// file begin at records if none of them fails.
func (p part) read(ctx context.Context, c readConfig, use func(record []byte, offset, done int64)) (compression tfrecord.Compression, err error) {
	o, err := openFile(ctx, p.Name, p.Size)
	if err != nil {
		return p.Compression, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	in := readahead.NewReader(ctx, o, p.Begin, p.End)
	defer func() { err = errors.Join(err, in.Close()) }()

	counting := &countingReader{r: in}
	r, err := c.newReader(counting, p.End-p.Begin, p.Compression)
	if err != nil {
		return p.Compression, p.explain(err)
	}
	for {
		offset := p.Begin + r.Offset()
		record, err := r.Next()
		if err == io.EOF {
			return r.Compression(), nil
		}
		if err != nil {
			return r.Compression(), p.explain(err)
		}
		use(record, offset, counting.n)
	}
}

// explain makes an error of reading the part one about the file.
func (p part) explain(err error) error {
	failure, ok := errors.AsType[*tfrecord.RecordError](err)
	if !ok {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	moved := *failure
	moved.Offset += p.Begin
	if !failure.OfContent() { // storage has named the file
		if p.Begin > 0 {
			return fmt.Errorf("counted from the record at offset %d: %w", p.Begin, &moved)
		}
		return &moved
	}
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
