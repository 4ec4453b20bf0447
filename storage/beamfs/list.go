package beamfs

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/internal/pattern"
)

// MaxDepth is how many directories "**" stands for at most.
const MaxDepth = 16

// parallel bounds the requests that one call makes at a time.
const parallel = 16

// List implements storage.System.
func (s *system) List(ctx context.Context, glob string) ([]storage.Info, error) {
	beam, err := s.begin(ctx, "list", glob)
	if err != nil {
		return nil, err
	}
	infos, err := s.list(ctx, beam, glob)
	if err != nil {
		return nil, failed("list", glob, err)
	}
	return infos, nil
}

func (s *system) list(ctx context.Context, beam filesystem.Interface, glob string) ([]storage.Info, error) {
	root := s.scheme + "://"
	segments := strings.Split(strings.TrimPrefix(glob, root), "/")
	for _, segment := range segments {
		if _, err := path.Match(segment, ""); err != nil {
			return nil, err
		}
	}
	if segments[len(segments)-1] == "" { // asks for a directory
		return nil, nil
	}
	var names []string
	var err error
	if i := slices.Index(segments, "**"); i >= 0 {
		names, err = s.deep(ctx, beam, root+strings.Join(append(segments[:i:i], ""), "/"))
	} else {
		names, err = s.one(ctx, beam, glob)
	}
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !pattern.Match(segments, strings.Split(strings.TrimPrefix(name, root), "/"))
	})
	return s.describe(ctx, beam, names)
}

// one gives what Beam lists for a pattern, and what it does besides.
func (s *system) one(ctx context.Context, beam filesystem.Interface, glob string) ([]string, error) {
	names, err := beam.List(ctx, coarse(glob))
	for i, name := range names {
		if storage.Scheme(name) == "" { // some leave it out
			names[i] = s.scheme + "://" + name
		}
	}
	return names, err
}

// deep gives all that is below directories, which end in a slash.
func (s *system) deep(ctx context.Context, beam filesystem.Interface, dirs string) ([]string, error) {
	levels := make([][]string, MaxDepth+1)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range levels {
		g.Go(func() (err error) {
			levels[i], err = s.one(ctx, beam, dirs+strings.Repeat("*/", i)+"*")
			return err
		})
	}
	err := g.Wait()
	// A file system whose '*' goes across slashes lists a file several times.
	names := slices.Concat(levels...)
	slices.Sort(names)
	return slices.Compact(names), err
}

// describe gives the files that are still there, sorted by name.
func (s *system) describe(ctx context.Context, beam filesystem.Interface, names []string) ([]storage.Info, error) {
	slices.Sort(names)
	infos := make([]storage.Info, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, name := range names {
		g.Go(func() error {
			info, err := s.stat(ctx, beam, name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			infos[i] = info
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	infos = slices.DeleteFunc(infos, func(i storage.Info) bool { return i.Name == "" })
	if len(infos) == 0 {
		return nil, nil
	}
	return infos, nil
}

// coarse makes a pattern that Beam's file systems agree about: they know '*',
// and some of them nothing else. It matches at least what glob does.
func coarse(glob string) string {
	segments := strings.Split(glob, "/")
	for i, segment := range segments {
		if prefix, literal := pattern.Literal(segment); !literal || strings.ContainsAny(prefix, `*?[\`) {
			end, _, _ := strings.Cut(prefix, "*")
			if at := strings.IndexAny(end, `?[\`); at >= 0 {
				end = end[:at]
			}
			segments[i] = end + "*"
		} else {
			segments[i] = prefix
		}
	}
	return strings.Join(segments, "/")
}

// escape makes a name a pattern for itself.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}
