package sink

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestCommitTwice(t *testing.T) {
	for _, n := range []int{0, 3} {
		dir := t.TempDir()
		c := config(t, filepath.Join(dir, "out"), withNumShards(n))
		records := makeRecords(60)
		files := stage(t, c, records[:20], records[20:30], records[30:])
		if n > 0 {
			files = makeShards(t, c, files)
		}
		first, err := runCommit(t.Context(), c, files)
		require.NoError(t, err)
		again, err := runCommit(t.Context(), c, files)
		require.NoError(t, err)
		require.Equal(t, first, again)
		requireShards(t, records, again)
		requireNoTemp(t, dir)
	}
}

func TestCommitOfNothingTwice(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	for range 2 {
		names, err := runCommit(t.Context(), c, nil)
		require.NoError(t, err)
		require.Equal(t, []string{c.Prefix + "-00000-of-00001.arrayrecord"}, names)
		require.Empty(t, readShard(t, names[0]))
		requireNoTemp(t, dir)
	}
}

// A runner that lost what came after the stage repeats it, with other bundles,
// while the commit goes on or when it is done.
func TestCommitOfOtherBundlesFollowsTheFirst(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		for _, n := range []int{0, 2} {
			for _, done := range []bool{false, true} {
				dir := storage.Join(dir, "d"+string(rune('0'+n))+map[bool]string{true: "done"}[done])
				c := config(t, storage.Join(dir, "out"), withNumShards(n))
				records := makeRecords(60)
				first := stage(t, c, records[:20], records[20:30], records[30:])
				if n > 0 {
					first = makeShards(t, c, first)
				}
				if done {
					_, err := runCommit(t.Context(), c, first)
					require.NoError(t, err)
				} else {
					all := arrange(t, c, first)
					require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
					require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endChecked), verdict{}))
					require.NoError(t, storage.Rename(t.Context(), all.Moves[1].From.Name, all.Moves[1].To))
				}
				second := stage(t, c, records[:50], records[50:])
				if n > 0 {
					second = makeShards(t, c, second)
				}
				names, err := runCommit(t.Context(), c, second)
				require.NoError(t, err)
				require.Len(t, names, map[int]int{0: 3, 2: 2}[n])
				require.Equal(t, names, list(t, dir+"/*"))
				requireShards(t, records, names)
				requireNoTemp(t, dir)
			}
		}
	}
}

// After a failure at any operation the commit is repeated and comes to its end,
// also where the operation was done and only its answer got lost. What was
// there before is there until its place is taken.
func TestCommitIsRepeatedAfterAnyFailure(t *testing.T) {
	all := []storagetest.Op{
		storagetest.OpList, storagetest.OpStat, storagetest.OpOpen, storagetest.OpRead, storagetest.OpCreate,
		storagetest.OpWrite, storagetest.OpCommit, storagetest.OpRename, storagetest.OpRemove,
	}
	// Those that change something.
	changing := []storagetest.Op{storagetest.OpCommit, storagetest.OpRename, storagetest.OpRemove}
	for _, test := range []struct {
		newDir    func(t testing.TB) string
		overwrite Overwrite
		ops       []storagetest.Op
		after     bool
	}{
		{testing.TB.TempDir, Refuse, all, false},
		{testing.TB.TempDir, Refuse, changing, true},
		{testing.TB.TempDir, Replace, all, false},
		{testing.TB.TempDir, Replace, changing, true},
		{testing.TB.TempDir, KeepNewer, all, false},
		{fakegcs.Dir, Refuse, changing, true},
		{fakegcs.Dir, Replace, changing, false},
		{fakegcs.Dir, Replace, changing, true},
	} {
		for _, op := range test.ops {
			for skip := 0; failAndRepeat(t, test.newDir(t), test.overwrite, storagetest.Fault{Op: op, Skip: skip, After: test.after}); skip++ {
			}
		}
	}
}

