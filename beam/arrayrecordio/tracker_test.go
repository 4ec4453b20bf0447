package arrayrecordio

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// testRange makes a range of n chunks of the given sizes, from begin on.
func testRange(begin int64, sizes ...int64) chunkRange {
	return newChunkRange(begin, begin+int64(len(sizes)), func(chunk int64) int64 {
		var sum int64
		for _, size := range sizes[:chunk-begin] {
			sum += size
		}
		return sum
	})
}

func randomSizes(n int) []int64 {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	sizes := make([]int64, n)
	for i := range sizes {
		sizes[i] = 1 + random.Int64N(1000)
	}
	return sizes
}

func TestSizesOfFewChunksAreExact(t *testing.T) {
	for _, n := range []int{1, 2, 63, 64} {
		sizes := randomSizes(n)
		r := testRange(100, sizes...)
		for begin := range n {
			var sum int64
			for end := begin; ; end++ {
				require.Equal(t, float64(sum), r.size(100+int64(begin), 100+int64(end)))
				if end == n {
					break
				}
				sum += sizes[end]
			}
		}
	}
}

func TestSizesOfManyChunksAreInterpolated(t *testing.T) {
	for _, n := range []int{65, 127, 128, 1000, 12345} {
		sizes := randomSizes(n)
		r := testRange(7, sizes...)
		require.Len(t, r.Marks, maxMarks+1)
		var sum, total int64
		for _, size := range sizes {
			total += size
		}
		require.Equal(t, float64(total), r.size(7, 7+int64(n)))
		for i, size := range sizes {
			chunk := 7 + int64(i)
			require.InDelta(t, float64(sum), r.offset(chunk), float64(total)/20)
			require.Greater(t, r.offset(chunk+1), r.offset(chunk))
			sum += size
		}
		// The encoded part of a range keeps the scale.
		half := r
		half.Begin = 7 + int64(n)/2
		require.Equal(t, r.size(half.Begin, half.End), half.size(half.Begin, half.End))
	}
}

func TestClaimsAreCutAtTheEnd(t *testing.T) {
	tr := newTracker(testRange(10, 5, 5, 5, 5))
	require.False(t, tr.IsDone())
	c := &claim{10, 12}
	require.True(t, tr.TryClaim(c))
	require.Equal(t, &claim{10, 12}, c)
	_, residual, err := tr.TrySplit(0.5)
	require.NoError(t, err)
	require.Equal(t, int64(13), residual.(chunkRange).Begin)
	c = &claim{12, 14}
	require.True(t, tr.TryClaim(c))
	require.Equal(t, &claim{12, 13}, c)
	require.True(t, tr.IsDone())
	require.False(t, tr.TryClaim(&claim{13, 14}))
	require.NoError(t, tr.GetError())
	require.True(t, tr.IsDone())
	require.True(t, tr.IsBounded())
}

func TestWrongClaimsAreErrors(t *testing.T) {
	for _, position := range []any{&claim{11, 12}, &claim{9, 12}, &claim{10, 10}, int64(10), nil} {
		tr := newTracker(testRange(10, 5, 5))
		require.False(t, tr.TryClaim(position))
		require.Error(t, tr.GetError())
		require.False(t, tr.IsDone())
		require.False(t, tr.TryClaim(&claim{10, 11}), "after an error")
		_, residual, err := tr.TrySplit(0.1)
		require.NoError(t, err)
		require.Nil(t, residual)
	}
}

// Whatever was claimed, a split divides what there is, and at the first chunk
// behind the fraction.
func TestSplitsDivideTheRest(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 64, 65, 200} {
		sizes := randomSizes(n)
		for claimed := range n + 1 {
			for _, fraction := range []float64{-1, 0, 1e-9, 0.1, 0.5, 0.9, 1 - 1e-9, 1, 2} {
				whole := testRange(3, sizes...)
				tr := newTracker(whole)
				next := 3 + int64(claimed)
				if claimed > 0 {
					require.True(t, tr.TryClaim(&claim{3, next}))
				}
				done, remaining := tr.GetProgress()
				require.Equal(t, whole.size(3, next), done)
				require.InDelta(t, whole.size(3, whole.End), done+remaining, 1e-6)

				p, residual, err := tr.TrySplit(fraction)
				require.NoError(t, err)
				primary := p.(chunkRange)
				require.Equal(t, primary, tr.GetRestriction())
				if residual == nil {
					require.Equal(t, whole, primary)
					require.True(t, next == whole.End || fraction*remaining > whole.size(next, whole.End-1))
					continue
				}
				rest := residual.(chunkRange)
				require.Equal(t, whole.Begin, primary.Begin)
				require.Equal(t, primary.End, rest.Begin)
				require.Equal(t, whole.End, rest.End)
				require.Less(t, rest.Begin, rest.End)
				require.GreaterOrEqual(t, primary.End, next)
				require.InDelta(t, whole.size(3, whole.End), primary.size(3, primary.End)+rest.size(rest.Begin, rest.End), 1e-6)
				kept := whole.size(next, primary.End)
				require.GreaterOrEqual(t, kept, fraction*remaining-1e-6)
				if primary.End > next {
					require.Less(t, whole.size(next, primary.End-1), fraction*remaining)
				}
				if fraction <= 0 {
					require.True(t, tr.IsDone(), "a checkpoint")
					require.False(t, tr.TryClaim(&claim{next, next + 1}))
					require.NoError(t, tr.GetError())
				}
				newDone, newRemaining := tr.GetProgress()
				require.Equal(t, done, newDone)
				require.InDelta(t, kept, newRemaining, 1e-6)
			}
		}
	}
}

func TestSplitAtNoNumber(t *testing.T) {
	_, _, err := newTracker(testRange(0, 1, 1)).TrySplit(math.NaN())
	require.Error(t, err)
}
