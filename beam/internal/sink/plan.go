package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	beam.RegisterType(reflect.TypeFor[planFn]())
	beam.RegisterType(reflect.TypeFor[shardPlan]())
	beam.RegisterType(reflect.TypeFor[piece]())
	register.Emitter1[shardPlan]()
}

// shardPlan says what one shard is made of.
type shardPlan struct {
	Shard, Count  int
	Pieces        []piece
	WriterOptions string
	GroupSize     int64
	Seen          string // as of a File
	TempDirs      string
}

// piece is the records [Begin, End) of an ArrayRecord file.
type piece struct {
	File       File
	Begin, End int64
}

// planFn decides what goes into which shard.
type planFn struct {
	Config Config
}

// Setup makes the run known.
func (f *planFn) Setup() { f.Config.Identify() }

// ProcessElement is called with all temporary files, once unless repeated.
func (f *planFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*File) bool, emit func(shardPlan)) error {
	plans, err := f.plan(ctx, collect(next))
	if err != nil {
		return fmt.Errorf("planning the shards: %w", err)
	}
	for _, plan := range plans {
		emit(plan)
	}
	return nil
}

func (f *planFn) plan(ctx context.Context, files []File) ([]shardPlan, error) {
	seen, err := f.Config.Check(ctx)
	if err != nil {
		return nil, err
	}
	var inputs []string
	for _, file := range files {
		if file.Input {
			inputs = append(inputs, file.Name)
		}
	}
	if err := f.Config.CheckInputs(inputs); err != nil {
		return nil, err
	}
	c, err := f.Config.adopt(files)
	if err != nil {
		return nil, err
	}
	allSeen, tempDirs := f.Config.history(files)
	allSeen = append(allSeen, seen)
	plans := c.planShards(files)
	for i := range plans {
		plans[i].Seen, plans[i].TempDirs = JoinNames(allSeen), JoinNames(tempDirs)
	}
	return f.decide(ctx, plans)
}

// decide writes the plan down, and returns the first one that this run has
// written down.
//
// A runner that lost part of the results may repeat bundles, whose files then
// have other names, and come back to planning when some shards are already made.
// Following the first plan to its end is what keeps records from being lost or
// doubled.
func (f *planFn) decide(ctx context.Context, plans []shardPlan) ([]shardPlan, error) {
	name := storage.Join(f.Config.RunDir(), "plan.json")
	if err := createOnce(ctx, name, plans); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	plans = nil
	err := readJSON(ctx, name, &plans)
	return plans, err
}

// adopt takes over the writer options of most inputs, if the configuration
// leaves them open, and finds out which files have to be decoded.
func (c Config) adopt(files []File) (Config, error) {
	keep := c.WriterOptions == ""
	if keep {
		records := map[string]int64{}
		for _, file := range files {
			if records[file.WriterOptions] += file.Records; records[file.WriterOptions] > records[c.WriterOptions] {
				c.WriterOptions = file.WriterOptions
			}
		}
		parsed, err := arrayrecord.ParseWriterOptions(c.WriterOptions)
		if err != nil {
			return c, err
		}
		c.GroupSize = int64(parsed.WithDefaults().GroupSize)
	}
	for i, file := range files {
		if file.Input {
			files[i].Decode = !keep || file.GroupSize != c.GroupSize
		}
	}
	return c, nil
}

// collect returns the files by name, so that a repeated call comes to the same
// result.
func collect(next func(*File) bool) []File {
	var files []File
	for {
		var file File
		if !next(&file) {
			break
		}
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return files
}

// planShards cuts the files, one after the other, into even ranges.
//
// A cut within a chunk makes both sides decode it. Where shards are long enough
// for that not to show in their sizes, cuts are moved to where a chunk begins.
func (c Config) planShards(files []File) []shardPlan {
	n, groupSize := c.NumShards, c.GroupSize
	var total, bytes int64
	for _, file := range files {
		total += file.Records
		bytes += file.Bytes
	}
	if c.ShardSize > 0 {
		n = int(max(1, min((bytes+c.ShardSize-1)/c.ShardSize, total)))
	}
	const chunksWorthRounding = 8
	size, larger := total/int64(n), total%int64(n)
	round := size/groupSize >= chunksWorthRounding

	plans := make([]shardPlan, n)
	var file int       // index of the current file,
	var position int64 // record in it that comes next,
	var before int64   // records in the files before it
	for i := range plans {
		plans[i] = shardPlan{Shard: i, Count: n, WriterOptions: c.WriterOptions, GroupSize: groupSize}
		end := int64(i+1)*size + min(int64(i+1), larger)
		for file < len(files) && before+position < end {
			current := files[file]
			stop := min(end-before, current.Records)
			if round && stop < current.Records {
				stop = min((stop+groupSize/2)/groupSize*groupSize, current.Records)
			}
			if stop > position {
				plans[i].Pieces = append(plans[i].Pieces, piece{File: current, Begin: position, End: stop})
			}
			position = stop
			if position < current.Records {
				break // rounded down: the rest is for the next shard
			}
			before += current.Records
			file, position = file+1, 0
		}
	}
	return plans
}

// planParts makes each shard of the files that a sharding function has meant for
// it.
func (c Config) planParts(files []File) []shardPlan {
	plans := make([]shardPlan, c.NumShards)
	for i := range plans {
		plans[i] = shardPlan{Shard: i, Count: c.NumShards, WriterOptions: c.WriterOptions, GroupSize: c.GroupSize}
	}
	for _, file := range files {
		p := &plans[file.Shard]
		p.Pieces = append(p.Pieces, piece{File: file, End: file.Records})
	}
	return plans
}
