package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// hour is the window of these tests.
var hour = window.IntervalWindow{Start: 0, End: 3600e3}

func hourKey(destination string) string {
	return part{Destination: destination, Window: windowOf{0, 3600e3}}.key()
}

func windowed(c *Sets) { c.Windowed = true }

// stageSets writes each slice of records, all of one set, as one bundle.
func stageSets(t *testing.T, c Sets, key string, bundles ...[][]byte) []File {
	t.Helper()
	var files []File
	emit := func(at beam.EventTime, group string, f File) {
		require.Equal(t, hour.MaxTimestamp(), at)
		require.Equal(t, key, group)
		files = append(files, f)
	}
	fn := &stageSetsFn{Sets: c}
	fn.Setup()
	for _, records := range bundles {
		fn.StartBundle(t.Context(), emit)
		for _, record := range records {
			require.NoError(t, fn.ProcessElement(t.Context(), key, record, emit))
		}
		require.NoError(t, fn.FinishBundle(t.Context(), emit))
	}
	require.Zero(t, uploads.Load())
	return files
}

// arrangeSet makes the shards of a pane.
func arrangeSet(ctx context.Context, c Sets, pane typex.PaneInfo, key string, files []File) (all arrangement, err error) {
	c.Flat = false
	err = (&arrangeSetFn{Sets: c}).ProcessElement(ctx, pane, hour, key, iterate(slices.Clone(files)), func(a arrangement) { all = a })
	return all, err
}

// writeSet does what follows staging.
func writeSet(ctx context.Context, c Sets, pane typex.PaneInfo, key string, files []File) ([]string, error) {
	all, err := arrangeSet(ctx, c, pane, key, files)
	if err != nil {
		return nil, err
	}
	return commitSetsOf(ctx, c, all)
}

// commitSetsOf gives sets their names in one bundle.
func commitSetsOf(ctx context.Context, c Sets, sets ...arrangement) (names []string, err error) {
	fn := &commitSetsFn{Config: c.Config}
	fn.Setup()
	emit := func(at beam.EventTime, s Shard) {
		if at == hour.MaxTimestamp() {
			names = append(names, s.Name)
		}
	}
	// A failed bundle leaves what it has taken.
	if err := fn.ProcessElement(ctx, arrangement{Set: shardSet{Prefix: "nowhere://x"}}, emit); err != nil {
		return nil, err
	}
	fn.StartBundle(emit)
	for _, all := range sets {
		if err := fn.ProcessElement(ctx, all, emit); err != nil {
			return nil, err
		}
	}
	return names, fn.FinishBundle(ctx, emit)
}

// setConfigs are those of sets whose shards are made in different ways.
func setConfigs(t *testing.T, prefix string) []Sets {
	var all []Sets
	for _, o := range []option{
		withNumShards(0), withNumShards(3),
		func(c *Sets) { c.Flat = true },
		func(c *Sets) { c.Flat, c.NumShards = true, 3 },
		func(c *Sets) { c.Flat, c.MaxRecords = true, 7 },
		func(c *Sets) { c.ShardSize = 500 },
	} {
		all = append(all, setsConfig(t, fmt.Sprintf("%s%d", prefix, len(all)), windowed, o))
	}
	return all
}

// Each step of a set is done again, with other bundles too, before and after the
// set is committed: the first decision counts, whatever comes after it.
func TestStepsOfASetAreRepeated(t *testing.T) {
	pane := typex.PaneInfo{IsFirst: true}
	records := makeRecords(40)
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		configs := setConfigs(t, storage.Join(dir, "out"))
		if storage.Scheme(dir) != "" {
			configs = configs[1:4]
		}
		for i, c := range configs {
			key := hourKey("")
			first := stageSets(t, c, key, records[:10], records[10:25], records[25:])
			arranged, err := arrangeSet(t.Context(), c, pane, key, first)
			require.NoError(t, err)
			again, err := arrangeSet(t.Context(), c, pane, key, first)
			require.NoError(t, err)
			second := stageSets(t, c, key, records[:30], records[30:])
			other, err := arrangeSet(t.Context(), c, pane, key, second)
			require.NoError(t, err)
			names, err := commitArranged(t.Context(), c.Config, arranged)
			require.NoError(t, err)
			for _, attempt := range []arrangement{again, other, arranged} {
				got, err := commitArranged(t.Context(), c.Config, attempt)
				require.NoError(t, err, i)
				require.Equal(t, names, got)
			}
			// The runner still has the names of files that are gone.
			for _, files := range [][]File{first, second} {
				got, err := writeSet(t.Context(), c, pane, key, files)
				require.NoError(t, err, i)
				require.Equal(t, names, got)
			}
			got, err := writeSet(t.Context(), c, pane, key, stageSets(t, c, key, records))
			require.NoError(t, err)
			require.Equal(t, names, got)
			require.Equal(t, names, list(t, c.Prefix+"*"))
			requireShards(t, records, names)
			requireNoTemp(t, dir)
		}
	}
}

