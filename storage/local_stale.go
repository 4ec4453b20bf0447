package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// RemoveStale implements System. It goes down into directories, not through
// symbolic links. A temporary file is in use while its writer has it locked
// (flock); where a file system has no locks nothing is removed and the error
// says so, as it does of files and directories that may not be read.
func (Local) RemoveStale(ctx context.Context, dir string, opts StaleOptions) ([]Info, error) {
	c := cleaner{ctx: ctx, opts: opts}
	c.clean(dir, false)
	if err := ctxError(ctx, "remove stale files of", dir); err != nil {
		return c.found, err
	}
	return c.found, errors.Join(c.failed...)
}

type cleaner struct {
	ctx    context.Context
	opts   StaleOptions
	found  []Info
	failed []error // what could not be looked at or removed
}

// clean cleans a directory, which may be missing if it was seen before, and all below it, until the
// context ends.
func (c *cleaner) clean(dir string, seen bool) {
	entries, err := os.ReadDir(dir)
	if err != nil && !(seen && absent(err)) {
		c.failed = append(c.failed, fmt.Errorf("storage: remove stale files: %w", err))
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		switch {
		case c.ctx.Err() != nil:
			return
		case e.IsDir():
			c.clean(name, true)
		case e.Type().IsRegular() && isTemporary(e.Name()):
			if err := c.take(name); err != nil {
				c.failed = append(c.failed, fmt.Errorf("storage: remove stale files: %w", err))
			}
		}
	}
}

// take removes one temporary file if it is stale.
func (c *cleaner) take(name string) error {
	f, err := openAsItIs(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	switch err := flock(f); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil // in use
	case err != nil:
		return &fs.PathError{Op: "tell whether it is in use", Path: name, Err: err}
	}
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	if time.Since(fi.ModTime()) < c.opts.OlderThan {
		return nil
	}
	if !c.opts.DryRun {
		// It may have been given its name since it was found.
		if err := os.Remove(name); errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
	}
	c.found = append(c.found, Info{Name: name, Size: fi.Size(), ModTime: fi.ModTime()})
	return nil
}

// openAsItIs opens a file to lock it, for which network file systems want that
// it can be written.
func openAsItIs(name string) (*os.File, error) {
	const flags = unix.O_NOFOLLOW | unix.O_NONBLOCK
	f, err := os.OpenFile(name, os.O_RDWR|flags, 0)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.OpenFile(name, os.O_RDONLY|flags, 0)
	}
	return f, err
}
