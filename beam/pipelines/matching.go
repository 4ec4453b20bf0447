package pipelines

import (
	"context"
	"encoding/json"
	"flag"
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
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

func init() {
	direct.Register4x1((*numberFn).ProcessElement)
	direct.Register4x1((*matchingFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[numbered]())
	register.Emitter1[numbered]()
	register.Emitter2[int, sink.File]()
}

// TFRecordToMatchingArrayRecord converts TFRecord files into as many ArrayRecord
// shards: the first one by name becomes shard 0 and so on, each with its
// records in their order. NewTFRecordToMatchingArrayRecord gives one with
// defaults.
//
// Each file is converted by one worker, from its beginning to its end. The
// shards appear when all of them are complete.
type TFRecordToMatchingArrayRecord struct {
	Sources
	ShardNames
	TFRecordInput
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
	// Failures says what becomes of files that cannot be converted. The shards
	// of the others have no gap in their numbers.
	Failures Failures
}

// NewTFRecordToMatchingArrayRecord returns a conversion with the suffix
// ".arrayrecord", the writer options "group_size:1" and detection of the
// compression.
func NewTFRecordToMatchingArrayRecord(input, output string) *TFRecordToMatchingArrayRecord {
	return &TFRecordToMatchingArrayRecord{
		Sources:       newSources(input),
		ShardNames:    ShardNames{Output: output, Suffix: arrayrecordio.DefaultSuffix},
		WriterOptions: arrayrecordio.DefaultWriterOptions,
	}
}

// AddFlags implements Pipeline.
func (c *TFRecordToMatchingArrayRecord) AddFlags(flags *flag.FlagSet) {
	c.Sources.addFlags(flags, "TFRecord")
	c.ShardNames.addFlags(flags)
	addWriterOptions(flags, &c.WriterOptions)
	c.TFRecordInput.addFlags(flags)
	c.Failures.addFlags(flags)
}

func (c *TFRecordToMatchingArrayRecord) job() (job, error) {
	shards, err := c.ShardNames.config()
	if err != nil {
		return job{}, err
	}
	shards.Format, shards.WriterOptions, shards.Ordered = sink.ArrayRecord, c.WriterOptions, true
	return job{scope: "TFRecordToMatchingArrayRecord", shards: shards, build: c.build}.withInput(c.Sources, false, c.Failures)
}

func (c *TFRecordToMatchingArrayRecord) build(s beam.Scope, j job) (w written, err error) {
	config := *j.shards
	files := beam.AddFixedKey(s, j.sources.find(s, false, counting{Found: true}))
	inputs := beam.Reshuffle(s, beam.ParDo(s, &numberFn{Config: config}, beam.GroupByKey(s, files)))
	shards, lost := beam.ParDo2(s, &matchingFn{Config: config, Input: c.TFRecordInput.input(), Skip: j.failures.Skip}, inputs)
	if j.failures.Skip {
		shards, w.losses = j.failures.gate(s, shards, lost)
	}
	w.files = sink.Commit(s, config, beam.ParDo(s, &unpackFn{}, shards))
	return w, nil
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
func (f *numberFn) ProcessElement(ctx context.Context, _ int, next func(*found) bool, emit func(numbered)) error {
	var names []string
	for {
		var file found
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
	Config sink.Config
	Input  convert.TFRecordInput
	Skip   bool

	read, written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *matchingFn) Setup() {
	f.read, f.written = counters.Read(), counters.Written()
	f.Config.Identify()
}

// ProcessElement converts one file.
func (f *matchingFn) ProcessElement(ctx context.Context, in numbered, good func(string), fail func(loss)) error {
	begun := time.Now()
	name := f.Config.NewTempName()
	stats, err := convert.TFRecordToArrayRecord(ctx, in.Name, name, f.Input, f.Config.WriterOptions, convert.Observer{
		Record:   func(size int) { f.read.RecordSize(ctx, size) },
		Progress: func(records, bytes int64) { f.read.Add(ctx, 0, records, bytes) },
	})
	if err != nil {
		if !f.Skip || ctx.Err() != nil {
			return fmt.Errorf("converting: %w", err)
		}
		f.read.Failed(ctx)
		fail(fileLost(dofns.DeadLetter{Element: in.Name, Error: err.Error()}))
		return nil
	}
	f.read.Add(ctx, 1, 0, 0)
	f.read.FileTime(ctx, begun)
	shard, err := json.Marshal(sink.File{
		Name: name, Shard: in.Shard, Records: stats.Records, Bytes: stats.BytesWritten, Seen: sink.JoinNames([]string{in.Seen}),
	})
	if err != nil {
		return err
	}
	good(string(shard))
	return nil
}
