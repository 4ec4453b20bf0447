package pipelines

import (
	"flag"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// ArrayRecordToTFRecord converts all records of ArrayRecord files into one set
// of TFRecord shards, in no certain order. NewArrayRecordToTFRecord gives one
// with defaults; ArrayRecordFilesToTFRecord keeps files and order.
type ArrayRecordToTFRecord struct {
	// Sources may also be names with a range of records; see arrayrecordio.Read.
	Sources
	ShardNames
	ShardSizes
	// Compression is how the shards are compressed as a whole; tfrecord.Auto
	// means not at all.
	Compression tfrecord.Compression
	// SplitSize is the size of the ranges that large files are read in, in bytes;
	// see arrayrecordio.WithSplitSize.
	SplitSize int64
	// Failures says what becomes of files, and of single chunks of them, that
	// cannot be converted. To skip them means a second reading of the input.
	Failures Failures
}

// NewArrayRecordToTFRecord returns a conversion with as many shards as the
// runner likes, the suffix ".tfrecord" and no compression.
func NewArrayRecordToTFRecord(input, output string) *ArrayRecordToTFRecord {
	return &ArrayRecordToTFRecord{
		Sources:    newSources(input),
		ShardNames: ShardNames{Output: output, Suffix: TFRecordSuffix},
		SplitSize:  arrayrecordio.DefaultSplitSize,
	}
}

// TFRecordSuffix is what names of TFRecord files end in by default.
const TFRecordSuffix = ".tfrecord"

// AddFlags implements Pipeline.
func (c *ArrayRecordToTFRecord) AddFlags(flags *flag.FlagSet) {
	c.Sources.addFlags(flags, "ArrayRecord")
	c.ShardNames.addFlags(flags)
	c.ShardSizes.addFlags(flags)
	addOutputCompression(flags, &c.Compression)
	flags.Int64Var(&c.SplitSize, "split_size", c.SplitSize, "read large files in ranges of `n` bytes; 0: each as a whole")
	c.Failures.addFlags(flags)
}

func addOutputCompression(flags *flag.FlagSet, c *tfrecord.Compression) {
	if *c == tfrecord.Auto {
		*c = tfrecord.None // the same, by the name that says so
	}
	flags.Var(compressionFlag{c}, "compression", "`kind` of compression of the output: none, gzip or zlib")
}

func (c *ArrayRecordToTFRecord) job() (job, error) {
	shards, err := c.ShardNames.config()
	if err != nil {
		return job{}, err
	}
	c.ShardSizes.setIn(shards)
	shards.Format, shards.Compression = sink.TFRecord, c.Compression
	return job{scope: "ArrayRecordToTFRecord", shards: shards, build: c.build}.withInput(c.Sources, true, c.Failures)
}

func (c *ArrayRecordToTFRecord) build(s beam.Scope, j job) (w written, err error) {
	var patterns beam.PCollection
	switch {
	case j.failures.Skip:
		patterns, w.losses = goodArrayRecords(s, j.sources.find(s, true, counting{ToVerify: true}), j.failures)
	case j.sources.isOne():
		patterns = j.sources.patterns(s)
	default:
		patterns = beam.ParDo(s, pathOf, j.sources.find(s, true, counting{}))
	}
	records, err := arrayrecordio.TryReadAll(s, patterns, arrayrecordio.WithSplitSize(c.SplitSize))
	if err != nil {
		return w, err
	}
	w.files, err = sink.Write(s, sink.Options{Config: *j.shards}, records)
	return w, err
}
