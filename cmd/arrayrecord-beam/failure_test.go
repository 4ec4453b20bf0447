//go:build !race

// Beam's worker has races of its own when a job fails.

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFailure(t *testing.T) {
	dir := t.TempDir()
	pattern := filepath.Join(dir, "*.tfrecord")
	code, stdout, stderr := command(t, "convert", "--input", pattern, "--output", filepath.Join(dir, "out"))
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.Equal(t, "arrayrecord-beam: tfrecordio: no file matches \""+pattern+"\": file does not exist\n", stderr)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.tfrecord"), []byte("not a TFRecord file"), 0o666))
	code, _, stderr = command(t, "convert", "--input", pattern, "--output", filepath.Join(dir, "out"))
	require.Equal(t, 1, code)
	require.Regexp(t, `^arrayrecord-beam: tfrecordio: .*/bad\.tfrecord: [^\n]*corrupt[^\n]*\n$`, stderr)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errOut bytes.Buffer
	dir := t.TempDir()
	code := run(ctx, []string{"convert", "--input", digits, "--output", filepath.Join(dir, "out")}, &out, &errOut)
	require.Equal(t, 1, code)
	require.Equal(t, "arrayrecord-beam: interrupted\n", errOut.String())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestWrongCompressionIsNotCorrectedSilently(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "digits")
	code, _, stderr := command(t, "convert", "--input", "../../testdata/digits-gzip.tfrecord.gz", "--output", prefix, "--compression=none")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "corrupt")
}
