package sink

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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

// A worker may die between two renames.
func TestCommitAfterHalfACommit(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	records := makeRecords(60)
	files := stage(t, c, records[:20], records[20:30], records[30:])
	moves, err := c.moves(t.Context(), collect(iterate(files)))
	require.NoError(t, err)
	require.NoError(t, storage.Rename(t.Context(), moves[1].From.Name, moves[1].To))

	names, err := runCommit(t.Context(), c, files)
	require.NoError(t, err)
	requireShards(t, records, names)
	requireNoTemp(t, dir)
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
	require.NotEmpty(t, list(t, c.TempDir+"/*"), "records that could be saved were removed")
}

func TestFileOfAnotherSizeIsNotTheShard(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"))
	files := stage(t, c, makeRecords(20))
	require.NoError(t, storage.Remove(t.Context(), files[0].Name))
	storagetest.Put(t, c.Prefix+"-00000-of-00001.arrayrecord", []byte("of an earlier run"))
	_, err := runCommit(t.Context(), c, files)
	require.ErrorContains(t, err, "has 17 bytes")
}

// After any failure there is no shard, and a repetition succeeds.
func TestFailedCommitTakesNamesBackAndCanBeRepeated(t *testing.T) {
	for _, fault := range []storagetest.Fault{
		{Op: storagetest.OpRename, Count: 1},
		{Op: storagetest.OpRename, Skip: 2, Count: 1},
		{Op: storagetest.OpRename, Skip: 3, Count: 1, After: true},
		{Op: storagetest.OpStat},
	} {
		faults := storagetest.NewFaults()
		dir := faults.TempDir(t)
		c := config(t, dir+"/out")
		records := makeRecords(60)
		files := stage(t, c, records[:20], records[20:30], records[30:40], records[40:])
		fault.Err = errors.New("injected")
		faults.Inject(fault)
		_, err := runCommit(t.Context(), c, files)
		require.ErrorContains(t, err, "injected")
		require.Empty(t, list(t, dir+"/*"))
		require.Len(t, list(t, c.TempDir+"/*.temp"), 4)

		faults.Heal()
		names, err := runCommit(t.Context(), c, files)
		require.NoError(t, err)
		requireShards(t, records, names)
		requireNoTemp(t, dir)
	}
}

func TestNameThatCannotBeTakenBackIsReported(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	c := config(t, dir+"/out")
	records := makeRecords(60)
	files := stage(t, c, records[:30], records[30:])
	faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Skip: 1, Err: errors.New("injected")})
	_, err := runCommit(t.Context(), c, files)
	require.ErrorContains(t, err, "of the failed write remains")
	require.Len(t, list(t, dir+"/*"), 1)
}

// Another worker may be committing the same files already: an attempt whose
// context has ended must not take anything away from it.
func TestEndedAttemptLeavesTheNamesAlone(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	files := stage(t, c, makeRecords(20))
	moves, err := c.moves(t.Context(), files)
	require.NoError(t, err)
	require.NoError(t, commit(t.Context(), moves))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, undo(ctx, moves))
	require.Len(t, list(t, dir+"/*"), 1)
	require.ErrorIs(t, commit(ctx, moves), context.Canceled)
	require.Len(t, list(t, dir+"/*"), 1)
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
	first, err := c.moves(t.Context(), collect(iterate(files)))
	require.NoError(t, err)
	for range 10 {
		again, err := c.moves(t.Context(), collect(iterate(files)))
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
}
