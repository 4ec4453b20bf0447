package sink

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// makeSet makes the shards of a set of its temporary files.
func (sets Sets) makeSet(ctx context.Context, c Config, set shardSet, files []File) (arrangement, error) {
	seen, err := c.check(ctx, set)
	if err != nil {
		return arrangement{}, err
	}
	shards, err := sets.cut(ctx, c, files)
	if err != nil {
		return arrangement{}, err
	}
	for i := range files {
		files[i].Seen = JoinNames([]string{seen})
	}
	return c.arrange(set, files, shards), nil
}

// cut makes shards of temporary files, as many at a time as there are places for
// uploads.
func (sets Sets) cut(ctx context.Context, c Config, files []File) ([]File, error) {
	if !c.isPlanned() {
		return files, nil
	}
	plans := c.planShards(files)
	if sets.Sharded {
		plans = c.planParts(files)
	}
	shards := make([]File, len(plans))
	var p places
	defer func() { p.giveBack(p.n) }()
	for p.n < int64(len(plans)) && p.take(sets.MaxOpenFiles) {
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(int(p.n))
	for i, plan := range plans {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			shards[i], err = c.makePlanned(ctx, plan, uncounted)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return shards, nil
}
