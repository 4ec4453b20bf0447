//go:build !race

// Beam's worker has races of its own when a job fails.

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
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

func TestLeftoversOfAKilledJob(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	out := dir + "/x"
	faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Skip: 1, Err: errors.New("injected")})
	code, _, stderr := command(t, "convert", "--input", digits, "--output", out, "--num_shards=3")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "temporary files may remain in "+dir+"/.temp-x-")
	faults.Heal()

	code, stdout, _ := command(t, "leftovers", dir)
	require.Equal(t, 0, code)
	require.Regexp(t, `(?m)^left +`+dir+`/\.x-\S+\.000001\.commit +2 of 3 shards without a name: --finish names them`, stdout)
	require.Regexp(t, `(?m)^left +`+dir+`/\.temp-x-\S+ +[0-9] files, needed by `, stdout)
	code, _, stderr = command(t, "convert", "--input", digits, "--output", out, "--num_shards=3")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "arrayrecord-beam leftovers finishes it")

	code, stdout, _ = command(t, "leftovers", "--remove", "--older-than=0s", dir)
	require.Equal(t, 0, code)
	require.NotContains(t, stdout, "removed", "what is needed was removed")
	code, stdout, _ = command(t, "leftovers", "--finish", "--remove", "--older_than=0s", dir)
	require.Equal(t, 0, code)
	require.Regexp(t, `^finished +\S+\.commit +3 shards`, stdout)
	left, err := os.ReadDir(faults.Path(dir))
	require.NoError(t, err)
	require.Len(t, left, 3, "%v", left)

	storagetest.Put(t, dir+"/.temp-y/z", []byte("x"))
	_, stdout, _ = command(t, "leftovers", "--remove", dir)
	require.Contains(t, stdout, "left")
	_, stdout, _ = command(t, "leftovers", "--remove", "--older_than=0s", dir)
	require.Contains(t, stdout, "removed")
	for _, args := range [][]string{{"leftovers"}, {"leftovers", "--unfinished", dir}} {
		code, _, _ = command(t, args...)
		require.Equal(t, 2, code)
	}
}

func TestOverwriteFlag(t *testing.T) {
	dir := t.TempDir()
	convert := func(args ...string) (int, string) {
		code, _, stderr := command(t, append([]string{"convert", "--input", digits, "--output", dir + "/x", "--num_shards=2"}, args...)...)
		return code, stderr
	}
	code, _ := convert()
	require.Equal(t, 0, code)
	code, stderr := convert()
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "1 more files have names of the output")
	require.Contains(t, stderr, "see --overwrite")
	code, stderr = convert("--overwrite=replace")
	require.Equal(t, 0, code, stderr)
	code, stderr = convert("--overwrite=keep-newer", "--num_shards=3")
	require.Equal(t, 0, code, stderr)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 3, "%v", left)
	code, _ = convert("--overwrite=perhaps")
	require.Equal(t, 2, code)
}
