package storage

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openUnnamed opens a new file of dir's file system that has no name and goes
// away when it is closed; nil where that, or giving it a name later, cannot be
// done.
func openUnnamed(dir string) *os.File {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o666)
	if err != nil {
		return nil
	}
	if _, err := os.Stat(descriptorPath(f)); err != nil {
		f.Close()
		return nil
	}
	return f
}

// linkUnnamed gives a file of openUnnamed a name that nothing has.
func linkUnnamed(f *os.File, name string) error {
	// By the descriptor alone only the superuser may.
	err := ignoringEINTR(func() error {
		return unix.Linkat(unix.AT_FDCWD, descriptorPath(f), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
	})
	return os.NewSyscallError("linkat", err)
}

// renameExclusively gives a file a name that nothing has, in one step where
// that can be done.
func renameExclusively(from, to string) error {
	err := ignoringEINTR(func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return moveByLink(from, to)
	}
	return os.NewSyscallError("renameat2", err)
}

func descriptorPath(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
