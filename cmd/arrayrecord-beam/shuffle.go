package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

const shuffleHelp = `With --shuffle the records are in a random order over all shards, which --seed
chooses: the same input, seed and number of shards give the same bytes. All
records are in temporary files for that, once and uncompressed.`

// shuffleFlags make another pipeline of convert and reshard.
type shuffleFlags struct {
	on   bool
	seed uint64
}

func (f *shuffleFlags) addTo(flags *pflag.FlagSet) {
	flags.BoolVar(&f.on, "shuffle", false, "put the records into a random order over all shards")
	flags.Uint64Var(&f.seed, "seed", 0, "`number` that chooses the order of --shuffle")
}

func (f *shuffleFlags) check() error {
	if f.seed != 0 && !f.on {
		return errors.New("--seed needs --shuffle")
	}
	return nil
}

func (f *shuffleFlags) convert(ctx context.Context, runner string, c pipelines.TFRecordToArrayRecord) (pipelines.Result, error) {
	s := pipelines.NewShuffle(c.Input, c.Output, f.seed)
	s.NumShards, s.Suffix, s.WriterOptions, s.Overwrite = c.NumShards, c.Suffix, c.WriterOptions, c.Overwrite
	s.Compression, s.Failures = c.Compression, c.Failures
	return s.Run(ctx, runner)
}

func (f *shuffleFlags) reshard(ctx context.Context, runner string, r pipelines.Reshard) (pipelines.Result, error) {
	s := pipelines.NewShuffle(r.Input, r.Output, f.seed)
	s.NumShards, s.Suffix, s.WriterOptions, s.Overwrite = r.NumShards, r.Suffix, r.WriterOptions, r.Overwrite
	return s.Run(ctx, runner)
}
