package pipelines

import (
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestPlan(t *testing.T) {
	dir := t.TempDir()
	storagetest.Put(t, dir+"/a", make([]byte, 100))
	storagetest.Put(t, dir+"/b", make([]byte, 20))
	inputs := []PlannedInput{{Name: dir + "/a", Bytes: 100}, {Name: dir + "/b", Bytes: 20}}

	shards := NewTFRecordToArrayRecord(dir+"/?", dir+"/out/x")
	plan, err := MakePlan(t.Context(), shards)
	require.NoError(t, err)
	require.Equal(t, Plan{Inputs: inputs, Bytes: 120, Shards: -1, Outputs: []string{}}, plan)
	shards.NumShards = 1
	plan, err = MakePlan(t.Context(), shards)
	require.NoError(t, err)
	require.Equal(t, []string{dir + "/out/x-00000-of-00001.arrayrecord"}, plan.Outputs)
	plan, err = MakePlan(t.Context(), NewTFRecordToMatchingArrayRecord(dir+"/?", dir+"/out/"))
	require.NoError(t, err)
	require.Equal(t, 2, plan.Shards)
	require.Equal(t, []string{dir + "/out/records-00000-of-00002.arrayrecord", dir + "/out/records-00001-of-00002.arrayrecord"}, plan.Outputs)
	plan, err = MakePlan(t.Context(), NewExampleToTFRecord(dir+"/out/x"))
	require.NoError(t, err)
	require.Equal(t, Plan{Inputs: []PlannedInput{}, Shards: 1, Outputs: []string{dir + "/out/x-00000-of-00001.tfrecord"}}, plan)

	storagetest.Put(t, dir+"/out/b.arrayrecord", nil)
	files := NewTFRecordFilesToArrayRecord(dir+"/?", dir+"/out")
	files.Output.SkipExisting = true
	plan, err = MakePlan(t.Context(), files)
	require.NoError(t, err)
	inputs[0].Output, inputs[1].Output, inputs[1].Kept = dir+"/out/a.arrayrecord", dir+"/out/b.arrayrecord", true
	require.Equal(t, Plan{Inputs: inputs, Bytes: 100, Outputs: []string{dir + "/out/a.arrayrecord"}, Kept: 1}, plan)
	left, err := os.ReadDir(dir + "/out")
	require.NoError(t, err)
	require.Len(t, left, 1, "a plan writes nothing")

	storagetest.Put(t, dir+"/out/x-00000-of-00001.arrayrecord", nil)
	_, err = MakePlan(t.Context(), shards)
	require.ErrorIs(t, err, os.ErrExist)
	_, err = MakePlan(t.Context(), NewTFRecordToArrayRecord(dir+"/none*", dir+"/out/y"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = MakePlan(t.Context(), NewTFRecordToArrayRecord("", dir+"/out/y"))
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = MakePlan(t.Context(), Func(func(beam.Scope) error { return nil }))
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

// As upstream's functions take them.
func TestPipelinesFromArguments(t *testing.T) {
	name := *jobopts.JobName
	t.Cleanup(func() { *jobopts.JobName = name })
	dir := t.TempDir()
	p, runner, err := Parse("convert_tf_to_arrayrecord_gcs", []string{
		"--input=" + testdata + "digits-0*.tfrecord", "--output", dir + "/out/", "--overwrite_extension", "--file_path_suffix=.ar",
		"--runner=DirectRunner", "--job_name=parsed",
	})
	require.NoError(t, err)
	require.Equal(t, "prism", runner)
	require.Equal(t, "parsed", *jobopts.JobName)
	result, err := Run(t.Context(), runner, p)
	require.NoError(t, err)
	require.Len(t, result.Outputs, 3)
	require.Equal(t, dir+"/out/digits-00000-of-00003.ar", result.Outputs[0])

	for command := range commands {
		_, _, err := Parse(command, []string{"-h"})
		require.ErrorIs(t, err, flag.ErrHelp, command)
		_, _, err = Parse(command, []string{"--output=x", "y"})
		require.ErrorIs(t, err, ErrInvalidArgument, command)
		_, _, err = Parse(command, []string{"--nonsense"})
		require.ErrorIs(t, err, ErrInvalidArgument, command)
	}
	for alias, command := range upstreamNames {
		require.Contains(t, commands, command)
		_, err := New(alias)
		require.NoError(t, err)
	}
	_, _, err = Parse("nonsense", nil)
	require.ErrorIs(t, err, ErrInvalidArgument)
}

func TestRunnerNames(t *testing.T) {
	for name, want := range map[string]string{
		"DirectRunner": "prism", "direct": "prism", "PrismRunner": "prism", "Prism": "prism", "DataflowRunner": "dataflow",
		"FlinkRunner": "flink", "SparkRunner": "spark", "PortableRunner": "universal", "portable": "universal",
	} {
		require.Equal(t, want, RunnerName(name))
		require.True(t, KnownRunner(name))
	}
	require.Equal(t, "Mine", RunnerName("Mine"))
	require.False(t, KnownRunner("Mine"))
}
