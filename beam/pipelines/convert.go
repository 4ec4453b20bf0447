package pipelines

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// TFRecordToArrayRecord converts all records of TFRecord files into one set of
// ArrayRecord shards. NewTFRecordToArrayRecord gives one with defaults.
type TFRecordToArrayRecord struct {
	// Input is the pattern of the TFRecord files, see tfrecordio.Read.
	Input string
	// Output is what the names of the shards begin with, see
	// arrayrecordio.Write.
	Output string
	// NumShards is the number of shards; 0 leaves it to the runner.
	NumShards int
	// Suffix is what the names of the shards end in.
	Suffix string
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
	// Compression is how the input files are compressed; tfrecord.Auto finds
	// out.
	Compression tfrecord.Compression
	// Failures says what becomes of files that cannot be converted. To skip
	// them means a second reading of the input; see tfrecordio.WithFailures.
	Failures Failures
}

// NewTFRecordToArrayRecord returns a conversion with as many shards as the
// runner likes, the suffix ".arrayrecord", the writer options "group_size:1"
// and detection of the compression.
func NewTFRecordToArrayRecord(input, output string) TFRecordToArrayRecord {
	return TFRecordToArrayRecord{
		Input:         input,
		Output:        output,
		Suffix:        arrayrecordio.DefaultSuffix,
		WriterOptions: arrayrecordio.DefaultWriterOptions,
	}
}

// Build adds the conversion to a pipeline and returns the names of the shards
// as a PCollection of string, once all are complete. The error matches
// ErrInvalidArgument.
func (c TFRecordToArrayRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return c.build(s, c.config())
}

// Run runs the conversion and waits for its end, as the package's function
// [Run] does; if it fails on Prism, temporary files are removed. The error
// matches ErrInvalidArgument if the conversion makes no sense, and is a
// *RunError if it failed.
func (c TFRecordToArrayRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, c.Input, c.config(), c.build)
}

func (c TFRecordToArrayRecord) config() sink.Config {
	return sink.Config{
		Prefix: c.Output, Suffix: c.Suffix, NumShards: c.NumShards, Overwrite: c.Overwrite,
		Format: sink.ArrayRecord, WriterOptions: c.WriterOptions,
	}
}

func (c TFRecordToArrayRecord) build(s beam.Scope, config sink.Config) (beam.PCollection, error) {
	s = s.Scope("TFRecordToArrayRecord")
	opts := []tfrecordio.ReadOption{tfrecordio.WithCompression(c.Compression)}
	var failed beam.PCollection
	if c.Failures.Skip {
		opts = append(opts, tfrecordio.WithFailures(&failed))
	}
	records, err := tfrecordio.TryRead(s, c.Input, opts...)
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	shards, err := sink.Write(s, sink.Options{Config: config}, records)
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	if c.Failures.Skip {
		if err := c.Failures.write(s, beam.ParDo(s, deadLetter, failed)); err != nil {
			return beam.PCollection{}, invalidArgument{err}
		}
	}
	return sink.Names(s, shards), nil
}
