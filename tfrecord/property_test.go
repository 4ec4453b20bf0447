package tfrecord

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// randomRecords are of all orders of size, up to a few buffers.
func randomRecords(rng *rand.Rand) [][]byte {
	records := make([][]byte, rng.IntN(40))
	for i := range records {
		records[i] = make([]byte, rng.IntN(2<<rng.IntN(17)))
		if rng.IntN(2) == 0 { // the others stay zeros, which compress
			for j := range records[i] {
				records[i][j] = byte(rng.Uint32())
			}
		}
	}
	return records
}

func TestRoundTripOfAnyRecords(t *testing.T) {
	r, err := NewReader(bytes.NewReader(nil))
	require.NoError(t, err)
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		records := randomRecords(rng)
		plain := encode(t, None, records...)
		size := int64(0)
		for _, record := range records {
			size += int64(HeaderSize + len(record) + FooterSize)
		}
		require.EqualValues(t, size, len(plain), "seed %d", seed)

		for _, c := range allCompressions {
			file := encode(t, c, records...)

			// The reader that has read the files before, and a new one.
			require.NoError(t, r.Reset(bytes.NewReader(file)))
			fresh, err := NewReader(bytes.NewReader(file), WithCompression(c), WithBufferSize(minBufferSize+rng.Int64N(5000)))
			require.NoError(t, err)
			for _, reader := range []*Reader{r, fresh} {
				got, err := drain(reader)
				require.NoError(t, err, "seed %d, %v", seed, c)
				require.Len(t, got, len(records), "seed %d, %v", seed, c)
				for i := range records {
					require.True(t, bytes.Equal(records[i], got[i]), "seed %d, %v, record %d", seed, c, i)
				}
				assert.Equal(t, size, reader.Offset())
			}
		}
	}
}
