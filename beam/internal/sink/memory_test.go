package sink

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// memory is a storage.System in memory whose operations are the steps of a
// model: those of an actor, which its context names, wait until the model says
// so. Others go on at once.
type memory struct {
	bucket bool // renames by a copy and a removal, as buckets do

	mu    sync.Mutex
	files map[string]memoryFile
	clock int64
}

type memoryFile struct {
	content string
	version int64
}

func newMemory(bucket bool) *memory { return &memory{bucket: bucket, files: map[string]memoryFile{}} }

func (m *memory) clone() *memory {
	return &memory{bucket: m.bucket, files: maps.Clone(m.files), clock: m.clock}
}

// state tells this content from any other. When something was made is of no
// account.
func (m *memory) state() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		fmt.Fprintf(&b, "%s=%s\n", name, m.files[name].content)
	}
	return b.String()
}

func (m *memory) put(name, content string) {
	m.clock++
	m.files[name] = memoryFile{content, m.clock}
}

// errCrashed is what an actor gets to see that has been stopped.
var errCrashed = errors.New("crashed")

// actor is somebody who works in steps.
type actor struct {
	gate    chan bool // one more step; false: stop for good
	arrived chan bool // at the next step; false: at the end
	crashed bool
	heard   uint64 // stands for all answers so far
	err     error  // at the end
}

type actorKey struct{}

func startActor(run func(ctx context.Context) error) *actor {
	a := &actor{gate: make(chan bool), arrived: make(chan bool)}
	go func() {
		a.err = run(context.WithValue(context.Background(), actorKey{}, a))
		a.arrived <- false
	}()
	return a
}

