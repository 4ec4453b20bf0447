package pipelines

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/convert"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	dofn.Register4x1((*numberFn).ProcessElement)
	dofn.Register4x1((*matchingFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[numbered]())
	register.Emitter1[numbered]()
	register.Emitter1[dofns.DeadLetter]()
	register.Emitter2[int, sink.File]()
	register.Iter1[match.File]()
}

// TFRecordToMatchingArrayRecord converts TFRecord files into as many ArrayRecord
// shards: the first one by name becomes shard 0 and so on, each with its
// records in their order. NewTFRecordToMatchingArrayRecord gives one with
// defaults.
//
// Each file is converted by one worker, from its beginning to its end. The
// shards appear when all of them are complete.
type TFRecordToMatchingArrayRecord struct {
	// Input is the pattern of the TFRecord files, see tfrecordio.Read.
	Input string
	// Output is what the names of the shards begin with, see
	// arrayrecordio.Write.
	Output string
	// Suffix is what the names of the shards end in.
	Suffix string
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
	// Overwrite says what becomes of files that have names of the output.
	Overwrite arrayrecordio.Overwrite
	// Compression is how the input files are compressed; tfrecord.Auto finds
	// out.
	Compression tfrecord.Compression
	// Failures says what becomes of files that cannot be converted. The shards
	// of the others have no gap in their numbers.
	Failures Failures
}

// NewTFRecordToMatchingArrayRecord returns a conversion with the suffix
// ".arrayrecord", the writer options "group_size:1" and detection of the
// compression.
func NewTFRecordToMatchingArrayRecord(input, output string) TFRecordToMatchingArrayRecord {
	return TFRecordToMatchingArrayRecord{
		Input:         input,
		Output:        output,
		Suffix:        arrayrecordio.DefaultSuffix,
		WriterOptions: arrayrecordio.DefaultWriterOptions,
	}
}

// Build adds the conversion to a pipeline and returns the names of the shards
// as a PCollection of string, once all are complete. The error matches
// ErrInvalidArgument.
func (c TFRecordToMatchingArrayRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return c.build(s, c.config())
}

// Run runs the conversion and waits for its end, as the package's function
// [Run] does; if it fails on Prism, temporary files are removed. The error
// matches ErrInvalidArgument if the conversion makes no sense, and is a
// *RunError if it failed.
func (c TFRecordToMatchingArrayRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runShards(ctx, runner, c.Input, c.config(), c.build)
}

func (c TFRecordToMatchingArrayRecord) config() sink.Config {
	return sink.Config{
		Prefix: c.Output, Suffix: c.Suffix, Overwrite: c.Overwrite,
		Format: sink.ArrayRecord, WriterOptions: c.WriterOptions, Ordered: true,
	}
}

func (c TFRecordToMatchingArrayRecord) build(s beam.Scope, config sink.Config) (beam.PCollection, error) {
	options := match.Options{Caller: "converting"}
	if err := options.Check(c.Input); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	if err := config.Complete(); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	s = s.Scope("TFRecordToMatchingArrayRecord")
	found := match.Files(s, beam.Create(s, c.Input), options)
	inputs := beam.Reshuffle(s, beam.ParDo(s, &numberFn{Config: config}, beam.GroupByKey(s, beam.AddFixedKey(s, found))))
	files, failed := beam.ParDo2(s, &matchingFn{Config: config, Compression: c.Compression, Skip: c.Failures.Skip}, inputs)
	if err := c.Failures.write(s, failed); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return sink.Names(s, sink.Commit(s, config, files)), nil
}

// numbered is an input file and the number of the shard that it becomes.
type numbered struct {
	Name  string
	Shard int
	Seen  string // see sink.File
}

// numberFn numbers the files in the order of their names.
type numberFn struct {
	Config sink.Config
}

// ProcessElement is called with all files, before anything is written.
func (f *numberFn) ProcessElement(ctx context.Context, _ int, next func(*match.File) bool, emit func(numbered)) error {
	var names []string
	for {
		var file match.File
		if !next(&file) {
			break
		}
		names = append(names, file.Name)
	}
	seen, err := f.Config.Check(ctx)
	if err == nil {
		err = f.Config.CheckInputs(names)
	}
	if err != nil {
		return fmt.Errorf("converting: %w", err)
	}
	slices.SortFunc(names, strings.Compare)
	for i, name := range names {
		emit(numbered{Name: name, Shard: i, Seen: seen})
	}
	return nil
}

// matchingFn converts one file into one shard, still under a temporary name.
type matchingFn struct {
	Config      sink.Config
	Compression tfrecord.Compression
	Skip        bool

	read, written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *matchingFn) Setup() {
	f.read, f.written = counters.Read(), counters.Written()
	f.Config.Identify()
}

// ProcessElement converts one file.
func (f *matchingFn) ProcessElement(ctx context.Context, in numbered, emit func(int, sink.File), fail func(dofns.DeadLetter)) error {
	begun := time.Now()
	name := f.Config.NewTempName()
	stats, err := convert.TFRecordToArrayRecord(ctx, in.Name, name, convert.TFRecordInput{Compression: f.Compression}, f.Config.WriterOptions, convert.Observer{
		Record:   func(size int) { f.read.RecordSize(ctx, size) },
		Progress: func(records, bytes int64) { f.read.Add(ctx, 0, records, bytes) },
	})
	if err != nil {
		if !f.Skip || ctx.Err() != nil {
			return fmt.Errorf("converting: %w", err)
		}
		f.read.Failed(ctx)
		fail(dofns.DeadLetter{Element: in.Name, Error: err.Error()})
		return nil
	}
	f.read.Add(ctx, 1, 0, 0)
	f.read.FileTime(ctx, begun)
	emit(0, sink.File{
		Name: name, Shard: in.Shard, Records: stats.Records, Bytes: stats.BytesWritten, Seen: sink.JoinNames([]string{in.Seen}),
	})
	return nil
}
