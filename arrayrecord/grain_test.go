package arrayrecord

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const grainText = "IndexSampler(num_records=20, shard_options=ShardOptions(shard_index=1, shard_count=3, drop_remainder=False), " +
	"shuffle=True, num_epochs=2, seed=3)"

var grainOptions = SamplerOptions{Shuffle: true, Seed: 3, ShardIndex: 1, ShardCount: 3, NumEpochs: 2}

func grainStateOf(workers int, seen, sampler string) []byte {
	return fmt.Appendf(nil, `{"version": 2, "last_seen_indices": {%s}, "last_worker_index": -1, "worker_count": %d, "sampler": %q, "data_source": "x"}`,
		seen, workers, sampler)
}

// make interop does the same with states of Grain's own.
func TestStepFromGrain(t *testing.T) {
	s, err := NewSampler(20, grainOptions)
	require.NoError(t, err)
	for _, c := range []struct {
		workers int
		seen    string
		step    int
	}{
		{0, `"0": -2`, 1},
		{0, `"0": 19`, 22},
		{1, `"0": 19`, 22},
		{2, `"0": -5, "1": -2`, 1},
		{2, `"0": 1, "1": -2`, 4},
		{2, `"1": 4, "0": 1`, 7},
		{2, `"0": 7, "1": 4`, 10},
		{3, `"0": 28, "1": 22, "2": 25`, 31},
	} {
		step, err := s.StepFromGrain(grainStateOf(c.workers, c.seen, grainText))
		require.NoError(t, err, c.seen)
		require.Equal(t, c.step, step, c.seen)
	}

	for _, c := range []struct {
		workers int
		seen    string
		message string
	}{
		{2, `"0": 7, "1": -2`, "the next steps of the first and the last are 4 and 13"},
		{3, `"0": 10, "1": 4, "2": -2`, "different places"},
		{0, ``, "contradicts itself"},
		{0, `"1": -2`, "contradicts itself"},
		{0, `"0": -5`, "contradicts itself"},
		{0, `"0": -1`, "contradicts itself"},
		{0, `"0": 20`, "contradicts itself"},
		{0, `"0": 19, "1": 19`, "contradicts itself"},
		{2, `"0": 19`, "contradicts itself"},
		{2, `"0": 4, "1": 1`, "contradicts itself"},
		{-1, `"0": 19`, "contradicts itself"},
		{0, fmt.Sprintf(`"0": %d`, math.MaxInt), "contradicts itself"},
		{0, `"0": 1e99`, "not a state"},
	} {
		_, err := s.StepFromGrain(grainStateOf(c.workers, c.seen, grainText))
		require.ErrorIs(t, err, ErrInvalidOption, c.seen)
		require.ErrorContains(t, err, c.message, c.seen)
	}

	for _, state := range []string{"", "{}", "[]", `{"version": 1}`, `{"next_index": 3}`, "null",
		strings.Replace(string(grainStateOf(0, `"0": 1`, grainText)), `"version": 2`, `"version": 3`, 1)} {
		_, err := s.StepFromGrain([]byte(state))
		require.ErrorIs(t, err, ErrInvalidOption, state)
	}
}

// Workers times shards may be more than an int holds.
func TestStepFromGrainOfVeryManyShards(t *testing.T) {
	s, err := NewSampler(20, SamplerOptions{ShardCount: math.MaxInt})
	require.NoError(t, err)
	text := fmt.Sprintf("IndexSampler(num_records=20, shard_options=ShardOptions(shard_index=0, shard_count=%d, drop_remainder=False), "+
		"shuffle=False, num_epochs=None, seed=None)", math.MaxInt)
	step, err := s.StepFromGrain(grainStateOf(0, fmt.Sprintf(`"0": %d`, -math.MaxInt), text))
	require.NoError(t, err)
	require.Zero(t, step)
	_, err = s.StepFromGrain(grainStateOf(2, `"0": 2, "1": 1`, text))
	require.ErrorIs(t, err, ErrInvalidOption)
	require.ErrorContains(t, err, "contradicts itself")
}

// Every setting of the sampler is compared, but for the seed where nothing is shuffled.
func TestStepFromGrainOfAnotherSampler(t *testing.T) {
	s, err := NewSampler(20, grainOptions)
	require.NoError(t, err)
	for from, to := range map[string]string{"num_records=20": "num_records=21", "shard_index=1": "shard_index=2",
		"shard_count=3": "shard_count=2", "drop_remainder=False": "drop_remainder=True", "shuffle=True": "shuffle=False",
		"num_epochs=2": "num_epochs=None", "seed=3": "seed=4", "IndexSampler": "SequentialSampler"} {
		_, err := s.StepFromGrain(grainStateOf(0, `"0": 19`, strings.Replace(grainText, from, to, 1)))
		require.ErrorIs(t, err, ErrInvalidOption, to)
	}
	endless, err := NewSampler(20, SamplerOptions{})
	require.NoError(t, err)
	const text = "IndexSampler(num_records=20, shard_options=NoSharding(shard_index=0, shard_count=1, drop_remainder=False), shuffle=False, num_epochs=None, seed=None)"
	for _, seed := range []string{"None", "7"} {
		step, err := endless.StepFromGrain(grainStateOf(0, `"0": 99`, strings.Replace(text, "seed=None", "seed="+seed, 1)))
		require.NoError(t, err)
		require.Equal(t, 100, step)
	}
}
