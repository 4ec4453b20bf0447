package storage

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Temporary files that need a name are called ".arrayrecord-", 26 characters
// of A to Z and 2 to 7 (130 random bits: process numbers repeat from container
// to container), ".tmp". Nothing of the target's name is in it, which may be as
// long as names can be. cpp/named_file.cc makes the same ones.
const (
	temporaryPrefix = ".arrayrecord-"
	temporarySuffix = ".tmp"
	randomLength    = 26
)

func temporaryName() string { return temporaryPrefix + rand.Text() + temporarySuffix }

// isTemporary tells whether the last segment of a name is one that
// temporaryName makes.
func isTemporary(base string) bool {
	random, ok := strings.CutPrefix(base, temporaryPrefix)
	if !ok {
		return false
	}
	random, ok = strings.CutSuffix(random, temporarySuffix)
	return ok && len(random) == randomLength &&
		strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// createTemporary opens a new file in dir, which has no name where the system
// knows such files and else the one returned. It is locked for as long as it
// stays open: so others tell that it is in use.
func createTemporary(dir string) (f *os.File, name string, err error) {
	if f = openUnnamed(dir); f != nil {
		if _, err = lock(f); err == nil {
			return f, "", nil
		}
		f.Close()
		return nil, "", err
	}
	// Somebody who cleans up may hold the lock, or have removed the file, in the
	// moment between the two calls: then another one is made.
	const tries = 10
	for range tries {
		name = filepath.Join(dir, temporaryName())
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, "", err
		}
		var locked bool
		if locked, err = lock(f); locked && linked(f) {
			return f, name, nil
		}
		f.Close()
		os.Remove(name)
		if err != nil {
			return nil, "", err
		}
	}
	return nil, "", errors.New("somebody removes new temporary files")
}

// lock reports whether f is locked now. It is, too, where there are no locks.
func lock(f *os.File) (bool, error) {
	switch err := flock(f); {
	case err == nil, noLocks(err):
		return true, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	default:
		return false, os.NewSyscallError("flock", err)
	}
}

func flock(f *os.File) error {
	return ignoringEINTR(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
}

// noLocks tells by the error of flock that a file system has none.
func noLocks(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EINVAL)
}

// linked tells whether an open file has a name.
func linked(f *os.File) bool {
	var st unix.Stat_t
	err := ignoringEINTR(func() error { return unix.Fstat(int(f.Fd()), &st) })
	return err == nil && st.Nlink > 0
}

// takePermissions gives f the permission bits of the file that it is to
// replace, and reports whether there is one.
func takePermissions(f *os.File, target string) (replaces bool, err error) {
	old, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now, err := f.Stat()
	if err != nil {
		return false, err
	}
	if old.Mode().IsRegular() && old.Mode().Perm() != now.Mode().Perm() {
		err = f.Chmod(old.Mode().Perm())
	}
	return true, err
}

// flush has a network file system report what it reports when a file is
// closed, while the file stays open, and locked.
func flush(f *os.File) error {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// syncDir has the names in a directory reach the disk.
func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = dir.Sync()
	// Some file systems know no such thing. It says nothing about the disk.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		return nil
	}
	return err
}

// makeDirs is os.MkdirAll, which forgets to sync.
func makeDirs(dir string, sync bool) error {
	fi, err := os.Stat(dir)
	if err == nil && !fi.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirs(parent, sync); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if fi, statErr := os.Stat(dir); statErr != nil || !fi.IsDir() {
			return err // such as a symbolic link that leads nowhere
		}
		// Somebody else was faster, and may not have synced yet.
	}
	if !sync {
		return nil
	}
	return syncDir(parent)
}

// reason is what went wrong without the names of temporary files and system
// calls around it.
func reason(err error) error {
	var (
		path *fs.PathError
		link *os.LinkError
		call *os.SyscallError
	)
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &call):
		return call.Err
	}
	return err
}

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
