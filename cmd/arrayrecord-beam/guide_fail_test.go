//go:build !race

// Beam's worker has races of its own when a job fails.

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// An ArrayRecord is told from a damaged TFRecord file.
func TestArrayRecordGivenToConvert(t *testing.T) {
	for _, name := range []string{"convert", "convert-files", "convert-matching"} {
		code, _, stderr := command(t, name, "--input", "../../testdata/digits-default.arrayrecord", "--output", t.TempDir()+"/x", "--progress=none")
		require.Equal(t, 1, code)
		require.Contains(t, stderr, "digits-default.arrayrecord")
		require.Contains(t, stderr, "this is an ArrayRecord file")
		require.Contains(t, stderr, "to-tfrecord makes TFRecords of them")
	}
}

// A job that could convert nothing has not succeeded, and says where the reasons
// are.
func TestEverythingSkippedIsNoSuccess(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/bad", []byte("no records at all"), 0o666))
	for _, name := range []string{"convert", "convert-files", "convert-matching", "to-tfrecord", "reshard", "to-tfrecord-files", "shuffle"} {
		out := dir + "/" + name + "/x"
		args := []string{name, "--input", dir + "/bad", "--output", out, "--on_error=skip", "--progress=none"}
		if name == "reshard" {
			args = append(args, "--num_shards=1")
		}
		code, _, stderr := command(t, args...)
		require.Equal(t, 1, code, name)
		require.Contains(t, stderr, "nothing could be converted: "+out+".failed.jsonl has the 1 failures", name)
		require.FileExists(t, out+".failed.jsonl")
	}
}
