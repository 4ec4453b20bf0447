package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// localUpload writes to a file without a name, or with a hidden one, in the
// directory of its target. github.com/google/renameio would not do: it neither
// syncs directories, nor locks, nor has files without names or a way not to
// replace, and its names grow with the target's.
//
// What a kill -9 may leave, between any two steps, is at most a hidden file,
// which RemoveStale knows by its name and finds unlocked.
type localUpload struct {
	ctx     context.Context
	f       *os.File // locked until it is closed
	name    string   // as asked for
	target  string   // absolute, symbolic links resolved
	temp    string   // f's hidden name, "" while it has none
	dropped runtime.Cleanup
	opts    CreateOptions
	failed  error // first failed Write
	done    bool
}

// Create implements System. The upload is a temporary file in the directory of
// its target (see [RemoveStale]), and missing directories are made. A symbolic
// link is followed: what it leads to is replaced, and its permission bits are
// kept.
func (Local) Create(ctx context.Context, name string, opts CreateOptions) (Upload, error) {
	if err := ctxError(ctx, "create", name); err != nil {
		return nil, err
	}
	target, err := uploadTarget(name, opts)
	if err != nil {
		return nil, err
	}
	u := &localUpload{ctx: ctx, name: name, target: target, opts: opts}
	if err := u.open(); err != nil {
		return nil, fmt.Errorf("storage: create %s: %w", name, err)
	}
	return u, nil
}

func (u *localUpload) open() error {
	dir := filepath.Dir(u.target)
	err := makeDirs(dir, !u.opts.NoSync)
	if err != nil {
		return err
	}
	if u.f, u.temp, err = createTemporary(dir); err != nil {
		return reason(err)
	}
	if u.temp != "" {
		// Of an Upload that nobody holds any more. The file itself closes when
		// the core, too, has let go of it.
		u.dropped = runtime.AddCleanup(u, func(temp string) { os.Remove(temp) }, u.temp)
	}
	// At once: what replaces a private file is private while it is written.
	if _, err := takePermissions(u.f, u.target); err != nil {
		u.discard()
		return reason(err)
	}
	return nil
}

// uploadTarget finds what Commit will replace. Renaming over a symbolic link
// would replace the link, and over /dev/stdout the device: links are followed
// and anything but a regular file is refused.
func uploadTarget(name string, opts CreateOptions) (string, error) {
	if base := filepath.Base(name); name == "" || base == "." || base == ".." || os.IsPathSeparator(name[len(name)-1]) {
		return "", fmt.Errorf("storage: create %q: the name ends in a directory: %w", name, fs.ErrInvalid)
	}
	_, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return filepath.Abs(name)
	case err != nil:
		return "", fmt.Errorf("storage: create: %w", err)
	case opts.NoOverwrite:
		return "", &fs.PathError{Op: "storage: create", Path: name, Err: fs.ErrExist}
	}
	if _, err := regular("create", name); err != nil {
		return "", err
	}
	target, err := filepath.EvalSymlinks(name)
	if err == nil {
		target, err = filepath.Abs(target)
	}
	if err != nil {
		return "", fmt.Errorf("storage: create %s: %w", name, err)
	}
	return target, nil
}

func (u *localUpload) File() *os.File { return u.f }

func (u *localUpload) Write(p []byte) (int, error) {
	if u.failed != nil {
		return 0, u.failed
	}
	n := 0
	err := ctxError(u.ctx, "write", u.name)
	if err == nil {
		n, err = u.f.Write(p)
		if err != nil {
			err = fmt.Errorf("storage: write %s: %w", u.name, reason(err))
		}
	}
	u.failed = err
	return n, err
}

func (u *localUpload) Commit() error {
	if u.done {
		return &fs.PathError{Op: "storage: commit", Path: u.name, Err: fs.ErrClosed}
	}
	err := u.failed
	if err == nil {
		err = ctxError(u.ctx, "commit", u.name)
	}
	if err == nil {
		if err = u.publish(); err != nil {
			err = fmt.Errorf("storage: commit %s: %w", u.name, reason(err))
		}
	}
	if err != nil {
		u.discard()
		return err
	}
	u.release()
	return nil
}

// publish makes the file complete and gives it its name.
func (u *localUpload) publish() error {
	// Again: the target may be newer than the upload.
	replaces, err := takePermissions(u.f, u.target)
	if err != nil {
		return err
	}
	if !u.opts.NoSync {
		if err := u.f.Sync(); err != nil {
			return err
		}
	}
	if err := flush(u.f); err != nil {
		return err
	}
	if err := u.takeName(); err != nil {
		return err
	}
	if u.opts.NoSync {
		return nil
	}
	if err := syncDir(filepath.Dir(u.target)); err != nil {
		if !replaces {
			u.giveNameBack()
		}
		return err
	}
	return nil
}

func (u *localUpload) takeName() error {
	if u.temp == "" {
		err := linkUnnamed(u.f, u.target)
		if u.opts.NoOverwrite || !errors.Is(err, fs.ErrExist) {
			return err
		}
		// A link cannot replace, and a rename wants a name to begin with.
		temp := filepath.Join(filepath.Dir(u.target), temporaryName())
		if err := linkUnnamed(u.f, temp); err != nil {
			return err
		}
		u.temp = temp
	}
	var err error
	if u.opts.NoOverwrite {
		err = renameExclusively(u.temp, u.target)
	} else {
		err = os.Rename(u.temp, u.target)
	}
	if err == nil {
		u.temp = ""
	}
	return err
}

// moveByLink is renameExclusively where only links know that a name is taken.
func moveByLink(from, to string) error {
	if err := os.Link(from, to); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fs.ErrExist
		}
		return fmt.Errorf("%w: this file system can neither rename nor link a file without replacing another (%w)",
			errors.ErrUnsupported, reason(err))
	}
	// The file has its name. If the other one stays, RemoveStale takes it.
	os.Remove(from)
	return nil
}

// giveNameBack takes a name away from what was published, unless somebody else
// has published over it.
func (u *localUpload) giveNameBack() {
	ours, err := u.f.Stat()
	if err != nil {
		return
	}
	if now, err := os.Lstat(u.target); err == nil && os.SameFile(ours, now) {
		os.Remove(u.target)
	}
}

func (u *localUpload) Abort() error {
	if u.done {
		return nil
	}
	if err := u.discard(); err != nil {
		return fmt.Errorf("storage: abort %s: %w", u.name, reason(err))
	}
	return nil
}

// discard drops the file, whose hidden name goes first: while it has one it is
// locked.
func (u *localUpload) discard() error {
	var err error
	if u.temp != "" {
		if err = os.Remove(u.temp); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	u.release()
	return err
}

func (u *localUpload) release() {
	u.done = true
	u.dropped.Stop()
	// What can be wrong with the content was asked for by flush, or matters no
	// more.
	u.f.Close()
}