// After a failure at any operation the steps of a set are repeated and come to
// their end, also where the operation was done and only its answer got lost.
func TestSetIsRepeatedAfterAnyFailure(t *testing.T) {
	all := []storagetest.Op{
		storagetest.OpList, storagetest.OpStat, storagetest.OpOpen, storagetest.OpRead, storagetest.OpCreate,
		storagetest.OpWrite, storagetest.OpCommit, storagetest.OpRename, storagetest.OpRemove, storagetest.OpRemoveAll,
	}
	changing := []storagetest.Op{storagetest.OpCommit, storagetest.OpRename, storagetest.OpRemove, storagetest.OpRemoveAll}
	for _, test := range []struct {
		newDir func(t testing.TB) string
		shards int
		ops    []storagetest.Op
		after  bool
	}{
		{testing.TB.TempDir, 2, all, false},
		{testing.TB.TempDir, 0, changing, true},
		{fakegcs.Dir, 2, changing, true},
	} {
		for _, op := range test.ops {
			for skip := 0; failAndRepeatSet(t, test.newDir(t), test.shards, storagetest.Fault{Op: op, Skip: skip, After: test.after}); skip++ {
			}
		}
	}
}

// failAndRepeatSet writes a set in spite of a fault, and reports whether it
// occurred.
func failAndRepeatSet(t *testing.T, dir string, n int, fault storagetest.Fault) bool {
	t.Helper()
	faults := storagetest.NewFaults()
	dir = faults.Name(dir)
	c := setsConfig(t, dir+"/out", windowed, withNumShards(n))
	c.Flat = n > 0
	records := makeRecords(40)
	key := hourKey("")
	files := stageSets(t, c, key, records[:10], records[10:25], records[25:])
	fault.Count, fault.Err = 1, errors.New("injected")
	faults.Inject(fault)
	names, failed := writeSet(t.Context(), c, typex.PaneInfo{}, key, files)
	if failed != nil {
		require.ErrorContains(t, failed, "injected", "%+v", fault)
		faults.Heal()
		var err error
		names, err = writeSet(t.Context(), c, typex.PaneInfo{}, key, files)
		require.NoError(t, err, "%+v", fault)
	}
	faults.Heal()
	require.Equal(t, names, list(t, dir+"/*"), "%+v", fault)
	requireShards(t, records, names)
	return failed != nil
}

// arrangedSets are sets of one shard each, of different destinations.
func arrangedSets(t *testing.T, c Sets, n int) (all []arrangement, names []string) {
	t.Helper()
	for i := range n {
		d := fmt.Sprintf("d%02d", i)
		one, err := arrangeSet(t.Context(), c, typex.PaneInfo{}, hourKey(d), stageSets(t, c, hourKey(d), makeRecords(1)))
		require.NoError(t, err)
		all = append(all, one)
		names = append(names, one.Moves[0].To)
	}
	return all, names
}

// The sets of a bundle are committed at the same time, but not any number of them.
func TestSetsOfABundleAreCommittedSideBySide(t *testing.T) {
	faults := storagetest.NewFaults()
	c := setsConfig(t, faults.TempDir(t)+"/out-", windowed, func(c *Sets) { c.Destinations = true })
	all, want := arrangedSets(t, c, commitParallelism+1)
	together := make(chan struct{})
	var under, most atomic.Int64
	faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Meet: func() {
		n := under.Add(1)
		defer under.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == commitParallelism {
			close(together)
		}
		select {
		case <-together:
		case <-time.After(time.Minute): // it fails
		}
	}})
	names, err := commitSetsOf(t.Context(), c, all...)
	require.NoError(t, err)
	require.Equal(t, want, names)
	require.EqualValues(t, commitParallelism, most.Load())
	require.Equal(t, want, list(t, c.Prefix+"*"))
}

