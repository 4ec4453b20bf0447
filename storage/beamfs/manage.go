package beamfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Rename implements storage.System. Some file systems take a missing source for
// an empty one, so it is looked for first; two attempts of this process do not
// come between.
func (s *system) Rename(ctx context.Context, from, to string) error {
	beam, err := s.begin(ctx, "rename", from)
	if err != nil {
		return err
	}
	defer s.lock(from)()
	_, renames := beam.(filesystem.Renamer)
	_, removes := beam.(filesystem.Remover)
	_, err = s.stat(ctx, beam, from)
	switch {
	case err != nil || from == to:
	case !renames && !removes:
		err = fmt.Errorf("the file system cannot rename files: %w", errors.ErrUnsupported)
	default:
		err = filesystem.Rename(ctx, beam, from, to)
	}
	if err != nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, err)
	}
	return nil
}

// Remove implements storage.System.
func (s *system) Remove(ctx context.Context, name string) error {
	beam, err := s.begin(ctx, "remove", name)
	if err != nil {
		return err
	}
	defer s.lock(name)()
	if _, err = s.stat(ctx, beam, name); err == nil {
		err = remove(ctx, beam, name)
	}
	if err != nil {
		return failed("remove", name, err)
	}
	return nil
}

func remove(ctx context.Context, beam filesystem.Interface, name string) error {
	r, ok := beam.(filesystem.Remover)
	if !ok {
		return fmt.Errorf("the file system cannot remove files: %w", errors.ErrUnsupported)
	}
	return r.Remove(ctx, name)
}

// RemoveAll implements storage.System.
func (s *system) RemoveAll(ctx context.Context, name string) error {
	beam, err := s.begin(ctx, "remove", name)
	if err != nil {
		return err
	}
	below, err := s.deep(ctx, beam, escape(name)+"/")
	if err != nil {
		return failed("remove what is below", name, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, file := range append(below, name) {
		g.Go(func() error {
			if err := s.Remove(ctx, file); !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		})
	}
	return g.Wait()
}

// RemoveStale implements storage.System. It removes nothing: nobody can tell a
// file that is being written from one that was given up.
func (s *system) RemoveStale(ctx context.Context, dir string, _ storage.StaleOptions) ([]storage.Info, error) {
	_, err := s.begin(ctx, "remove what is stale below", dir)
	return nil, err
}
