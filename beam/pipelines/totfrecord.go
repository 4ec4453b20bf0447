package pipelines

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// ArrayRecordToTFRecord converts all records of ArrayRecord files into one set
// of TFRecord shards, in no certain order. NewArrayRecordToTFRecord gives one
// with defaults; ArrayRecordFilesToTFRecord keeps files and order.
type ArrayRecordToTFRecord struct {
	// Input is the pattern of the ArrayRecord files, or the name of one with a
	// range of records; see arrayrecordio.Read.
	Input string
	// Output is what the names of the shards begin with, see tfrecordio.Write.
	Output string
	// NumShards is the number of shards; 0 leaves it to the runner.
	NumShards int
	// Suffix is what the names of the shards end in.
	Suffix string
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
	// Compression is how the shards are compressed as a whole; tfrecord.Auto
	// means not at all.
	Compression tfrecord.Compression
}

// NewArrayRecordToTFRecord returns a conversion with as many shards as the
// runner likes, the suffix ".tfrecord" and no compression.
func NewArrayRecordToTFRecord(input, output string) ArrayRecordToTFRecord {
	return ArrayRecordToTFRecord{Input: input, Output: output, Suffix: TFRecordSuffix}
}

// TFRecordSuffix is what names of TFRecord files end in by default.
const TFRecordSuffix = ".tfrecord"

// Build adds the conversion to a pipeline and returns the names of the shards
// as a PCollection of string, once all are complete. The error matches
// ErrInvalidArgument.
func (c ArrayRecordToTFRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return c.build(s, c.config())
}

// Run runs the conversion and waits for its end, as the package's function
// [Run] does; if it fails on Prism, temporary files are removed. The error
// matches ErrInvalidArgument if the conversion makes no sense, and is a
// *RunError if it failed.
func (c ArrayRecordToTFRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, c.Input, c.config(), c.build)
}

func (c ArrayRecordToTFRecord) config() sink.Config {
	return sink.Config{
		Prefix: c.Output, Suffix: c.Suffix, NumShards: c.NumShards, Overwrite: c.Overwrite,
		Format: sink.TFRecord, Compression: c.Compression,
	}
}

func (c ArrayRecordToTFRecord) build(s beam.Scope, config sink.Config) (beam.PCollection, error) {
	s = s.Scope("ArrayRecordToTFRecord")
	records, err := arrayrecordio.TryRead(s, c.Input)
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	shards, err := sink.Write(s, sink.Options{Config: config}, records)
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return sink.Names(s, shards), nil
}
