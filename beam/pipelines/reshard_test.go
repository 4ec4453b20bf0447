package pipelines

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// makeArrayRecords writes a file with n records that tell the name and number.
func makeArrayRecords(t *testing.T, name, options string, n int) []string {
	t.Helper()
	w, err := arrayrecord.Create(t.Context(), name, arrayrecord.WithWriterOptions(options))
	require.NoError(t, err)
	records := make([]string, n)
	_, base := storage.Split(name)
	for i := range records {
		records[i] = fmt.Sprintf("%s %d", base, i)
		require.NoError(t, w.Write([]byte(records[i])))
	}
	require.NoError(t, w.Close())
	return records
}

func readArrayRecords(t *testing.T, pattern string) (records []string, sizes []int) {
	t.Helper()
	infos, err := storage.List(t.Context(), pattern)
	require.NoError(t, err)
	for _, info := range infos {
		r, err := arrayrecord.Open(t.Context(), info.Name)
		require.NoError(t, err)
		all, err := recordtest.All(t.Context(), r)
		require.NoError(t, err)
		for _, record := range all {
			records = append(records, string(record))
		}
		sizes = append(sizes, len(all))
		require.NoError(t, r.Close())
	}
	return records, sizes
}

func TestReshard(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		var want []string
		for _, test := range []struct {
			name    string
			options [3]string
			keeps   string // the options of the shards
			ordered bool
		}{
			{"one", [3]string{"group_size:1", "group_size:1", "group_size:1"}, "group_size:1,", true},
			{"groups", [3]string{"group_size:7,snappy", "group_size:7,snappy", "group_size:7,snappy"}, "group_size:7,", false},
			{"mixed", [3]string{"group_size:5", "group_size:8,brotli", "group_size:5"}, "group_size:5,", false},
		} {
			place := storage.Join(dir, test.name)
			want = nil
			for i, n := range []int{100, 33, 267} {
				want = append(want, makeArrayRecords(t, fmt.Sprintf("%s/in-%d", place, i), test.options[i], n)...)
			}
			for _, n := range []int{1, 4} {
				prefix := fmt.Sprintf("%s/out%d/x", place, n)
				result, err := Run(t.Context(), "prism", NewReshard(place+"/in-*", prefix, n))
				require.NoError(t, err)
				got, sizes := readArrayRecords(t, prefix+"-*.arrayrecord")
				require.Len(t, sizes, n)
				if test.ordered {
					require.Equal(t, want, got)
				} else {
					require.ElementsMatch(t, want, got)
				}
				require.Equal(t, int64(400), result.RecordsRead)
				require.Equal(t, int64(400), result.RecordsWritten)
				require.Equal(t, int64(n), result.FilesWritten)
				r, err := arrayrecord.Open(t.Context(), result.Outputs[0])
				require.NoError(t, err)
				options, _ := r.WriterOptions()
				require.Contains(t, options, test.keeps)
				require.NoError(t, r.Close())
			}
			inputs, err := storage.List(t.Context(), place+"/in-*")
			require.NoError(t, err)
			require.Len(t, inputs, 3, "the input was touched")
		}
	}
}

// One file for one shard is a copy: the input stays, the shard has its bytes.
func TestReshardOfOneFileKeepsIt(t *testing.T) {
	dir := t.TempDir()
	makeArrayRecords(t, dir+"/in", "group_size:4,uncompressed", 99)
	_, err := Run(t.Context(), "prism", NewReshard(dir+"/in", dir+"/out", 1))
	require.NoError(t, err)
	in, err := os.ReadFile(dir + "/in")
	require.NoError(t, err)
	out, err := os.ReadFile(dir + "/out-00000-of-00001.arrayrecord")
	require.NoError(t, err)
	require.Equal(t, in, out)
}

func TestReshardWithOtherOptions(t *testing.T) {
	dir := t.TempDir()
	want := makeArrayRecords(t, dir+"/in", "group_size:4,uncompressed", 99)
	reshard := NewReshard(dir+"/in", dir+"/out", 2)
	reshard.WriterOptions = "group_size:10,zstd"
	_, err := Run(t.Context(), "prism", reshard)
	require.NoError(t, err)
	got, _ := readArrayRecords(t, dir+"/out*")
	require.Equal(t, want, got)
	r, err := arrayrecord.Open(t.Context(), dir+"/out-00000-of-00002.arrayrecord")
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, 10, r.RecordGroupSize())
}

func TestReshardArguments(t *testing.T) {
	for _, r := range []*Reshard{
		NewReshard("", "out", 1),
		NewReshard("in", "", 1),
		NewReshard("in", "out", 0),
		{Sources: newSources("in"), ShardNames: ShardNames{Output: "out"}, NumShards: 1, WriterOptions: "nonsense"},
	} {
		_, err := Run(t.Context(), "prism", r)
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
	_, err := Run(t.Context(), "prism", NewReshard(filepath.Join(t.TempDir(), "none-*"), filepath.Join(t.TempDir(), "out"), 1))
	require.ErrorContains(t, err, "no file matches")
}