// failAndRepeat commits in spite of a fault, and reports whether it occurred.
func failAndRepeat(t *testing.T, dir string, overwrite Overwrite, fault storagetest.Fault) bool {
	t.Helper()
	faults := storagetest.NewFaults()
	dir = faults.Name(dir)
	c := config(t, dir+"/out", withOverwrite(overwrite))
	if overwrite != Refuse {
		for i := range 5 {
			storagetest.Put(t, c.ShardName(i, 5), []byte("old"))
		}
		storagetest.Put(t, c.ShardName(1, 3), []byte("old"))
	}
	records := makeRecords(60)
	all := arrange(t, c, stage(t, c, records[:20], records[20:30], records[30:]))
	fault.Count, fault.Err = 1, errors.New("injected")
	faults.Inject(fault)
	_, failed := commitArranged(t.Context(), c, all)
	if failed != nil {
		require.ErrorContains(t, failed, "injected", "%+v", fault)
		for i := range 3 {
			_, fromErr := storage.Stat(t.Context(), all.Moves[i].From.Name)
			_, toErr := storage.Stat(t.Context(), all.Moves[i].To)
			require.True(t, fromErr == nil || toErr == nil, "shard %d is neither here nor there after %+v", i, fault)
		}
	}
	faults.Heal()
	names, err := commitArranged(t.Context(), c, all)
	require.NoError(t, err, "%+v", fault)
	require.Equal(t, names, list(t, dir+"/*"), "%+v", fault)
	requireShards(t, records, names)
	requireNoTemp(t, dir)
	return failed != nil
}

// Two jobs with the same output, and repetitions of each, all at once.
func TestManyCommitsAtOnce(t *testing.T) {
	for _, overwrite := range []Overwrite{Replace, Refuse} {
		for range 30 {
			dir := t.TempDir()
			c := config(t, filepath.Join(dir, "out"), withOverwrite(overwrite))
			records := [][][]byte{makeRecords(60), makeRecords(40)}
			var work []func()
			var succeeded atomic.Int32
			for job := range 2 {
				c := c
				c.Run = NewRunID()
				for attempt := range 3 {
					all := arrange(t, c, stage(t, c, records[job][:10+attempt], records[job][10+attempt:]))
					work = append(work, func() {
						if _, err := commitArranged(context.Background(), c, all); err == nil {
							succeeded.Add(1)
						}
					})
				}
			}
			var g sync.WaitGroup
			for _, commit := range work {
				g.Go(commit)
			}
			g.Wait()
			require.NotZero(t, succeeded.Load())
			shards := list(t, dir+"/*")
			require.Len(t, shards, 2)
			n := 0
			for _, name := range shards {
				n += len(readShard(t, name))
			}
			require.Contains(t, []int{40, 60}, n)
			requireShards(t, map[int][][]byte{60: records[0], 40: records[1]}[n], shards)
		}
	}
}

func TestLostShardFailsTheCommit(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	records := makeRecords(60)
	files := stage(t, c, records[:20], records[20:])
	require.NoError(t, storage.Remove(t.Context(), files[1].Name))
	_, err := runCommit(t.Context(), c, files)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, files[1].Name)
	require.Empty(t, list(t, dir+"/*"), "other shards got their names")
	require.Empty(t, list(t, dir+"/.*"), "it was decided to lose a shard")
	require.NotEmpty(t, list(t, c.RunDir()+"/*"), "records that could be saved were removed")
}

func TestFileOfAnotherSizeIsNotTheShard(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"), withOverwrite(Replace))
	all := arrange(t, c, stage(t, c, makeRecords(20)))
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
	require.NoError(t, storage.Remove(t.Context(), all.Moves[0].From.Name))
	storagetest.Put(t, all.Moves[0].To, []byte("of somebody else"))
	_, err := commitArranged(t.Context(), c, all)
	require.ErrorContains(t, err, "has 16 bytes")
}

