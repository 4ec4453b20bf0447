package sink

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
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
	require.Equal(t, []shardPlan{{Shard: 0, GroupSize: 1}, {Shard: 1, GroupSize: 1}}, Config{NumShards: 2, GroupSize: 1}.planShards(nil))
}
