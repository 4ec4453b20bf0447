package tfrecordio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	dofn.Register3x1((*readFn).ProcessElement)
	register.Emitter1[[]byte]()
}

// Read returns the records of all TFRecord files that match the pattern, as a
// PCollection of []byte, in no order. Patterns are those of storage.List: '*'
// and '?' within a path segment, '**' for any number of directories. The files
// may be in any place whose storage package the program imports.
//
// The files are found when the pipeline runs. It fails if there are none, if
// one of them cannot be read, and at a record that is damaged or truncated,
// naming the file, the record and its offset.
//
// One file is read by one worker, from its beginning to its end; several are
// read in parallel where the runner does that. Memory is bounded by the longest
// record. Each element is a slice of its own.
//
// Read panics if an option or the pattern makes no sense, as Beam's own
// transforms do; TryRead returns the error instead.
func Read(s beam.Scope, pattern string, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryRead(s, pattern, opts...))
}

// TryRead is Read with an error instead of a panic. The error matches
// errors.ErrUnsupported if nothing serves the pattern's scheme, and
// tfrecord.ErrInvalidOption for a wrong option.
func TryRead(s beam.Scope, pattern string, opts ...ReadOption) (beam.PCollection, error) {
	config := readConfig{MaxRecordSize: tfrecord.DefaultMaxRecordSize}
	for _, o := range opts {
		o(&config)
	}
	if pattern == "" {
		return beam.PCollection{}, errors.New("tfrecordio: no file pattern given")
	}
	if _, err := storage.For(pattern); err != nil {
		return beam.PCollection{}, fmt.Errorf("tfrecordio: %w", err)
	}
	// A wrong option should not wait for a worker to be noticed.
	if _, err := config.newReader(strings.NewReader("")); err != nil {
		return beam.PCollection{}, fmt.Errorf("tfrecordio: %w", err)
	}
	s = s.Scope("tfrecordio.Read")
	files := match(s, beam.Create(s, pattern))
	return beam.ParDo(s, &readFn{Config: config}, files), nil
}

// readFn turns a file into its records.
type readFn struct {
	Config readConfig

	read counters.Set
}

// Setup makes the counters, which do not travel.
func (f *readFn) Setup() { f.read = counters.Read() }

// The counters are brought up to date after that much.
const (
	countRecords = 1024
	countBytes   = 4 << 20
)

// ProcessElement reads one file. What follows in the pipeline may keep the
// slices, so none is used twice.
func (f *readFn) ProcessElement(ctx context.Context, in file, emit func([]byte)) (err error) {
	o, err := storage.Open(ctx, in.Name)
	if err != nil {
		return fmt.Errorf("tfrecordio: %w", err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()

	src := &countingReader{r: io.NewSectionReader(storage.NewReaderAt(ctx, o), 0, o.Size())}
	r, err := f.Config.newReader(src)
	if err != nil {
		return fmt.Errorf("tfrecordio: %s: %w", in.Name, err)
	}
	var records, counted, size int64
	for {
		record, err := r.Read()
		if err == io.EOF {
			f.read.Add(ctx, 1, records, src.n-counted)
			return nil
		}
		if err != nil {
			return fmt.Errorf("tfrecordio: %s: %w", in.Name, err)
		}
		emit(record)
		records++
		size += int64(len(record))
		if records == countRecords || size >= countBytes {
			f.read.Add(ctx, 0, records, src.n-counted)
			records, counted, size = 0, src.n, 0
			if ctx.Err() != nil {
				return fmt.Errorf("tfrecordio: %s: %w", in.Name, context.Cause(ctx))
			}
		}
	}
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
