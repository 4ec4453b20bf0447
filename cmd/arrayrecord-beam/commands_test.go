package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// names gives what is in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestCommands(t *testing.T) {
	source, err := filepath.Abs(digits)
	require.NoError(t, err)
	for _, test := range []struct {
		args []string
		want string // what is in the directory out
	}{
		{[]string{"convert-matching", "--input", source, "--output", "out/x"},
			"x-00000-of-00003.arrayrecord x-00001-of-00003.arrayrecord x-00002-of-00003.arrayrecord"},
		{[]string{"convert_tf_to_arrayrecord_disk_match_shards", "--input", source, "--output", "out/x", "--suffix="},
			"x-00000-of-00003 x-00001-of-00003 x-00002-of-00003"},
		{[]string{"convert-files", "--input", source, "--output", "out"},
			"digits-00000-of-00003.tfrecord.arrayrecord digits-00001-of-00003.tfrecord.arrayrecord digits-00002-of-00003.tfrecord.arrayrecord"},
		{[]string{"convert_tf_to_arrayrecord_gcs", "--input", source, "--output", "out/", "--overwrite_extension", "--file_path_suffix=.ar"},
			"digits-00000-of-00003.ar digits-00001-of-00003.ar digits-00002-of-00003.ar"},
		{[]string{"to-tfrecord", "--input", "ar/*", "--output", "out/y", "--num_shards=2", "--compression=gzip"},
			"y-00000-of-00002.tfrecord y-00001-of-00002.tfrecord"},
		{[]string{"to-tfrecord-files", "--input", "ar/*", "--output", "out", "--overwrite_extension"},
			"d-00000-of-00002.tfrecord d-00001-of-00002.tfrecord"},
		{[]string{"reshard", "--input", "ar/*", "--output", "out/z", "--num_shards", "3"},
			"z-00000-of-00003.arrayrecord z-00001-of-00003.arrayrecord z-00002-of-00003.arrayrecord"},
		{[]string{"example_to_tfrecord", "--output", "out/m", "--num_shards=1"}, "m-00000-of-00001.tfrecord"},
		{[]string{"example_to_arrayrecord", "--output", "out/m", "--writer_options=snappy"}, "m-00000-of-00001.arrayrecord"},
	} {
		t.Chdir(t.TempDir())
		ok(t, "convert", "--input", source, "--output", "ar/d", "--num_shards", "2", "--progress=none")
		ok(t, append(test.args, "--progress=none")...)
		require.Equal(t, test.want, names(t, "out"), test.args)
	}
}

func TestSkippedFilesAreReported(t *testing.T) {
	source, err := filepath.Abs(digits)
	require.NoError(t, err)
	data, err := os.ReadFile(strings.Replace(source, "?", "1", 1))
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("good", data, 0o666))
	require.NoError(t, os.WriteFile("bad", data[:len(data)-1], 0o666))
	for _, command := range []string{"convert", "convert-matching", "convert-files"} {
		out := ok(t, command, "--input", "[gb]*d", "--output", command+"/x", "--on_error=skip", "--progress=none")
		require.Regexp(t, `(?m)^ *skipped +1 file\b`, out)
		letters, err := os.ReadFile(command + "/x.failed.jsonl")
		require.NoError(t, err)
		require.Contains(t, string(letters), "bad")
		require.NotContains(t, string(letters), "good")
	}
	for _, args := range [][]string{{"--on_error=ignore"}, {"--dead_letters=x"}} {
		code, _, stderr := command(t, append([]string{"convert", "--input", "good", "--output", "y"}, args...)...)
		require.Equal(t, 2, code)
		require.Regexp(t, `--(on_error|dead_letters)`, stderr)
	}
}

// The commands of the guide are for bin/arrayrecord-beam; here they run in this
// process.
func TestCommandsOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/beam.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?ms)^## Quick start$.*?^```sh\n(.*?)^```$").FindSubmatch(guide)
	require.NotNil(t, block)
	t.Chdir(t.TempDir())
	lines := strings.Split(strings.TrimSpace(string(block[1])), "\n")
	require.Len(t, lines, 3)
	for _, line := range lines {
		args := strings.Fields(strings.ReplaceAll(line, "'", ""))
		require.Equal(t, "arrayrecord-beam", args[0])
		ok(t, append(args[1:], "--progress=none")...)
	}
	require.Len(t, strings.Fields(names(t, "out")), 4)
	require.Contains(t, names(t, "back"), ".tfrecord")
}
