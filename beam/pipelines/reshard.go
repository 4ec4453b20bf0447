package pipelines

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

func init() { direct.Register3x1((*inputFn).ProcessElement) }

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
	// Sources must not have files with names of the output, with whatever number
	// of shards.
	Sources
	ShardNames
	Dataset
	Order
	// NumShards is the number of shards, at least 1.
	NumShards int
	// WriterOptions is the option string of the writers. Everything is decoded
	// and written again if it is not "", which stands for the options of the
	// input: those that most of its records were written with.
	WriterOptions string
	// Failures says what becomes of files, and of single chunks of them, that are
	// damaged. To skip them means that everything is decoded once, to find out,
	// and that the rest of a damaged file is copied once more and comes last.
	Failures Failures
}

// NewReshard returns a Reshard with the suffix ".arrayrecord" and the writer
// options of the input.
func NewReshard(input, output string, numShards int) *Reshard {
	return &Reshard{
		Sources: newSources(input), ShardNames: ShardNames{Output: output, Suffix: arrayrecordio.DefaultSuffix}, Dataset: newDataset(), NumShards: numShards,
	}
}

// AddFlags implements Pipeline.
func (r *Reshard) AddFlags(flags *flag.FlagSet) {
	r.Sources.addFlags(flags, "ArrayRecord")
	r.ShardNames.addFlags(flags)
	r.Dataset.addFlags(flags)
	flags.IntVar(&r.NumShards, "num_shards", r.NumShards, "`number` of shards (required)")
	flags.StringVar(&r.WriterOptions, "writer_options", r.WriterOptions, "`options` of the ArrayRecord writer (default those of the input)")
	r.Order.addFlags(flags)
	r.Failures.addFlags(flags)
}

func (r *Reshard) job() (job, error) {
	if r.NumShards < 1 {
		return job{}, errors.New("resharding needs a number of shards")
	}
	if err := r.Order.check(); err != nil {
		return job{}, err
	}
	if r.Shuffle {
		return (&Shuffle{
			Sources: r.Sources, ShardNames: r.ShardNames, Dataset: r.Dataset, Seed: r.Seed, NumShards: r.NumShards,
			WriterOptions: r.WriterOptions, Failures: r.Failures,
		}).job()
	}
	names, dataset, err := r.Dataset.apply(r.ShardNames)
	if err != nil {
		return job{}, err
	}
	shards, err := names.config()
	if err != nil {
		return job{}, err
	}
	shards.NumShards, shards.WriterOptions = r.NumShards, r.WriterOptions
	return job{scope: "Reshard", shards: shards, dataset: dataset, build: r.build}.withInput(r.Sources, false, r.Failures)
}

func (r *Reshard) build(s beam.Scope, j job) (w written, err error) {
	files := j.sources.find(s, false, counting{Found: true, ToVerify: j.failures.Skip})
	if j.failures.Skip {
		good, lost := beam.ParDo2(s, &salvageFn{Config: *j.shards}, files)
		good, w.losses = j.failures.gate(s, good, lost)
		files = beam.ParDo(s, &unpackFn{}, good)
	} else {
		files = beam.ParDo(s, &inputFn{}, files)
	}
	w.files = sink.Reshard(s, *j.shards, files)
	return w, nil
}

// inputFn learns from an ArrayRecord file what is needed to cut it.
type inputFn struct {
	read counters.Set
}

// Setup makes the counters, which do not travel.
func (f *inputFn) Setup() { f.read = counters.Read() }

// ProcessElement opens one file.
func (f *inputFn) ProcessElement(ctx context.Context, file found, emit func(int, sink.File)) error {
	r, err := arrayrecord.Open(ctx, file.Name)
	if err != nil {
		return fmt.Errorf("reshard: %w", err)
	}
	defer r.Close()
	emit(0, inputOf(r))
	if r.NumRecords() == 0 {
		f.read.Add(ctx, 1, 0, file.Size) // else it is counted when it is copied
	}
	return nil
}

// inputOf describes a file that is to be cut.
func inputOf(r *arrayrecord.Reader) sink.File {
	written, ok := r.WriterOptions()
	if !ok {
		written = fmt.Sprintf("group_size:%d", max(r.RecordGroupSize(), 1))
	}
	return sink.File{
		Name: r.Name(), Records: int64(r.NumRecords()), Bytes: r.Size(),
		Input: true, WriterOptions: written, GroupSize: int64(r.RecordGroupSize()),
	}
}
