package gcs

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"

	cloud "cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/internal/pattern"
)

// List implements storage.System. The service lists only what starts with the
// part of the pattern before its first special character. Names that end in a
// slash, which some tools make as signs of directories, are not listed.
//
// Directories are listed level by level, several at once; what is below a "**"
// is listed as a whole.
func (s *System) List(ctx context.Context, glob string) ([]storage.Info, error) {
	if err := contextError(ctx, "list", glob); err != nil {
		return nil, err
	}
	n, err := parseName(glob)
	if err != nil {
		return nil, wrap(ctx, "list", glob, err)
	}
	segments := strings.Split(n.object, "/")
	for _, segment := range segments {
		if _, err := path.Match(segment, ""); err != nil {
			return nil, wrap(ctx, "list", glob, err)
		}
	}
	if segments[len(segments)-1] == "" { // asks for a directory
		return nil, nil
	}
	bucket, err := s.bucket(n.bucket)
	if err != nil {
		return nil, wrap(ctx, "list", glob, err)
	}
	l := &lister{bucket: bucket, root: n.root()}
	if err := l.walk(ctx, segments); err != nil {
		return nil, wrap(ctx, "list", glob, err)
	}
	slices.SortFunc(l.found, func(a, b storage.Info) int { return strings.Compare(a.Name, b.Name) })
	return l.found, nil
}

type lister struct {
	bucket *cloud.BucketHandle
	root   string

	mu    sync.Mutex
	found []storage.Info
}

// walk goes down the pattern with all directories of a level at once.
func (l *lister) walk(ctx context.Context, segments []string) error {
	dirs := []string{""} // each with its final slash
	for i, segment := range segments {
		last := i == len(segments)-1
		if segment == "**" {
			return forEach(ctx, dirs, func(ctx context.Context, dir string) error {
				return l.listDeep(ctx, dir, segments[i:])
			})
		}
		prefix, literal := pattern.Literal(segment)
		switch {
		case last && literal:
			return forEach(ctx, dirs, func(ctx context.Context, dir string) error {
				return l.listOne(ctx, dir+prefix)
			})
		case last:
			return forEach(ctx, dirs, func(ctx context.Context, dir string) error {
				query := cloud.Query{Prefix: dir + prefix, Delimiter: "/"}
				return eachObject(ctx, l.bucket, query, func(attrs *cloud.ObjectAttrs) {
					if attrs.Prefix == "" && pattern.MatchSegment(segment, attrs.Name[len(dir):]) {
						l.add(attrs)
					}
				})
			})
		case literal:
			for k := range dirs {
				dirs[k] += prefix + "/"
			}
		default:
			var mu sync.Mutex
			var next []string
			err := forEach(ctx, dirs, func(ctx context.Context, dir string) error {
				query := cloud.Query{Prefix: dir + prefix, Delimiter: "/"}
				return eachObject(ctx, l.bucket, query, func(attrs *cloud.ObjectAttrs) {
					if attrs.Prefix != "" && pattern.MatchSegment(segment, strings.TrimSuffix(attrs.Prefix[len(dir):], "/")) {
						mu.Lock()
						defer mu.Unlock()
						next = append(next, attrs.Prefix)
					}
				})
			})
			if err != nil {
				return err
			}
			dirs = next
		}
	}
	return nil
}

// listDeep adds the objects at any depth below dir whose rest matches.
func (l *lister) listDeep(ctx context.Context, dir string, segments []string) error {
	return eachObject(ctx, l.bucket, cloud.Query{Prefix: dir}, func(attrs *cloud.ObjectAttrs) {
		if pattern.Match(segments, strings.Split(attrs.Name[len(dir):], "/")) {
			l.add(attrs)
		}
	})
}

// listOne adds the object of that name, if there is one. Unlike a request for
// its attributes, a list tells a missing bucket from a missing object.
func (l *lister) listOne(ctx context.Context, name string) error {
	it := l.bucket.Objects(ctx, listQuery(cloud.Query{Prefix: name}))
	it.PageInfo().MaxSize = 1
	// Nothing that starts with the name comes before the name.
	attrs, err := it.Next()
	if err == nil && attrs.Name == name {
		l.add(attrs)
	}
	if err == iterator.Done {
		return nil
	}
	return err
}

func (l *lister) add(attrs *cloud.ObjectAttrs) {
	if strings.HasSuffix(attrs.Name, "/") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found = append(l.found, storage.Info{Name: l.root + attrs.Name, Size: attrs.Size, ModTime: attrs.Updated})
}

// eachObject calls fn for what a query finds, objects and, with a delimiter,
// prefixes.
func eachObject(ctx context.Context, bucket *cloud.BucketHandle, query cloud.Query, fn func(*cloud.ObjectAttrs)) error {
	it := bucket.Objects(ctx, listQuery(query))
	for {
		attrs, err := it.Next()
		if err == iterator.Done {
			return nil
		}
		if err != nil {
			return err
		}
		fn(attrs)
	}
}

// listQuery makes answers short: thousands of access lists take longer than the
// names.
func listQuery(q cloud.Query) *cloud.Query {
	q.Projection = cloud.ProjectionNoACL
	// It knows these attributes.
	_ = q.SetAttrSelection([]string{"Name", "Size", "Updated"})
	return &q
}

// forEach calls fn for all directories, several at once.
func forEach(ctx context.Context, dirs []string, fn func(ctx context.Context, dir string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelRequests)
	for _, dir := range dirs {
		g.Go(func() error { return fn(ctx, dir) })
	}
	return g.Wait()
}
