package pipelines

import (
	"errors"
	"flag"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/shuffle"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	beam.RegisterFunction(matchOf)
	beam.RegisterType(reflect.TypeFor[match.File]())
}

// Shuffle writes the records of TFRecord and ArrayRecord files into ArrayRecord
// shards in a random order: any order of all records is as likely as any other.
// NewShuffle gives one with defaults.
//
// The same files, seed, number of shards and writer options give the same bytes,
// on every runner and machine. Files are told apart by the order of their names:
// another directory changes nothing.
//
// The input is read once. The temporary files have all of its records
// uncompressed. 32 MiB of them are sorted at a time; a job of 600 MB on Prism takes
// some 350 MiB of memory, and the longest record.
type Shuffle struct {
	// Sources may have both kinds of files. None may have a name of the output.
	Sources
	ShardNames
	Dataset
	// Seed chooses the order.
	Seed uint64
	// NumShards is the number of shards, whose numbers of records differ by 1 at
	// most. 0 means one for each 256 MiB of input.
	NumShards int
	// WriterOptions is the option string of the writers. "" stands for the
	// options that most of the records of ArrayRecord files were written with.
	WriterOptions string
	// Compression is how TFRecord files are compressed; tfrecord.Auto finds out.
	Compression tfrecord.Compression
	// Failures says what becomes of files that cannot be read. They are left out
	// as a whole.
	Failures Failures
}

// NewShuffle returns a Shuffle into as many shards as suit the input, with the
// suffix ".arrayrecord", the writer options of the input, and detection of the
// compression.
func NewShuffle(input, output string, seed uint64) *Shuffle {
	return &Shuffle{
		Sources: newSources(input), ShardNames: ShardNames{Output: output, Suffix: arrayrecordio.DefaultSuffix}, Dataset: newDataset(), Seed: seed,
	}
}

// AddFlags implements Pipeline.
func (c *Shuffle) AddFlags(flags *flag.FlagSet) {
	c.Sources.addFlags(flags, "TFRecord and ArrayRecord")
	c.ShardNames.addFlags(flags)
	c.Dataset.addFlags(flags)
	flags.Uint64Var(&c.Seed, "seed", c.Seed, "`number` that chooses the order")
	flags.IntVar(&c.NumShards, "num_shards", c.NumShards, "`number` of shards (default one for each 256 MiB of input)")
	addWriterOptions(flags, &c.WriterOptions)
	flags.Var(compressionFlag{&c.Compression}, "compression", "`kind` of compression of TFRecords: auto, none, gzip, zlib, bzip2 or zstd")
	c.Failures.addFlags(flags)
}

func (c *Shuffle) job() (job, error) {
	names, dataset, err := c.Dataset.apply(c.ShardNames)
	if err != nil {
		return job{}, err
	}
	shards, err := names.config()
	if err != nil {
		return job{}, err
	}
	shards.NumShards, shards.WriterOptions = c.NumShards, c.WriterOptions
	return job{scope: "Shuffle", shards: shards, dataset: dataset, build: c.build}.withInput(c.Sources, false, c.Failures)
}

func (c *Shuffle) build(s beam.Scope, j job) (w written, err error) {
	files := beam.ParDo(s, matchOf, j.sources.find(s, false, counting{Found: true}))
	w.files = shuffle.Write(s, shuffle.Config{
		Sink: *j.shards, Seed: c.Seed, Compression: c.Compression, Skip: j.failures.Skip, Memory: shuffle.DefaultMemory,
	}, files, func(s beam.Scope, good, failed beam.PCollection) (passed beam.PCollection) {
		passed, w.losses = j.failures.gate(s, good, beam.ParDo(s, fileLost, failed))
		return passed
	})
	return w, nil
}

func matchOf(f found) match.File {
	return match.File{Name: f.Name, Size: f.Size, Begin: f.Begin, End: f.End}
}

// Order says in which order a pipeline writes records.
type Order struct {
	// Shuffle puts the records into a random order over all shards, which Seed
	// chooses, as a [Shuffle] does. It excludes limits on what is in a shard.
	Shuffle bool
	Seed    uint64
}

func (o *Order) addFlags(flags *flag.FlagSet) {
	flags.BoolVar(&o.Shuffle, "shuffle", o.Shuffle, "put the records into a random order over all shards")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "`number` that chooses the order of --shuffle")
}

func (o Order) check() error {
	if o.Seed != 0 && !o.Shuffle {
		return errors.New("--seed needs --shuffle")
	}
	return nil
}
