package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	dir := t.TempDir()
	stale := func(name string, age time.Duration) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
		require.NoError(t, os.WriteFile(name, nil, 0o666))
		require.NoError(t, os.Chtimes(name, time.Time{}, time.Now().Add(-age)))
		return name
	}
	old := stale("a/.arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp", 25*time.Hour)
	young := stale("b/.arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp", 2*time.Hour)
	other := stale("a/.other.tmp", 100*time.Hour)

	require.Equal(t, old+"\n", ok(t, "clean", "--dry-run", dir))
	require.FileExists(t, old)
	require.Equal(t, old+"\n", ok(t, "clean", dir))
	require.NoFileExists(t, old)
	require.Empty(t, ok(t, "clean", dir))
	require.FileExists(t, young)
	require.Equal(t, young+"\n", ok(t, "clean", "--older-than", "1h", filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	require.NoFileExists(t, young)
	require.FileExists(t, other)
}

func TestCleanGoesOnAfterAFailure(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, ".arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp")
	require.NoError(t, os.WriteFile(name, nil, 0o666))
	code, stdout, stderr := command(t, "clean", "--older-than=0s", filepath.Join(dir, "missing"), dir)
	require.Equal(t, 1, code)
	require.Equal(t, name+"\n", stdout)
	require.Contains(t, stderr, "missing")
	for _, args := range [][]string{{"clean"}, {"clean", "--older-than=-1h", dir}, {"clean", "--older-than=soon", dir}} {
		code, _, _ := command(t, args...)
		require.Equal(t, 2, code, args)
	}
}
