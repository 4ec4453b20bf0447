package beamfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// plain is a file system that can do what it must, and nothing else: errors of
// its own, names without schemes, no renaming or removing.
type plain struct{ memory filesystem.Interface }

var errNothing = errors.New("nothing there")

// failWrites makes a plain file system fail in the middle of a file.
var failWrites atomic.Bool

// failSizes makes it fail to tell the size of a file.
var failSizes atomic.Bool

func inMemory(name string) string { return "memfs" + strings.TrimPrefix(name, "plainfs") }

func (p plain) Close() error { return nil }

func (p plain) List(ctx context.Context, glob string) ([]string, error) {
	if strings.ContainsAny(glob, `?[\`) {
		return nil, fmt.Errorf("%s: what is that?", glob)
	}
	names, err := p.memory.List(ctx, inMemory(glob))
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "memfs://")
	}
	return names, err
}

func (p plain) OpenRead(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := p.memory.OpenRead(ctx, inMemory(name))
	if err != nil {
		return nil, errNothing
	}
	return r, nil
}

func (p plain) OpenWrite(ctx context.Context, name string) (io.WriteCloser, error) {
	w, err := p.memory.OpenWrite(ctx, inMemory(name))
	return &plainWriter{WriteCloser: w}, err
}

// plainWriter publishes what it has when it is closed, whatever went before.
type plainWriter struct {
	io.WriteCloser
	n int
}

func (w *plainWriter) Write(p []byte) (int, error) {
	if w.n += len(p); failWrites.Load() && w.n > 10 {
		return 0, errors.New("the line is down")
	}
	return w.WriteCloser.Write(p)
}

func (p plain) Size(ctx context.Context, name string) (int64, error) {
	if failSizes.Load() {
		return 0, errors.New("the line is down")
	}
	size, err := p.memory.Size(ctx, inMemory(name))
	if err != nil {
		return 0, errNothing
	}
	return size, nil
}

func init() {
	filesystem.Register("plainfs", func(ctx context.Context) filesystem.Interface { return plain{memfs.New(ctx)} })
}

var dirs atomic.Int64

func newDir(scheme string) string { return fmt.Sprintf("%s://bucket/dir-%d", scheme, dirs.Add(1)) }

func TestMemfsIsASystem(t *testing.T) {
	storagetest.TestSystem(t, func(*testing.T) string { return newDir("memfs") })
}

func TestUnknownSchemesStayUnknown(t *testing.T) {
	_, err := storage.For("nowhere://x")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = storage.For("/local/path")
	require.NoError(t, err)
	s, err := storage.For("x")
	require.NoError(t, err)
	require.IsType(t, storage.Local{}, s, "local disk is not Beam's")
}

func TestPlainFileSystem(t *testing.T) {
	ctx := t.Context()
	dir := newDir("plainfs")
	for _, name := range []string{"a-1", "a-2", "b[1]", "sub/a-3", ".hidden"} {
		storagetest.Put(t, dir+"/"+name, []byte("content of "+name))
	}
	require.Equal(t, "content of a-1", string(storagetest.Get(t, dir+"/a-1")))
	for pattern, want := range map[string][]string{
		"a-[12]": {"a-1", "a-2"}, "a-?": {"a-1", "a-2"}, "**/a-*": {"a-1", "a-2", "sub/a-3"}, `b\[1\]`: {"b[1]"}, "missing": nil,
	} {
		infos, err := storage.List(ctx, dir+"/"+pattern)
		require.NoError(t, err)
		var got []string
		for _, info := range infos {
			got = append(got, strings.TrimPrefix(info.Name, dir+"/"))
		}
		require.Equal(t, want, got, pattern)
	}
	err := storage.Remove(ctx, dir+"/a-1")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "remove "+dir+"/a-1: ")
	err = storage.Rename(ctx, dir+"/a-1", dir+"/a-9")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "rename "+dir+"/a-1 to ")
	_, err = storage.Open(ctx, dir+"/c")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, err, errNothing)
	require.ErrorIs(t, storage.Rename(ctx, dir+"/c", dir+"/d"), fs.ErrNotExist)
	require.ErrorIs(t, storage.Remove(ctx, dir+"/b[2]"), fs.ErrNotExist)
}

// Not to know a file is not to know that there is none.
func TestFileThatCannotBeReachedIsNotMissing(t *testing.T) {
	dir := newDir("plainfs")
	storagetest.Put(t, dir+"/a[1]", nil)
	failSizes.Store(true)
	defer failSizes.Store(false)
	_, err := storage.Stat(t.Context(), dir+"/a[1]")
	require.ErrorContains(t, err, "the line is down")
	require.NotErrorIs(t, err, fs.ErrNotExist)
	_, err = storage.List(t.Context(), dir+"/*")
	require.ErrorContains(t, err, "the line is down")
}

func TestHalfAFileIsNotPublished(t *testing.T) {
	dir := newDir("plainfs")
	failWrites.Store(true)
	defer failWrites.Store(false)
	u, err := storage.Create(t.Context(), dir+"/x", storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write(make([]byte, 100))
	require.NoError(t, err)
	require.ErrorContains(t, u.Commit(), "commit "+dir+"/x: the line is down")
	_, err = storage.Stat(t.Context(), dir+"/x")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// What several processes cannot agree about is refused before it begins.
func TestCreatingOnceIsRefusedWhereItIsNotSafe(t *testing.T) {
	dir := newDir("plainfs")
	once := storage.CreateOptions{NoOverwrite: true}
	_, err := storage.Create(t.Context(), dir+"/x", once)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, dir+"/x")
	require.ErrorIs(t, storage.CheckNoOverwrite(dir+"/x"), errors.ErrUnsupported)
	require.NoError(t, storage.CheckNoOverwrite("memfs://x"))
	require.NoError(t, storage.CheckNoOverwrite("/x"))

	AssumeOneProcess()
	defer oneProcess.Store(false)
	require.NoError(t, storage.CheckNoOverwrite(dir+"/x"))
	for _, name := range []string{dir + "/x", newDir("memfs") + "/x"} {
		const n = 20
		var made atomic.Int64
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				u, err := storage.Create(t.Context(), name, once)
				if err == nil {
					err = u.Commit()
				}
				if err == nil {
					made.Add(1)
				} else if !errors.Is(err, fs.ErrExist) {
					panic(err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, made.Load(), name)
	}
}

// memfs makes an empty file of a missing one that is renamed.
func TestTwoRenamesOfOneFile(t *testing.T) {
	dir := newDir("memfs")
	for range 50 {
		storagetest.Put(t, dir+"/from", []byte("content"))
		var renamed atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				err := storage.Rename(t.Context(), dir+"/from", dir+"/to")
				if err == nil {
					renamed.Add(1)
				} else if !errors.Is(err, fs.ErrNotExist) {
					panic(err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, renamed.Load())
		require.Equal(t, "content", string(storagetest.Get(t, dir+"/to")))
	}
}

func TestNothingStaysInTheTemporaryDirectory(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	dir := newDir("memfs")
	storagetest.Put(t, dir+"/x", make([]byte, 1000))
	o, err := storage.Open(t.Context(), dir+"/x")
	require.NoError(t, err)
	_, err = o.ReadAt(t.Context(), make([]byte, 10), 500)
	require.NoError(t, err)
	u, err := storage.Create(t.Context(), dir+"/y", storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write(make([]byte, 1000))
	require.NoError(t, err)
	found, err := filepath.Glob(temp + "/*") // also while they are used
	require.NoError(t, err)
	require.Empty(t, found)
	require.NoError(t, o.Close())
	require.NoError(t, u.Abort())
	_, err = u.Write(nil)
	require.ErrorIs(t, err, fs.ErrClosed)
	t.Setenv("TMPDIR", temp+"/missing")
	_, err = storage.Open(t.Context(), dir+"/x")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "open "+dir+"/x")
}

// An object is as long as it said.
func TestFileThatGotShorter(t *testing.T) {
	o := &object{name: "memfs://x", size: 10, stream: io.NopCloser(strings.NewReader("short")), end: func() {}}
	var err error
	o.file, err = tempFile()
	require.NoError(t, err)
	defer o.Close()
	p := make([]byte, 5)
	n, err := o.ReadAt(t.Context(), p, 0)
	require.NoError(t, err)
	require.Equal(t, "short", string(p[:n]))
	_, err = o.ReadAt(t.Context(), p, 1)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "read memfs://x: 5 of 10 bytes")
}
