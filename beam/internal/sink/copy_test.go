package sink

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// Short last chunks of several files, and chunks that two shards share, are
// written again; no record may get lost or doubled on the way.
func TestShardsOfManyBundles(t *testing.T) {
	records := makeRecords(500)
	for _, groupSize := range []int{1, 2, 7, 16, 99, 1000} {
		for _, n := range []int{1, 2, 3, 10, 501} {
			dir := t.TempDir()
			c := config(t, filepath.Join(dir, "out"), withNumShards(n),
				withWriterOptions(fmt.Sprintf("group_size:%d,uncompressed", groupSize)))
			files := stage(t, c, records[:3], nil, records[3:100], records[100:101], records[101:323], records[323:])
			require.Len(t, files, 5, "a bundle without records has no file")
			names, err := runCommit(t.Context(), c, makeShards(t, c, files))
			require.NoError(t, err)
			require.Len(t, names, n)
			sizes := requireShards(t, records, names)
			if 500/n < 8*groupSize {
				require.LessOrEqual(t, slices.Max(sizes)-slices.Min(sizes), 1)
			}
			requireNoTemp(t, dir)
		}
	}
}

func TestPiecesAreCopiedByChunkWherePossible(t *testing.T) {
	c := Config{GroupSize: 10}
	for _, test := range []struct{ begin, end, chunkBegin, chunkEnd int64 }{
		{0, 100, 0, 10},
		{0, 105, 0, 10},
		{3, 37, 1, 3},
		{3, 7, 1, 1},
		{3, 12, 1, 1},
		{10, 20, 1, 2},
	} {
		begin, end := c.fullChunks(piece{Begin: test.begin, End: test.end})
		require.Equal(t, test.chunkBegin, begin, test)
		require.Equal(t, test.chunkEnd, end, test)
	}
}

// One bundle for one shard needs no copy.
func TestWholeFileIsTheShard(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(1))
	files := stage(t, c, makeRecords(10))
	shards := makeShards(t, c, files)
	require.Len(t, shards, 1)
	require.Equal(t, files[0].Name, shards[0].Name)
}

func TestChangedTemporaryFileIsNoticed(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(2))
	files := stage(t, c, makeRecords(10))
	files[0].Records = 12
	plan := c.planShards(files)[1]
	err := newCopyFn(c).ProcessElement(t.Context(), plan, func(int, File) { t.Error("a shard was made") })
	require.ErrorContains(t, err, "has 10 records, not 12")
}

// A repeated attempt makes a file of its own, and the failed one leaves none.
func TestFailedCopyIsRepeated(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	c := config(t, dir+"/out", withNumShards(2), withWriterOptions("group_size:4"))
	records := makeRecords(50)
	files := stage(t, c, records[:21], records[21:])
	before := list(t, c.RunDir()+"/*")

	for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpRead, storagetest.OpWrite, storagetest.OpCommit} {
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected")})
		for _, plan := range c.planShards(files) {
			err := newCopyFn(c).ProcessElement(t.Context(), plan, func(int, File) { t.Error("a shard was made") })
			require.ErrorContains(t, err, "injected")
		}
		faults.Heal()
		require.Equal(t, before, list(t, c.RunDir()+"/*"), op)
		require.Empty(t, list(t, c.RunDir()+"/.*"), op)
	}
	names, err := runCommit(t.Context(), c, makeShards(t, c, files))
	require.NoError(t, err)
	requireShards(t, records, names)
}
