package pipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// content gives the bytes of all files that match.
func content(t *testing.T, pattern string) map[string]string {
	t.Helper()
	infos, err := storage.List(t.Context(), pattern)
	require.NoError(t, err)
	files := map[string]string{}
	for _, info := range infos {
		o, err := storage.Open(t.Context(), info.Name)
		require.NoError(t, err)
		data := make([]byte, o.Size())
		_, err = o.ReadAt(t.Context(), data, 0)
		require.NoError(t, err)
		require.NoError(t, o.Close())
		_, base := storage.Split(info.Name)
		files[base] = string(data)
	}
	return files
}

func TestShuffle(t *testing.T) {
	var all []map[string]string
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		var want []string
		want = append(want, writeTFRecords(t, dir+"/in-0", 300)...)
		want = append(want, writeTFRecords(t, dir+"/in-1", 1000, tfrecord.WithCompression(tfrecord.Gzip))...)
		want = append(want, makeArrayRecords(t, dir+"/in-2", "group_size:7,snappy", 500)...)
		want = append(want, makeArrayRecords(t, dir+"/in-3", "group_size:1", 0)...)
		want = append(want, writeTFRecords(t, dir+"/in-4", 0)...)
		shuffle := NewShuffle(dir+"/in-*", dir+"/out/x", 5)
		shuffle.NumShards = 7
		result, err := Run(t.Context(), "prism", shuffle)
		require.NoError(t, err)
		got, sizes := readArrayRecords(t, dir+"/out/x-*.arrayrecord")
		require.Equal(t, []int{258, 257, 257, 257, 257, 257, 257}, sizes)
		require.ElementsMatch(t, want, got)
		require.NotEqual(t, want, got)
		require.Equal(t, int64(5), result.FilesRead)
		require.Equal(t, int64(1800), result.RecordsRead)
		require.Equal(t, int64(1800), result.RecordsWritten)
		var size int64
		infos, err := storage.List(t.Context(), dir+"/in-*")
		require.NoError(t, err)
		for _, info := range infos {
			size += info.Size
		}
		require.Equal(t, size, result.BytesRead)
		require.Len(t, result.Outputs, 7)
		left, err := storage.List(t.Context(), dir+"/out/.*")
		require.NoError(t, err)
		require.Empty(t, left)
		all = append(all, content(t, dir+"/out/x-*"))

		shuffle.Output, shuffle.Seed = dir+"/other/x", 6
		_, err = Run(t.Context(), "prism", shuffle)
		require.NoError(t, err)
		other, _ := readArrayRecords(t, dir+"/other/x-*.arrayrecord")
		require.ElementsMatch(t, want, other)
		require.NotEqual(t, got, other)
	}
	require.Equal(t, all[0], all[1], "the place of the files changed the shards")
	require.Contains(t, all[0]["x-00000-of-00007.arrayrecord"], "group_size:7,", "the options of the input")
}

// What there is nothing of, or less than there are shards, makes shards too.
func TestShuffleOfLittle(t *testing.T) {
	for n := range 4 {
		dir := t.TempDir()
		want := writeTFRecords(t, dir+"/in", n)
		for _, shards := range []int{0, 1, 3} {
			shuffle := NewShuffle(dir+"/in", fmt.Sprintf("%s/out%d/x", dir, shards), 0)
			shuffle.NumShards = shards
			_, err := Run(t.Context(), "prism", shuffle)
			require.NoError(t, err)
			got, sizes := readArrayRecords(t, shuffle.Output+"-*")
			require.ElementsMatch(t, want, got)
			require.Len(t, sizes, max(shards, 1))
			require.LessOrEqual(t, slices.Max(sizes)-slices.Min(sizes), 1)
		}
	}
}

func TestShuffleRefusesItsOwnInput(t *testing.T) {
	dir := t.TempDir()
	makeArrayRecords(t, dir+"/x-00000-of-00001.arrayrecord", "group_size:1", 3)
	shuffle := NewShuffle(dir+"/x-*", dir+"/x", 0)
	shuffle.Overwrite = arrayrecordio.Replace
	_, err := Run(t.Context(), "prism", shuffle)
	require.ErrorContains(t, err, "has a name of the output")
	require.Len(t, content(t, dir+"/*"), 1)
}

// A damaged file is left out as a whole, also what was read of it before, or
// fails the job and leaves nothing.
func TestShuffleOfDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	want := writeTFRecords(t, dir+"/in-0", 100)
	writeTFRecords(t, dir+"/in-1", 100)
	makeArrayRecords(t, dir+"/in-2", "group_size:1", 100)
	require.NoError(t, os.WriteFile(dir+"/in-3", []byte("no records at all"), 0o666))
	for _, name := range []string{"in-1", "in-2"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		at := strings.LastIndex(string(data[:len(data)/2]), name)
		if at < 0 { // compressed
			at = len(data) / 2
		}
		data[at] ^= 1
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
	shuffle := NewShuffle(dir+"/in-*", dir+"/out/x", 0)
	_, err := Run(t.Context(), "prism", shuffle)
	require.ErrorContains(t, err, dir+"/in-")
	require.Empty(t, content(t, dir+"/out/*"))
	require.Empty(t, content(t, dir+"/out/.*"))

	shuffle.Failures = Failures{Skip: true, DeadLetters: dir + "/failed.jsonl"}
	result, err := Run(t.Context(), "prism", shuffle)
	require.NoError(t, err)
	require.Equal(t, int64(3), result.FilesFailed)
	got, _ := readArrayRecords(t, dir+"/out/x-*")
	require.ElementsMatch(t, want, got)
	letters := content(t, dir+"/failed.jsonl")["failed.jsonl"]
	for _, name := range []string{"in-1", "in-2", "in-3"} {
		require.Equal(t, 1, strings.Count(letters, `"element":"`+dir+"/"+name+`"`), letters)
	}
}
