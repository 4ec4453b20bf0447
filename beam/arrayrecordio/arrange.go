package arrayrecordio

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
	Moves []move
}

// move is a temporary file and its name as a shard.
type move struct {
	From tempFile
	To   string
}

// moves gives the files their numbers. It gives the same file the same number
// whenever it is called.
func (c writeConfig) moves(ctx context.Context, files []tempFile) ([]move, error) {
	if c.NumShards > 0 {
		slices.SortStableFunc(files, func(a, b tempFile) int { return a.Shard - b.Shard })
		for i, file := range files {
			if file.Shard != i {
				return nil, fmt.Errorf("shard %d was made more than once or not at all", min(i, file.Shard))
			}
		}
		if len(files) != c.NumShards {
			return nil, fmt.Errorf("%d of %d shards were made", len(files), c.NumShards)
		}
	} else if len(files) == 0 {
		empty, err := c.makeShard(ctx, nil)
		if err != nil {
			return nil, err
		}
		files = []tempFile{empty}
	}
	moves := make([]move, len(files))
	for i, file := range files {
		moves[i] = move{From: file, To: ShardName(c.Prefix, i, len(files), c.Suffix)}
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
	Config writeConfig
	Settle time.Duration
}

// ProcessElement is called with all files that are to be shards.
func (f *arrangeFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*tempFile) bool, emit func(arrangement)) error {
	select {
	case <-time.After(f.Settle):
	case <-ctx.Done():
		return fmt.Errorf("arrayrecordio: arrange: %w", context.Cause(ctx))
	}
	moves, err := f.Config.moves(ctx, collect(next))
	if err == nil {
		moves, err = decide(ctx, f.Config, commitDecision, moves)
	}
	if err != nil {
		return fmt.Errorf("arrayrecordio: arrange: %w", err)
	}
	emit(arrangement{Moves: moves})
	return nil
}
