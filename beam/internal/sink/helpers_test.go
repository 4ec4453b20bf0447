package sink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// makeRecords gives n different records of different sizes.
func makeRecords(n int) [][]byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	records := make([][]byte, n)
	for i := range records {
		records[i] = fmt.Appendf(nil, "%06d %s", i, strings.Repeat("x", random.IntN(100)))
	}
	return records
}

// readShard gives the records of a file.
func readShard(t *testing.T, name string) [][]byte {
	t.Helper()
	r, err := arrayrecord.Open(context.Background(), name)
	require.NoError(t, err)
	defer r.Close()
	records, err := recordtest.All(context.Background(), r)
	require.NoError(t, err)
	return records
}

// requireShards checks that the files hold the records, each exactly once, and
// gives how many each has.
func requireShards(t *testing.T, want [][]byte, names []string) []int {
	t.Helper()
	var got [][]byte
	sizes := make([]int, len(names))
	for i, name := range names {
		records := readShard(t, name)
		got = append(got, records...)
		sizes[i] = len(records)
	}
	require.ElementsMatch(t, want, got)
	return sizes
}

// list gives the names of all files that match, hidden ones too if the pattern
// says so.
func list(t *testing.T, pattern string) []string {
	t.Helper()
	infos, err := storage.List(context.Background(), pattern)
	require.NoError(t, err)
	var names []string
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

// requireNoTemp checks that nothing temporary is left beside the output.
func requireNoTemp(t *testing.T, dir string) {
	t.Helper()
	for _, name := range list(t, dir+"/.*") {
		require.Regexp(t, `\.00000[0-9]\.(commit|checked|done)$`, name)
	}
	require.Empty(t, list(t, dir+"/.*/*"))
	require.Empty(t, list(t, dir+"/.*/.*"))
	if storage.Scheme(dir) == "" {
		left, err := filepath.Glob(filepath.Join(dir, ".temp-*"))
		require.NoError(t, err)
		require.Empty(t, left, "an empty directory is left too")
	}
}

type option func(*Sets)

func withNumShards(n int) option        { return func(c *Sets) { c.NumShards = n } }
func withOverwrite(o Overwrite) option  { return func(c *Sets) { c.Overwrite = o } }
func withWriterOptions(s string) option { return func(c *Sets) { c.WriterOptions = s } }

// config is for ArrayRecords of one record a chunk unless told otherwise.
func config(t *testing.T, prefix string, opts ...option) Config {
	t.Helper()
	c := Sets{Config: Config{Prefix: prefix, Suffix: ".arrayrecord", WriterOptions: "group_size:1"}}
	for _, o := range opts {
		o(&c)
	}
	require.NoError(t, c.Config.Complete())
	c.Run = NewRunID()
	return c.Config
}

// setsConfig is config for many sets.
func setsConfig(t *testing.T, prefix string, opts ...option) Sets {
	t.Helper()
	c := Sets{Config: Config{Prefix: prefix, Suffix: ".arrayrecord", WriterOptions: "group_size:1"}}
	for _, o := range opts {
		o(&c)
	}
	require.NoError(t, c.Complete())
	c.Run = NewRunID()
	return c
}

// stage writes each slice of records as one bundle.
func stage(t *testing.T, c Config, bundles ...[][]byte) []File {
	t.Helper()
	var files []File
	emit := func(_ int, f File) { files = append(files, f) }
	fn := &stageFn{Config: c}
	fn.Setup()
	for _, records := range bundles {
		fn.StartBundle(t.Context(), emit)
		for _, record := range records {
			require.NoError(t, fn.ProcessElement(t.Context(), record, emit))
		}
		require.NoError(t, fn.FinishBundle(t.Context(), emit))
	}
	return files
}

// iterate gives the files as Beam does, in an order that must not matter.
func iterate(files []File) func(*File) bool {
	order := rand.Perm(len(files))
	return func(f *File) bool {
		if len(order) == 0 {
			return false
		}
		*f = files[order[0]]
		order = order[1:]
		return true
	}
}

// makeShards does what happens between bundles and commit for a fixed number.
func makeShards(t *testing.T, c Config, files []File) []File {
	t.Helper()
	var shards []File
	err := (&planFn{Config: c}).ProcessElement(t.Context(), 0, nil, iterate(files), func(p shardPlan) {
		require.NoError(t, newCopyFn(c).ProcessElement(t.Context(), p, func(_ int, f File) {
			shards = append(shards, f)
		}))
	})
	require.NoError(t, err)
	return shards
}

// arrange gives the files their numbers.
func arrange(t *testing.T, c Config, files []File) arrangement {
	t.Helper()
	var all []arrangement
	err := (&arrangeFn{Config: c}).ProcessElement(t.Context(), 0, nil, iterate(files), func(a arrangement) { all = append(all, a) })
	require.NoError(t, err)
	require.Len(t, all, 1)
	return all[0]
}

// commitArranged gives the final names.
func commitArranged(ctx context.Context, c Config, all arrangement) (names []string, err error) {
	fn := &commitFn{Config: c}
	fn.Setup()
	err = fn.ProcessElement(ctx, all, func(s Shard) { names = append(names, s.Name) })
	return names, err
}

// runCommit does both.
func runCommit(ctx context.Context, c Config, files []File) (names []string, err error) {
	var commitErr error
	err = (&arrangeFn{Config: c}).ProcessElement(ctx, 0, nil, iterate(files), func(a arrangement) {
		names, commitErr = commitArranged(ctx, c, a)
	})
	return names, errors.Join(err, commitErr)
}

// newCopyFn makes a copyFn whose run the configuration has already.
func newCopyFn(c Config) *copyFn {
	return &copyFn{Config: c, read: counters.Read(), copied: counters.Copies()}
}
