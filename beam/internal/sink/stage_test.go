package sink

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// A bundle that fails after some records is repeated, on the same DoFn or
// another; its first attempt never reaches FinishBundle.
func TestRepeatedBundle(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	records := makeRecords(40)
	var files []File
	emit := func(_ int, f File) { files = append(files, f) }

	failed := &stageFn{Config: c}
	failed.Setup()
	failed.StartBundle(t.Context(), emit)
	for _, record := range records[:30] {
		require.NoError(t, failed.ProcessElement(t.Context(), record, emit))
	}
	other := stage(t, c, records)
	failed.StartBundle(t.Context(), emit)
	for _, record := range records {
		require.NoError(t, failed.ProcessElement(t.Context(), record, emit))
	}
	require.NoError(t, failed.FinishBundle(t.Context(), emit))

	// Both attempts were complete, as when the answer of the first got lost:
	// the runner takes one.
	require.Len(t, files, 1)
	require.NotEqual(t, other[0].Name, files[0].Name)
	require.Len(t, list(t, c.RunDir()+"/*"), 2)
	require.Empty(t, list(t, c.RunDir()+"/.*"), "the attempt that failed left its file")
	names, err := runCommit(t.Context(), c, files)
	require.NoError(t, err)
	requireShards(t, records, names)
	requireNoTemp(t, dir)
}

// Records that could not be written fail the bundle and leave no file.
func TestFailedWriteLeavesNoFile(t *testing.T) {
	for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpWrite, storagetest.OpCommit} {
		faults := storagetest.NewFaults()
		c := config(t, faults.TempDir(t)+"/out")
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected")})
		fn := &stageFn{Config: c}
		fn.Setup()
		emit := func(int, File) { t.Error("a file was announced") }
		fn.StartBundle(t.Context(), emit)
		var err error
		for i := 0; err == nil && i < 100; i++ {
			err = fn.ProcessElement(t.Context(), make([]byte, 100<<10), emit)
		}
		if err == nil {
			err = fn.FinishBundle(t.Context(), emit)
		}
		require.ErrorContains(t, err, "injected", op)
		require.Empty(t, list(t, c.RunDir()+"/*"))
		require.Empty(t, list(t, c.RunDir()+"/.*"))
	}
}

func TestFileIsDescribedTruly(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"))
	files := stage(t, c, makeRecords(40))
	info, err := storage.Stat(t.Context(), files[0].Name)
	require.NoError(t, err)
	require.Equal(t, info.Size, files[0].Bytes)
	require.EqualValues(t, 40, files[0].Records)
}

// A bundle that fails in another step is dropped with its DoFn, without a call.
func TestDroppedBundlesGiveBackWhatTheyHave(t *testing.T) {
	fakegcs.Dir(t)
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		c := config(t, storage.Join(dir, "out"))
		emit := func(int, File) { t.Error("a file was announced") }
		drop := func() {
			fn := &stageFn{Config: c}
			fn.Setup()
			fn.StartBundle(t.Context(), emit)
			for range 10 {
				require.NoError(t, fn.ProcessElement(t.Context(), make([]byte, 1<<20), emit))
			}
		}
		drop() // what stays for good
		settled := func(more int) bool {
			runtime.GC()
			return runtime.NumGoroutine() <= more && len(list(t, c.RunDir()+"/.*")) == 0
		}
		require.Eventually(t, func() bool { return settled(1 << 20) }, 10*time.Second, 10*time.Millisecond)
		before := runtime.NumGoroutine()
		for range 20 {
			drop()
		}
		require.Eventually(t, func() bool { return settled(before + 2) }, 20*time.Second, 10*time.Millisecond,
			"%d goroutines, %d before, files %v", runtime.NumGoroutine(), before, list(t, c.RunDir()+"/.*"))
	}
}

// A group is in memory as a whole, when it is written and when it is read:
// records of temporary files that are cut are grouped by bytes.
func TestGroupsOfFilesThatAreCutDoNotFollowTheSizeOfRecords(t *testing.T) {
	small, large := make([]byte, 10), make([]byte, 2<<20)
	for _, test := range []struct {
		records [][]byte
		groups  []int // of each file
	}{
		{slices.Repeat([][]byte{small}, 1000), []int{256}},
		{slices.Repeat([][]byte{large}, 5), []int{1}},
		{slices.Repeat([][]byte{make([]byte, 100<<10)}, 30), []int{10}},
		{append(slices.Repeat([][]byte{small}, 300), slices.Repeat([][]byte{large}, 6)...), []int{256, 1}},
		{append(slices.Repeat([][]byte{large}, 3), slices.Repeat([][]byte{small}, 300)...), []int{1}},
		{[][]byte{nil, nil, large, large, large, small}, []int{256, 256}},
	} {
		c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(2), func(c *Sets) { c.Format = TFRecord })
		files := stage(t, c, test.records)
		require.Len(t, files, len(test.groups))
		var records int64
		for i, file := range files {
			r, err := arrayrecord.Open(t.Context(), file.Name)
			require.NoError(t, err)
			require.Equal(t, min(test.groups[i], r.NumRecords()), r.RecordGroupSize())
			require.NoError(t, r.Close())
			records += file.Records
		}
		require.EqualValues(t, len(test.records), records)
		shards := makeShards(t, c, files)
		names, err := runCommit(t.Context(), c, shards)
		require.NoError(t, err)
		require.Len(t, names, 2)
		require.EqualValues(t, len(test.records), shards[0].Records+shards[1].Records)
	}
}
