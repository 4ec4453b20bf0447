package main

// #include <fcntl.h>
//
// static int stdout_is_open;
//
// // Before Go's runtime, which opens /dev/null in the place of a closed descriptor: all output would
// // seem to have been written.
// __attribute__((constructor)) static void look(void) {
//   stdout_is_open = fcntl(1, F_GETFD) != -1;
// }
//
// static int was_open(void) { return stdout_is_open; }
import "C"

import (
	"io"
	"io/fs"
	"os"
	"syscall"
)

// standardOutput is where the command writes to; every write fails if that was closed when the
// program was started.
func standardOutput() io.Writer {
	if C.was_open() == 0 {
		return closedOutput{}
	}
	return os.Stdout
}

type closedOutput struct{}

func (closedOutput) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: syscall.EBADF}
}
