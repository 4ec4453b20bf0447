//go:build linux && amd64

// Package systrace lets tests see the system calls of a program that concern
// files of one directory, make them fail, and kill the program before any of
// them. It works by ptrace, as strace does: nothing in the program takes part.
package systrace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Call is a system call that is about to be made.
type Call struct {
	Name string // without "at": create, write, sync, truncate, allocate, link, rename, unlink, chmod, mkdir, lock, close, look (by /proc)
	Path string // of the file or its descriptor, relative to the directory; Unnamed if it has none
	To   string // the new name, of link and rename
}

// Unnamed is the path of a file without a name.
const Unnamed = "(unnamed)"

func (c Call) String() string {
	return strings.TrimSpace(c.Name + " " + c.Path + " " + c.To)
}

// A Verdict says what becomes of a call.
type Verdict struct {
	Fail syscall.Errno // makes it fail; 0 lets it happen
	Kill bool          // kills the program before it
}

// Run runs a program until its end and asks about each call that concerns
// dir, an absolute path without symbolic links, or what is below. It returns
// the program's exit code, -1 if it was killed, and its output.
func Run(dir string, argv, env []string, on func(Call) Verdict) (code int, output []byte, err error) {
	// All ptrace calls must come from the thread that began.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := os.CreateTemp("", "systrace")
	if err != nil {
		return 0, nil, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		// Looking for leaks works by ptrace too, and cannot where another does.
		Env:   append(slices.Clone(env), "ASAN_OPTIONS=detect_leaks=0"),
		Files: []*os.File{nil, out, out},
		Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
	})
	if err != nil {
		return 0, nil, err
	}
	defer p.Release()
	t := tracer{dir: dir, pid: p.Pid, on: on, threads: map[int]*thread{}}
	code, err = t.loop()
	output, readErr := os.ReadFile(out.Name())
	return code, output, errors.Join(err, readErr)
}

type tracer struct {
	dir     string
	pid     int
	on      func(Call) Verdict
	threads map[int]*thread
	started bool
}

type thread struct {
	inside bool          // a system call
	fail   syscall.Errno // with which it shall end
}

func (t *tracer) loop() (int, error) {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-t.pid, &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait: %w", err)
		}
		if status.Exited() || status.Signaled() {
			delete(t.threads, tid)
			if tid != t.pid {
				continue
			}
			if status.Exited() {
				return status.ExitStatus(), nil
			}
			return -1, nil
		}
		signal := 0
		switch stop := status.StopSignal(); {
		case !t.started:
			t.started = true
			err = unix.PtraceSetOptions(tid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL)
		case stop == unix.SIGTRAP|0x80:
			err = t.systemCall(tid)
		case stop == unix.SIGTRAP || stop == unix.SIGSTOP: // events, new threads
		default:
			signal = int(stop)
		}
		if err == nil {
			err = unix.PtraceSyscall(tid, signal)
		}
		if err != nil && err != unix.ESRCH { // killed meanwhile
			unix.Kill(-t.pid, unix.SIGKILL)
			return 0, fmt.Errorf("ptrace: %w", err)
		}
	}
}

