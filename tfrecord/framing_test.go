package tfrecord

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// RFC 3720 B.4 gives the CRC-32C of 32 zero bytes, 0x8a9136aa. Rotated right by
// 15 it is 0x6d551522; the mask's sum is mod 2^32.
func TestMaskedCRC(t *testing.T) {
	assert.Equal(t, uint32((0x6d551522+0xa282ead8)&0xffffffff), maskedCRC(make([]byte, 32)))
}

func TestParseHeader(t *testing.T) {
	file := testdata(t, "digits-00000-of-00003.tfrecord")
	first := len(digits(t)[0])

	length, ok := ParseHeader(file)
	assert.True(t, ok)
	assert.EqualValues(t, first, length)
	assert.True(t, CheckData(file[HeaderSize:HeaderSize+first], file[HeaderSize+first:]))
	assert.False(t, CheckData(file[HeaderSize:HeaderSize+first], file[HeaderSize+first+1:]))
	assert.False(t, CheckData(file[HeaderSize:HeaderSize+first], file[HeaderSize+first:HeaderSize+first+3]))

	for short := range HeaderSize {
		_, ok = ParseHeader(file[:short])
		assert.False(t, ok, "%d bytes", short)
	}
	_, ok = ParseHeader(make([]byte, HeaderSize))
	assert.False(t, ok, "zeros are not a header")
}

// What a program that splits a file does: try every offset.
func TestParseHeaderFindsTheBoundaries(t *testing.T) {
	file := testdata(t, "digits-00001-of-00003.tfrecord")
	var found []int64
	for at := range file {
		if _, ok := ParseHeader(file[at:]); ok {
			found = append(found, int64(at))
		}
	}
	want := boundaries(digits(t)[599 : 2*599])
	assert.Equal(t, want[:599], found)
}

func TestPutHeaderIsParseHeadersInverse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, HeaderSize)
	for range 1000 {
		n := rng.Int() >> rng.IntN(63)
		putHeader(b, n)
		length, ok := ParseHeader(b)
		require.True(t, ok)
		require.EqualValues(t, n, length)
		b[rng.IntN(HeaderSize)] ^= byte(1 + rng.IntN(255))
		_, ok = ParseHeader(b)
		require.False(t, ok)
	}
}
