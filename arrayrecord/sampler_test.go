package arrayrecord

import (
	"context"
	"io"
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

// A loader of an empty shard is at its end at once, however often it is asked.
func TestLoaderOfAnEmptyShard(t *testing.T) {
	ctx := context.Background()
	source, err := OpenDataSource(ctx, []string{"../testdata/digits-default.arrayrecord[0:3]"})
	require.NoError(t, err)
	defer source.Close()
	for _, epochs := range []int{0, 4} {
		for shard := range 5 {
			sampler, err := NewSampler(3, SamplerOptions{ShardIndex: shard, ShardCount: 5, NumEpochs: epochs})
			require.NoError(t, err)
			loader, err := NewLoader(ctx, source, sampler, 2)
			require.NoError(t, err)
			for range 2 {
				sample, err := loader.Next(ctx)
				if shard < 3 {
					require.NoError(t, err)
					require.Equal(t, shard, sample.Key)
				} else {
					require.Equal(t, io.EOF, err)
				}
			}
			require.NoError(t, loader.Restore(loader.State()))
			loader.Close()
		}
	}
}
