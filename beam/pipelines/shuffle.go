package pipelines

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/shuffle"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// Shuffle writes the records of TFRecord and ArrayRecord files into ArrayRecord
// shards in a random order: any order of all records is as likely as any other.
// NewShuffle gives one with defaults.
//
// The same files, seed, number of shards and writer options give the same bytes,
// on every runner and machine. Files are told apart by the order of their names:
// another directory changes nothing.
//
// The input is read once. The temporary files have all of its records
// uncompressed; in memory are some 256 MiB of them, and the longest record.
type Shuffle struct {
	// Input is the pattern of the files. What they are is found out, for each of
	// them. None may have a name of the output.
	Input string
	// Output is what the names of the shards begin with, see
	// arrayrecordio.Write.
	Output string
	// Seed chooses the order.
	Seed uint64
	// NumShards is the number of shards, whose numbers of records differ by 1 at
	// most. 0 means one for each 256 MiB of input.
	NumShards int
	// Suffix is what the names of the shards end in.
	Suffix string
	// WriterOptions is the option string of the writers. "" stands for the
	// options that most of the records of ArrayRecord files were written with.
	WriterOptions string
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
	// Compression is how TFRecord files are compressed; tfrecord.Auto finds out.
	Compression tfrecord.Compression
	// Failures says what becomes of files that cannot be read.
	Failures Failures
}

// NewShuffle returns a Shuffle into as many shards as suit the input, with the
// suffix ".arrayrecord", the writer options of the input, and detection of the
// compression.
func NewShuffle(input, output string, seed uint64) Shuffle {
	return Shuffle{Input: input, Output: output, Seed: seed, Suffix: arrayrecordio.DefaultSuffix}
}

// Build adds the job to a pipeline and returns the names of the shards as a
// PCollection of string, once all are complete. The error matches
// ErrInvalidArgument.
func (c Shuffle) Build(s beam.Scope) (beam.PCollection, error) {
	return c.build(s, c.config())
}

// Run runs the job and waits for its end, as the package's function [Run] does;
// if it fails on Prism, temporary files are removed. The error matches
// ErrInvalidArgument if the job makes no sense, and is a *RunError if it failed.
func (c Shuffle) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, c.Input, c.config(), c.build)
}

func (c Shuffle) config() sink.Config {
	return sink.Config{
		Prefix: c.Output, Suffix: c.Suffix, NumShards: c.NumShards, Overwrite: c.Overwrite, WriterOptions: c.WriterOptions,
	}
}

func (c Shuffle) build(s beam.Scope, config sink.Config) (beam.PCollection, error) {
	options := match.Options{Caller: "shuffling"}
	if err := options.Check(c.Input); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	if err := config.Complete(); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	s = s.Scope("Shuffle")
	files := match.Files(s, beam.Create(s, c.Input), options)
	names, failed := shuffle.Write(s, shuffle.Config{
		Sink: config, Seed: c.Seed, Compression: c.Compression, Skip: c.Failures.Skip, Memory: shuffle.DefaultMemory,
	}, files)
	if err := c.Failures.write(s, failed); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return names, nil
}
