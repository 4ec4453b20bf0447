package arrayrecord

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Images of 0, 1, 2, ... as Grain computes them.
func TestShuffleVectors(t *testing.T) {
	for _, v := range []struct {
		maxIndex uint64
		seed     uint32
		rounds   int
		want     [8]uint64
	}{
		{9, 42, 4, [8]uint64{8, 6, 7, 9, 0, 5, 1, 2}},
		{99, 0, 4, [8]uint64{49, 83, 10, 87, 39, 69, 95, 9}},
		{999, 7, 8, [8]uint64{603, 494, 924, 535, 138, 686, 847, 115}},
		{65535, 1, 4, [8]uint64{46990, 60688, 19298, 16276, 37481, 53497, 5701, 27375}},
		{65537, 1, 4, [8]uint64{60346, 9747, 36474, 22301, 57730, 45429, 23115, 61020}},
		{999999, 123456789, 4, [8]uint64{874326, 705555, 878129, 583473, 591394, 821106, 730416, 959600}},
		{math.MaxUint32, math.MaxUint32, 4, [8]uint64{503722993, 258372712, 751219907, 765915994, 1595817412, 1315859021, 1305932486, 1286006111}},
	} {
		s := newIndexShuffle(v.maxIndex, v.seed, v.rounds)
		for i, want := range v.want {
			require.Equal(t, want, s.at(uint64(i)), "%+v", v)
		}
	}
}

func TestShuffleIsAPermutation(t *testing.T) {
	for _, maxIndex := range []uint64{0, 1, 2, 3, 100, 255, 256, 257, 65534, 65535, 65536, 65537, 1 << 17, 1<<18 - 1, 1 << 18, 1<<18 + 1} {
		for _, seed := range []uint32{0, 1, 12345} {
			s := newIndexShuffle(maxIndex, seed, 4)
			seen := make([]bool, maxIndex+1)
			for i := range maxIndex + 1 {
				image := s.at(i)
				if image > maxIndex || seen[image] {
					t.Fatalf("max index %d, seed %d: %d is too large, or comes twice", maxIndex, seed, image)
				}
				seen[image] = true
			}
		}
	}
}
