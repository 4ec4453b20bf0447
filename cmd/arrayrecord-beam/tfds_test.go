package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTFDSFlags(t *testing.T) {
	source, err := filepath.Abs(digits)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	ok(t, "convert", "--input", source, "--output", "sets", "--tfds", "digits", "--num_shards=2", "--progress=none")
	ok(t, "reshard", "--input", "sets/digits/1.0.0/digits-train*", "--output", "sets/", "--tfds", "digits", "--tfds_split=test",
		"--num_shards=1", "--shuffle", "--progress=none")
	require.Equal(t, "dataset_info.json digits-test.array_record-00000-of-00001 "+
		"digits-train.array_record-00000-of-00002 digits-train.array_record-00001-of-00002 features.json", names(t, "sets/digits/1.0.0"))

	for _, bad := range []string{"--tfds=a/b", "--tfds_version=1", "--tfds_split=-"} {
		code, _, stderr := command(t, "convert", "--input", source, "--output", "other", "--tfds=x", bad)
		require.Equal(t, 2, code, stderr)
		require.Contains(t, stderr, "of a dataset is not")
	}
	require.NoDirExists(t, "other")
}
