package storage_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

const staleName = ".arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp"

func put(t *testing.T, name string, age time.Duration) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte("left"), 0o666))
	then := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(name, then, then))
}

func TestRemoveStaleLeavesOtherFilesAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"data", ".hidden", ".tmp", ".arrayrecord-.tmp", "arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp",
		staleName + "x", "x" + staleName, ".arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXY.tmp",
		".arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ2.tmp", ".arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXY1.tmp",
		".arrayrecord-abcdefghijklmnopqrstuvwxyz.tmp", strings.TrimSuffix(staleName, ".tmp"),
		"linked/" + staleName,
	} {
		put(t, filepath.Join(dir, "all", name), 100*time.Hour)
	}
	require.NoError(t, os.Rename(filepath.Join(dir, "all", "linked"), filepath.Join(dir, "elsewhere")))
	require.NoError(t, os.Symlink("../elsewhere", filepath.Join(dir, "all", "linked")))
	require.NoError(t, os.Symlink("data", filepath.Join(dir, "all", staleName)))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "all", "sub", staleName), 0o777))
	before := tree(t, dir)
	removed, err := storage.RemoveStale(t.Context(), filepath.Join(dir, "all"), storage.StaleOptions{})
	require.NoError(t, err)
	assert.Empty(t, removed)
	assert.Equal(t, before, tree(t, dir))
}

func TestRemoveStaleByAgeAndDepth(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, staleName)
	deep := filepath.Join(dir, "a", ".b", ".arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXY2.tmp")
	young := filepath.Join(dir, "a", staleName)
	put(t, old, 3*time.Hour)
	put(t, deep, 3*time.Hour)
	put(t, young, time.Hour)
	opts := storage.StaleOptions{OlderThan: 2 * time.Hour, DryRun: true}
	for range 2 {
		found, err := storage.RemoveStale(t.Context(), dir, opts)
		require.NoError(t, err)
		require.Len(t, found, 2)
		assert.Equal(t, old, found[0].Name)
		assert.Equal(t, deep, found[1].Name)
		assert.EqualValues(t, 4, found[0].Size)
		assert.WithinDuration(t, time.Now().Add(-3*time.Hour), found[0].ModTime, time.Minute)
	}
	opts.DryRun = false
	for _, n := range []int{2, 0} {
		removed, err := storage.RemoveStale(t.Context(), dir, opts)
		require.NoError(t, err)
		assert.Len(t, removed, n)
	}
	assert.NoFileExists(t, old)
	assert.NoFileExists(t, deep)
	assert.FileExists(t, young)
}

func TestRemoveStaleErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := storage.RemoveStale(t.Context(), filepath.Join(dir, "missing"), storage.StaleOptions{})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	put(t, filepath.Join(dir, "file"), 0)
	_, err = storage.RemoveStale(t.Context(), filepath.Join(dir, "file"), storage.StaleOptions{})
	assert.ErrorContains(t, err, "file")
	put(t, filepath.Join(dir, staleName), 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = storage.RemoveStale(ctx, dir, storage.StaleOptions{})
	assert.ErrorIs(t, err, context.Canceled)
	assert.FileExists(t, filepath.Join(dir, staleName))
	_, err = storage.RemoveStale(t.Context(), "nowhere://dir", storage.StaleOptions{})
	assert.ErrorContains(t, err, "nowhere://")
}

// endsAfter is a context that ends when it has been asked a number of times.
type endsAfter struct {
	context.Context
	left int
}

func (c *endsAfter) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Whenever the context ends: without an error nothing stale is left.
func TestRemoveStaleIsCompleteOrAnError(t *testing.T) {
	for left, done := 0, false; !done; left++ {
		dir := t.TempDir()
		for _, name := range []string{"a/" + staleName, "b/c/" + staleName, "d/x", staleName} {
			put(t, filepath.Join(dir, name), time.Hour)
		}
		removed, err := storage.RemoveStale(&endsAfter{t.Context(), left}, dir, storage.StaleOptions{})
		if done = err == nil; done {
			assert.Len(t, removed, 3)
			break
		}
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, 1, strings.Count(err.Error(), "storage:"), err)
		assert.Less(t, left, 100)
	}
}

func TestListDoesNotShowTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, staleName), 0)
	for _, pattern := range []string{"*", "**", "*.tmp", "*arrayrecord*", "**/*.tmp"} {
		found, err := storage.List(t.Context(), filepath.Join(dir, pattern))
		require.NoError(t, err)
		assert.Empty(t, found, pattern)
	}
}

// The working directory of Create counts, not that of Commit.
func TestLocalCommitAfterChdir(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, old := range []string{"", "old"} {
		u, err := storage.Create(t.Context(), "out", storage.CreateOptions{})
		require.NoError(t, err, old)
		here, err := os.Getwd()
		require.NoError(t, err)
		require.NoError(t, os.Mkdir("below"+old, 0o777))
		require.NoError(t, os.Chdir("below"+old))
		require.NoError(t, u.Commit())
		assert.FileExists(t, filepath.Join(here, "out"))
		require.NoError(t, os.Chdir(here))
	}
}

// tree is everything below dir.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}