func TestOverwriting(t *testing.T) {
	records := makeRecords(60)
	for _, overwrite := range []Overwrite{Refuse, Replace, KeepNewer} {
		dir := t.TempDir()
		c := config(t, filepath.Join(dir, "out"), withOverwrite(overwrite))
		for _, name := range []string{c.ShardName(0, 2), c.ShardName(4, 5), dir + "/out-00000-of-00002.tfrecord", dir + "/out-x-00000-of-00001.arrayrecord"} {
			storagetest.Put(t, name, []byte("old"))
		}
		if overwrite == Refuse {
			_, err := c.Check(t.Context())
			require.ErrorIs(t, err, fs.ErrExist)
			require.ErrorContains(t, err, "1 more")
			require.NoDirExists(t, c.RunDir())
			continue
		}
		names, err := runCommit(t.Context(), c, stage(t, c, records[:20], records[20:]))
		require.NoError(t, err)
		require.Len(t, names, 2)
		requireShards(t, records, names)
		after := list(t, dir+"/*")
		require.Len(t, after, 4, "others have gone, or those of another number stay")
		require.Equal(t, []byte("old"), storagetest.Get(t, dir+"/out-00000-of-00002.tfrecord"))
		require.Equal(t, []byte("old"), storagetest.Get(t, dir+"/out-x-00000-of-00001.arrayrecord"))
	}
}

// Between the look at what is there and the commit much time may pass.
func TestOutputThatAppearsMeanwhileIsKept(t *testing.T) {
	for _, overwrite := range []Overwrite{Refuse, KeepNewer} {
		dir := t.TempDir()
		c := config(t, filepath.Join(dir, "out"), withOverwrite(overwrite))
		files := stage(t, c, makeRecords(20))
		storagetest.Put(t, c.ShardName(0, 1), []byte("new"))
		for range 2 {
			_, err := runCommit(t.Context(), c, files)
			require.ErrorIs(t, err, fs.ErrExist, overwrite)
			require.Equal(t, []byte("new"), storagetest.Get(t, c.ShardName(0, 1)))
		}
		require.Empty(t, list(t, dir+"/.*"))
	}
}

// The same, when it appears so late that the commit has begun: one attempt's
// verdict is that of all.
func TestVerdictCountsForAllAttempts(t *testing.T) {
	for _, refused := range []bool{false, true} {
		dir := t.TempDir()
		c := config(t, filepath.Join(dir, "out"))
		records := makeRecords(20)
		all := arrange(t, c, stage(t, c, records))
		require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
		storagetest.Put(t, c.ShardName(0, 1), []byte("new"))
		if !refused {
			require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endChecked), verdict{}))
		}
		for range 2 {
			_, err := commitArranged(t.Context(), c, all)
			if refused {
				require.Error(t, err)
				require.Equal(t, []byte("new"), storagetest.Get(t, c.ShardName(0, 1)))
				require.NoError(t, storage.Remove(t.Context(), c.ShardName(0, 1)))
				storagetest.Put(t, c.ShardName(0, 1), []byte("new"))
			} else {
				require.NoError(t, err)
				requireShards(t, records, list(t, dir+"/*"))
			}
		}
	}
}

// A run of the same pipeline is another run.
func TestSecondRunOfAPipelineDeliversItsOwnRecords(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"), withOverwrite(Replace))
	for _, n := range []int{30, 60, 20} {
		c.Run = NewRunID()
		records := makeRecords(n)
		names, err := runCommit(t.Context(), c, stage(t, c, records[:10], records[10:]))
		require.NoError(t, err)
		requireShards(t, records, names)
		require.Equal(t, names, list(t, dir+"/*"))
		requireNoTemp(t, dir)
	}
	require.Len(t, list(t, dir+"/.*"), 2, "records of earlier runs stay")
}

