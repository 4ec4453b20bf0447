package sink

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func filesOf(records ...int64) []File {
	files := make([]File, len(records))
	for i, n := range records {
		files[i] = File{Name: fmt.Sprintf("f%d", i), Records: n}
	}
	return files
}

func TestPlanGivesEveryRecordOnceInEvenShards(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var sizes []int64
		var total int64
		for range random.IntN(5) {
			n := random.Int64N(200)
			sizes = append(sizes, n)
			total += n
		}
		n := 1 + random.IntN(6)
		groupSize := 1 + random.Int64N(30)
		what := fmt.Sprintf("files of %d records, %d shards, group size %d", sizes, n, groupSize)

		plans := Config{NumShards: n, GroupSize: groupSize}.planShards(filesOf(sizes...))
		require.Len(t, plans, n, what)
		covered := map[string]int64{} // up to where, by file
		for i, plan := range plans {
			require.Equal(t, i, plan.Shard)
			var size int64
			for _, p := range plan.Pieces {
				require.Less(t, p.Begin, p.End, what)
				require.Equal(t, covered[p.File.Name], p.Begin, what)
				covered[p.File.Name] = p.End
				size += p.End - p.Begin
			}
			even := total / int64(n)
			if even < 8*groupSize {
				require.GreaterOrEqual(t, size, even, what)
				require.LessOrEqual(t, size, even+1, what)
			} else {
				require.InDelta(t, even, size, float64(groupSize)+1, what)
			}
		}
		for i, size := range sizes {
			require.Equal(t, size, covered[fmt.Sprintf("f%d", i)], what)
		}
	}
}

func TestLongShardsAreCutBetweenChunks(t *testing.T) {
	for _, plan := range (Config{NumShards: 4, GroupSize: 25}).planShards(filesOf(1234, 777, 1501)) {
		for _, p := range plan.Pieces {
			require.Zero(t, p.Begin%25, p)
			require.True(t, p.End%25 == 0 || p.End == p.File.Records, p)
		}
	}
}

func TestPlanOfNothing(t *testing.T) {
	require.Equal(t, []shardPlan{{Shard: 0, Count: 2, GroupSize: 1}, {Shard: 1, Count: 2, GroupSize: 1}}, Config{NumShards: 2, GroupSize: 1}.planShards(nil))
}

// Some shards may have been made by the first plan when the bundles, and with
// them the plan, are repeated.
func TestPlanOfOtherFilesFollowsTheFirst(t *testing.T) {
	faults := storagetest.NewFaults()
	c := config(t, faults.TempDir(t)+"/out", withNumShards(2))
	records := makeRecords(60)
	plan := func(files []File) ([]shardPlan, error) { return (&planFn{Config: c}).plan(t.Context(), files) }
	files := stage(t, c, records[:20], records[20:])
	faults.Inject(storagetest.Fault{Op: storagetest.OpCommit, After: true, Err: errors.New("answer lost")})
	_, err := plan(files)
	require.ErrorContains(t, err, "answer lost")
	faults.Heal()
	first, err := plan(files)
	require.NoError(t, err)
	second, err := plan(stage(t, c, records[:50], records[50:]))
	require.NoError(t, err)
	require.Equal(t, first, second)
}

func TestOneOfManyPlansWins(t *testing.T) {
	c := config(t, filepath.Join(t.TempDir(), "out"), withNumShards(2))
	plans := make([][]shardPlan, 20)
	var g sync.WaitGroup
	for i := range plans {
		g.Go(func() {
			var err error
			plans[i], err = (&planFn{Config: c}).decide(t.Context(), []shardPlan{{Shard: i}})
			assert.NoError(t, err)
		})
	}
	g.Wait()
	for _, p := range plans {
		require.Equal(t, plans[0], p)
	}
}

func TestInputsWithNamesOfTheOutputAreRefused(t *testing.T) {
	dir := t.TempDir()
	c := config(t, filepath.Join(dir, "out"), withNumShards(2), withOverwrite(Replace))
	for name, refused := range map[string]bool{
		dir + "/out-00000-of-00007.arrayrecord":    true,
		dir + "//out-00000-of-00007.arrayrecord":   true,
		dir + "/out-000000-of-100007.arrayrecord":  true,
		dir + "/out-00000-of-00007":                false,
		dir + "/out-x-00000-of-00007.arrayrecord":  false,
		dir + "/in/out-00000-of-00007.arrayrecord": false,
		dir + "/in-00000-of-00007.arrayrecord":     false,
	} {
		_, err := (&planFn{Config: c}).plan(t.Context(), []File{{Name: name, Input: true, Records: 1, WriterOptions: "group_size:1", GroupSize: 1}})
		require.Equal(t, refused, err != nil, "%s: %v", name, err)
	}
}