// systemCall is called before and after each.
func (t *tracer) systemCall(tid int) error {
	th := t.threads[tid]
	if th == nil {
		th = &thread{}
		t.threads[tid] = th
	}
	th.inside = !th.inside
	if !th.inside && th.fail == 0 {
		return nil
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	if !th.inside {
		regs.Rax = uint64(-int64(th.fail))
		th.fail = 0
		return unix.PtraceSetRegs(tid, &regs)
	}
	call, ok := t.decode(tid, &regs)
	if !ok {
		return nil
	}
	verdict := t.on(call)
	if verdict.Kill {
		return unix.Kill(t.pid, unix.SIGKILL)
	}
	if verdict.Fail == 0 {
		return nil
	}
	th.fail = verdict.Fail
	regs.Orig_rax = ^uint64(0) // no call at all
	return unix.PtraceSetRegs(tid, &regs)
}

// decode tells what a call is, if it concerns the directory.
func (t *tracer) decode(tid int, regs *unix.PtraceRegs) (Call, bool) {
	fd := func(v uint64) string { return t.descriptor(int(v)) }
	path := func(at, v uint64) string { return t.path(tid, at, v) }
	const cwd = uint64(1<<64 - 100) // AT_FDCWD
	var c Call
	switch regs.Orig_rax {
	case unix.SYS_OPENAT:
		if regs.Rdx&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) == 0 {
			return c, false
		}
		c = Call{Name: "create", Path: path(regs.Rdi, regs.Rsi)}
		if regs.Rdx&(unix.O_TMPFILE&^unix.O_DIRECTORY) != 0 {
			c.Name = "create-unnamed"
		}
	case unix.SYS_OPEN:
		if regs.Rsi&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) == 0 {
			return c, false
		}
		c = Call{Name: "create", Path: path(cwd, regs.Rdi)}
		if regs.Rsi&(unix.O_TMPFILE&^unix.O_DIRECTORY) != 0 {
			c.Name = "create-unnamed"
		}
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV, unix.SYS_PWRITEV:
		c = Call{Name: "write", Path: fd(regs.Rdi)}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		c = Call{Name: "sync", Path: fd(regs.Rdi)}
	case unix.SYS_FTRUNCATE:
		c = Call{Name: "truncate", Path: fd(regs.Rdi)}
	case unix.SYS_FALLOCATE:
		c = Call{Name: "allocate", Path: fd(regs.Rdi)}
	case unix.SYS_FLOCK:
		c = Call{Name: "lock", Path: fd(regs.Rdi)}
	case unix.SYS_FCHMOD:
		c = Call{Name: "chmod", Path: fd(regs.Rdi)}
	case unix.SYS_CLOSE:
		c = Call{Name: "close", Path: fd(regs.Rdi)}
	case unix.SYS_NEWFSTATAT:
		if c = (Call{Name: "look", Path: path(regs.Rdi, regs.Rsi)}); c.Path != Unnamed {
			return c, false
		}
	case unix.SYS_MKDIRAT:
		c = Call{Name: "mkdir", Path: path(regs.Rdi, regs.Rsi)}
	case unix.SYS_LINKAT:
		c = Call{Name: "link", Path: path(regs.Rdi, regs.Rsi), To: path(regs.Rdx, regs.R10)}
	case unix.SYS_RENAME:
		c = Call{Name: "rename", Path: path(cwd, regs.Rdi), To: path(cwd, regs.Rsi)}
	case unix.SYS_RENAMEAT:
		c = Call{Name: "rename", Path: path(regs.Rdi, regs.Rsi), To: path(regs.Rdx, regs.R10)}
	case unix.SYS_RENAMEAT2:
		c = Call{Name: "rename-exclusively", Path: path(regs.Rdi, regs.Rsi), To: path(regs.Rdx, regs.R10)}
	case unix.SYS_UNLINK:
		c = Call{Name: "unlink", Path: path(cwd, regs.Rdi)}
	case unix.SYS_UNLINKAT:
		c = Call{Name: "unlink", Path: path(regs.Rdi, regs.Rsi)}
	default:
		return c, false
	}
	return c, c.Path != "" || c.To != ""
}

// path is a string argument relative to the directory, "" outside of it.
func (t *tracer) path(tid int, at, address uint64) string {
	var text []byte
	for !bytes.ContainsRune(text, 0) {
		var word [8]byte
		if _, err := unix.PtracePeekData(tid, uintptr(address)+uintptr(len(text)), word[:]); err != nil {
			return ""
		}
		text = append(text, word[:]...)
	}
	name := string(text[:bytes.IndexByte(text, 0)])
	if number, ok := strings.CutPrefix(name, "/proc/self/fd/"); ok {
		var fd int
		fmt.Sscan(number, &fd)
		return t.descriptor(fd)
	}
	if !filepath.IsAbs(name) {
		base := fmt.Sprintf("/proc/%d/cwd", t.pid)
		if int32(at) >= 0 {
			base = fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(at))
		}
		base, err := os.Readlink(base)
		if err != nil {
			return ""
		}
		name = filepath.Join(base, name)
	}
	return t.relative(name)
}

// descriptor is the path of an open file.
func (t *tracer) descriptor(fd int) string {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, fd))
	if err != nil {
		return ""
	}
	name, deleted := strings.CutSuffix(name, " (deleted)")
	relative := t.relative(name)
	if deleted && strings.HasPrefix(filepath.Base(name), "#") && relative != "" {
		return Unnamed
	}
	return relative
}

func (t *tracer) relative(name string) string {
	relative, err := filepath.Rel(t.dir, name)
	if err != nil || relative == ".." || strings.HasPrefix(relative, "../") {
		return ""
	}
	return relative
}
