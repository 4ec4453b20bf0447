// Package storage is where files live: local disk, and whatever a URL scheme has been registered
// for. It offers just what record files need - reading by position, creating so that a file
// appears whole or not at all, listing - and knows nothing of what is in the files.
//
// Names without a scheme are paths on local disk. Another place plugs in by implementing [System]
// and registering it under a scheme in an init function:
//
//	func init() { storage.Register("gs", system{}) }
package storage

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"time"
)

// An Object is an open file that does not change. It is safe for concurrent use. Objects on local
// disk also have a method File() *os.File.
type Object interface {
	// Name is the name that the object was opened by.
	Name() string
	// Size is the size in bytes.
	Size() int64
	// ReadAt reads len(p) bytes from byte off, as io.ReaderAt does: it returns an error, io.EOF at
	// the end, whenever it reads fewer. Cancelling the context ends it early.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	// Close releases the object. Reads under way fail or finish.
	Close() error
}

// An Upload is a file that is being created. Bytes go to a temporary place until Commit. It is for
// one goroutine. Either Commit or Abort must be called. Uploads to local disk also have a method
// File() *os.File, the temporary file.
type Upload interface {
	io.Writer
	// Commit gives the file its name. If that fails the file is given up.
	Commit() error
	// Abort gives the file up; nothing of it remains. After Commit or Abort it does nothing.
	Abort() error
}

// Info describes a file.
type Info struct {
	Name    string // as Open takes it
	Size    int64  // in bytes
	ModTime time.Time
}

// CreateOptions are settings of Create.
type CreateOptions struct {
	// NoOverwrite makes Commit fail, with an error that matches fs.ErrExist, if the name is taken.
	NoOverwrite bool
}

// A System is a place for files. Its methods take full names, scheme included, and are safe for
// concurrent use. Errors name the file; that a file is missing is an error that matches
// fs.ErrNotExist.
type System interface {
	// Open opens a file for reading.
	Open(ctx context.Context, name string) (Object, error)
	// Create begins a new file. The context covers the upload until Commit.
	Create(ctx context.Context, name string, opts CreateOptions) (Upload, error)
	// List gives the files that match a pattern, sorted by name; none is not an error. In patterns
	// * stands for any characters but slashes, ? for one, [a-z] for one of a class, and ** as a
	// whole path element for any number of directories. \ takes the meaning away from the next
	// character.
	List(ctx context.Context, pattern string) ([]Info, error)
	// Stat describes one file.
	Stat(ctx context.Context, name string) (Info, error)
	// Rename moves a file within the system, replacing one that has the new name.
	Rename(ctx context.Context, from, to string) error
	// Remove deletes a file.
	Remove(ctx context.Context, name string) error
	// RemoveAll deletes a directory and everything below it. That there is none is not an error.
	RemoveAll(ctx context.Context, dir string) error
}

var (
	mu      sync.RWMutex
	systems = map[string]System{"": Local{}}
)

// Register makes a System serve all names that begin with scheme + "://". It panics if the scheme
// is taken. Call it from an init function.
func Register(scheme string, s System) {
	mu.Lock()
	defer mu.Unlock()
	if _, taken := systems[scheme]; taken {
		panic(fmt.Sprintf("storage: scheme %q registered twice", scheme))
	}
	systems[scheme] = s
}

// Scheme is the part of a name before "://", or "" for a path.
func Scheme(name string) string {
	scheme, _, found := strings.Cut(name, "://")
	if !found || strings.ContainsAny(scheme, "/\\") {
		return ""
	}
	return scheme
}

// For gives the System that serves a name.
func For(name string) (System, error) {
	mu.RLock()
	defer mu.RUnlock()
	if s, ok := systems[Scheme(name)]; ok {
		return s, nil
	}
	var known []string
	for scheme := range systems {
		if scheme != "" {
			known = append(known, scheme+"://")
		}
	}
	sort.Strings(known)
	return nil, fmt.Errorf("storage: %s: no storage is registered for %s:// (paths and [%s] are known)",
		name, Scheme(name), strings.Join(known, " "))
}

// Open opens a file for reading, wherever it lives.
func Open(ctx context.Context, name string) (Object, error) {
	s, err := For(name)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, name)
}

// Create begins a new file.
func Create(ctx context.Context, name string, opts CreateOptions) (Upload, error) {
	s, err := For(name)
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, name, opts)
}

// List gives the files that match a pattern; see System.
func List(ctx context.Context, pattern string) ([]Info, error) {
	s, err := For(pattern)
	if err != nil {
		return nil, err
	}
	return s.List(ctx, pattern)
}

// Stat describes one file.
func Stat(ctx context.Context, name string) (Info, error) {
	s, err := For(name)
	if err != nil {
		return Info{}, err
	}
	return s.Stat(ctx, name)
}

// Rename moves a file to another name of the same scheme.
func Rename(ctx context.Context, from, to string) error {
	if Scheme(from) != Scheme(to) {
		return fmt.Errorf("storage: cannot rename %s to %s: they are in different places", from, to)
	}
	s, err := For(from)
	if err != nil {
		return err
	}
	return s.Rename(ctx, from, to)
}

// Remove deletes a file.
func Remove(ctx context.Context, name string) error {
	s, err := For(name)
	if err != nil {
		return err
	}
	return s.Remove(ctx, name)
}

// RemoveAll deletes a directory and everything below it.
func RemoveAll(ctx context.Context, dir string) error {
	s, err := For(dir)
	if err != nil {
		return err
	}
	return s.RemoveAll(ctx, dir)
}
