package storage_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestLocalIsASystem(t *testing.T) {
	storagetest.TestSystem(t, func(t *testing.T) string { return t.TempDir() })
}

func TestLocalRelativeNames(t *testing.T) {
	t.Chdir(t.TempDir())
	storagetest.Put(t, "plain", []byte("1"))
	storagetest.Put(t, "dir/sub", []byte("2"))
	infos, err := storage.List(t.Context(), "**")
	require.NoError(t, err)
	require.Len(t, infos, 2)
	assert.Equal(t, "dir/sub", infos[0].Name)
	assert.Equal(t, "plain", infos[1].Name)
	infos, err = storage.List(t.Context(), "./dir/../pl*")
	require.NoError(t, err)
	require.Len(t, infos, 1)
	assert.Equal(t, "plain", infos[0].Name)
}

func TestLocalFilesGetTheUsualMode(t *testing.T) {
	dir := t.TempDir()
	storagetest.Put(t, filepath.Join(dir, "by-storage"), nil)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "by-os"), nil, 0o666))
	a, err := os.Stat(filepath.Join(dir, "by-storage"))
	require.NoError(t, err)
	b, err := os.Stat(filepath.Join(dir, "by-os"))
	require.NoError(t, err)
	assert.Equal(t, b.Mode(), a.Mode())
}

func TestLocalExposesFiles(t *testing.T) {
	type filer interface{ File() *os.File }
	name := filepath.Join(t.TempDir(), "f")
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.(filer).File().WriteString("through the file")
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	p := make([]byte, 7)
	_, err = o.(filer).File().ReadAt(p, 0)
	require.NoError(t, err)
	assert.Equal(t, "through", string(p))
}

func TestLocalFollowsLinksWhenReplacing(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	storagetest.Put(t, real, []byte("old"))
	require.NoError(t, os.Symlink("real", link))
	storagetest.Put(t, link, []byte("new"))
	li, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, li.Mode()&fs.ModeSymlink, "the link was replaced")
	assert.Equal(t, "new", string(storagetest.Get(t, real)))
}

func TestLocalRefusesWhatIsNoRegularFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o666))
	for _, name := range []string{dir, pipe, os.DevNull} {
		_, err := storage.Open(t.Context(), name)
		assert.ErrorContains(t, err, name, "open")
		_, err = storage.Create(t.Context(), name, storage.CreateOptions{})
		assert.ErrorContains(t, err, name, "create")
		_, err = storage.Stat(t.Context(), name)
		assert.ErrorContains(t, err, name, "stat")
	}
	infos, err := storage.List(t.Context(), filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Empty(t, infos, "a pipe was listed")
	fi, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	assert.NotZero(t, fi.Mode()&fs.ModeDevice)
}

func TestLocalRefusesNamesOfDirectories(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", dir + "/new/", dir + "/.", dir + "/.."} {
		_, err := storage.Create(t.Context(), name, storage.CreateOptions{})
		assert.Error(t, err, "%q", name)
	}
	// What the working directory is in would take it along.
	here := filepath.Join(dir, "above", "here")
	require.NoError(t, os.MkdirAll(filepath.Join(here, "..a", "b"), 0o777))
	t.Chdir(here)
	for _, name := range []string{"", "/", ".", "./", "//", "..", "../", "../../above", here, filepath.Dir(here)} {
		assert.ErrorIs(t, storage.RemoveAll(t.Context(), name), fs.ErrInvalid, "%q", name)
	}
	for _, name := range []string{"..a", filepath.Join(here, "..a"), "../her"} {
		assert.NoError(t, storage.RemoveAll(t.Context(), name), "%q", name)
	}
	assert.NoDirExists(t, "..a")
	assert.DirExists(t, here)
}

// A link that leads nowhere is neither a directory nor a place for one.
func TestLocalParentIsADanglingLink(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "link")))
	file := filepath.Join(dir, "file")
	storagetest.Put(t, file, []byte("x"))
	for _, below := range []string{"link/x", "link/sub/x"} {
		name := filepath.Join(dir, below)
		_, err := storage.Create(t.Context(), name, storage.CreateOptions{})
		assert.ErrorIs(t, err, fs.ErrExist)
		assert.ErrorContains(t, err, name)
		assert.Error(t, storage.Rename(t.Context(), file, name))
	}
	assert.Equal(t, "x", string(storagetest.Get(t, file)))
}

func TestLocalParentIsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	storagetest.Put(t, file, []byte("x"))
	_, err := storage.Create(t.Context(), filepath.Join(file, "below"), storage.CreateOptions{})
	assert.ErrorContains(t, err, file)
	assert.Error(t, storage.Rename(t.Context(), file, filepath.Join(file, "below")))
	assert.Equal(t, "x", string(storagetest.Get(t, file)))
}

func TestLocalListDoesNotEnterLinksAtAnyDepth(t *testing.T) {
	dir := t.TempDir()
	storagetest.Put(t, filepath.Join(dir, "a", "x"), nil)
	require.NoError(t, os.Symlink("..", filepath.Join(dir, "a", "ring")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "a", "dangling")))
	infos, err := storage.List(t.Context(), filepath.Join(dir, "**", "x"))
	require.NoError(t, err)
	assert.Len(t, infos, 1)
	// One named step through a link is what was asked for.
	infos, err = storage.List(t.Context(), filepath.Join(dir, "a", "*", "a", "x"))
	require.NoError(t, err)
	assert.Len(t, infos, 1)
	infos, err = storage.List(t.Context(), filepath.Join(dir, "a", "*"))
	require.NoError(t, err)
	assert.Len(t, infos, 1)
}

func TestLocalLongNames(t *testing.T) {
	name := filepath.Join(t.TempDir(), strings.Repeat("n", 255))
	storagetest.Put(t, name, []byte("x"))
	assert.Equal(t, "x", string(storagetest.Get(t, name)))
}

func TestLocalKeepsNoFilesOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts open files in /proc")
	}
	open := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(e)
	}
	dir := t.TempDir()
	before := open()
	for range 100 {
		name := filepath.Join(dir, "f")
		storagetest.Put(t, name, []byte("x"))
		storagetest.Get(t, name)
		_, err := storage.Stat(t.Context(), name)
		require.NoError(t, err)
		_, err = storage.List(t.Context(), dir+"/**")
		require.NoError(t, err)
		u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
		require.NoError(t, err)
		require.NoError(t, u.Abort())
		_, err = storage.Open(t.Context(), dir)
		require.Error(t, err)
	}
	assert.LessOrEqual(t, open(), before+2)
}
