package pipelines

import (
	"errors"
	"flag"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

// ShardNames say what the shards of a pipeline are called, and what becomes of
// others of these names.
type ShardNames struct {
	// Output is what the names of the shards begin with. If it ends in a slash it
	// is a directory, and they begin with DefaultShardName in it.
	Output string
	// Suffix is what they end in.
	Suffix string
	// ShardNameTemplate is what they have in between, as in
	// arrayrecordio.WithShardNameTemplate; "" is the default there.
	ShardNameTemplate string
	// TempDir is where the run makes its directory for temporary files; "" is the
	// directory of the output.
	TempDir string
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
}

// DefaultShardName is what the names of shards begin with when the output is a
// directory.
const DefaultShardName = "records"

var overwrites = map[string]arrayrecordio.Overwrite{
	"refuse": arrayrecordio.Refuse, "replace": arrayrecordio.Replace,
	"keep_newer": arrayrecordio.KeepNewer, "keep-newer": arrayrecordio.KeepNewer,
}

func (n *ShardNames) addFlags(flags *flag.FlagSet) {
	flags.StringVar(&n.Output, "output", n.Output, "`prefix` of the shards' names, or a directory with a slash at the end")
	flags.StringVar(&n.Suffix, "suffix", n.Suffix, "`end` of the shards' names")
	flags.StringVar(&n.ShardNameTemplate, "shard_name_template", n.ShardNameTemplate,
		"what is between prefix and suffix, with the `letters` S (shard) and N (number of shards); default -SSSSS-of-NNNNN")
	flags.StringVar(&n.TempDir, "temp_dir", n.TempDir, "`directory` in which the job makes one of its own for temporary files (default that of the output)")
	flags.Var(overwriteFlag{&n.Overwrite}, "overwrite",
		"`what` to do if there are shards of this output: refuse (the default), replace them all when the new ones are complete, or keep_newer: replace those from before the start")
}

// overwriteFlag is an Overwrite as the value of a flag.
type overwriteFlag struct{ value *arrayrecordio.Overwrite }

// String gives the name of the policy.
func (f overwriteFlag) String() string {
	if f.value != nil { // package flag asks a zero one too
		for _, name := range []string{"refuse", "replace", "keep_newer"} {
			if overwrites[name] == *f.value {
				return name
			}
		}
	}
	return ""
}

// Set sets it.
func (f overwriteFlag) Set(name string) error {
	o, ok := overwrites[strings.ToLower(name)]
	if !ok {
		return errors.New("it is refuse, replace or keep_newer")
	}
	*f.value = o
	return nil
}

// config gives what the sink needs to know, but for what is in the shards.
func (n ShardNames) config() (*sink.Config, error) {
	if n.Output == "" {
		return nil, errors.New("no output given")
	}
	prefix, err := absolute(n.Output)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(prefix, "/") {
		prefix += DefaultShardName
	}
	temp, err := absolute(n.TempDir)
	if err != nil {
		return nil, err
	}
	c := &sink.Config{Prefix: prefix, Suffix: n.Suffix, TempDir: temp, Overwrite: n.Overwrite}
	if n.ShardNameTemplate != "" {
		c.Template = &n.ShardNameTemplate
	}
	return c, nil
}

// ShardSizes say how many shards a pipeline makes.
type ShardSizes struct {
	// NumShards is the number of shards; 0 leaves it to the runner.
	NumShards int
	// MaxRecordsPerShard and MaxBytesPerShard begin another shard when one has
	// this much, as arrayrecordio.WithMaxRecordsPerShard and
	// WithMaxBytesPerShard do; 0 is no limit. They exclude a number of shards.
	MaxRecordsPerShard, MaxBytesPerShard int64
	// SkipIfEmpty makes no shard if there is no record.
	SkipIfEmpty bool
}

func (s *ShardSizes) addFlags(flags *flag.FlagSet) {
	flags.IntVar(&s.NumShards, "num_shards", s.NumShards, "`number` of shards (default the runner's choice)")
	flags.Int64Var(&s.MaxRecordsPerShard, "max_records_per_shard", s.MaxRecordsPerShard, "begin another shard when one has `n` records")
	flags.Int64Var(&s.MaxBytesPerShard, "max_bytes_per_shard", s.MaxBytesPerShard, "begin another shard when the records of one have `n` bytes")
	flags.BoolVar(&s.SkipIfEmpty, "skip_if_empty", s.SkipIfEmpty, "make no shard if there is no record")
}

func (s ShardSizes) setIn(c *sink.Config) {
	c.NumShards, c.MaxRecords, c.MaxBytes, c.SkipIfEmpty = s.NumShards, s.MaxRecordsPerShard, s.MaxBytesPerShard, s.SkipIfEmpty
}

func addWriterOptions(flags *flag.FlagSet, options *string) {
	flags.StringVar(options, "writer_options", *options, "`options` of the ArrayRecord writer")
}
