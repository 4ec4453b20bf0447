package sink

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// A runner that died in the middle of the commit may repeat everything, and
// come to another number of files.
func TestCommitOfOtherFilesFollowsTheFirst(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"))
	records := makeRecords(60)
	first := stage(t, c, records[:20], records[20:30], records[30:])
	moves, err := c.moves(t.Context(), first)
	require.NoError(t, err)
	_, err = decide(t.Context(), c, commitDecision, moves)
	require.NoError(t, err)
	require.NoError(t, storage.Rename(t.Context(), moves[2].From.Name, moves[2].To))

	second := stage(t, c, records[:50], records[50:])
	names, err := runCommit(t.Context(), c, second)
	require.NoError(t, err)
	require.Len(t, names, 3)
	require.Equal(t, names, list(t, dir+"/*"))
	requireShards(t, records, names)
	requireNoTemp(t, dir)
}

// Some shards may have been made by the first plan when the bundles, and with
// them the plan, are repeated.
func TestPlanOfOtherFilesFollowsTheFirst(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(2))
	records := makeRecords(60)
	plan := func(files []File) (plans []shardPlan) {
		err := (&planFn{Config: c}).ProcessElement(t.Context(), 0, nil, iterate(files), func(p shardPlan) { plans = append(plans, p) })
		require.NoError(t, err)
		return plans
	}
	first := plan(stage(t, c, records[:20], records[20:]))
	second := plan(stage(t, c, records[:50], records[50:]))
	require.Equal(t, first, second)
}

func TestOneOfManyDecisionsWins(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"))
	decisions := make([]int, 20)
	var g sync.WaitGroup
	for i := range decisions {
		g.Go(func() {
			var err error
			decisions[i], err = decide(t.Context(), c, planDecision, i)
			assert.NoError(t, err)
		})
	}
	g.Wait()
	for _, d := range decisions {
		require.Equal(t, decisions[0], d)
	}
}

// Two attempts may both have seen that there is no decision yet.
func TestDecisionIsNeverReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.json")
	require.NoError(t, createOnce(t.Context(), name, []byte("1")))
	require.ErrorIs(t, createOnce(t.Context(), name, []byte("2")), fs.ErrExist)
	require.Equal(t, []byte("1"), storagetest.Get(t, name))
}

func TestDecisionThatCannotBeWrittenOrRead(t *testing.T) {
	faults := storagetest.NewFaults()
	c := config(t, faults.TempDir(t)+"/out")
	for _, op := range []storagetest.Op{storagetest.OpOpen, storagetest.OpCreate, storagetest.OpWrite, storagetest.OpCommit} {
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected")})
		_, err := decide(t.Context(), c, planDecision, 1)
		require.ErrorContains(t, err, "injected", op)
		faults.Heal()
	}
	require.Empty(t, list(t, c.TempDir+"/*"))
	_, err := decide(t.Context(), c, planDecision, 1)
	require.NoError(t, err)
	faults.Inject(storagetest.Fault{Op: storagetest.OpRead, Err: errors.New("injected")})
	_, err = decide(t.Context(), c, planDecision, 2)
	require.ErrorContains(t, err, "injected")
	faults.Heal()

	name := list(t, c.TempDir+"/*")[0]
	storagetest.Put(t, name, []byte("{"))
	_, err = decide(t.Context(), c, planDecision, 2)
	require.ErrorContains(t, err, name)
}
