package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// Local is the local disk, the system of names without a scheme. Names are
// paths of the operating system, relative ones relative to the working
// directory.
type Local struct{}

// Open implements System. It opens regular files only.
func (Local) Open(ctx context.Context, name string) (Object, error) {
	if err := ctxError(ctx, "open", name); err != nil {
		return nil, err
	}
	// Looked at before it is opened: opening a named pipe would wait for its
	// writer, for ever and deaf to ctx.
	if _, err := regular("open", name); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	fi, err := f.Stat()
	if err == nil {
		err = checkRegular("open", name, fi)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &localObject{f: f, name: name, size: fi.Size()}, nil
}

// Stat implements System. It knows regular files only.
func (Local) Stat(ctx context.Context, name string) (Info, error) {
	if err := ctxError(ctx, "stat", name); err != nil {
		return Info{}, err
	}
	fi, err := regular("stat", name)
	if err != nil {
		return Info{}, err
	}
	return Info{Name: name, Size: fi.Size(), ModTime: fi.ModTime()}, nil
}

// Rename implements System. It renames regular files only, and waits until the
// disk has the new name.
func (Local) Rename(ctx context.Context, from, to string) error {
	if err := ctxError(ctx, "rename", from); err != nil {
		return err
	}
	if _, err := regular("rename", from); err != nil {
		return err
	}
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		// The directory of the new name may be what is missing.
		if err = makeDirs(filepath.Dir(to), true); err == nil {
			err = os.Rename(from, to)
		}
	}
	if err == nil {
		err = syncDir(filepath.Dir(to))
	}
	if err != nil {
		return fmt.Errorf("storage: rename %s to %s: %w", from, to, reason(err))
	}
	return nil
}

// Remove implements System. It does not remove directories.
func (Local) Remove(ctx context.Context, name string) error {
	if err := ctxError(ctx, "remove", name); err != nil {
		return err
	}
	fi, err := os.Lstat(name)
	if err != nil {
		return fmt.Errorf("storage: remove: %w", err)
	}
	// os.Remove would take an empty directory too.
	if fi.IsDir() {
		return &fs.PathError{Op: "storage: remove", Path: name, Err: errNotRegular}
	}
	if err := os.Remove(name); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	return nil
}

// RemoveAll implements System. It refuses the working directory and the directories
// above it.
func (Local) RemoveAll(ctx context.Context, name string) error {
	if err := ctxError(ctx, "remove all of", name); err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		here = string(filepath.Separator) // it has been removed already
	}
	if name == "" || within(name, here) {
		return fmt.Errorf("storage: remove all of %q: refused: %w", name, fs.ErrInvalid)
	}
	if err := os.RemoveAll(name); err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	return nil
}

// within reports whether name is the directory dir, or one that dir is in.
func within(name, dir string) bool {
	name, err := filepath.Abs(name)
	if err != nil {
		return false
	}
	rest, err := filepath.Rel(name, dir)
	return err == nil && filepath.IsLocal(rest)
}

// localObject is an open file. ReadAt on an os.File is a pread and needs no
// lock.
type localObject struct {
	f    *os.File
	name string
	size int64
}

func (o *localObject) Name() string   { return o.name }
func (o *localObject) Size() int64    { return o.size }
func (o *localObject) File() *os.File { return o.f }

func (o *localObject) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctxError(ctx, "read", o.name); err != nil {
		return 0, err
	}
	return o.f.ReadAt(p, off)
}

func (o *localObject) Close() error {
	if err := o.f.Close(); err != nil && !errors.Is(err, fs.ErrClosed) {
		return fmt.Errorf("storage: %w", err)
	}
	return nil
}

// regular describes a regular file, following symbolic links.
func regular(op, name string) (fs.FileInfo, error) {
	fi, err := os.Stat(name)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, &fs.PathError{Op: "storage: " + op, Path: name, Err: err}
	}
	return fi, checkRegular(op, name, fi)
}

func checkRegular(op, name string, fi fs.FileInfo) error {
	if fi.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "storage: " + op, Path: name, Err: errNotRegular}
}

var errNotRegular = errors.New("not a regular file")

func ctxError(ctx context.Context, op, name string) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("storage: %s %s: %w", op, name, ahead.ContextError(ctx))
}
