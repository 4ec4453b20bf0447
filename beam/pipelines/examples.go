package pipelines

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
)

// ExampleToTFRecord writes MovieExamples, which are few, as TFRecord shards: an
// input for other pipelines where there is none. NewExampleToTFRecord gives one
// with defaults.
type ExampleToTFRecord struct {
	// Output is what the names of the shards begin with.
	Output string
	// NumShards is the number of shards.
	NumShards int
	// Suffix is what the names of the shards end in.
	Suffix string
}

// NewExampleToTFRecord returns a job that writes one shard with the suffix
// ".tfrecord".
func NewExampleToTFRecord(output string) ExampleToTFRecord {
	return ExampleToTFRecord{Output: output, NumShards: 1, Suffix: TFRecordSuffix}
}

// Build adds the job to a pipeline and returns the names of the shards as a
// PCollection of string. The error matches ErrInvalidArgument.
func (e ExampleToTFRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return e.build(s, arrayrecordio.TempDir(e.Output))
}

// Run runs the job and waits for its end. Errors are those of the other
// pipelines.
func (e ExampleToTFRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, e.Output, e.Suffix, e.build)
}

func (e ExampleToTFRecord) build(s beam.Scope, temp string) (beam.PCollection, error) {
	s = s.Scope("ExampleToTFRecord")
	names, err := tfrecordio.TryWrite(s, e.Output, beam.CreateList(s, MovieExamples()),
		tfrecordio.WithNumShards(e.NumShards), tfrecordio.WithSuffix(e.Suffix), tfrecordio.WithTempDir(temp))
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return names, nil
}

// ExampleToArrayRecord is ExampleToTFRecord for ArrayRecord shards.
// NewExampleToArrayRecord gives one with defaults.
type ExampleToArrayRecord struct {
	// Output is what the names of the shards begin with.
	Output string
	// NumShards is the number of shards.
	NumShards int
	// Suffix is what the names of the shards end in.
	Suffix string
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
}

// NewExampleToArrayRecord returns a job that writes one shard with the suffix
// ".arrayrecord" and the writer options "group_size:1".
func NewExampleToArrayRecord(output string) ExampleToArrayRecord {
	return ExampleToArrayRecord{
		Output: output, NumShards: 1,
		Suffix: arrayrecordio.DefaultSuffix, WriterOptions: arrayrecordio.DefaultWriterOptions,
	}
}

// Build adds the job to a pipeline and returns the names of the shards as a
// PCollection of string. The error matches ErrInvalidArgument.
func (e ExampleToArrayRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return e.build(s, arrayrecordio.TempDir(e.Output))
}

// Run runs the job and waits for its end. Errors are those of the other
// pipelines.
func (e ExampleToArrayRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, e.Output, e.Suffix, e.build)
}

func (e ExampleToArrayRecord) build(s beam.Scope, temp string) (beam.PCollection, error) {
	s = s.Scope("ExampleToArrayRecord")
	names, err := arrayrecordio.TryWrite(s, e.Output, beam.CreateList(s, MovieExamples()),
		arrayrecordio.WithNumShards(e.NumShards), arrayrecordio.WithSuffix(e.Suffix),
		arrayrecordio.WithWriterOptions(e.WriterOptions), arrayrecordio.WithTempDir(temp))
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return names, nil
}
