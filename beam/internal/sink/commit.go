package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	dofn.Register3x1((*commitFn).ProcessElement)
	register.Emitter1[string]()
}

const (
	// In a bucket each shard costs some requests, which are best made together.
	commitParallelism = 32
	// undoTimeout bounds the time for which a failure may be held back.
	undoTimeout = time.Minute
)

// commitFn gives complete temporary files their names as shards. It may run
// more than once, also after it has succeeded.
type commitFn struct {
	written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *commitFn) Setup() { f.written = counters.Written() }

// ProcessElement is called with all shards.
func (f *commitFn) ProcessElement(ctx context.Context, all arrangement, emit func(string)) error {
	if err := commit(ctx, all.Moves); err != nil {
		return fmt.Errorf("committing the shards: %w", err)
	}
	// Whatever is still there belongs to attempts that failed.
	if err := storage.RemoveAll(ctx, all.TempDir); err != nil {
		log.Warnf(ctx, "temporary files of a complete write remain: %v", err)
	}
	var records, bytes int64
	for _, m := range all.Moves {
		records += m.From.Records
		bytes += m.From.Bytes
		emit(m.To)
	}
	f.written.Add(ctx, int64(len(all.Moves)), records, bytes)
	return nil
}

// commit renames all files, or none if one of them cannot be: see undo for the
// exceptions. Files that were renamed before are accepted.
func commit(ctx context.Context, moves []move) error {
	pending, err := inspect(ctx, moves)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var tried []move
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(commitParallelism)
	for _, m := range pending {
		g.Go(func() error {
			if gctx.Err() != nil {
				return nil // another one has failed
			}
			mu.Lock()
			tried = append(tried, m)
			mu.Unlock()
			err := storage.Rename(gctx, m.From.Name, m.To)
			if errors.Is(err, fs.ErrNotExist) {
				// An attempt that was thought dead may have been faster.
				if done, statErr := has(gctx, m.To, m.From.Bytes); statErr == nil && done {
					return nil
				}
			}
			return err
		})
	}
	err = g.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return errors.Join(err, undo(ctx, tried))
	}
	return nil
}

// inspect looks for everything before anything is changed, and returns what is
// not done yet.
func inspect(ctx context.Context, moves []move) ([]move, error) {
	isPending := make([]bool, len(moves))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(commitParallelism)
	for i, m := range moves {
		g.Go(func() error {
			there, err := has(ctx, m.From.Name, m.From.Bytes)
			if err != nil || there {
				isPending[i] = there
				return err
			}
			done, err := has(ctx, m.To, m.From.Bytes)
			if err == nil && !done {
				err = fmt.Errorf("shard %s was lost: neither it nor its temporary file %s is there: %w", m.To, m.From.Name, fs.ErrNotExist)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var pending []move
	for i, m := range moves {
		if isPending[i] {
			pending = append(pending, m)
		}
	}
	return pending, nil
}

// has reports whether a file is there. That it has another size is an error.
func has(ctx context.Context, name string, size int64) (bool, error) {
	info, err := storage.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.Size != size {
		return false, fmt.Errorf("%s has %d bytes, not %d as when it was written", name, info.Size, size)
	}
	return true, nil
}

// undo takes the names of a failed attempt back.
//
// It does nothing if the context has ended. This worker may have lost touch
// with its runner then, and another may have taken over already, which counts
// on what it sees: nobody may take files away from it.
func undo(ctx context.Context, tried []move) error {
	if ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, undoTimeout)
	defer cancel()
	var errs []error
	for _, m := range tried {
		if there, err := has(ctx, m.From.Name, m.From.Bytes); err == nil && there {
			continue // it was not renamed
		}
		if err := storage.Rename(ctx, m.To, m.From.Name); err != nil {
			errs = append(errs, fmt.Errorf("shard %s of the failed write remains: %w", m.To, err))
		}
	}
	return errors.Join(errs...)
}
