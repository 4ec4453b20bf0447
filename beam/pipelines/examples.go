package pipelines

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
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
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
}

// NewExampleToTFRecord returns a job that writes one shard with the suffix
// ".tfrecord".
func NewExampleToTFRecord(output string) ExampleToTFRecord {
	return ExampleToTFRecord{Output: output, NumShards: 1, Suffix: TFRecordSuffix}
}

// Build adds the job to a pipeline and returns the names of the shards as a
// PCollection of string. The error matches ErrInvalidArgument.
func (e ExampleToTFRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return e.build(s, e.config())
}

// Run runs the job and waits for its end. Errors are those of the other
// pipelines.
func (e ExampleToTFRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, "", e.config(), e.build)
}

func (e ExampleToTFRecord) config() sink.Config {
	return sink.Config{Prefix: e.Output, Suffix: e.Suffix, NumShards: e.NumShards, Overwrite: e.Overwrite, Format: sink.TFRecord}
}

func (e ExampleToTFRecord) build(s beam.Scope, config sink.Config) (beam.PCollection, error) {
	s = s.Scope("ExampleToTFRecord")
	shards, err := sink.Write(s, sink.Options{Config: config}, beam.CreateList(s, MovieExamples()))
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return sink.Names(s, shards), nil
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
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
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
	return e.build(s, e.config())
}

// Run runs the job and waits for its end. Errors are those of the other
// pipelines.
func (e ExampleToArrayRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, "", e.config(), e.build)
}

func (e ExampleToArrayRecord) config() sink.Config {
	return sink.Config{
		Prefix: e.Output, Suffix: e.Suffix, NumShards: e.NumShards, Overwrite: e.Overwrite,
		Format: sink.ArrayRecord, WriterOptions: e.WriterOptions,
	}
}

func (e ExampleToArrayRecord) build(s beam.Scope, config sink.Config) (beam.PCollection, error) {
	s = s.Scope("ExampleToArrayRecord")
	shards, err := sink.Write(s, sink.Options{Config: config}, beam.CreateList(s, MovieExamples()))
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return sink.Names(s, shards), nil
}
