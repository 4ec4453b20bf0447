package arrayrecord_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func ExampleSampler_StepFromGrain() {
	ctx := context.Background()
	source, err := arrayrecord.OpenDataSource(ctx, []string{digits + "[0:20]"})
	if err != nil {
		log.Fatal(err)
	}
	defer source.Close()
	// What get_state of an iterator of grain.DataLoader returned after 7 records.
	checkpoint := []byte(`{"version": 2, "last_seen_indices": {"0": 19}, "last_worker_index": -1, "worker_count": 0,
		"sampler": "IndexSampler(num_records=20, shard_options=ShardOptions(shard_index=1, shard_count=3, drop_remainder=False), shuffle=True, num_epochs=2, seed=3)",
		"data_source": "ArrayRecordDataSource(hash_of_paths=...)"}`)

	// As Grain's IndexSampler was made.
	sampler, err := arrayrecord.NewSampler(source.NumRecords(), arrayrecord.SamplerOptions{
		Shuffle: true, Seed: 3, ShardIndex: 1, ShardCount: 3, NumEpochs: 2,
	})
	if err != nil {
		log.Fatal(err)
	}
	loader, err := arrayrecord.NewLoader(ctx, source, sampler, 64)
	if err != nil {
		log.Fatal(err)
	}
	defer loader.Close()
	state := loader.State()
	if state.NextStep, err = sampler.StepFromGrain(checkpoint); err != nil {
		log.Fatal(err)
	}
	if err := loader.Restore(state); err != nil {
		log.Fatal(err)
	}
	sample, err := loader.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("step", sample.Step, "record", sample.Key)
	// Output: step 22 record 13
}

// The code in docs/sampling.md stands in the example.
func TestSamplingPageShowsTestedCode(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "sampling.md"))
	require.NoError(t, err)
	example, err := os.ReadFile("example_grain_test.go")
	require.NoError(t, err)
	blocks := strings.Split(string(page), "```go\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		code, _, closed := strings.Cut(block, "```")
		require.True(t, closed)
		require.True(t, strings.Contains(string(example), code), "not in the example:\n%s", code)
	}
}