func TestRunThatIsGivenUpGivesNoName(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	all := arrange(t, c, stage(t, c, makeRecords(20)))
	finished, err := c.End(t.Context(), false)
	require.NoError(t, err)
	require.False(t, finished)
	require.NoDirExists(t, c.RunDir())
	_, err = commitArranged(t.Context(), c, all)
	require.Error(t, err)
	require.Empty(t, list(t, dir+"/*"))

	// The same when the record is still there, as when a commit comes in between.
	c.Run = NewRunID()
	all = arrange(t, c, stage(t, c, makeRecords(20)))
	_, err = c.committer(all.Set).abandon(t.Context(), string(c.Run))
	require.NoError(t, err)
	_, err = commitArranged(t.Context(), c, all)
	require.ErrorIs(t, err, errVoid)
	require.Empty(t, list(t, dir+"/*"))
}

func TestRunThatHasDecidedIsFinished(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	c := config(t, dir+"/out")
	records := makeRecords(60)
	all := arrange(t, c, stage(t, c, records[:20], records[20:30], records[30:]))
	faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Skip: 1, Err: errors.New("injected")})
	_, err := commitArranged(t.Context(), c, all)
	require.ErrorContains(t, err, "injected")

	finished, err := c.End(t.Context(), false)
	require.ErrorContains(t, err, "injected")
	require.False(t, finished)
	require.NotEmpty(t, list(t, c.RunDir()+"/*"), "shards that are decided were removed")

	faults.Heal()
	finished, err = c.End(t.Context(), false)
	require.NoError(t, err)
	require.True(t, finished)
	requireShards(t, records, list(t, dir+"/*"))
	requireNoTemp(t, dir)
	require.Empty(t, list(t, dir+"/.*"), "the record stays")
}

// Nobody may remove what no run has made, whatever a record says.
func TestOnlyDirectoriesOfRunsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	storagetest.Put(t, dir+"/data", []byte("x"))
	storagetest.Put(t, dir+"/.temp-x/data", []byte("x"))
	removeTemp(t.Context(), []string{dir, dir + "/.temp-x", ""})
	require.FileExists(t, dir+"/data")
	require.NoDirExists(t, dir+"/.temp-x")
}

func TestMissingAndDoubleShards(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(3))
	shards := makeShards(t, c, stage(t, c, makeRecords(30)))
	_, err := runCommit(t.Context(), c, shards[:2])
	require.ErrorContains(t, err, "2 of 3 shards")
	_, err = runCommit(t.Context(), c, shards[1:])
	require.ErrorContains(t, err, "shard 0 ")
	_, err = runCommit(t.Context(), c, append(slices.Clone(shards), shards[1]))
	require.ErrorContains(t, err, "shard 1 was made more than once")
	names, err := runCommit(t.Context(), c, shards)
	require.NoError(t, err)
	require.Len(t, names, 3)
}

// The same file must get the same number in every attempt.
func TestNumbersDoNotDependOnTheOrderOfArrival(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"))
	files := stage(t, c, makeRecords(1), makeRecords(2), makeRecords(3), makeRecords(4))
	first := arrange(t, c, files)
	for range 10 {
		require.Equal(t, first, arrange(t, c, files))
	}
}

func TestInterruptedCommitCanBeRepeated(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	records := makeRecords(20)
	all := arrange(t, c, stage(t, c, records))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := commitArranged(ctx, c, all)
	require.ErrorIs(t, err, context.Canceled)
	_, err = commitArranged(t.Context(), c, all)
	require.NoError(t, err)
	requireShards(t, records, list(t, dir+"/*"))
}

