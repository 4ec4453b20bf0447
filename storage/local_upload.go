package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// localUpload writes to a hidden file in the directory of its target, so that
// Commit is a rename within one file system.
//
// The data is not forced to the disk: Commit is atomic for other processes,
// not across a loss of power.
type localUpload struct {
	ctx         context.Context
	f           *os.File
	name        string // as asked for
	target      string // name with symbolic links resolved
	noOverwrite bool
	failed      error // first failed Write
	done        bool
	link        func(from, to string) error // os.Link, replaced by tests
}

// Create implements System. The upload is a hidden file beside its target, and
// missing directories are made. A symbolic link is followed: what it leads to
// is replaced.
func (Local) Create(ctx context.Context, name string, opts CreateOptions) (Upload, error) {
	if err := ctxError(ctx, "create", name); err != nil {
		return nil, err
	}
	target, err := uploadTarget(name, opts)
	if err != nil {
		return nil, err
	}
	f, err := createHidden(target)
	if err != nil {
		return nil, fmt.Errorf("storage: create %s: %w", name, err)
	}
	return &localUpload{ctx: ctx, f: f, name: name, target: target, noOverwrite: opts.NoOverwrite, link: os.Link}, nil
}

// uploadTarget finds what Commit will replace. Renaming over a symbolic link
// would replace the link, and over /dev/stdout the device: links are followed
// and anything but a regular file is refused.
func uploadTarget(name string, opts CreateOptions) (string, error) {
	li, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil
	}
	if err != nil {
		return "", fmt.Errorf("storage: create: %w", err)
	}
	if opts.NoOverwrite {
		return "", &fs.PathError{Op: "storage: create", Path: name, Err: fs.ErrExist}
	}
	if _, err := regular("create", name); err != nil {
		return "", err
	}
	if li.Mode()&fs.ModeSymlink == 0 {
		return name, nil
	}
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", fmt.Errorf("storage: create %s: %w", name, err)
	}
	return target, nil
}

// createHidden opens a new file beside target. os.CreateTemp would make it
// readable by its owner only, and that mode would stay.
func createHidden(target string) (*os.File, error) {
	dir, base := filepath.Split(target)
	if base == "" || base == "." || base == ".." {
		return nil, fmt.Errorf("the name ends in a directory: %w", fs.ErrInvalid)
	}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
	}
	// Kept recognizable, and short enough for any file system when the name
	// itself is as long as is allowed.
	if len(base) > 200 {
		base = base[:200]
	}
	temp := filepath.Join(dir, "."+base+"."+rand.Text()+".tmp")
	return os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
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
			err = fmt.Errorf("storage: write %s: %w", u.name, err)
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
	if err != nil {
		u.Abort()
		return err
	}
	u.done = true
	err = u.f.Close()
	if err == nil {
		err = u.publish()
	}
	if err != nil {
		os.Remove(u.f.Name())
		return fmt.Errorf("storage: commit %s: %w", u.name, err)
	}
	return nil
}

func (u *localUpload) publish() error {
	temp := u.f.Name()
	if !u.noOverwrite {
		return os.Rename(temp, u.target)
	}
	// A hard link fails when the name is taken, which rename does not.
	err := u.link(temp, u.target)
	if err == nil {
		return os.Remove(temp)
	}
	if errors.Is(err, fs.ErrExist) {
		return fs.ErrExist
	}
	// No hard links here (some network and FUSE file systems). Claim the name
	// first; for a moment it holds an empty file.
	claim, err := os.OpenFile(u.target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = claim.Close()
	if err == nil {
		err = os.Rename(temp, u.target)
	}
	if err != nil {
		os.Remove(u.target)
	}
	return err
}

func (u *localUpload) Abort() error {
	if u.done {
		return nil
	}
	u.done = true
	// The close error says nothing about a file that is thrown away.
	u.f.Close()
	if err := os.Remove(u.f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: abort %s: %w", u.name, err)
	}
	return nil
}
