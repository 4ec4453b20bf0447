package pipelines

import (
	"flag"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

// ExampleToTFRecord writes MovieExamples, which are few, as TFRecord shards: an
// input for other pipelines where there is none. NewExampleToTFRecord gives one
// with defaults.
type ExampleToTFRecord struct {
	ShardNames
	// NumShards is the number of shards.
	NumShards int
}

// NewExampleToTFRecord returns a job that writes one shard with the suffix
// ".tfrecord".
func NewExampleToTFRecord(output string) *ExampleToTFRecord {
	return &ExampleToTFRecord{ShardNames: ShardNames{Output: output, Suffix: TFRecordSuffix}, NumShards: 1}
}

// AddFlags implements Pipeline.
func (e *ExampleToTFRecord) AddFlags(flags *flag.FlagSet) {
	e.ShardNames.addFlags(flags)
	flags.IntVar(&e.NumShards, "num_shards", e.NumShards, "`number` of shards")
}

func (e *ExampleToTFRecord) job() (job, error) {
	shards, err := e.ShardNames.config()
	if err != nil {
		return job{}, err
	}
	shards.NumShards, shards.Format = e.NumShards, sink.TFRecord
	return job{scope: "ExampleToTFRecord", shards: shards, build: buildExamples}, nil
}

func buildExamples(s beam.Scope, j job) (w written, err error) {
	w.files, err = sink.Write(s, sink.Options{Config: *j.shards}, beam.CreateList(s, MovieExamples()))
	return w, err
}

// ExampleToArrayRecord is ExampleToTFRecord for ArrayRecord shards.
// NewExampleToArrayRecord gives one with defaults.
type ExampleToArrayRecord struct {
	ShardNames
	// NumShards is the number of shards.
	NumShards int
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
}

// NewExampleToArrayRecord returns a job that writes one shard with the suffix
// ".arrayrecord" and the writer options "group_size:1".
func NewExampleToArrayRecord(output string) *ExampleToArrayRecord {
	return &ExampleToArrayRecord{
		ShardNames: ShardNames{Output: output, Suffix: arrayrecordio.DefaultSuffix},
		NumShards:  1, WriterOptions: arrayrecordio.DefaultWriterOptions,
	}
}

// AddFlags implements Pipeline.
func (e *ExampleToArrayRecord) AddFlags(flags *flag.FlagSet) {
	e.ShardNames.addFlags(flags)
	flags.IntVar(&e.NumShards, "num_shards", e.NumShards, "`number` of shards")
	addWriterOptions(flags, &e.WriterOptions)
}

func (e *ExampleToArrayRecord) job() (job, error) {
	shards, err := e.ShardNames.config()
	if err != nil {
		return job{}, err
	}
	shards.NumShards, shards.Format, shards.WriterOptions = e.NumShards, sink.ArrayRecord, e.WriterOptions
	return job{scope: "ExampleToArrayRecord", shards: shards, build: buildExamples}, nil
}
