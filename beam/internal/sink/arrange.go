package sink

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterType(reflect.TypeFor[arrangeFn]())
	beam.RegisterType(reflect.TypeFor[arrangement]())
	beam.RegisterType(reflect.TypeFor[move]())
	register.Emitter1[arrangement]()
}

// arrangement says which temporary file becomes which shard.
type arrangement struct {
	Moves   []move
	TempDir string // to be removed then, with all that is in it
}

// move is a temporary file and its name as a shard.
type move struct {
	From File
	To   string
}

// moves gives the files their numbers. It gives the same file the same number
// whenever it is called.
func (c Config) moves(ctx context.Context, files []File) ([]move, error) {
	if c.NumShards > 0 || c.Ordered {
		slices.SortStableFunc(files, func(a, b File) int { return a.Shard - b.Shard })
	}
	if c.NumShards > 0 {
		for i, file := range files {
			if file.Shard != i {
				return nil, fmt.Errorf("shard %d was made more than once or not at all", min(i, file.Shard))
			}
		}
		if len(files) != c.NumShards {
			return nil, fmt.Errorf("%d of %d shards were made", len(files), c.NumShards)
		}
	} else if len(files) == 0 && !c.SkipIfEmpty && !c.Ordered {
		empty, err := c.makeShard(ctx, nil)
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
	moves := make([]move, len(files))
	for i, file := range files {
		moves[i] = move{From: file, To: c.ShardName(i, len(files))}
	}
	return moves, nil
}

// settleTime is far longer than Prism needs to stop a failed job.
const settleTime = 100 * time.Millisecond

// arrangeFn gives the shards their numbers.
//
// It is a step of its own, it waits, and a shuffle follows: Prism takes the
// input of a step for complete when a bundle before it has failed, and may
// begin that step before it stops the job. What this step gives is dropped
// then, so that nothing incomplete gets to the commit.
type arrangeFn struct {
	Config Config
	Settle time.Duration
}

// ProcessElement is called with all files that are to be shards.
func (f *arrangeFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*File) bool, emit func(arrangement)) error {
	select {
	case <-time.After(f.Settle):
	case <-ctx.Done():
		return fmt.Errorf("arranging the shards: %w", context.Cause(ctx))
	}
	moves, err := f.Config.moves(ctx, collect(next))
	if err == nil {
		moves, err = decide(ctx, f.Config, commitDecision, moves)
	}
	if err != nil {
		return fmt.Errorf("arranging the shards: %w", err)
	}
	emit(arrangement{Moves: moves, TempDir: f.Config.TempDir})
	return nil
}
