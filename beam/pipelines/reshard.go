package pipelines

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

func init() { dofn.Register3x1((*inputFn).ProcessElement) }

// Reshard makes another number of shards of ArrayRecord files. NewReshard gives
// one with defaults.
//
// Chunks are copied as they are where the options of the files allow it, which
// is as fast as the storage. Only chunks that two shards share, the short last
// chunks of files, and files with another group size than most are decoded.
//
// Shards have the records in the order of the names of the input files, but
// records that had to be decoded are at the end of their shard. With group size
// 1 the order is exactly that of the input.
type Reshard struct {
	// Input is the pattern of the ArrayRecord files. None of them may have a name
	// of the output, with whatever number of shards.
	Input string
	// Output is what the names of the shards begin with, see
	// arrayrecordio.Write.
	Output string
	// NumShards is the number of shards, at least 1.
	NumShards int
	// Suffix is what the names of the shards end in.
	Suffix string
	// WriterOptions is the option string of the writers. Everything is decoded
	// and written again if it is not "", which stands for the options of the
	// input: those that most of its records were written with.
	WriterOptions string
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
}

// NewReshard returns a Reshard with the suffix ".arrayrecord" and the writer
// options of the input.
func NewReshard(input, output string, numShards int) Reshard {
	return Reshard{Input: input, Output: output, NumShards: numShards, Suffix: arrayrecordio.DefaultSuffix}
}

// Build adds the job to a pipeline and returns the names of the shards as a
// PCollection of string, once all are complete. The error matches
// ErrInvalidArgument.
func (r Reshard) Build(s beam.Scope) (beam.PCollection, error) {
	return r.build(s, r.config())
}

// Run runs the job and waits for its end, as the package's function [Run] does;
// if it fails on Prism, temporary files are removed. The error matches
// ErrInvalidArgument if the job makes no sense, and is a *RunError if it
// failed.
func (r Reshard) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, r.Input, r.config(), r.build)
}

func (r Reshard) config() sink.Config {
	return sink.Config{
		Prefix: r.Output, Suffix: r.Suffix, NumShards: r.NumShards, Overwrite: r.Overwrite, WriterOptions: r.WriterOptions,
	}
}

func (r Reshard) build(s beam.Scope, config sink.Config) (beam.PCollection, error) {
	if r.NumShards < 1 {
		return beam.PCollection{}, invalidArgument{errors.New("resharding needs a number of shards")}
	}
	options := match.Options{Caller: "reshard"}
	if err := options.Check(r.Input); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	if err := config.Complete(); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	s = s.Scope("Reshard")
	files := beam.ParDo(s, &inputFn{}, match.Files(s, beam.Create(s, r.Input), options))
	return sink.Names(s, sink.Reshard(s, config, files)), nil
}

// inputFn learns from an ArrayRecord file what is needed to cut it.
type inputFn struct {
	read counters.Set
}

// Setup makes the counters, which do not travel.
func (f *inputFn) Setup() { f.read = counters.Read() }

// ProcessElement opens one file.
func (f *inputFn) ProcessElement(ctx context.Context, file match.File, emit func(int, sink.File)) error {
	r, err := arrayrecord.Open(ctx, file.Name)
	if err != nil {
		return fmt.Errorf("reshard: %w", err)
	}
	defer r.Close()
	written, ok := r.WriterOptions()
	if !ok {
		written = fmt.Sprintf("group_size:%d", max(r.RecordGroupSize(), 1))
	}
	emit(0, sink.File{
		Name: file.Name, Records: int64(r.NumRecords()), Bytes: file.Size,
		Input: true, WriterOptions: written, GroupSize: int64(r.RecordGroupSize()),
	})
	f.read.Add(ctx, 1, int64(r.NumRecords()), file.Size)
	return nil
}
