package storage

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newUpload(t *testing.T, name string, opts CreateOptions) *localUpload {
	t.Helper()
	u, err := Create(t.Context(), name, opts)
	require.NoError(t, err)
	return u.(*localUpload)
}

func TestFailedWriteSpoilsTheUpload(t *testing.T) {
	dir := t.TempDir()
	u := newUpload(t, filepath.Join(dir, "out"), CreateOptions{})
	_, err := u.Write([]byte("part"))
	require.NoError(t, err)
	require.NoError(t, u.f.Close()) // the next write fails
	_, err = u.Write([]byte("of a whole"))
	require.ErrorIs(t, err, fs.ErrClosed)
	assert.ErrorContains(t, err, "out")
	_, again := u.Write([]byte("more"))
	assert.Equal(t, err, again)
	assert.ErrorIs(t, u.Commit(), fs.ErrClosed)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestFailedCommitLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out")
	u := newUpload(t, name, CreateOptions{})
	_, err := u.Write([]byte("x"))
	require.NoError(t, err)
	// The name becomes a directory in the meantime: the rename must fail.
	require.NoError(t, os.MkdirAll(filepath.Join(name, "full"), 0o777))
	assert.ErrorContains(t, u.Commit(), name)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}
