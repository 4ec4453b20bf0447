package storagetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Op is an operation that a [Fault] can make fail.
type Op string

// The operations of a storage.System, an Object and an Upload.
const (
	OpOpen      Op = "open"
	OpRead      Op = "read"
	OpCreate    Op = "create"
	OpWrite     Op = "write"
	OpCommit    Op = "commit"
	OpList      Op = "list"
	OpStat      Op = "stat"
	OpRename    Op = "rename" // matched against either name
	OpRemove    Op = "remove"
	OpRemoveAll Op = "removeall"
	OpClean     Op = "clean"
)

// A Fault says which operations fail, and how.
type Fault struct {
	Op   Op
	Name string // fails only names that contain this; "" is every name
	Skip int    // lets that many matching operations through first
	// Count is how many matching operations fail after those; 0 is all.
	Count int
	Err   error // what they fail with
	// After makes the operation happen and then report the error, as when the
	// answer of a server is lost.
	After bool
	// Meet is called before a matching operation, if it is not nil; nothing fails
	// then if Err is nil. Operations meet at the same time.
	Meet func()
}

// Faults is a storage.System which passes everything on to the local disk
// unless a Fault says otherwise. It is safe for concurrent use.
type Faults struct {
	scheme string

	mu     sync.Mutex
	faults []*faultState
	counts map[Op]int
}

type faultState struct {
	Fault
	seen int
}

var schemes atomic.Int64

// NewFaults registers a new system without faults under a scheme of its own.
func NewFaults() *Faults {
	f := &Faults{scheme: fmt.Sprintf("faults-%d", schemes.Add(1)), counts: map[Op]int{}}
	storage.Register(f.scheme, f)
	return f
}

// TempDir is t.TempDir as seen through f.
func (f *Faults) TempDir(t testing.TB) string { return f.Name(t.TempDir()) }

// Name gives a local path its name in f.
func (f *Faults) Name(path string) string { return f.scheme + "://" + path }

// Path is the local path of a name in f.
func (f *Faults) Path(name string) string { return strings.TrimPrefix(name, f.scheme+"://") }

// Inject adds a fault. Of several that match an operation the first decides.
func (f *Faults) Inject(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &faultState{Fault: fault})
}

// Heal removes all faults.
func (f *Faults) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = nil
}

// Count is how many operations of that kind were asked for, failed or not.
func (f *Faults) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[op]
}

// do runs one operation under the faults. names are what it touches.
func (f *Faults) do(op Op, fn func() error, names ...string) error {
	fault := f.match(op, names)
	if fault != nil && fault.Meet != nil {
		fault.Meet()
	}
	if fault != nil && fault.Err == nil {
		fault = nil
	}
	if fault != nil && !fault.After {
		return fmt.Errorf("%s %s: %w", op, strings.Join(names, " to "), fault.Err)
	}
	if err := fn(); err != nil {
		return err
	}
	if fault != nil {
		return fmt.Errorf("%s %s: %w", op, strings.Join(names, " to "), fault.Err)
	}
	return nil
}

func (f *Faults) match(op Op, names []string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[op]++
	for _, s := range f.faults {
		if s.Op != op || !containsAny(names, s.Name) {
			continue
		}
		s.seen++
		if s.seen <= s.Skip || s.Count > 0 && s.seen > s.Skip+s.Count {
			continue
		}
		return &s.Fault
	}
	return nil
}

func containsAny(names []string, part string) bool {
	for _, n := range names {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}

// Open implements storage.System.
func (f *Faults) Open(ctx context.Context, name string) (storage.Object, error) {
	var o storage.Object
	err := f.do(OpOpen, func() (err error) {
		o, err = storage.Open(ctx, f.Path(name))
		return err
	}, name)
	if err != nil {
		return nil, err
	}
	return &object{o, f, name}, nil
}

// Create implements storage.System.
func (f *Faults) Create(ctx context.Context, name string, opts storage.CreateOptions) (storage.Upload, error) {
	var u storage.Upload
	err := f.do(OpCreate, func() (err error) {
		u, err = storage.Create(ctx, f.Path(name), opts)
		return err
	}, name)
	if err != nil {
		return nil, err
	}
	return &upload{u, f, name}, nil
}

// List implements storage.System.
func (f *Faults) List(ctx context.Context, pattern string) ([]storage.Info, error) {
	var infos []storage.Info
	err := f.do(OpList, func() (err error) {
		infos, err = storage.List(ctx, f.Path(pattern))
		return err
	}, pattern)
	for i := range infos {
		infos[i].Name = f.Name(infos[i].Name)
	}
	return infos, err
}

// Stat implements storage.System.
func (f *Faults) Stat(ctx context.Context, name string) (storage.Info, error) {
	var info storage.Info
	err := f.do(OpStat, func() (err error) {
		info, err = storage.Stat(ctx, f.Path(name))
		return err
	}, name)
	info.Name = name
	return info, err
}

// Rename implements storage.System.
func (f *Faults) Rename(ctx context.Context, from, to string) error {
	return f.do(OpRename, func() error { return storage.Rename(ctx, f.Path(from), f.Path(to)) }, from, to)
}

// Remove implements storage.System.
func (f *Faults) Remove(ctx context.Context, name string) error {
	return f.do(OpRemove, func() error { return storage.Remove(ctx, f.Path(name)) }, name)
}

// RemoveAll implements storage.System.
func (f *Faults) RemoveAll(ctx context.Context, name string) error {
	return f.do(OpRemoveAll, func() error { return storage.RemoveAll(ctx, f.Path(name)) }, name)
}

// RemoveStale implements storage.System.
func (f *Faults) RemoveStale(ctx context.Context, dir string, opts storage.StaleOptions) ([]storage.Info, error) {
	var infos []storage.Info
	err := f.do(OpClean, func() (err error) {
		infos, err = storage.RemoveStale(ctx, f.Path(dir), opts)
		return err
	}, dir)
	for i := range infos {
		infos[i].Name = f.Name(infos[i].Name)
	}
	return infos, err
}

// object does not promote File: a reader that went round ReadAt would go round
// the faults.
type object struct {
	inner storage.Object
	f     *Faults
	name  string
}

func (o *object) Name() string { return o.name }
func (o *object) Size() int64  { return o.inner.Size() }
func (o *object) Close() error { return o.inner.Close() }

func (o *object) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	err = o.f.do(OpRead, func() (err error) {
		n, err = o.inner.ReadAt(ctx, p, off)
		return err
	}, o.name)
	return n, err
}

// upload does not promote File either.
type upload struct {
	inner storage.Upload
	f     *Faults
	name  string
}

func (u *upload) Write(p []byte) (n int, err error) {
	err = u.f.do(OpWrite, func() (err error) {
		n, err = u.inner.Write(p)
		return err
	}, u.name)
	return n, err
}

func (u *upload) Commit() error {
	err := u.f.do(OpCommit, u.inner.Commit, u.name)
	if err != nil {
		// No-op when the commit did happen.
		u.inner.Abort()
	}
	return err
}

func (u *upload) Abort() error { return u.inner.Abort() }
