package tfrecordio

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrongClaimsAreErrors(t *testing.T) {
	for _, claims := range [][]any{
		{int64(3)}, {nil}, {&claim{Offset: 9}}, {&claim{Offset: 20}, &claim{Offset: 20}}, {&claim{Offset: 20}, &claim{Offset: 12}},
		{&claim{Whole: true}, &claim{Offset: 30}},
	} {
		tr := newTracker(byteRange{10, 50})
		for i, c := range claims {
			require.Equal(t, i < len(claims)-1, tr.TryClaim(c))
		}
		require.Error(t, tr.GetError())
		require.False(t, tr.IsDone())
		require.False(t, tr.TryClaim(&claim{Offset: 49}), "after an error")
		_, residual, err := tr.TrySplit(0.5)
		require.NoError(t, err)
		require.Nil(t, residual)
	}
	_, _, err := newTracker(byteRange{10, 50}).TrySplit(math.NaN())
	require.Error(t, err)
}

func TestClaimOfTheWhole(t *testing.T) {
	tr := newTracker(byteRange{0, 50})
	require.True(t, tr.TryClaim(&claim{Whole: true}))
	for _, offset := range []int64{10, 40, 50, 60} { // a file may have ended before its last record is given out
		require.True(t, tr.TryClaim(&claim{Offset: offset, Whole: true}))
		done, remaining := tr.GetProgress()
		require.Equal(t, float64(min(offset, 50)), done)
		require.Equal(t, 50.0, done+remaining)
		_, residual, err := tr.TrySplit(0)
		require.NoError(t, err)
		require.Nil(t, residual)
	}
	require.True(t, tr.IsDone())
	require.True(t, tr.IsBounded())

	// All was split off before.
	tr = newTracker(byteRange{0, 50})
	_, residual, err := tr.TrySplit(0)
	require.NoError(t, err)
	require.Equal(t, byteRange{0, 50}, residual)
	require.False(t, tr.TryClaim(&claim{Whole: true}))
	require.NoError(t, tr.GetError())
	require.True(t, tr.IsDone())
}