func TestLeftovers(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		none, err := Leftovers(t.Context(), dir)
		require.NoError(t, err)
		require.Empty(t, none)

		// A write that was killed when one shard had its name, one that was killed
		// before it was decided, one that is done, and an upload.
		c := config(t, storage.Join(dir, "killed"))
		records := makeRecords(60)
		all := arrange(t, c, stage(t, c, records[:20], records[20:30], records[30:]))
		require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
		require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endChecked), verdict{}))
		require.NoError(t, storage.Rename(t.Context(), all.Moves[1].From.Name, all.Moves[1].To))
		undecided := config(t, storage.Join(dir, "undecided"))
		stage(t, undecided, records)
		done := config(t, storage.Join(dir, "done"))
		_, err = runCommit(t.Context(), done, stage(t, done, records))
		require.NoError(t, err)
		uploads := 0 // buckets keep none that was killed
		if !strings.Contains(dir, "://") {
			uploads = 1
			require.NoError(t, os.WriteFile(filepath.Join(dir, ".arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp"), []byte("x"), 0o666))
		}
		storagetest.Put(t, storage.Join(dir, ".mine"), []byte("x"))
		storagetest.Put(t, storage.Join(dir, ".mine.000001.done"), []byte("x"))

		find := func() map[string]Leftover {
			found, err := Leftovers(t.Context(), dir)
			require.NoError(t, err)
			byName := map[string]Leftover{}
			for _, l := range found {
				require.NotZero(t, l.Changed, l.Name)
				byName[l.Name] = l
			}
			require.Len(t, byName, len(found))
			return byName
		}
		found := find()
		require.Len(t, found, 5+uploads, "%v", found)
		open := found[all.Set.recordName(1, endCommit)]
		require.True(t, open.Open && open.Needed())
		require.Equal(t, []int{3, 2}, []int{open.Shards, open.Pending})
		require.Equal(t, open.Name, found[c.RunDir()].NeededBy)
		require.Equal(t, 2, found[c.RunDir()].Files)
		require.False(t, found[undecided.RunDir()].Needed())
		require.Equal(t, 1, found[undecided.RunDir()].Files)
		require.False(t, found[done.set(pane{}).recordName(1, endCommit)].Needed())

		for _, l := range found {
			require.NoError(t, l.Finish(t.Context()))
			require.NoError(t, l.Finish(t.Context()), "twice")
		}
		requireShards(t, records, list(t, dir+"/killed*"))
		found = find()
		require.NotContains(t, found, c.RunDir())
		require.Len(t, found, 3+uploads, "%v", found)
		for _, l := range found {
			require.NoError(t, l.Remove(t.Context()))
			require.NoError(t, l.Remove(t.Context()), "twice")
		}
		require.Empty(t, find())
		require.Equal(t, []string{storage.Join(dir, ".mine")}, list(t, dir+"/.*"))
		require.Len(t, list(t, dir+"/*"), 4)
	}
}

// What is needed is known by whatever name the directory is looked for.
func TestLeftoversOfARelativeDirectory(t *testing.T) {
	dir := t.TempDir()
	records := makeRecords(20)
	for _, prefix := range []string{dir + "/out/a", "out/b"} {
		t.Chdir(dir)
		c := config(t, prefix, withOverwrite(Replace))
		all := arrange(t, c, stage(t, c, records))
		require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
	}
	for wd, name := range map[string]string{dir: "out", dir + "/out": dir + "/out/."} {
		t.Chdir(wd)
		found, err := Leftovers(t.Context(), name)
		require.NoError(t, err)
		require.Len(t, found, 4, "%+v", found)
		for _, l := range found {
			require.True(t, l.Needed(), "%+v", l)
		}
	}
	t.Chdir(dir)
	found, err := Leftovers(t.Context(), "out")
	require.NoError(t, err)
	for _, l := range found {
		require.NoError(t, l.Finish(t.Context()))
	}
	requireShards(t, slices.Concat(records, records), list(t, dir+"/out/*"))
	found, err = Leftovers(t.Context(), "out")
	require.NoError(t, err)
	require.Empty(t, found)
}

// Shards that are lost make the write impossible to finish, not to remove.
func TestLeftoverThatCannotBeFinished(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"), withOverwrite(Replace))
	all := arrange(t, c, stage(t, c, makeRecords(20)))
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
	require.NoError(t, storage.RemoveAll(t.Context(), c.RunDir()))
	found, err := Leftovers(t.Context(), dir)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.True(t, found[0].Needed())
	require.ErrorContains(t, found[0].Finish(t.Context()), "was lost")
	require.NoError(t, found[0].Remove(t.Context()))

	// It is in nobody's way either.
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
	c.Run = NewRunID()
	records := makeRecords(30)
	_, err = runCommit(t.Context(), c, stage(t, c, records))
	require.NoError(t, err)
	requireShards(t, records, list(t, dir+"/*"))
}

