package gcs

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"

	cloud "cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// parallelRequests bounds the requests of one call that works on many objects.
const parallelRequests = 16

// Stat implements storage.System.
func (s *System) Stat(ctx context.Context, name string) (storage.Info, error) {
	attrs, err := s.attrs(ctx, "stat", name)
	if err != nil {
		return storage.Info{}, err
	}
	return storage.Info{Name: name, Size: attrs.Size, ModTime: attrs.Updated}, nil
}

func (s *System) attrs(ctx context.Context, op, name string) (*cloud.ObjectAttrs, error) {
	if err := contextError(ctx, op, name); err != nil {
		return nil, err
	}
	handle, err := s.object(name)
	if err != nil {
		return nil, wrap(ctx, op, name, err)
	}
	attrs, err := handle.Attrs(ctx)
	return attrs, wrap(ctx, op, name, err)
}

// Rename implements storage.System by a copy within the service and the removal
// of the source; it is not atomic. When it is interrupted both may exist, and
// renaming again finishes it. The buckets may be different ones. A source that
// is replaced meanwhile by another object stays.
func (s *System) Rename(ctx context.Context, from, to string) error {
	attrs, err := s.attrs(ctx, "rename", from)
	if err != nil || from == to {
		return err
	}
	source, err := s.object(from)
	if err != nil {
		return wrap(ctx, "rename", from, err)
	}
	target, err := s.object(to)
	if err != nil {
		return wrap(ctx, "rename", to, err)
	}
	pair := from + " to " + to
	if _, err := target.CopierFrom(source.Generation(attrs.Generation)).Run(ctx); err != nil {
		return wrap(ctx, "rename", pair, err)
	}
	err = source.If(cloud.Conditions{GenerationMatch: attrs.Generation}).Delete(ctx)
	if missing(err) || preconditionFailed(err) {
		return nil
	}
	return wrap(ctx, "rename", pair, err)
}

// Remove implements storage.System.
func (s *System) Remove(ctx context.Context, name string) error {
	if err := contextError(ctx, "remove", name); err != nil {
		return err
	}
	handle, err := s.object(name)
	if err != nil {
		return wrap(ctx, "remove", name, err)
	}
	// Missing at the second attempt means that the first one did it.
	var repeated atomic.Bool
	err = handle.Retryer(cloud.WithErrorFunc(func(err error) bool {
		again := cloud.ShouldRetry(err)
		if again {
			repeated.Store(true)
		}
		return again
	})).Delete(ctx)
	if missing(err) && repeated.Load() {
		return nil
	}
	return wrap(ctx, "remove", name, err)
}

// RemoveAll implements storage.System. It refuses to empty a bucket. Objects
// are removed in parallel; after an error some may be left.
func (s *System) RemoveAll(ctx context.Context, name string) error {
	const op = "remove all of"
	if err := contextError(ctx, op, name); err != nil {
		return err
	}
	n, err := parseName(name)
	if err != nil {
		return wrap(ctx, op, name, err)
	}
	n.object = strings.TrimSuffix(n.object, "/")
	if n.object == "" {
		return wrap(ctx, op, name, fmt.Errorf("refused to empty a bucket: %w", fs.ErrInvalid))
	}
	bucket, err := s.bucket(n.bucket)
	if err != nil {
		return wrap(ctx, op, name, err)
	}
	g, groupCtx := errgroup.WithContext(ctx)
	g.SetLimit(parallelRequests)
	remove := func(object string) {
		g.Go(func() error {
			err := bucket.Object(object).Retryer(cloud.WithPolicy(cloud.RetryAlways)).Delete(groupCtx)
			if err == nil || missing(err) {
				return nil
			}
			return wrap(ctx, op, n.root()+object, err)
		})
	}
	remove(n.object)
	listErr := eachObject(groupCtx, bucket, cloud.Query{Prefix: n.object + "/"}, func(attrs *cloud.ObjectAttrs) { remove(attrs.Name) })
	if err := g.Wait(); err != nil {
		return err
	}
	return wrap(ctx, op, name, listErr)
}

// RemoveStale implements storage.System. Nothing is stale: unfinished uploads
// have no names, and the service drops them after a week.
func (s *System) RemoveStale(ctx context.Context, dir string, _ storage.StaleOptions) ([]storage.Info, error) {
	return nil, contextError(ctx, "clean", dir)
}