// A set that fails keeps none from its end that was begun, and nothing is told of
// the bundle. Repeated, it tells of all.
func TestBundleOfSetsIsRepeatedAfterAFailure(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	c := setsConfig(t, dir+"/out-", windowed, func(c *Sets) { c.Destinations = true })
	all, want := arrangedSets(t, c, 10)
	var met sync.WaitGroup
	met.Add(len(all))
	faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Name: "out-d03", Err: errors.New("injected"), Meet: func() { met.Done(); met.Wait() }})
	faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Meet: func() { met.Done(); met.Wait() }})
	names, err := commitSetsOf(t.Context(), c, all...)
	require.ErrorContains(t, err, "injected")
	require.Empty(t, names)
	require.Equal(t, slices.Delete(slices.Clone(want), 3, 4), list(t, c.Prefix+"*"))
	faults.Heal()
	for range 2 {
		names, err = commitSetsOf(t.Context(), c, all...)
		require.NoError(t, err)
		require.Equal(t, want, names)
	}
	require.Equal(t, want, list(t, c.Prefix+"*"))
	requireNoTemp(t, dir)
}

// Nothing is begun after the end of the job, and the failure is told.
func TestCancelledBundleOfSetsIsAnError(t *testing.T) {
	c := setsConfig(t, t.TempDir()+"/out-", windowed, func(c *Sets) { c.Destinations = true })
	all, _ := arrangedSets(t, c, 2)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the end"))
	names, err := commitSetsOf(ctx, c, all...)
	require.ErrorContains(t, err, "the end")
	require.Empty(t, names)
	require.Empty(t, list(t, c.Prefix+"*"))
}

// Panes of a window that have the same names keep their order in a bundle: the last
// one stays.
func TestPanesThatReplaceEachOtherKeepTheirOrder(t *testing.T) {
	template := "W-SSSSS-of-NNNNN"
	c := setsConfig(t, t.TempDir()+"/out-", windowed, withOverwrite(Replace), func(c *Sets) { c.Flat, c.Template = true, &template })
	var all []arrangement
	const panes = 20
	for i := range panes {
		one, err := arrangeSet(t.Context(), c, typex.PaneInfo{Index: int64(i)}, hourKey(""), stageSets(t, c, hourKey(""), makeRecords(i+1)))
		require.NoError(t, err)
		all = append(all, one)
	}
	names, err := commitSetsOf(t.Context(), c, all...)
	require.NoError(t, err)
	require.Len(t, names, panes)
	got := list(t, c.Prefix+"*")
	require.Len(t, got, 1)
	requireShards(t, makeRecords(panes), got)
}

// What one pane needs is not another's to remove, and there is no directory that
// nobody removes.
func TestPanesDoNotShareTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	c := setsConfig(t, filepath.Join(dir, "out"), windowed, withNumShards(2))
	c.Flat = true
	key := hourKey("")
	records := makeRecords(40)
	early := stageSets(t, c, key, records[:10], records[10:20])
	late := stageSets(t, c, key, records[20:])
	first, err := arrangeSet(t.Context(), c, typex.PaneInfo{Index: 0}, key, early)
	require.NoError(t, err)
	lateNames, err := writeSet(t.Context(), c, typex.PaneInfo{Index: 1, IsLast: true}, key, late)
	require.NoError(t, err)
	names, err := commitArranged(t.Context(), c.Config, first)
	require.NoError(t, err)
	requireShards(t, records[:20], names)
	requireShards(t, records[20:], lateNames)
	requireNoTemp(t, dir)
}

// Files that a killed job of several panes has left are found, and what is needed
// is known.
func TestLeftoversOfPanes(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		c := setsConfig(t, storage.Join(dir, "out"), windowed)
		c.Flat = true
		key := hourKey("")
		records := makeRecords(20)
		stageSets(t, c, key, records)
		all, err := arrangeSet(t.Context(), c, typex.PaneInfo{}, key, stageSets(t, c, key, records))
		require.NoError(t, err)
		require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c.Config)))
		found, err := Leftovers(t.Context(), dir)
		require.NoError(t, err)
		require.Len(t, found, 3)
		needed := 0
		for _, l := range found {
			if l.Needed() {
				needed++
			}
			require.NoError(t, l.Finish(t.Context()))
		}
		require.Equal(t, 2, needed)
		requireShards(t, records, list(t, dir+"/*"))
		found, err = Leftovers(t.Context(), dir)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.NoError(t, found[0].Remove(t.Context()))
		require.Empty(t, list(t, dir+"/.*"))
	}
}