// step does an operation when its time has come.
func (m *memory) step(ctx context.Context, what string, do func() (answer string, err error)) error {
	a, _ := ctx.Value(actorKey{}).(*actor)
	if a != nil {
		if !a.crashed {
			a.arrived <- true
			a.crashed = !<-a.gate
		}
		if a.crashed {
			return errCrashed
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	answer, err := do()
	if a != nil {
		h := fnv.New64a()
		fmt.Fprintln(h, a.heard, what, answer, err)
		a.heard = h.Sum64()
	}
	return err
}

func missing(name string) error { return &fs.PathError{Op: "memory", Path: name, Err: fs.ErrNotExist} }

func (m *memory) Open(ctx context.Context, name string) (storage.Object, error) {
	var o memoryObject
	err := m.step(ctx, "open "+name, func() (string, error) {
		f, ok := m.files[name]
		if !ok {
			return "", missing(name)
		}
		o = memoryObject{name: name, Reader: strings.NewReader(f.content)}
		return f.content, nil
	})
	return o, err
}

func (m *memory) Stat(ctx context.Context, name string) (info storage.Info, err error) {
	err = m.step(ctx, "stat "+name, func() (string, error) {
		f, ok := m.files[name]
		if !ok {
			return "", missing(name)
		}
		info = f.info(name)
		return fmt.Sprint(info.Size), nil
	})
	return info, err
}

func (f memoryFile) info(name string) storage.Info {
	return storage.Info{Name: name, Size: int64(len(f.content)), ModTime: time.Unix(f.version, 0)}
}

func (m *memory) List(ctx context.Context, pattern string) (infos []storage.Info, err error) {
	err = m.step(ctx, "list "+pattern, func() (string, error) {
		for _, name := range slices.Sorted(maps.Keys(m.files)) {
			_, base := storage.Split(name)
			_, pat := storage.Split(pattern)
			ok, err := path.Match(pattern, name)
			if err != nil {
				return "", err
			}
			if ok && (!strings.HasPrefix(base, ".") || strings.HasPrefix(pat, ".")) {
				infos = append(infos, m.files[name].info(name))
			}
		}
		return fmt.Sprint(infos), nil
	})
	return infos, err
}

func (m *memory) Rename(ctx context.Context, from, to string) error {
	var moved memoryFile
	err := m.step(ctx, "rename "+from, func() (string, error) {
		f, ok := m.files[from]
		if !ok {
			return "", missing(from)
		}
		moved = f
		m.put(to, f.content)
		if !m.bucket {
			delete(m.files, from)
		}
		return "", nil
	})
	if err != nil || !m.bucket {
		return err
	}
	return m.step(ctx, "remove "+from, func() (string, error) {
		if m.files[from] == moved {
			delete(m.files, from)
		}
		return "", nil
	})
}

func (m *memory) Remove(ctx context.Context, name string) error {
	return m.step(ctx, "remove "+name, func() (string, error) {
		if _, ok := m.files[name]; !ok {
			return "", missing(name)
		}
		delete(m.files, name)
		return "", nil
	})
}

// RemoveStale has nothing to do: uploads live in memory.
func (m *memory) RemoveStale(context.Context, string, storage.StaleOptions) ([]storage.Info, error) {
	return nil, nil
}

func (m *memory) RemoveAll(ctx context.Context, name string) error {
	return m.step(ctx, "remove all "+name, func() (string, error) {
		maps.DeleteFunc(m.files, func(n string, _ memoryFile) bool { return n == name || strings.HasPrefix(n, name+"/") })
		return "", nil
	})
}

func (m *memory) Create(ctx context.Context, name string, opts storage.CreateOptions) (storage.Upload, error) {
	return &memoryUpload{m: m, ctx: ctx, name: name, opts: opts}, nil
}

type memoryUpload struct {
	m    *memory
	ctx  context.Context
	name string
	opts storage.CreateOptions
	data []byte
}

func (u *memoryUpload) Write(p []byte) (int, error) {
	u.data = append(u.data, p...)
	return len(p), nil
}

func (u *memoryUpload) Commit() error {
	return u.m.step(u.ctx, "create "+u.name, func() (string, error) {
		if _, ok := u.m.files[u.name]; ok && u.opts.NoOverwrite {
			return "", fs.ErrExist
		}
		u.m.put(u.name, string(u.data))
		return "", nil
	})
}

func (u *memoryUpload) Abort() error { return nil }

type memoryObject struct {
	name string
	*strings.Reader
}

func (o memoryObject) Name() string { return o.name }
func (o memoryObject) Close() error { return nil }

func (o memoryObject) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return o.Reader.ReadAt(p, off)
}

// modelSystem lets each replay of a model have a memory of its own under one
// scheme.
type modelSystem struct{ now *memory }

type memoryKey struct{}

func (s *modelSystem) of(ctx context.Context) *memory {
	if m, ok := ctx.Value(memoryKey{}).(*memory); ok {
		return m
	}
	return s.now
}

func (s *modelSystem) Open(ctx context.Context, name string) (storage.Object, error) {
	return s.of(ctx).Open(ctx, name)
}
func (s *modelSystem) Stat(ctx context.Context, name string) (storage.Info, error) {
	return s.of(ctx).Stat(ctx, name)
}
func (s *modelSystem) List(ctx context.Context, pattern string) ([]storage.Info, error) {
	return s.of(ctx).List(ctx, pattern)
}
func (s *modelSystem) Rename(ctx context.Context, from, to string) error {
	return s.of(ctx).Rename(ctx, from, to)
}
func (s *modelSystem) Remove(ctx context.Context, name string) error {
	return s.of(ctx).Remove(ctx, name)
}
func (s *modelSystem) RemoveStale(ctx context.Context, dir string, opts storage.StaleOptions) ([]storage.Info, error) {
	return s.of(ctx).RemoveStale(ctx, dir, opts)
}

func (s *modelSystem) RemoveAll(ctx context.Context, name string) error {
	return s.of(ctx).RemoveAll(ctx, name)
}
func (s *modelSystem) Create(ctx context.Context, name string, opts storage.CreateOptions) (storage.Upload, error) {
	return s.of(ctx).Create(ctx, name, opts)
}