// The number that was free when the records were listed may be free again when
// the record is made, although later ones are there: earlier ones are removed.
func TestRecordThatComesTooLateDoesNotCount(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"), withOverwrite(Replace))
	late := arrange(t, c, stage(t, c, makeRecords(5)))
	records := makeRecords(30)
	for range 2 {
		c.Run = NewRunID()
		_, err := runCommit(t.Context(), c, stage(t, c, records))
		require.NoError(t, err)
	}
	require.Len(t, list(t, late.Set.recordName(2, "*")), 2)
	require.NoError(t, createOnce(t.Context(), late.Set.recordName(1, endCommit), late.record(c)))
	for range 2 {
		_, err := commitArranged(t.Context(), c, late)
		require.ErrorIs(t, err, errSuperseded)
		requireShards(t, records, list(t, dir+"/*"))
	}
}

// Whoever clears away looks once more whether what is there is that of a later
// write.
func TestShardsOfALaterWriteAreNotClearedAway(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"), withOverwrite(Replace))
	first := arrange(t, c, stage(t, c, makeRecords(5)))
	_, err := commitArranged(t.Context(), c, first)
	require.NoError(t, err)
	r := first.record(c)
	records := makeRecords(30)
	c.Run = NewRunID()
	_, err = runCommit(t.Context(), c, stage(t, c, records[:10], records[10:]))
	require.NoError(t, err)
	require.ErrorIs(t, c.committer(first.Set).clear(t.Context(), entry{number: 1, record: &r}), errSuperseded)
	requireShards(t, records, list(t, dir+"/*"))
}

// A record that is half removed must not look like a write that was interrupted.
func TestRecordThatIsHalfRemovedIsNotOpen(t *testing.T) {
	for skip := range 3 {
		faults := storagetest.NewFaults()
		c := config(t, faults.TempDir(t)+"/out")
		all := arrange(t, c, stage(t, c, makeRecords(5)))
		_, err := commitArranged(t.Context(), c, all)
		require.NoError(t, err)
		faults.Inject(storagetest.Fault{Op: storagetest.OpRemove, Skip: skip, Err: errors.New("injected")})
		_, err = c.End(t.Context(), true)
		require.ErrorContains(t, err, "injected")
		entries, err := all.Set.recordList(t.Context())
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.False(t, entries[0].open())
	}
}

// A worker that is lost after the commit may have its step repeated with plans of
// files that are gone.
func TestShardsAreCopiedAgainAfterTheCommit(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		c := config(t, storage.Join(dir, "out"), withNumShards(3))
		records := makeRecords(60)
		files := stage(t, c, records[:20], records[20:])
		names, err := runCommit(t.Context(), c, makeShards(t, c, files))
		require.NoError(t, err)
		again, err := runCommit(t.Context(), c, makeShards(t, c, files))
		require.NoError(t, err)
		require.Equal(t, names, again)
		require.Equal(t, names, list(t, dir+"/*"))
		requireShards(t, records, names)
		requireNoTemp(t, dir)

		// Without a commit it is a loss, and found out.
		lost := config(t, storage.Join(dir, "lost"), withNumShards(3))
		files = stage(t, lost, records[:20], records[20:])
		require.NoError(t, storage.Remove(t.Context(), files[0].Name))
		_, err = runCommit(t.Context(), lost, makeShards(t, lost, files))
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "was lost")
		require.Empty(t, list(t, dir+"/lost*"))
	}
	// An input that is gone is an error at once.
	c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(1))
	gone := File{Name: filepath.Join(t.TempDir(), "gone"), Input: true, Records: 3, GroupSize: 1}
	_, err := c.makePlanned(t.Context(), shardPlan{Count: 1, GroupSize: 1, WriterOptions: "group_size:1", Pieces: []piece{{File: gone, End: 3}}}, uncounted)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