// However many sets a bundle has, few files are open, and what is in memory is
// bounded.
func TestOpenFilesAreLimited(t *testing.T) {
	const sets, limit = 60, 3
	for _, size := range []int{100, 100 << 10} {
		c := setsConfig(t, filepath.Join(t.TempDir(), "out"), windowed, withWriterOptions("group_size:64,uncompressed"),
			func(c *Sets) { c.MaxOpenFiles = limit })
		fn := &stageSetsFn{Sets: c}
		fn.Setup()
		records := map[string]int64{}
		emit := func(_ beam.EventTime, group string, f File) { records[group] += f.Records }
		fn.StartBundle(t.Context(), emit)
		open := int64(0)
		for i := range sets * 10 {
			key := hourKey(fmt.Sprint(i % sets))
			require.NoError(t, fn.ProcessElement(t.Context(), key, make([]byte, size), emit))
			require.LessOrEqual(t, uploads.Load(), int64(limit))
			require.Less(t, fn.out.held, holdBytes+size+heldRecord)
			open = max(open, uploads.Load())
		}
		if size > 1000 {
			require.EqualValues(t, limit, open, "the places are not used")
		}
		require.NoError(t, fn.FinishBundle(t.Context(), emit))
		require.Zero(t, uploads.Load())
		require.Len(t, records, sets)
		for _, n := range records {
			require.EqualValues(t, 10, n)
		}
	}
}

// Two bundles that want more than there are places for do not wait for each
// other.
func TestEachBundleHasAPlace(t *testing.T) {
	c := setsConfig(t, filepath.Join(t.TempDir(), "out"), windowed, func(c *Sets) { c.MaxOpenFiles = 1 })
	a, b := &stageSetsFn{Sets: c}, &stageSetsFn{Sets: c}
	files := 0
	emit := func(beam.EventTime, string, File) { files++ }
	for _, fn := range []*stageSetsFn{a, b} {
		fn.Setup()
		fn.StartBundle(t.Context(), emit)
		for i := range 4 {
			require.NoError(t, fn.ProcessElement(t.Context(), hourKey(fmt.Sprint(i)), make([]byte, openBytes), emit))
		}
	}
	require.EqualValues(t, 2, uploads.Load())
	for _, fn := range []*stageSetsFn{b, a} {
		require.NoError(t, fn.FinishBundle(t.Context(), emit))
	}
	require.Equal(t, 8, files)
	require.Zero(t, uploads.Load())
}

// A bundle that is dropped without a call gives back its files and its places.
func TestDroppedBundlesOfSetsGiveBackWhatTheyHave(t *testing.T) {
	dir := t.TempDir()
	c := setsConfig(t, filepath.Join(dir, "out"), windowed)
	emit := func(beam.EventTime, string, File) { t.Error("a file was announced") }
	drop := func() {
		fn := &stageSetsFn{Sets: c}
		fn.Setup()
		fn.StartBundle(t.Context(), emit)
		for i := range 6 {
			require.NoError(t, fn.ProcessElement(t.Context(), hourKey(fmt.Sprint(i%3)), make([]byte, openBytes), emit))
		}
	}
	settled := func(goroutines int) bool {
		runtime.GC()
		return uploads.Load() == 0 && runtime.NumGoroutine() <= goroutines && len(list(t, dir+"/.*/*")) == 0
	}
	drop()
	require.Eventually(t, func() bool { return settled(1 << 20) }, 10*time.Second, 10*time.Millisecond)
	before := runtime.NumGoroutine()
	for range 20 {
		drop()
	}
	require.Eventually(t, func() bool { return settled(before + 2) }, 20*time.Second, 10*time.Millisecond)

	// The same DoFn, when a bundle has failed that it is used again after.
	fn := &stageSetsFn{Sets: c}
	fn.Setup()
	records := makeRecords(10)
	key := hourKey("")
	var files []File
	keep := func(_ beam.EventTime, _ string, f File) { files = append(files, f) }
	for range 2 {
		fn.StartBundle(t.Context(), keep)
		for _, record := range append(records, make([]byte, openBytes)) {
			require.NoError(t, fn.ProcessElement(t.Context(), key, record, keep))
		}
	}
	require.NoError(t, fn.FinishBundle(t.Context(), keep))
	require.Len(t, files, 1)
	require.EqualValues(t, len(records)+1, files[0].Records)
	require.Zero(t, uploads.Load())
}

