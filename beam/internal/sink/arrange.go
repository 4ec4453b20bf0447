package sink

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	beam.RegisterType(reflect.TypeFor[arrangeFn]())
	beam.RegisterType(reflect.TypeFor[arrangement]())
	beam.RegisterType(reflect.TypeFor[shardSet]())
	beam.RegisterType(reflect.TypeFor[pane]())
	beam.RegisterType(reflect.TypeFor[move]())
	register.Emitter1[arrangement]()
}

// arrangement says which temporary file is to become which shard.
type arrangement struct {
	Run      string
	Set      shardSet
	Moves    []move
	TempDirs string // of JoinNames
	Seen     string // likewise: what was there when the write began
	Time     int64  // of the shards as elements: the end of their window
}

// move is a temporary file and its name as a shard.
type move struct {
	From File
	To   string
}

func (a arrangement) record(c Config) record {
	return record{
		Run: a.Run, Pipeline: c.Pipeline, Set: a.Set, Overwrite: c.Overwrite,
		Moves: a.Moves, TempDirs: splitNames(a.TempDirs),
	}
}

// arrange gives those of the files that are to be shards their numbers.
func (c Config) arrange(set shardSet, files, shards []File) arrangement {
	a := arrangement{Run: string(c.Run), Set: set}
	seen, tempDirs := c.history(files)
	a.Seen, a.TempDirs = JoinNames(seen), JoinNames(tempDirs)
	for i, file := range shards {
		// What it was made of is of no use any more.
		file.TempDirs, file.Seen = "", ""
		a.Moves = append(a.Moves, move{From: file, To: set.name(i, len(shards))})
	}
	return a
}

// history gives what was there before temporary files were made, and where those
// of this run are.
func (c Config) history(files []File) (seen, tempDirs []string) {
	tempDirs = []string{c.RunDir()}
	for _, file := range files {
		seen = append(seen, splitNames(file.Seen)...)
		tempDirs = append(tempDirs, splitNames(file.TempDirs)...)
		if !file.Input {
			dir, _ := storage.Split(file.Name)
			if _, base := storage.Split(dir); !strings.HasPrefix(base, tempPrefix) {
				dir = file.Name // it has no directory of its own
			}
			tempDirs = append(tempDirs, dir)
		}
	}
	slices.Sort(seen)
	slices.Sort(tempDirs)
	return slices.Compact(seen), slices.Compact(tempDirs)
}

// shards puts the files in their order. It gives the same file the same place
// whenever it is called.
func (c Config) shards(ctx context.Context, files []File) ([]File, error) {
	if c.isPlanned() || c.Ordered {
		slices.SortStableFunc(files, func(a, b File) int { return a.Shard - b.Shard })
	}
	if c.isPlanned() {
		n := c.NumShards
		if c.ShardSize > 0 {
			n = 1
			for _, file := range files {
				n = file.Count
			}
		}
		for i, file := range files {
			if file.Shard != i {
				return nil, fmt.Errorf("shard %d was made more than once or not at all", min(i, file.Shard))
			}
		}
		if len(files) != n {
			return nil, fmt.Errorf("%d of %d shards were made", len(files), n)
		}
	} else if len(files) == 0 && !c.SkipIfEmpty && !c.Ordered {
		empty, err := c.makeShard(ctx, nil, uncounted)
		if err != nil {
			return nil, err
		}
		files = []File{empty}
	}
	var records int64
	for _, file := range files {
		records += file.Records
	}
	if records == 0 && c.SkipIfEmpty {
		return nil, nil
	}
	return files, nil
}

// arrangeFn gives the shards their numbers.
//
// It is a step of its own, which changes nothing that anybody can see, and a
// shuffle follows: Prism takes the input of a step for complete when a bundle
// before it has failed, and may begin that step before it stops the job. What
// this step gives is dropped then, so that nothing incomplete gets to the
// commit.
type arrangeFn struct {
	Config Config
}

// Setup makes the run known.
func (f *arrangeFn) Setup() { f.Config.Identify() }

// ProcessElement is called with all files that are to be shards.
func (f *arrangeFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*File) bool, emit func(arrangement)) error {
	files := collect(next)
	shards, err := f.Config.shards(ctx, slices.Clone(files))
	if err != nil {
		return fmt.Errorf("arranging the shards: %w", err)
	}
	c := f.Config
	c.Unique = string(c.Run)
	emit(c.arrange(c.set(pane{}), files, shards))
	return nil
}
