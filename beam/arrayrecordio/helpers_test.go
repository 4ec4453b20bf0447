package arrayrecordio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func TestMain(m *testing.M) { beamtest.Main(m) }

// makeRecords gives n different records of different sizes.
func makeRecords(n int) [][]byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	records := make([][]byte, n)
	for i := range records {
		records[i] = fmt.Appendf(nil, "%06d %s", i, strings.Repeat("x", random.IntN(100)))
	}
	return records
}

// readShard gives the records of a file.
func readShard(t *testing.T, name string) [][]byte {
	t.Helper()
	r, err := arrayrecord.Open(context.Background(), name)
	require.NoError(t, err)
	defer r.Close()
	records, err := recordtest.All(context.Background(), r)
	require.NoError(t, err)
	return records
}

// requireShards checks that the files hold the records, each exactly once, and
// gives how many each has.
func requireShards(t *testing.T, want [][]byte, names []string) []int {
	t.Helper()
	var got [][]byte
	sizes := make([]int, len(names))
	for i, name := range names {
		records := readShard(t, name)
		got = append(got, records...)
		sizes[i] = len(records)
	}
	require.ElementsMatch(t, want, got)
	return sizes
}

// list gives the names of all files that match, hidden ones too if the pattern
// says so.
func list(t *testing.T, pattern string) []string {
	t.Helper()
	infos, err := storage.List(context.Background(), pattern)
	require.NoError(t, err)
	var names []string
	for _, i := range infos {
		names = append(names, i.Name)
	}
	return names
}

// requireNoTemp checks that nothing temporary is left beside the output.
func requireNoTemp(t *testing.T, dir string) {
	t.Helper()
	for _, name := range list(t, dir+"/.*") {
		require.Regexp(t, `\.000001\.(commit|checked|done)$`, name)
	}
	require.Empty(t, list(t, dir+"/.*/*"))
	require.Empty(t, list(t, dir+"/.*/.*"))
	if storage.Scheme(dir) == "" {
		left, err := filepath.Glob(filepath.Join(dir, ".temp-*"))
		require.NoError(t, err)
		require.Empty(t, left, "an empty directory is left too")
	}
}

func counts(t *testing.T, result beam.PipelineResult) map[string]int64 {
	t.Helper()
	sums := map[string]int64{}
	for _, c := range result.Metrics().Query(func(r metrics.SingleResult) bool {
		return r.Namespace() == counters.Namespace
	}).Counters() {
		sums[c.Name()] += c.Result()
	}
	return sums
}

// collectShardsFn keeps the shards that it gets, each in a file.
type collectShardsFn struct{ Dir string }

func (f *collectShardsFn) ProcessElement(shard Shard) error {
	data, err := json.Marshal(shard)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(f.Dir, "*.shard.json")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// collectedShards gives them in the order of their names, and removes the files.
func collectedShards(t *testing.T, dir string) []Shard {
	t.Helper()
	var shards []Shard
	for _, name := range list(t, dir+"/*.shard.json") {
		var shard Shard
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &shard))
		require.NoError(t, os.Remove(name))
		shards = append(shards, shard)
	}
	slices.SortFunc(shards, func(a, b Shard) int { return strings.Compare(a.Name, b.Name) })
	return shards
}
