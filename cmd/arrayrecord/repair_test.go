package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRepair(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2", "r3", "r4")
	saved := filepath.Join(t.TempDir(), "saved")
	require.Equal(t, saved+": 5 records saved, nothing lost\n", ok(t, "repair", name, saved))

	damage(t, name, 64+45)
	code, stdout, stderr := command(t, "repair", name, saved)
	require.Equal(t, 3, code)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "3 records saved, 2 lost\n  bytes 64 to ")
	require.Equal(t, "r2\nr3\nr4\n", ok(t, "cat", saved))
	ok(t, "verify", saved)

	code, stdout, _ = command(t, "repair", "--json", name, saved)
	require.Equal(t, 3, code)
	var info repairInfo
	require.NoError(t, json.Unmarshal([]byte(stdout), &info))
	require.Equal(t, 3, info.Saved)
	require.Equal(t, 2, *info.Lost)
	require.Equal(t, saved, info.Output)

	code, _, stderr = command(t, "repair", "--no-overwrite", name, saved)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "exists")
}

// A lost end costs no record.
func TestRepairOfALostEnd(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2", "r3", "r4")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, data[:65536], 0o666))
	code, _, stderr := command(t, "cat", name)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "3 whole chunks with 5 records precede the cut")
	saved := filepath.Join(t.TempDir(), "saved")
	require.Contains(t, ok(t, "repair", name, saved), "5 records saved, nothing lost\n")
	require.Equal(t, "r0\nr1\nr2\nr3\nr4\n", ok(t, "cat", saved))
}

func TestRepairNeverWritesOverItsInput(t *testing.T) {
	name := writeFile(t, "r0", "r1")
	before, err := os.ReadFile(name)
	require.NoError(t, err)
	dir := t.TempDir()
	symbolic, hard := filepath.Join(dir, "symbolic"), filepath.Join(filepath.Dir(name), "hard")
	require.NoError(t, os.Symlink(name, symbolic))
	require.NoError(t, os.Link(name, hard))
	for _, args := range [][]string{{name, name}, {name, symbolic}, {symbolic, name}, {name, hard}, {hard, symbolic},
		{name, filepath.Join(filepath.Dir(name), ".", filepath.Base(name))}} {
		code, _, stderr := command(t, append([]string{"repair"}, args...)...)
		require.Equal(t, 1, code, args)
		require.Contains(t, stderr, "the output is the input")
	}
	after, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestRepairOfWrongCommandLines(t *testing.T) {
	for _, args := range [][]string{{"repair"}, {"repair", digits}, {"repair", "a", "b", "c"}, {"repair", "--nonsense", "a", "b"}} {
		code, stdout, _ := command(t, args...)
		require.Equal(t, 2, code)
		require.Empty(t, stdout)
	}
	out := filepath.Join(t.TempDir(), "out")
	code, _, stderr := command(t, "repair", "main.go", out)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "not an ArrayRecord file")
	require.NoFileExists(t, out)
}
