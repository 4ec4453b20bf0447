package sink

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// Each of these tests has one check of the sink fail, which nothing else does.

// A record of a write that has not come to its end is not removed.
func TestOpenRecordIsNotForgotten(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"))
	all := arrange(t, c, stage(t, c, makeRecords(5)))
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
	_, err := c.End(t.Context(), true)
	require.NoError(t, err)
	entries, err := all.Set.recordList(t.Context())
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.True(t, entries[0].open())
}

// An attempt that looked before another one has given its verdict follows it.
func TestVerdictOfAnotherAttempt(t *testing.T) {
	for _, refused := range []bool{false, true} {
		c := config(t, filepath.Join(t.TempDir(), "out"))
		all := arrange(t, c, stage(t, c, makeRecords(5)))
		require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
		before, err := all.Set.recordList(t.Context())
		require.NoError(t, err)
		require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endChecked), verdict{Refused: refused}))
		err = c.committer(all.Set).check(t.Context(), before, 0, splitNames(all.Seen))
		if refused {
			require.ErrorIs(t, err, errVoid)
		} else {
			require.NoError(t, err)
		}
	}
}

// A later write that was given up takes the place of none.
func TestLaterWriteThatWasGivenUp(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	records := makeRecords(5)
	all := arrange(t, c, stage(t, c, records))
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(c)))
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(2, endCommit), record{Run: "other", Set: all.Set, Abandoned: true}))
	names, err := commitArranged(t.Context(), c, all)
	require.NoError(t, err)
	requireShards(t, records, names)
}

// What was refused gets no name from the write that comes after it.
func TestRefusedShardsGetNoNames(t *testing.T) {
	dir := t.TempDir()
	first := config(t, filepath.Join(dir, "out"))
	all := arrange(t, first, stage(t, first, makeRecords(3), makeRecords(4)))
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endCommit), all.record(first)))
	require.NoError(t, createOnce(t.Context(), all.Set.recordName(1, endChecked), verdict{Refused: true}))
	second := config(t, filepath.Join(dir, "out"))
	records := makeRecords(5)
	names, err := runCommit(t.Context(), second, stage(t, second, records))
	require.NoError(t, err)
	require.Equal(t, names, list(t, dir+"/*"))
	requireShards(t, records, names)
	require.Empty(t, list(t, first.RunDir()+"/*"), "its temporary files are gone")
}

// A write that was decided meanwhile, and has no name yet, is in the way unless it
// is to be replaced.
func TestWriteThatIsDecidedMeanwhile(t *testing.T) {
	for _, overwrite := range []Overwrite{Refuse, KeepNewer} {
		dir := t.TempDir()
		c := config(t, filepath.Join(dir, "out"), withOverwrite(overwrite))
		all := arrange(t, c, stage(t, c, makeRecords(5)))
		other := config(t, filepath.Join(dir, "out"), withOverwrite(overwrite))
		its := arrange(t, other, stage(t, other, makeRecords(6)))
		require.NoError(t, createOnce(t.Context(), its.Set.recordName(1, endCommit), its.record(other)))
		_, err := commitArranged(t.Context(), c, all)
		require.ErrorIs(t, err, fs.ErrExist)
		require.ErrorContains(t, err, "under way")
		if overwrite == Refuse { // who begins now sees it at once
			_, err = c.Check(t.Context())
			require.ErrorContains(t, err, "under way")
		}
		require.Empty(t, list(t, dir+"/*"))
	}
}

// A record that is removed between listing and reading is no error.
func TestRecordsAreListedAgain(t *testing.T) {
	faults := storagetest.NewFaults()
	c := config(t, faults.TempDir(t)+"/out")
	all := arrange(t, c, stage(t, c, makeRecords(5)))
	_, err := commitArranged(t.Context(), c, all)
	require.NoError(t, err)
	faults.Inject(storagetest.Fault{Op: storagetest.OpOpen, Name: "." + endCommit, Count: 1, Err: fs.ErrNotExist})
	entries, err := all.Set.recordList(t.Context())
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.True(t, entries[0].done)
	require.NotNil(t, entries[0].record)
}

// No directory of an input is one of temporary files, whatever its name.
func TestDirectoriesOfInputsAreKept(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(1))
	_, temporary := c.history([]File{{Name: "/data/" + tempPrefix + "mine/in", Input: true}})
	require.Equal(t, []string{c.RunDir()}, temporary)
}

// Two sets of a job that have the same names are an error, two panes of one are not.
func TestSetsWithTheSameNames(t *testing.T) {
	own := record{Run: "job-1", Set: shardSet{Destination: "d", Pane: pane{Window: "w", Pane: "pane-0"}}}
	for _, test := range []struct {
		run, destination, window string
		fails                    bool
	}{
		{"job-2", "d", "w", false}, {"job-2", "e", "w", true}, {"job-2", "d", "v", true}, {"other-2", "e", "v", false},
	} {
		other := record{Run: test.run, Set: shardSet{Destination: test.destination, Pane: pane{Window: test.window, Pane: "pane-1"}}}
		err := own.otherSet([]entry{{record: nil}, {record: &other}})
		require.Equal(t, test.fails, err != nil, test)
	}
}