// A failure of storage while a bundle is staged leaves no file and no place
// taken.
func TestFailedStagingOfSetsLeavesNothing(t *testing.T) {
	for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpWrite, storagetest.OpCommit} {
		faults := storagetest.NewFaults()
		dir := faults.TempDir(t)
		c := setsConfig(t, dir+"/out", windowed, func(c *Sets) { c.MaxOpenFiles = 2 })
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected"), Skip: 3, Count: 1})
		fn := &stageSetsFn{Sets: c}
		fn.Setup()
		emit := func(beam.EventTime, string, File) { t.Error("a file was announced") }
		fn.StartBundle(t.Context(), emit)
		var err error
		for i := 0; err == nil && i < 100; i++ {
			err = fn.ProcessElement(t.Context(), hourKey(fmt.Sprint(i%5)), make([]byte, 200<<10), emit)
		}
		if err == nil {
			err = fn.FinishBundle(t.Context(), emit)
		}
		require.ErrorContains(t, err, "injected", op)
		fn.StartBundle(t.Context(), emit)
		require.Zero(t, uploads.Load())
		require.Empty(t, list(t, dir+"/.*/.*"))
	}
}

// Sets with the same names would take each other's place.
func TestSetsOfOneJobWithTheSameNames(t *testing.T) {
	c := setsConfig(t, filepath.Join(t.TempDir(), "out"), withOverwrite(Replace), windowed)
	c.Destinations = true
	set := func(destination string) arrangement {
		key := hourKey(destination)
		files := stageSets(t, c, key, makeRecords(10))
		all, err := arrangeSet(t.Context(), c, typex.PaneInfo{}, key, files)
		require.NoError(t, err)
		all.Set.Prefix = c.Prefix
		return all
	}
	a, b := set("a"), set("b")
	names, err := commitArranged(t.Context(), c.Config, a)
	require.NoError(t, err)
	_, err = commitArranged(t.Context(), c.Config, b)
	require.ErrorContains(t, err, "has the same names as")
	requireShards(t, makeRecords(10), names)
	// Another run of the pipeline may.
	c.Run = NewRunID()
	_, err = commitArranged(t.Context(), c.Config, set("b"))
	require.NoError(t, err)
}

// Names that come from data must not lead out of the output.
func TestDestinationsStayInTheOutput(t *testing.T) {
	for d, good := range map[string]bool{"a": true, "a/b": true, "": true, "..": false, "a/../b": false, "./a": false, "a\xff": false, "a\x00": false, "...": true} {
		require.Equal(t, good, checkDestination(d) == nil, "%q", d)
	}
	c := setsConfig(t, filepath.Join(t.TempDir(), "out"), windowed)
	for _, s := range []shardSet{
		{Prefix: "gs://bucket/out", Template: "W-S"}, {Prefix: c.Prefix + "/", Template: "W-S"}, {Prefix: c.Prefix, Template: "S"},
		{Prefix: c.Prefix, Template: "W-S", Suffix: "/x"},
	} {
		require.Error(t, c.checkSet(s), s)
	}
	require.NoError(t, c.checkSet(shardSet{Prefix: c.Prefix, Template: "W-S"}))
}

// What is there is noticed before the shards of a set are made, and by each pane.
func TestExistingShardsAreNoticedBeforeASetIsCut(t *testing.T) {
	dir := t.TempDir()
	c := setsConfig(t, filepath.Join(dir, "out"), windowed, withNumShards(2))
	key := hourKey("")
	files := stageSets(t, c, key, makeRecords(10))
	_, set, err := c.setOf(t.Context(), key, typex.PaneInfo{}, hour)
	require.NoError(t, err)
	storagetest.Put(t, set.name(0, 7), []byte("old"))
	_, err = arrangeSet(t.Context(), c, typex.PaneInfo{}, key, files)
	require.ErrorIs(t, err, fs.ErrExist)
	require.Len(t, list(t, dir+"/.*/*"), 1, "shards were made")
	_, err = arrangeSet(t.Context(), c, typex.PaneInfo{Index: 1}, key, files)
	require.NoError(t, err, "another pane has other names")
}
