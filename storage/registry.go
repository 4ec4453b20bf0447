package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

var registry = struct {
	sync.RWMutex
	systems  map[string]System
	fallback func(scheme string) (System, bool)
}{systems: map[string]System{"": Local{}}}

// Register makes s serve the names that start with scheme + "://". It panics
// if the scheme is taken or is not one: a lower-case letter, then lower-case
// letters, digits, '+', '-' or '.'. Local disk holds the scheme "".
func Register(scheme string, s System) {
	if scheme != "" && !validScheme(scheme) {
		panic(fmt.Sprintf("storage: %q is not a scheme", scheme))
	}
	registry.Lock()
	defer registry.Unlock()
	if _, taken := registry.systems[scheme]; taken {
		panic(fmt.Sprintf("storage: scheme %q is already registered", scheme))
	}
	registry.systems[scheme] = s
}

// RegisterFallback makes find be asked for the systems of schemes that nobody
// has registered; false means that it has none. There can be one only: it panics
// if there is one already.
func RegisterFallback(find func(scheme string) (System, bool)) {
	registry.Lock()
	defer registry.Unlock()
	if registry.fallback != nil {
		panic("storage: a fallback is already registered")
	}
	registry.fallback = find
}

// CheckNoOverwrite reports whether what serves name can create an object only if
// there is none, see [CreateOptions]: a system that cannot says so by a method
// CheckNoOverwrite() error. The error matches errors.ErrUnsupported.
func CheckNoOverwrite(name string) error {
	s, err := For(name)
	if err != nil {
		return err
	}
	if s, ok := s.(interface{ CheckNoOverwrite() error }); ok {
		if err := s.CheckNoOverwrite(); err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
	}
	return nil
}

// For returns the system that serves name. The error for a scheme that nobody
// registered matches errors.ErrUnsupported and lists the schemes there are.
func For(name string) (System, error) {
	scheme := Scheme(name)
	registry.RLock()
	defer registry.RUnlock()
	if s, ok := registry.systems[scheme]; ok {
		return s, nil
	}
	if registry.fallback != nil {
		if s, ok := registry.fallback(scheme); ok {
			return s, nil
		}
	}
	known := "local paths"
	for _, k := range slices.Sorted(maps.Keys(registry.systems)) {
		if k != "" {
			known += ", " + k + "://"
		}
	}
	return nil, fmt.Errorf("storage: nothing serves %s:// (asked for %q; this program knows %s): %w",
		scheme, name, known, errors.ErrUnsupported)
}

// Scheme returns what stands before "://" in a name, and "" for a local path.
func Scheme(name string) string {
	if scheme, _, ok := strings.Cut(name, "://"); ok && validScheme(scheme) {
		return scheme
	}
	return ""
}

func validScheme(s string) bool {
	for i, c := range s {
		letter := 'a' <= c && c <= 'z'
		other := '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}

// Open opens an object for reading; see [System].
func Open(ctx context.Context, name string) (Object, error) {
	s, err := For(name)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, name)
}

// OpenWithTail is [Open] for callers that are going to read the last tail bytes
// of the object at once: a system to which each read is a request may fetch them
// together with opening. It does so by having a method OpenWithTail.
func OpenWithTail(ctx context.Context, name string, tail int64) (Object, error) {
	s, err := For(name)
	if err != nil {
		return nil, err
	}
	if s, ok := s.(interface {
		OpenWithTail(ctx context.Context, name string, tail int64) (Object, error)
	}); ok {
		return s.OpenWithTail(ctx, name, tail)
	}
	return s.Open(ctx, name)
}

// Create starts an object; see [System] and [Upload].
func Create(ctx context.Context, name string, opts CreateOptions) (Upload, error) {
	s, err := For(name)
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, name, opts)
}

// List returns the objects that match a pattern, sorted by name, nil when
// there are none. Directories are not objects.
//
// Each path segment of the pattern is matched as by [path/filepath.Match]:
// '*' any run of characters, '?' one character, '[a-z]' a class, '\' takes the
// meaning from the next character. A segment that is exactly "**" stands for
// any number of directories, also none. A name that starts with a dot is
// matched only by a segment that itself starts with a dot, so that hidden
// temporary files never show up by accident.
func List(ctx context.Context, pattern string) ([]Info, error) {
	s, err := For(pattern)
	if err != nil {
		return nil, err
	}
	return s.List(ctx, pattern)
}

// Stat describes one object; see [System].
func Stat(ctx context.Context, name string) (Info, error) {
	s, err := For(name)
	if err != nil {
		return Info{}, err
	}
	return s.Stat(ctx, name)
}

// Rename gives an object another name in the same place; see [System]. Names
// with different schemes fail with errors.ErrUnsupported.
func Rename(ctx context.Context, from, to string) error {
	s, err := For(from)
	if err != nil {
		return err
	}
	if Scheme(from) != Scheme(to) {
		return fmt.Errorf("storage: rename %s to %s: they are in different places: %w", from, to, errors.ErrUnsupported)
	}
	return s.Rename(ctx, from, to)
}

// Remove deletes an object; see [System].
func Remove(ctx context.Context, name string) error {
	s, err := For(name)
	if err != nil {
		return err
	}
	return s.Remove(ctx, name)
}

// RemoveAll deletes an object and all objects below it; see [System].
func RemoveAll(ctx context.Context, name string) error {
	s, err := For(name)
	if err != nil {
		return err
	}
	return s.RemoveAll(ctx, name)
}

// RemoveStale deletes what uploads below a directory have left that were
// killed before their Commit or Abort, and returns what it deleted, also with
// an error. It is safe at any time, while others write there too.
//
// On local disk these are files with names of ".arrayrecord-", 26 characters
// of A to Z and 2 to 7, and ".tmp"; no others are touched, and none that a
// process is still writing. Where the file system knows files without names
// (Linux: ext4, xfs, btrfs, tmpfs and others) there is hardly ever one. In
// object stores unfinished uploads have no names, and the service drops them.
func RemoveStale(ctx context.Context, dir string, opts StaleOptions) ([]Info, error) {
	s, err := For(dir)
	if err != nil {
		return nil, err
	}
	return s.RemoveStale(ctx, dir, opts)
}
