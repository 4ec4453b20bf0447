package dofns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/inflight"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	direct.Register5x1((*groupFn).ProcessElement)
	direct.Register5x1((*tupleFn).ProcessElement)
	register.Iter1[[]byte]()
}

// ConvertToArrayRecordGCS writes each group of records into one ArrayRecord
// object below path, gs://BUCKET or gs://BUCKET/DIRECTORY, and returns the names
// of the objects as a PCollection of string.
//
// Grouping shuffles the records: 100 MB of them take 1.2 GiB of memory on Prism.
// To convert files as they are, [TFRecordFileToArrayRecord] needs no shuffle and
// keeps their order.
//
// groups is what beam.GroupByKey makes of a PCollection of KV<string, []byte>, or
// a PCollection of KV<string, [][]byte>, a name and its records, which must fit
// into memory. The key is the name of a file, whose last segment names the object
// as [OutputName] says. Records are written in the order in which they are given.
//
// Memory is bounded by the writer, whatever the size of a group, as far as the
// runner streams groups; Prism holds all of them in memory, and has them written
// one after the other.
//
// Groups with the same output, such as a/x and b/x, are noticed when they have
// been written: then what the object holds is one of them. With WithDeadLetters
// all of them are dead letters, else the pipeline fails. They must be in the
// same window for that.
//
// Options: WithOverwriteExtension, WithFilePathSuffix, WithWriterOptions,
// WithDeadLetters.
//
// ConvertToArrayRecordGCS panics if an argument makes no sense, as Beam's own
// transforms do; TryConvertToArrayRecordGCS returns the error instead.
func ConvertToArrayRecordGCS(s beam.Scope, path string, groups beam.PCollection, opts ...Option) beam.PCollection {
	return beam.Must(TryConvertToArrayRecordGCS(s, path, groups, opts...))
}

// TryConvertToArrayRecordGCS is ConvertToArrayRecordGCS with an error instead of
// a panic. The error matches ErrInvalidOption, or errors.ErrUnsupported if the
// program does not import package storage/gcs.
func TryConvertToArrayRecordGCS(s beam.Scope, path string, groups beam.PCollection, opts ...Option) (beam.PCollection, error) {
	if storage.Scheme(path) != "gs" {
		return beam.PCollection{}, fmt.Errorf("dofns: the output path %q does not begin with gs://", path)
	}
	return convertGroups(s.Scope("dofns.ConvertToArrayRecordGCS"), path, groups, opts)
}

// ConvertToArrayRecord is [ConvertToArrayRecordGCS] for a path in any place that
// package storage knows: a directory on a disk that all workers share, or a URL.
func ConvertToArrayRecord(s beam.Scope, path string, groups beam.PCollection, opts ...Option) beam.PCollection {
	return beam.Must(TryConvertToArrayRecord(s, path, groups, opts...))
}

// TryConvertToArrayRecord is ConvertToArrayRecord with an error instead of a
// panic. The error matches ErrInvalidOption, or errors.ErrUnsupported if nothing
// serves the path's scheme.
func TryConvertToArrayRecord(s beam.Scope, path string, groups beam.PCollection, opts ...Option) (beam.PCollection, error) {
	return convertGroups(s.Scope("dofns.ConvertToArrayRecord"), path, groups, opts)
}

func convertGroups(s beam.Scope, path string, groups beam.PCollection, opts []Option) (beam.PCollection, error) {
	o, err := newOptions(opts, overwriteExtension|filePathSuffix|writerOptions|deadLetters)
	if err == nil {
		err = o.setPath(path)
	}
	var write any = &groupFn{groupWriter{Config: o.config}}
	if err == nil && groups.IsValid() && typex.IsEqual(groups.Type(), tupleType) {
		write = &tupleFn{groupWriter{Config: o.config}}
	} else if err == nil {
		err = checkType("groups", groups, groupType)
	}
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("dofns: %w", err)
	}
	written, failed := beam.ParDo2(s, write, groups)
	names, doubled := unique(s, o, "it holds one of them", written)
	if o.deadLetters != nil {
		*o.deadLetters = beam.Flatten(s, failed, doubled)
	}
	return beam.ParDo(s, dropInput, names), nil
}

// groupFn writes groups of records.
type groupFn struct{ groupWriter }

// ProcessElement writes one group, and gives its key and its output's name.
func (f *groupFn) ProcessElement(ctx context.Context, key string, next func(*[]byte) bool, emit func(string, string), fail func(DeadLetter)) error {
	return f.writeGroup(ctx, key, next, emit, fail)
}

// tupleFn is groupFn for groups that are one element.
type tupleFn struct{ groupWriter }

// ProcessElement writes one group, and gives its key and its output's name.
func (f *tupleFn) ProcessElement(ctx context.Context, key string, records [][]byte, emit func(string, string), fail func(DeadLetter)) error {
	return f.writeGroup(ctx, key, func(record *[]byte) bool {
		if len(records) == 0 {
			return false
		}
		*record, records = records[0], records[1:]
		return true
	}, emit, fail)
}

// groupWriter is what they have in common.
type groupWriter struct {
	Config config

	written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *groupWriter) Setup() { f.written = counters.Written() }

func (f *groupWriter) writeGroup(ctx context.Context, key string, next func(*[]byte) bool, emit func(string, string), fail func(DeadLetter)) error {
	output, err := f.Config.outputName(key)
	if err == nil {
		err = f.write(ctx, output, next)
	}
	if err != nil {
		return f.Config.failure(ctx, &f.written, DeadLetter{Element: key, Output: output}, err, fail)
	}
	emit(key, output)
	return nil
}

func (f *groupWriter) write(ctx context.Context, output string, next func(*[]byte) bool) (err error) {
	start := time.Now()
	defer inflight.Begin()()
	w, err := arrayrecord.Create(ctx, output, arrayrecord.WithWriterOptions(f.Config.WriterOptions))
	if err != nil {
		return err
	}
	// Does nothing after Close; the iterator may panic.
	defer func() { err = errors.Join(err, w.Abort()) }()
	for record := []byte(nil); next(&record); {
		if err := w.Write(record); err != nil {
			return err
		}
		f.written.RecordSize(ctx, len(record))
	}
	if err := w.Close(); err != nil {
		return err
	}
	f.written.Add(ctx, 1, int64(w.NumRecords()), w.Size())
	f.written.FileTime(ctx, start)
	return nil
}
