//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// samplingCase is what check_grain.py reads.
type samplingCase struct {
	NumRecords    int      `json:"num_records"`
	ShardIndex    int      `json:"shard_index"`
	ShardCount    int      `json:"shard_count"`
	DropRemainder bool     `json:"drop_remainder"`
	Shuffle       bool     `json:"shuffle"`
	NumEpochs     int      `json:"num_epochs"`
	Seed          uint32   `json:"seed"`
	Keys          [][2]int `json:"keys"` // step, key
}

func (c samplingCase) options() arrayrecord.SamplerOptions {
	return arrayrecord.SamplerOptions{Shuffle: c.Shuffle, Seed: c.Seed, ShardIndex: c.ShardIndex, ShardCount: c.ShardCount,
		DropRemainder: c.DropRemainder, NumEpochs: c.NumEpochs}
}

// TestWriteForGrain writes shards and orders for check_grain.py.
func TestWriteForGrain(t *testing.T) {
	const variable = "ARRAYRECORD_INTEROP_GRAIN"
	dir := os.Getenv(variable)
	require.NotEmpty(t, dir, "set %s to the directory to write", variable)
	require.NoError(t, os.MkdirAll(dir, 0o777))

	rng := rand.New(rand.NewPCG(5, 6))
	var all bytes.Buffer
	for shard, n := range []int{400, 0, 1, 1000, 77} {
		w, err := arrayrecord.Create(context.Background(), filepath.Join(dir, fmt.Sprintf("part-%d.arrayrecord", shard)))
		require.NoError(t, err)
		for i := range n {
			record := fmt.Appendf(nil, "record %d of shard %d %x", i, shard, make([]byte, rng.IntN(200)))
			require.NoError(t, w.Write(record))
			require.NoError(t, binary.Write(&all, binary.LittleEndian, uint32(len(record))))
			all.Write(record)
		}
		require.NoError(t, w.Close())
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all.records"), all.Bytes(), 0o666))

	var cases []samplingCase
	for _, n := range []int{1, 2, 10, 100, 1478, 65535, 65536, 65538, 1_000_000, 1<<40 + 3} {
		for _, c := range []samplingCase{
			{ShardCount: 1, NumEpochs: 1},
			{ShardCount: 1, Shuffle: true, NumEpochs: 3, Seed: 42},
			{ShardCount: 1, Shuffle: true, Seed: 4294967295},
			{ShardCount: 3, ShardIndex: 1, Shuffle: true, NumEpochs: 2, Seed: 7},
			{ShardCount: 4, ShardIndex: 2, DropRemainder: true, Shuffle: true, NumEpochs: 2},
			{ShardCount: 2, ShardIndex: 1, DropRemainder: true, NumEpochs: 1},
		} {
			c.NumRecords = n
			sampler, err := arrayrecord.NewSampler(n, c.options())
			require.NoError(t, err)
			length, finite := sampler.Len()
			if !finite {
				length = 5 * n
			}
			for k := range 200 {
				visit := k // of this shard; Grain's samplers know no steps of other shards
				if k >= 100 {
					visit = rng.IntN(max(length, 1)) / c.ShardCount
				}
				step := visit*c.ShardCount + c.ShardIndex
				if step >= length {
					continue
				}
				key, err := sampler.Key(step)
				if c.ShardIndex >= n { // an empty shard
					require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
					key = -1
				} else {
					require.NoError(t, err)
				}
				c.Keys = append(c.Keys, [2]int{step, key})
			}
			if len(c.Keys) > 0 { // with DropRemainder all shards may be empty
				cases = append(cases, c)
			}
		}
	}
	data, err := json.Marshal(cases)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "orders.json"), data, 0o666))
}

// Where a job with Grain's data loader stopped, a sampler goes on with the records that Grain would
// have visited.
func TestGrainsCheckpoints(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(os.Getenv("ARRAYRECORD_INTEROP_GRAIN"), "checkpoints.json"))
	require.NoError(t, err)
	var checkpoints []struct {
		samplingCase
		Workers int    `json:"workers"`
		Batch   int    `json:"batch"` // 0 for single records
		Taken   int    `json:"taken"` // batches
		State   string `json:"state"`
		Next    []int  `json:"next"` // some records, in order if they are of one worker or single
	}
	require.NoError(t, json.Unmarshal(data, &checkpoints))
	require.NotEmpty(t, checkpoints)
	for _, c := range checkpoints {
		sampler, err := arrayrecord.NewSampler(c.NumRecords, c.options())
		require.NoError(t, err)
		step, err := sampler.StepFromGrain([]byte(c.State))
		if c.Batch > 0 && c.Workers > 1 && c.Taken%c.Workers != 0 {
			require.ErrorIs(t, err, arrayrecord.ErrInvalidOption, c.State)
			require.ErrorContains(t, err, "different places")
			continue
		}
		require.NoError(t, err, c.State)
		visits := c.Taken * max(c.Batch, 1)
		if length, finite := sampler.Len(); finite {
			visits = min(visits, length/c.ShardCount) // the last batch may be a smaller one
		}
		require.Equal(t, visits, (step-c.ShardIndex)/c.ShardCount, c.State)
		var keys []int
		for k := range c.Next {
			key, err := sampler.Key(step + k*c.ShardCount)
			require.NoError(t, err)
			keys = append(keys, key)
		}
		if c.Batch > 0 && c.Workers > 1 {
			slices.Sort(keys)
		}
		require.Equal(t, c.Next, append([]int{}, keys...), c.State)
	}
}

// One data source over all of upstream's files finds the records of each in their order.
func TestDataSourceOverUpstreamsFiles(t *testing.T) {
	var paths []string
	var want [][]byte
	for _, s := range samples(t) {
		paths = append(paths, s.path+".arrayrecord")
		want = append(want, s.records...)
	}
	ds, err := arrayrecord.OpenDataSource(context.Background(), paths, arrayrecord.WithMaxOpenFiles(20))
	require.NoError(t, err)
	defer ds.Close()
	require.Equal(t, len(want), ds.NumRecords())
	indices := rand.New(rand.NewPCG(7, 8)).Perm(len(want))
	got, err := ds.ReadIndices(context.Background(), indices)
	require.NoError(t, err)
	for k, i := range indices {
		require.True(t, bytes.Equal(want[i], got[k]), "record %d", i)
	}
}
