package arrayrecordio

import (
	"fmt"
	"math"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
)

// The defaults of Read. A loaded machine has runners read more ranges at once than
// it has processors: each is to have little in memory.
const (
	DefaultReaderOptions = "max_parallelism:2,readahead_memory:8M"
	DefaultSplitSize     = 64 << 20
)

// A ReadOption changes what Read and its relatives do.
type ReadOption func(*readOptions)

// WithReaderOptions sets the option string of the readers, in the grammar of
// arrayrecord.ParseReaderOptions. The default is DefaultReaderOptions, since
// the runner reads several files at once; what a string does not mention has
// the defaults of that function.
func WithReaderOptions(s string) ReadOption {
	return func(o *readOptions) { o.ReaderOptions = s }
}

// WithSplitSize sets how many bytes of a file are one unit of work to begin
// with; the default is DefaultSplitSize, and 0 makes every file one unit.
// Runners that can do so split further while they read. Units are longer in
// files with a very long index, which each unit has to read.
func WithSplitSize(n int64) ReadOption {
	return func(o *readOptions) { o.SplitSize = n }
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
	return func(o *readOptions) { o.empty = e }
}

// WithFailures makes a file that cannot be read as a whole no failure of the
// pipeline. *failures becomes, when the transform is made, a PCollection of
// [DeadLetter] with one element for each such file, its name, none of whose
// records is given out.
//
// To know that before the first record, files are verified in full before they
// are read, which costs a second reading. A file that gets damaged in between
// does fail the pipeline. Of a file with a range behind its name, the range is
// verified.
func WithFailures(failures *beam.PCollection) ReadOption {
	return func(o *readOptions) { o.failures, o.Salvage = failures, false }
}

// WithSalvage is WithFailures, but leaves out damaged chunks only, and gives the
// other records of their files. For each such chunk failures has the range of
// records that are lost, as in data.arrayrecord[1000:1064], which is a name that
// Read takes; files that cannot be opened are there by their names. Of two of
// these options the last one counts.
//
// For files whose index is lost or wrong there is arrayrecord.Repair.
func WithSalvage(failures *beam.PCollection) ReadOption {
	return func(o *readOptions) { o.failures, o.Salvage = failures, true }
}

type readOptions struct {
	readConfig
	empty    EmptyMatch
	failures *beam.PCollection // nil: fail
}

// readConfig travels to the workers as part of DoFns, hence its exported
// fields.
type readConfig struct {
	ReaderOptions string
	SplitSize     int64
	LongestRun    int64 // bytes of chunks that are claimed at a time
	Salvage       bool  // of files that may be damaged: leave out chunks, not files
}

// Read returns the records of all ArrayRecord files that match the pattern, as
// a PCollection of []byte, in no order. Patterns are those of storage.List: '*'
// and '?' within a path segment, '**' for any number of directories. The files
// may be in any place whose storage package the program imports. A name may
// have a range of records behind it, as in data.arrayrecord[1000:2000].
//
// The files are found when the pipeline runs. It fails if there are none, if
// one of them cannot be read or is damaged, and if a range is not within its
// file. See WithEmptyMatch and WithFailures.
//
// Memory does not depend on the sizes of files. The elements belong to the
// pipeline.
//
// Read panics if an option or the pattern makes no sense, as Beam's own
// transforms do; TryRead returns the error instead.
func Read(s beam.Scope, pattern string, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryRead(s, pattern, opts...))
}

// TryRead is Read with an error instead of a panic. The error matches
// errors.ErrUnsupported if nothing serves the pattern's scheme, and
// arrayrecord.ErrInvalidOption for a wrong option.
func TryRead(s beam.Scope, pattern string, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("arrayrecordio.Read"), match.Pattern(pattern), newReadFn, opts)
}

// ReadAll returns the records of all files that match the patterns, a
// PCollection of string, as Read does for one pattern. Files that several
// patterns match are read several times.
func ReadAll(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadAll(s, patterns, opts...))
}

