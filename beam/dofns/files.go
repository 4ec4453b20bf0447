package dofns

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/rtrackers/offsetrange"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/convert"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() { direct.Register6x1((*fileFn).ProcessElement) }

// TFRecordFileToArrayRecord converts TFRecord files into ArrayRecord files, one
// into one, and returns the names of the latter as a PCollection of string.
// files is a PCollection of KV<string, string>, the name of an input and the
// name of its output; [NameOutputs] makes them of the inputs. The records keep
// their order and never leave the worker that converts the file; memory is
// bounded by the longest record and by the writer.
//
// Inputs with the same output, and outputs that are their own input, are noticed
// before anything is written for them. A pair that comes twice is converted
// once. Each input has one element of work, so that a runner converts several at
// once.
//
// Options: WithWriterOptions, WithCompression, WithMaxRecordSize,
// WithSkipExisting, WithDeadLetters.
//
// TFRecordFileToArrayRecord panics if an argument makes no sense, as Beam's own
// transforms do; TryTFRecordFileToArrayRecord returns the error instead.
func TFRecordFileToArrayRecord(s beam.Scope, files beam.PCollection, opts ...Option) beam.PCollection {
	return beam.Must(TryTFRecordFileToArrayRecord(s, files, opts...))
}

// TryTFRecordFileToArrayRecord is TFRecordFileToArrayRecord with an error
// instead of a panic. The error matches ErrInvalidOption.
func TryTFRecordFileToArrayRecord(s beam.Scope, files beam.PCollection, opts ...Option) (beam.PCollection, error) {
	o, err := newOptions(opts, writerOptions|compression|maxRecordSize|skipExisting|deadLetters)
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("dofns: %w", err)
	}
	return convertFiles(s.Scope("dofns.TFRecordFileToArrayRecord"), o, false, files)
}

// ArrayRecordFileToTFRecord converts ArrayRecord files into TFRecord files, one
// into one, as [TFRecordFileToArrayRecord] does in the other direction.
//
// Options: WithCompression, WithSkipExisting, WithDeadLetters.
func ArrayRecordFileToTFRecord(s beam.Scope, files beam.PCollection, opts ...Option) beam.PCollection {
	return beam.Must(TryArrayRecordFileToTFRecord(s, files, opts...))
}

// TryArrayRecordFileToTFRecord is ArrayRecordFileToTFRecord with an error
// instead of a panic. The error matches ErrInvalidOption.
func TryArrayRecordFileToTFRecord(s beam.Scope, files beam.PCollection, opts ...Option) (beam.PCollection, error) {
	o, err := newOptions(opts, compression|skipExisting|deadLetters)
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("dofns: %w", err)
	}
	return convertFiles(s.Scope("dofns.ArrayRecordFileToTFRecord"), o, true, files)
}

func convertFiles(s beam.Scope, o options, toTFRecord bool, files beam.PCollection) (beam.PCollection, error) {
	if err := checkType("files", files, pairType); err != nil {
		return beam.PCollection{}, fmt.Errorf("dofns: %w", err)
	}
	pairs, doubled := unique(s, o, "none of them was converted", files)
	names, failed := beam.ParDo2(s, &fileFn{Config: o.config, ToTFRecord: toTFRecord}, pairs)
	if o.deadLetters != nil {
		*o.deadLetters = beam.Flatten(s, doubled, failed)
	}
	return settle(s, names), nil
}

// fileFn converts files. It is splittable, but only between files: Prism has the
// files converted one after the other else.
type fileFn struct {
	Config     config
	ToTFRecord bool // and not the other way

	read, written counters.Set
	found         counters.Finds
}

// Setup makes the counters, which do not travel.
func (f *fileFn) Setup() {
	f.read, f.written, f.found = counters.Read(), counters.Written(), counters.Found()
}

// CreateInitialRestriction has one place, which is the whole file.
func (f *fileFn) CreateInitialRestriction(_, _ string) offsetrange.Restriction {
	return offsetrange.Restriction{End: 1}
}

// SplitRestriction leaves it whole.
func (f *fileFn) SplitRestriction(_, _ string, r offsetrange.Restriction) []offsetrange.Restriction {
	return []offsetrange.Restriction{r}
}

// RestrictionSize takes all files for equally large.
func (f *fileFn) RestrictionSize(_, _ string, r offsetrange.Restriction) float64 { return r.Size() }

// CreateTracker makes the tracker that the runner and ProcessElement share.
func (f *fileFn) CreateTracker(r offsetrange.Restriction) *sdf.LockRTracker {
	return sdf.NewLockRTracker(fileTracker{offsetrange.NewTracker(r)})
}

// fileTracker is for a single place. Its progress is none until the end: that
// the place is claimed does not mean that the file is done, and a runner that
// thinks so gives less of the other files away.
type fileTracker struct{ *offsetrange.Tracker }

// GetProgress implements sdf.RTracker.
func (t fileTracker) GetProgress() (done, remaining float64) {
	r := t.GetRestriction().(offsetrange.Restriction)
	return 0, r.Size()
}

// ProcessElement converts one file and gives the output's name.
func (f *fileFn) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, input, output string, emit func(string), fail func(DeadLetter)) error {
	if !rt.TryClaim(int64(0)) {
		return nil
	}
	start := time.Now()
	if f.Config.SkipExisting {
		there, size, err := convert.Existing(ctx, input, output)
		if err != nil {
			return fmt.Errorf("dofns: %w", err)
		}
		if there {
			f.found.Keep(ctx, size)
			return nil
		}
	}
	stats, err := f.convert(ctx, input, output)
	if err != nil {
		return f.Config.failure(ctx, &f.written, DeadLetter{Element: input, Output: output}, err, fail)
	}
	f.read.Add(ctx, 1, 0, 0) // the rest was counted on the way
	f.written.Add(ctx, 1, stats.Records, stats.BytesWritten)
	f.read.FileTime(ctx, start)
	f.written.FileTime(ctx, start)
	emit(output)
	return nil
}

func (f *fileFn) convert(ctx context.Context, input, output string) (convert.Stats, error) {
	observer := convert.Observer{
		Record:   func(size int) { f.read.RecordSize(ctx, size) },
		Progress: func(records, bytes int64) { f.read.Add(ctx, 0, records, bytes) },
	}
	if f.ToTFRecord {
		return convert.ArrayRecordToTFRecord(ctx, input, output, observer, tfrecord.WithCompression(f.Config.Compression))
	}
	in := convert.TFRecordInput{Compression: f.Config.Compression, MaxRecordSize: f.Config.MaxRecordSize}
	return convert.TFRecordToArrayRecord(ctx, input, output, in, f.Config.WriterOptions, observer)
}
