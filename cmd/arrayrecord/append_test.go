package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppend(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2")
	require.Empty(t, ok(t, "append", name, writeFile(t, "r3", "r4"), writeFile(t, "r5")))
	require.Equal(t, "r0\nr1\nr2\nr3\nr4\nr5\n", ok(t, "cat", name))
	ok(t, "verify", name)
	// Its own records, once more.
	ok(t, "append", name, name+"[0:2]")
	require.Equal(t, "r0\nr1\nr2\nr3\nr4\nr5\nr0\nr1\n", ok(t, "cat", name))
}

func TestAppendThatFailsChangesNothing(t *testing.T) {
	name, from := writeFile(t, "r0", "r1", "r2"), writeFile(t, "r3", "r4", "r5", "r6")
	before, err := os.ReadFile(name)
	require.NoError(t, err)
	damage(t, from, 64+45)
	for _, args := range [][]string{{"append", name, from}, {"append", name, name + "-missing"}, {"append", "gs://bucket/x", from},
		{"append", name + "-missing", from}, {"append", "main.go", from}} {
		code, _, stderr := command(t, args...)
		require.Equal(t, 1, code, args)
		require.NotEmpty(t, stderr)
	}
	after, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, before, after)
	code, _, _ := command(t, "append", name)
	require.Equal(t, 2, code)
	require.NoFileExists(t, filepath.Join(filepath.Dir(name), "x"))
}
