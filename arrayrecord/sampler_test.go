package arrayrecord

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// With fewer records than shards the first shards have a record each, and the others say that they
// have none.
func TestEmptyShards(t *testing.T) {
	for _, shuffle := range []bool{false, true} {
		for shard := range 5 {
			s, err := NewSampler(3, SamplerOptions{Shuffle: shuffle, ShardIndex: shard, ShardCount: 5, NumEpochs: 4})
			require.NoError(t, err)
			length, finite := s.Len()
			require.True(t, finite)
			require.Equal(t, 12, length)
			for step := range length {
				key, err := s.Key(step)
				if step%5 < 3 {
					require.NoError(t, err)
					require.Equal(t, step%5, key)
				} else {
					require.ErrorIs(t, err, ErrOutOfRange)
					require.ErrorContains(t, err, "of 5, which has none of the 3 records")
				}
			}
			_, err = s.Key(12)
			require.ErrorIs(t, err, ErrOutOfRange)
		}
	}
	none, err := NewSampler(3, SamplerOptions{ShardCount: 5, DropRemainder: true, NumEpochs: 2})
	require.NoError(t, err)
	length, finite := none.Len()
	require.True(t, finite)
	require.Zero(t, length)
	endless, err := NewSampler(3, SamplerOptions{ShardIndex: 4, ShardCount: 5})
	require.NoError(t, err)
	_, err = endless.Key(4 + 5*1_000_000)
	require.ErrorContains(t, err, "step 5000004 is one of shard 4 of 5")
}
