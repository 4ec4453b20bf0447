//go:build runners

package runners

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/flink"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/spark"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
)

func TestFlinkLocal(t *testing.T) {
	endpoint := startJobServer(t, "flink", "org.apache.beam.runners.flink.FlinkJobServerDriver",
		"--flink-master", "[local]", "--flink-conf-dir", filepath.Join("flink", "local"))
	pipelinesOnThisHost(t, "flink", endpoint)
}

func TestSparkLocal(t *testing.T) {
	endpoint := startJobServer(t, "spark", "org.apache.beam.runners.spark.SparkJobServerDriver",
		"--spark-master-url", "local[2]")
	pipelinesOnThisHost(t, "spark", endpoint)
}

// pipelinesOnThisHost runs pipelines whose workers are in the process that
// submits them.
func pipelinesOnThisHost(t *testing.T, runner, endpoint string) {
	const numFiles, numRecords = 5, 5 * 2000
	pattern, want := writeInput(t, numFiles, numRecords/numFiles, 2000)
	out := t.TempDir()
	shards := func(name string, n int, suffix string) (names []string) {
		for i := range n {
			names = append(names, arrayrecordio.ShardName(filepath.Join(out, name), i, n, suffix))
		}
		return names
	}
	loopback := []string{"--runner=" + runner, "--endpoint=" + endpoint, "--environment_type=LOOPBACK", "--parallelism=2"}

	for _, n := range []int{1, 3} {
		name := fmt.Sprintf("converted%d", n)
		printed := convert(t, append(loopback, "--input="+pattern, "--output="+filepath.Join(out, name), fmt.Sprintf("--num_shards=%d", n))...)
		require.Regexp(t, fmt.Sprintf(`(?m)^ +read +%d files +%d records  `, numFiles, numRecords), printed)
		require.Regexp(t, fmt.Sprintf(`(?m)^ +wrote +%d files? +%d records  `, n, numRecords), printed)
		sameRecords(t, want, readArrayRecords(t, shards(name, n, ".arrayrecord")...))
	}
	// As many shards as the runner has bundles.
	convert(t, append(loopback, "--input="+pattern, "--output="+filepath.Join(out, "bundles"))...)
	bundles, err := filepath.Glob(filepath.Join(out, "bundles-*"))
	require.NoError(t, err)
	require.NotEmpty(t, bundles)
	sameRecords(t, want, readArrayRecords(t, bundles...))

	*jobopts.Endpoint, *jobopts.EnvironmentType = endpoint, "LOOPBACK"
	t.Cleanup(func() { *jobopts.Endpoint, *jobopts.EnvironmentType = "", "" })
	source := filepath.Join(out, "converted3-*")
	result, err := pipelines.Run(t.Context(), runner, pipelines.Func(func(s beam.Scope) error {
		// So small that every chunk is an element of its own.
		records := arrayrecordio.Read(s, source, arrayrecordio.WithSplitSize(1))
		tfrecordio.Write(s, filepath.Join(out, "back"), records, arrayrecordio.WithNumShards(2), arrayrecordio.WithSuffix(".tfrecord"))
		return nil
	}))
	require.NoError(t, err)
	require.EqualValues(t, 3, result.FilesRead)
	require.EqualValues(t, numRecords, result.RecordsRead)
	require.EqualValues(t, 2, result.FilesWritten)
	require.EqualValues(t, numRecords, result.RecordsWritten)
	sameRecords(t, want, readTFRecords(t, shards("back", 2, ".tfrecord")...))

	setsOnThisHost(t, runner, source, want)

	result, err = pipelines.Run(t.Context(), runner, pipelines.NewReshard(source, filepath.Join(out, "reshard"), 4))
	require.NoError(t, err)
	require.EqualValues(t, numRecords, result.RecordsWritten)
	require.Equal(t, shards("reshard", 4, ".arrayrecord"), result.Outputs)
	// Its order is that of the input.
	require.Equal(t, readArrayRecords(t, shards("converted3", 3, ".arrayrecord")...), readArrayRecords(t, result.Outputs...))

	// One to one, with an input that cannot be converted: the order stays.
	bad := filepath.Join(filepath.Dir(pattern), "zzz"+filepath.Ext(pattern))
	require.NoError(t, os.WriteFile(bad, []byte("not a TFRecord file"), 0o666))
	letters := filepath.Join(t.TempDir(), "failed.jsonl")
	matching := pipelines.NewTFRecordToMatchingArrayRecord(filepath.Join(filepath.Dir(pattern), "*"), filepath.Join(out, "matching"))
	matching.Failures = pipelines.Failures{Skip: true, DeadLetters: letters}
	result, err = pipelines.Run(t.Context(), runner, matching)
	require.NoError(t, err)
	require.EqualValues(t, 1, result.FilesFailed)
	require.Equal(t, want, readArrayRecords(t, shards("matching", numFiles, ".arrayrecord")...))
	written, err := os.ReadFile(letters)
	require.NoError(t, err)
	require.Contains(t, string(written), bad)
	require.NoError(t, os.Remove(bad))

	files := t.TempDir()
	there := pipelines.NewTFRecordFilesToArrayRecord(pattern, filepath.Join(files, "there"))
	result, err = pipelines.Run(t.Context(), runner, there)
	require.NoError(t, err)
	require.EqualValues(t, numFiles, result.FilesWritten)
	back := pipelines.NewArrayRecordFilesToTFRecord(filepath.Join(files, "there", "*"), filepath.Join(files, "back"))
	_, err = pipelines.Run(t.Context(), runner, back)
	require.NoError(t, err)
	names, err := filepath.Glob(filepath.Join(files, "back", "*"))
	require.NoError(t, err)
	require.Len(t, names, numFiles)
	require.Equal(t, want, readTFRecords(t, names...))

	// No temporary file is left by anything that makes shards. The record of what was decided stays
	// where the pipeline was one of our own: the decision outlives it (docs/beam.md).
	left := slices.DeleteFunc(list(t, out), func(name string) bool {
		matched, err := filepath.Match(".back-*.000001.[cd]*", filepath.Base(name))
		require.NoError(t, err)
		return matched
	})
	require.Len(t, left, 1+3+len(bundles)+2+4+numFiles, "%v", left)
}
