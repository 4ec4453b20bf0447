package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// List implements System.
func (Local) List(ctx context.Context, pattern string) ([]Info, error) {
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("storage: list %s: %w", pattern, err)
	}
	sep := string(filepath.Separator)
	l := lister{ctx: ctx, pattern: pattern}
	dir := ""
	if strings.HasPrefix(pattern, sep) {
		dir = sep
	}
	segments := strings.FieldsFunc(pattern, func(r rune) bool { return r == filepath.Separator })
	// A trailing slash asks for a directory, and directories are not listed.
	if strings.HasSuffix(pattern, sep) {
		return nil, ctxError(ctx, "list", pattern)
	}
	if err := l.walk(dir, segments); err != nil {
		return nil, err
	}
	slices.SortFunc(l.found, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	// Two "**" can reach one file by several ways.
	return slices.CompactFunc(l.found, func(a, b Info) bool { return a.Name == b.Name }), nil
}

type lister struct {
	ctx     context.Context
	pattern string
	found   []Info
}

// walk adds the files below dir that match the segments.
func (l *lister) walk(dir string, segments []string) error {
	if err := ctxError(l.ctx, "list", l.pattern); err != nil {
		return err
	}
	if len(segments) == 0 {
		return nil
	}
	first, rest := segments[0], segments[1:]
	if first == "**" {
		return l.walkAnyDepth(dir, rest)
	}
	if !strings.ContainsAny(first, `*?[\`) {
		return l.descend(filepath.Join(dir, first), rest)
	}
	return l.entries(dir, func(e fs.DirEntry) error {
		ok, err := filepath.Match(first, e.Name())
		if err != nil || !ok || hidden(e.Name()) && !strings.HasPrefix(first, ".") {
			return err
		}
		return l.descend(filepath.Join(dir, e.Name()), rest)
	})
}

// walkAnyDepth matches rest in dir and in every directory below it. Symbolic
// links to directories are not entered: they may form a ring.
func (l *lister) walkAnyDepth(dir string, rest []string) error {
	if len(rest) == 0 {
		rest = []string{"*"} // a final "**" means every file below
	}
	if err := l.walk(dir, rest); err != nil {
		return err
	}
	return l.entries(dir, func(e fs.DirEntry) error {
		if !e.IsDir() || hidden(e.Name()) {
			return nil
		}
		return l.walkAnyDepth(filepath.Join(dir, e.Name()), rest)
	})
}

// descend goes on with a name that matched: a file at the end of the pattern,
// a directory before it.
func (l *lister) descend(name string, rest []string) error {
	if len(rest) > 0 {
		return l.walk(name, rest)
	}
	fi, err := os.Stat(name)
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("storage: list %s: %w", l.pattern, err)
	}
	if fi.Mode().IsRegular() {
		l.found = append(l.found, Info{Name: name, Size: fi.Size(), ModTime: fi.ModTime()})
	}
	return nil
}

// entries calls fn for each entry of a directory; a directory that is missing
// or is something else has none.
func (l *lister) entries(dir string, fn func(fs.DirEntry) error) error {
	if dir == "" {
		dir = "."
	}
	list, err := os.ReadDir(dir)
	if absent(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("storage: list %s: %w", l.pattern, err)
	}
	for _, e := range list {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// absent reports that a path leads nowhere: an element is missing (or was
// removed while listing) or is a file where a directory was needed.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func hidden(base string) bool { return strings.HasPrefix(base, ".") }
