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
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
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
	require.Equal(t, 130, code)
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

// Beam only ends the waiting for a job that another process runs.
func TestInterruptCancelsTheJobOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	ok(t, "convert", "--input", digits, "--output", filepath.Join(dir, "x")) // has Prism listen
	endpoint, name, environment := *jobopts.Endpoint, *jobopts.JobName, *jobopts.EnvironmentType
	t.Cleanup(func() {
		*jobopts.Endpoint, *jobopts.JobName, *jobopts.EnvironmentType = endpoint, name, environment
	})
	data, err := os.ReadFile("../../testdata/digits-00000-of-00003.tfrecord")
	require.NoError(t, err)
	input := filepath.Join(dir, "large")
	require.NoError(t, os.WriteFile(input, bytes.Repeat(data, 100), 0o666))
	ctx, cancel := context.WithCancel(t.Context())
	args := []string{
		"convert-files", "--input", input, "--output", filepath.Join(dir, "out"), "--writer_options=group_size:64,brotli:11",
		"--runner=universal", "--endpoint", endpoint, "--environment_type=LOOPBACK", "--job_name=to-be-cancelled", "--progress=none",
	}
	before := pipelines.LocalProgress()
	go func() {
		defer cancel()
		// Prism panics when a job is cancelled before it has started the worker.
		assert.Eventually(t, func() bool {
			status, err := pipelines.AskJobService(t.Context(), endpoint, "to-be-cancelled")
			return err == nil && status.State == "RUNNING" && pipelines.LocalProgress().Since(before).RecordsRead > 0
		}, time.Minute, 10*time.Millisecond)
	}()
	var out, errOut bytes.Buffer
	require.Equal(t, 130, run(ctx, args, &out, &errOut))
	require.Regexp(t, `^arrayrecord-beam: interrupted; job job-[0-9]+ is (CANCELLED|CANCELLING|FAILED) \(temporary files may remain in \S+/out\)\n$`, errOut.String())
}
