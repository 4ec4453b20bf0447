package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A job that goes on from its checkpoint ends where one ends that was never stopped.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	s := settings{data: "../../testdata/digits-default.arrayrecord", steps: 60, batch: 20, every: 25, seed: 1}
	run := func(name string, steps int) (checkpoint, printed string) {
		s.checkpoint, s.steps = filepath.Join(dir, name), steps
		var out bytes.Buffer
		require.NoError(t, train(t.Context(), s, &out))
		data, err := os.ReadFile(s.checkpoint)
		require.NoError(t, err)
		return string(data), out.String()
	}
	whole, printed := run("whole", 60)
	require.Contains(t, printed, "step 60: 20 of 20 right\n")
	run("parts", 13)
	run("parts", 41)
	parts, printed := run("parts", 60)
	require.True(t, strings.HasPrefix(printed, "going on after step 41\n"), printed)
	require.Equal(t, whole, parts)
	again, _ := run("parts", 60)
	require.Equal(t, whole, again)

	// With other data it does not go on.
	s.data += "[0:100]"
	require.Error(t, train(t.Context(), s, new(bytes.Buffer)))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

func TestDamagedCheckpoint(t *testing.T) {
	name := filepath.Join(t.TempDir(), "checkpoint")
	require.NoError(t, os.WriteFile(name, []byte("{"), 0o666))
	err := train(t.Context(), settings{data: "../../testdata/digits-default.arrayrecord", checkpoint: name, steps: 1, batch: 1, every: 1}, new(bytes.Buffer))
	require.ErrorContains(t, err, name)
}
