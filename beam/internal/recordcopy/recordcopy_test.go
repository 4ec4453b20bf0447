package recordcopy

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCopiesAreIndependent(t *testing.T) {
	var s Memory
	require.Equal(t, []byte{}, s.Copy(nil))
	random := rand.New(rand.NewPCG(1, 2))
	var copies, want [][]byte
	for i := range 5000 {
		n := random.IntN(100)
		if i%100 == 0 {
			n = random.IntN(2 * size)
		}
		b := bytes.Repeat([]byte{byte(i)}, n)
		copies = append(copies, s.Copy(b))
		want = append(want, bytes.Clone(b))
		clear(b)
	}
	for _, c := range copies {
		_ = append(c, 0xff)
	}
	for i, c := range copies {
		require.Equal(t, want[i], append([]byte{}, c...))
		require.NotNil(t, c)
	}
}

func TestSmallCopiesShareAllocations(t *testing.T) {
	var s Memory
	b := make([]byte, 64)
	require.Less(t, testing.AllocsPerRun(10_000, func() { s.Copy(b) }), 0.01)
}