// TryReadAll is ReadAll with an error instead of a panic, as TryRead is for
// Read.
func TryReadAll(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("arrayrecordio.ReadAll"), match.Patterns(patterns), newReadFn, opts)
}

// ReadRecords is Read with where each record comes from: a PCollection of
// [Record].
func ReadRecords(s beam.Scope, pattern string, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadRecords(s, pattern, opts...))
}

// TryReadRecords is ReadRecords with an error instead of a panic, as TryRead is
// for Read.
func TryReadRecords(s beam.Scope, pattern string, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("arrayrecordio.ReadRecords"), match.Pattern(pattern), newReadRecordsFn, opts)
}

// ReadAllRecords is ReadAll with where each record comes from: a PCollection of
// [Record].
func ReadAllRecords(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadAllRecords(s, patterns, opts...))
}

// TryReadAllRecords is ReadAllRecords with an error instead of a panic, as
// TryRead is for Read.
func TryReadAllRecords(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("arrayrecordio.ReadAllRecords"), match.Patterns(patterns), newReadRecordsFn, opts)
}

// ReadFiles returns the records of files that Beam's package fileio has found, a
// PCollection of fileio.FileMetadata or fileio.ReadableFile, as Read does. With
// fileio.MatchContinuously it reads new files as they appear. The names must be
// such that this module reads too; see package storage/beamfs for file systems
// that only Beam has.
func ReadFiles(s beam.Scope, files beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadFiles(s, files, opts...))
}

// TryReadFiles is ReadFiles with an error instead of a panic, as TryRead is for
// Read.
func TryReadFiles(s beam.Scope, files beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("arrayrecordio.ReadFiles"), match.Matched(files), newReadFn, opts)
}

// ReadFilesRecords is ReadFiles with where each record comes from: a PCollection
// of [Record].
func ReadFilesRecords(s beam.Scope, files beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadFilesRecords(s, files, opts...))
}

// TryReadFilesRecords is ReadFilesRecords with an error instead of a panic, as
// TryRead is for Read.
func TryReadFilesRecords(s beam.Scope, files beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("arrayrecordio.ReadFilesRecords"), match.Matched(files), newReadRecordsFn, opts)
}

const caller = "arrayrecordio"

func newReadOptions(opts []ReadOption) (readOptions, error) {
	o := readOptions{readConfig: readConfig{ReaderOptions: DefaultReaderOptions, SplitSize: DefaultSplitSize, LongestRun: longestRun}}
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.check(); err != nil {
		return o, fmt.Errorf("%s: %w", caller, err)
	}
	return o, nil
}

// read gives what newFn makes of the files of the input.
func read(s beam.Scope, in match.Input, newFn func(readConfig) any, opts []ReadOption) (beam.PCollection, error) {
	o, err := newReadOptions(opts)
	if err != nil {
		return beam.PCollection{}, err
	}
	files, err := match.Files(s, in, match.Options{Caller: caller, Ranges: true, Empty: o.empty})
	if err != nil {
		return beam.PCollection{}, err
	}
	var units beam.PCollection
	if o.failures == nil {
		units = beam.ParDo(s, &unitFn{Config: o.readConfig}, files)
	} else {
		units, *o.failures = beam.ParDo2(s, &verifyFn{Config: o.readConfig}, files)
	}
	return beam.ParDo(s, newFn(o.readConfig), beam.Reshuffle(s, units)), nil
}

func (c readConfig) check() error {
	if c.SplitSize < 0 {
		return fmt.Errorf("%w: split size %d", arrayrecord.ErrInvalidOption, c.SplitSize)
	}
	_, err := arrayrecord.ParseReaderOptions(c.ReaderOptions)
	return err
}

// splitSize is the size of a unit in a file whose index has indexSize bytes:
// long enough that reading the index does not show.
func (c readConfig) splitSize(indexSize int64) int64 {
	const ratio = 16
	if c.SplitSize == 0 {
		return math.MaxInt64
	}
	return max(c.SplitSize, ratio*indexSize)
}
