package arrayrecord

import "math/bits"

// indexShuffle is a permutation of [0, maxIndex], computed point by point: a Feistel network on a
// block of bits that can hold maxIndex, walked again while the result is larger. It gives the order
// of Grain (google/grain), except for the sizes where that is not a permutation; docs/sampling.md
// says more.
type indexShuffle struct {
	maxIndex uint64
	halfBits uint // of the block
	keys     []uint32
}

func newIndexShuffle(maxIndex uint64, seed uint32, rounds int) indexShuffle {
	blockBits := uint(0)
	if maxIndex > 1 {
		blockBits = uint(bits.Len64(maxIndex - 1)) // log2, rounded up
	}
	blockBits = max(blockBits+blockBits%2, 16)
	// A power of two does not fit into as many bits as its logarithm. Grain takes that few all the
	// same, and gives one record twice and one never.
	if maxIndex>>blockBits != 0 {
		blockBits += 2
	}
	return indexShuffle{maxIndex, blockBits / 2, seedSequence(seed, rounds)}
}

// at gives the image of an index up to maxIndex.
func (s indexShuffle) at(index uint64) uint64 {
	if s.maxIndex == 0 {
		return 0
	}
	mask := uint64(1)<<s.halfBits - 1
	for {
		high, low := index>>s.halfBits, index&mask
		for j := 0; j < len(s.keys); j += 2 {
			high ^= s.mix(low, mask) ^ uint64(s.keys[j])&mask
			low ^= s.mix(high, mask) ^ uint64(s.keys[j+1])&mask
		}
		index = high<<s.halfBits | low
		if index <= s.maxIndex {
			return index
		}
	}
}

func (s indexShuffle) mix(x, mask uint64) uint64 {
	rotate := func(n uint) uint64 { return (x<<n | x>>(s.halfBits-n)) & mask }
	return rotate(1)&rotate(8) ^ rotate(2)
}

// seedSequence spreads one word over n, as std::seed_seq of C++ specifies it.
func seedSequence(seed uint32, n int) []uint32 {
	b := make([]uint32, n)
	for i := range b {
		b[i] = 0x8b8b8b8b
	}
	t := (n - 1) / 2
	switch {
	case n >= 623:
		t = 11
	case n >= 68:
		t = 7
	case n >= 39:
		t = 5
	case n >= 7:
		t = 3
	}
	p := (n - t) / 2
	q := p + t
	scramble := func(x uint32) uint32 { return x ^ x>>27 }
	at := func(i int) *uint32 { return &b[(i+n)%n] }
	m := max(2, n)
	for k := range m {
		r1 := 1664525 * scramble(*at(k)^*at(k + p)^*at(k - 1))
		r2 := r1 + uint32(k%n)
		switch k {
		case 0:
			r2 = r1 + 1
		case 1:
			r2 += seed
		}
		*at(k + p) += r1
		*at(k + q) += r2
		*at(k) = r2
	}
	for k := m; k < m+n; k++ {
		r3 := 1566083941 * scramble(*at(k)+*at(k + p)+*at(k - 1))
		r4 := r3 - uint32(k%n)
		*at(k + p) ^= r3
		*at(k + q) ^= r4
		*at(k) = r4
	}
	return b
}
