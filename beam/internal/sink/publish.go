package sink

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() { direct.Register3x1((*commitFn).ProcessElement) }

// commitFn gives complete temporary files their names as shards. It may run
// more than once, also after it has succeeded, and with other files.
type commitFn struct {
	Config Config

	written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *commitFn) Setup() { f.written = counters.Written() }

// ProcessElement is called with all shards of a set.
func (f *commitFn) ProcessElement(ctx context.Context, all arrangement, emit func(Shard)) error {
	shards, err := f.Config.publish(ctx, all, commitParallelism)
	if err != nil {
		return err
	}
	count(ctx, &f.written, shards)
	for _, shard := range shards {
		emit(shard)
	}
	return nil
}

// publish gives the shards of a set their names, or finds that they have them.
func (c Config) publish(ctx context.Context, all arrangement, parallel int) ([]Shard, error) {
	by := c.committer(all.Set)
	by.parallel = parallel
	decided, err := by.commit(ctx, all.record(c), splitNames(all.Seen))
	if err != nil {
		return nil, fmt.Errorf("committing the shards: %w", err)
	}
	// Whatever is still there belongs to attempts that failed.
	removeTemp(ctx, slices.Concat(decided.TempDirs, splitNames(all.TempDirs)))
	return decided.shards(), nil
}

func (c Config) committer(set shardSet) committer {
	return committer{set: set, overwrite: c.Overwrite, parallel: commitParallelism}
}

// count counts shards that have their names.
func count(ctx context.Context, written *counters.Set, shards []Shard) {
	var records, bytes int64
	for _, shard := range shards {
		records += shard.Records
		bytes += shard.Bytes
	}
	written.Add(ctx, int64(len(shards)), records, bytes)
}

// removeTemp removes temporary files of a run that is done, or directories of
// them.
func removeTemp(ctx context.Context, names []string) {
	slices.Sort(names)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(commitParallelism)
	for _, name := range slices.Compact(names) {
		if _, base := storage.Split(name); !strings.HasPrefix(base, tempPrefix) {
			continue // no run has made it
		}
		g.Go(func() error {
			if err := storage.RemoveAll(ctx, name); err != nil {
				log.Warnf(ctx, "temporary files of a complete write remain: %v", err)
			}
			return nil
		})
	}
	_ = g.Wait()
}

// End is for the program that has run the pipeline, when no more work is given
// to this run, and ctx is not that of the job. After a job that has succeeded it
// removes the record. Else it finishes what was decided, which may have a zombie
// at work, and reports so, or makes sure that nothing comes of the run any more;
// in both cases nothing temporary is left. After an error it may be called again.
func (c Config) End(ctx context.Context, succeeded bool) (finished bool, err error) {
	c.Unique = string(c.Run)
	by := c.committer(c.set(pane{}))
	if !succeeded {
		if finished, err = by.abandon(ctx, string(c.Run)); err != nil {
			return false, err
		}
		if err := storage.RemoveAll(ctx, c.RunDir()); err != nil {
			return finished, err
		}
	}
	return finished, by.forget(ctx, string(c.Run))
}
