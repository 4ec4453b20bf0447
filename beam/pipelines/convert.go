package pipelines

import (
	"errors"
	"flag"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/convert"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// TFRecordToArrayRecord converts all records of TFRecord files into one set of
// ArrayRecord shards. NewTFRecordToArrayRecord gives one with defaults.
type TFRecordToArrayRecord struct {
	Sources
	ShardNames
	Dataset
	ShardSizes
	Order
	TFRecordInput
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
	// SplitSize is the size of the parts that large files are read in, in bytes;
	// see tfrecordio.WithSplitSize.
	SplitSize int64
	// Failures says what becomes of files that cannot be converted. To skip
	// them means a second reading of the input.
	Failures Failures
}

// NewTFRecordToArrayRecord returns a conversion with as many shards as the
// runner likes, the suffix ".arrayrecord", the writer options "group_size:1"
// and detection of the compression.
func NewTFRecordToArrayRecord(input, output string) *TFRecordToArrayRecord {
	return &TFRecordToArrayRecord{
		Sources:       newSources(input),
		ShardNames:    ShardNames{Output: output, Suffix: arrayrecordio.DefaultSuffix},
		Dataset:       newDataset(),
		WriterOptions: arrayrecordio.DefaultWriterOptions,
		SplitSize:     tfrecordio.DefaultSplitSize,
	}
}

// AddFlags implements Pipeline.
func (c *TFRecordToArrayRecord) AddFlags(flags *flag.FlagSet) {
	c.Sources.addFlags(flags, "TFRecord")
	c.ShardNames.addFlags(flags)
	c.Dataset.addFlags(flags)
	c.ShardSizes.addFlags(flags)
	c.Order.addFlags(flags)
	addWriterOptions(flags, &c.WriterOptions)
	c.TFRecordInput.addFlags(flags)
	flags.Int64Var(&c.SplitSize, "split_size", c.SplitSize, "read large files in parts of `n` bytes; 0: each as a whole")
	c.Failures.addFlags(flags)
}

func (c *TFRecordToArrayRecord) job() (job, error) {
	if err := c.Order.check(); err != nil {
		return job{}, err
	}
	if c.Shuffle {
		if c.MaxRecordsPerShard > 0 || c.MaxBytesPerShard > 0 || c.SkipIfEmpty || c.MaxRecordSize > 0 {
			return job{}, errors.New("a shuffle has no limits of shards and records, and makes shards if there are no records too")
		}
		return (&Shuffle{
			Sources: c.Sources, ShardNames: c.ShardNames, Dataset: c.Dataset, Seed: c.Seed, NumShards: c.NumShards,
			WriterOptions: c.WriterOptions, Compression: c.Compression, Failures: c.Failures,
		}).job()
	}
	names, dataset, err := c.Dataset.apply(c.ShardNames)
	if err != nil {
		return job{}, err
	}
	shards, err := names.config()
	if err != nil {
		return job{}, err
	}
	c.ShardSizes.setIn(shards)
	shards.Format, shards.WriterOptions = sink.ArrayRecord, c.WriterOptions
	return job{scope: "TFRecordToArrayRecord", shards: shards, dataset: dataset, build: c.build}.withInput(c.Sources, false, c.Failures)
}

func (c *TFRecordToArrayRecord) build(s beam.Scope, j job) (w written, err error) {
	var patterns beam.PCollection
	switch {
	case j.failures.Skip:
		patterns, w.losses = goodTFRecords(s, j.sources.find(s, false, counting{ToVerify: true}), c.TFRecordInput.input(), j.failures)
	case j.sources.isOne():
		patterns = j.sources.patterns(s)
	default:
		patterns = beam.ParDo(s, pathOf, j.sources.find(s, false, counting{}))
	}
	records, err := tfrecordio.TryReadAll(s, patterns, tfrecordio.WithCompression(c.Compression),
		tfrecordio.WithMaxRecordSize(c.MaxRecordSize), tfrecordio.WithSplitSize(c.SplitSize))
	if err != nil {
		return w, err
	}
	w.files, err = sink.Write(s, sink.Options{Config: *j.shards}, records)
	return w, err
}

// TFRecordInput says how TFRecord files are read.
type TFRecordInput struct {
	// Compression is how the files are compressed; tfrecord.Auto finds out.
	Compression tfrecord.Compression
	// MaxRecordSize is the longest record that is accepted, in bytes; 0 is
	// tfrecord.DefaultMaxRecordSize.
	MaxRecordSize int64
}

func (t *TFRecordInput) addFlags(flags *flag.FlagSet) {
	flags.Var(compressionFlag{&t.Compression}, "compression", "`kind` of compression of the input: auto, none, gzip, zlib, bzip2 or zstd")
	flags.Int64Var(&t.MaxRecordSize, "max_record_size", t.MaxRecordSize, "longest record that is accepted, in `bytes` (default 2 GiB)")
}

func (t TFRecordInput) input() convert.TFRecordInput {
	return convert.TFRecordInput{Compression: t.Compression, MaxRecordSize: t.MaxRecordSize}
}

// compressionFlag is a Compression as the value of a flag.
type compressionFlag struct{ value *tfrecord.Compression }

// String gives its name.
func (f compressionFlag) String() string {
	if f.value == nil { // package flag asks a zero one too
		return ""
	}
	return f.value.String()
}

// Set sets it.
func (f compressionFlag) Set(name string) (err error) {
	*f.value, err = tfrecord.ParseCompression(name)
	return err
}
