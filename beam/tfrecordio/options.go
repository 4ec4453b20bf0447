package tfrecordio

import (
	"fmt"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// DefaultSplitSize is how many bytes of a file one part has to begin with unless
// WithSplitSize says otherwise.
const DefaultSplitSize = 64 << 20

// A ReadOption changes what Read and its relatives do.
type ReadOption func(*readOptions)

// WithCompression says how the files are compressed. The default,
// tfrecord.Auto, finds out for each file from its first bytes, whatever its
// name.
func WithCompression(c tfrecord.Compression) ReadOption {
	return func(r *readOptions) { r.Compression = c }
}

// WithMaxRecordSize sets the longest record that is accepted, in bytes; a
// longer one is an error. The default, also as 0, is
// tfrecord.DefaultMaxRecordSize.
func WithMaxRecordSize(n int64) ReadOption {
	return func(r *readOptions) { r.MaxRecordSize = n }
}

// WithSplitSize sets how many bytes of a file are one part to begin with: an
// uncompressed file at least twice as large is cut into parts of this size or
// somewhat more. Runners that can do so split further while they read. 0 reads
// every file as a whole, whatever the runner; the default is DefaultSplitSize.
func WithSplitSize(n int64) ReadOption {
	return func(r *readOptions) { r.SplitSize = n }
}

// An EmptyMatch says what becomes of a pattern or name that no file has.
type EmptyMatch = match.Empty

// The policies for patterns without files, as those of Beam's fileio.
const (
	// EmptyDisallow, the default, fails: a mistyped pattern must not silently be
	// an empty data set.
	EmptyDisallow = match.Disallow
	// EmptyAllow gives no records.
	EmptyAllow = match.Allow
	// EmptyAllowIfWildcard gives no records if the pattern has a wildcard, and
	// fails for a name.
	EmptyAllowIfWildcard = match.AllowIfWildcard
)

// WithEmptyMatch says what becomes of patterns and names that no file has.
func WithEmptyMatch(e EmptyMatch) ReadOption {
	return func(r *readOptions) { r.empty = e }
}

// WithFailures makes a file that cannot be read as a whole no failure of the
// pipeline. *failures becomes, when the transform is made, a PCollection of
// [arrayrecordio.DeadLetter] with one element for each such file, its name, none
// of whose records is given out.
//
// To know that before the first record, files are verified in full before they
// are read, which costs a second reading. A file that gets damaged in between
// does fail the pipeline.
func WithFailures(failures *beam.PCollection) ReadOption {
	return func(r *readOptions) { r.failures = failures }
}

type readOptions struct {
	readConfig
	empty    EmptyMatch
	failures *beam.PCollection // nil: fail
}

// readConfig travels to the workers as part of DoFns, hence its exported
// fields.
type readConfig struct {
	Compression   tfrecord.Compression
	MaxRecordSize int64
	SplitSize     int64
	CheckRange    int64 // see limits
}

func newReadOptions(opts []ReadOption) (readOptions, error) {
	r := readOptions{readConfig: readConfig{SplitSize: DefaultSplitSize, CheckRange: checkRange}}
	for _, o := range opts {
		o(&r)
	}
	if r.MaxRecordSize == 0 {
		r.MaxRecordSize = tfrecord.DefaultMaxRecordSize
	}
	// A wrong option should not wait for a worker to be noticed.
	_, err := r.newReader(strings.NewReader(""), 0, r.Compression)
	if r.SplitSize < 0 {
		err = fmt.Errorf("%w: split size %d", tfrecord.ErrInvalidOption, r.SplitSize)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", caller, err)
	}
	return r, nil
}
