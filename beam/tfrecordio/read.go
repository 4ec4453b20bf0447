package tfrecordio

import (
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
)

func init() {
	register.Emitter1[[]byte]()
	register.Emitter1[Record]()
	register.Emitter2[string, []byte]()
}

// Read returns the records of all TFRecord files that match the pattern, as a
// PCollection of []byte, in no order. Patterns are those of storage.List: '*'
// and '?' within a path segment, '**' for any number of directories. The files
// may be in any place whose storage package the program imports.
//
// The files are found when the pipeline runs. It fails if there are none, if
// one of them cannot be read, and at a record that is damaged or truncated,
// naming the file, the record and its offset. See WithEmptyMatch and
// WithFailures.
//
// Files, and parts of uncompressed ones, are read in parallel where the runner
// does that. Memory is bounded by the longest record. The elements belong to the
// pipeline.
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
	return read(s.Scope("tfrecordio.Read"), match.Pattern(pattern), newReadFn, opts)
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
	return read(s.Scope("tfrecordio.ReadAll"), match.Patterns(patterns), newReadFn, opts)
}

// ReadAllWithFilename is ReadAll with the name of the file beside each record:
// a PCollection of KV<string, []byte>. Names are as storage.List gives them.
func ReadAllWithFilename(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadAllWithFilename(s, patterns, opts...))
}

// TryReadAllWithFilename is ReadAllWithFilename with an error instead of a
// panic, as TryRead is for Read.
func TryReadAllWithFilename(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("tfrecordio.ReadAllWithFilename"), match.Patterns(patterns), newReadNamedFn, opts)
}

// ReadRecords is Read with where each record comes from: a PCollection of
// [Record].
func ReadRecords(s beam.Scope, pattern string, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadRecords(s, pattern, opts...))
}

// TryReadRecords is ReadRecords with an error instead of a panic, as TryRead is
// for Read.
func TryReadRecords(s beam.Scope, pattern string, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("tfrecordio.ReadRecords"), match.Pattern(pattern), newReadRecordsFn, opts)
}

// ReadAllRecords is ReadAll with where each record comes from: a PCollection of
// [Record].
func ReadAllRecords(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadAllRecords(s, patterns, opts...))
}

// TryReadAllRecords is ReadAllRecords with an error instead of a panic, as
// TryRead is for Read.
func TryReadAllRecords(s beam.Scope, patterns beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("tfrecordio.ReadAllRecords"), match.Patterns(patterns), newReadRecordsFn, opts)
}

// ReadFiles returns the records of files that Beam's package fileio has found, a
// PCollection of fileio.FileMetadata or fileio.ReadableFile, as Read does. With
// fileio.MatchContinuously it reads new files as they appear. The names must be
// such that this module reads too; see package storage/beamfs for file systems
// that only Beam has. What a ReadableFile says of compression is not looked at.
func ReadFiles(s beam.Scope, files beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadFiles(s, files, opts...))
}

// TryReadFiles is ReadFiles with an error instead of a panic, as TryRead is for
// Read.
func TryReadFiles(s beam.Scope, files beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("tfrecordio.ReadFiles"), match.Matched(files), newReadFn, opts)
}

// ReadFilesRecords is ReadFiles with where each record comes from: a PCollection
// of [Record].
func ReadFilesRecords(s beam.Scope, files beam.PCollection, opts ...ReadOption) beam.PCollection {
	return beam.Must(TryReadFilesRecords(s, files, opts...))
}

// TryReadFilesRecords is ReadFilesRecords with an error instead of a panic, as
// TryRead is for Read.
func TryReadFilesRecords(s beam.Scope, files beam.PCollection, opts ...ReadOption) (beam.PCollection, error) {
	return read(s.Scope("tfrecordio.ReadFilesRecords"), match.Matched(files), newReadRecordsFn, opts)
}

const caller = "tfrecordio"

// read gives what newFn makes of the files of the input.
func read(s beam.Scope, in match.Input, newFn func(readConfig) any, opts []ReadOption) (beam.PCollection, error) {
	o, err := newReadOptions(opts)
	if err != nil {
		return beam.PCollection{}, err
	}
	files, err := match.Files(s, in, match.Options{Caller: caller, Empty: o.empty})
	if err != nil {
		return beam.PCollection{}, err
	}
	var parts beam.PCollection
	if o.failures == nil {
		parts = beam.ParDo(s, &planFn{Config: o.readConfig}, files)
	} else {
		parts, *o.failures = beam.ParDo2(s, &verifyFn{Config: o.readConfig}, files)
	}
	return beam.ParDo(s, newFn(o.readConfig), beam.Reshuffle(s, parts)), nil
}
