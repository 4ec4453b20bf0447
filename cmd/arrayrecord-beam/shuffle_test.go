package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The same order comes of TFRecords and of the ArrayRecords made of them, file by
// file, and with the same seed only.
func TestShuffleFlags(t *testing.T) {
	source, err := filepath.Abs(digits)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	ok(t, "convert-matching", "--input", source, "--output", "in/x", "--progress=none")
	shuffle := func(name string, args ...string) (content string) {
		ok(t, append(args, "--output", name+"/x", "--num_shards", "2", "--shuffle", "--progress=none")...)
		require.Equal(t, "x-00000-of-00002.arrayrecord x-00001-of-00002.arrayrecord", names(t, name))
		require.Equal(t, []int{899, 898}, numRecords(t, name+"/x-00000-of-00002.arrayrecord", name+"/x-00001-of-00002.arrayrecord"))
		for _, shard := range []string{"/x-00000-of-00002.arrayrecord", "/x-00001-of-00002.arrayrecord"} {
			data, err := os.ReadFile(name + shard)
			require.NoError(t, err)
			content += string(data)
		}
		return content
	}
	one := shuffle("1", "convert", "--input", source, "--seed=7")
	require.Equal(t, one, shuffle("2", "convert", "--input", source, "--seed=7"))
	require.Equal(t, one, shuffle("3", "reshard", "--input", "in/*", "--seed=7"))
	require.NotEqual(t, one, shuffle("4", "reshard", "--input", "in/*"))

	for _, name := range []string{"convert", "reshard"} {
		code, _, stderr := command(t, name, "--input", source, "--output", "5/x", "--num_shards=2", "--seed=7")
		require.Equal(t, 2, code)
		require.Contains(t, stderr, "--seed needs --shuffle")
	}
}
