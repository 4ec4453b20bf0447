package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// Command lines as users of upstream and of Beam's other languages know them.
func TestCommandLinesOfUpstream(t *testing.T) {
	source, err := filepath.Abs(digits)
	require.NoError(t, err)
	for _, test := range []struct {
		args []string
		want string // the first output
	}{
		{[]string{"convert_tf_to_arrayrecord_disk", "--output=out/", "--num_shards=2"}, "out/records-00000-of-00002.arrayrecord"},
		{[]string{"convert_tf_to_arrayrecord_disk", "--output=out/x", "--num_shards=2", "--shard_name_template=.SS"}, "out/x.00.arrayrecord"},
		{[]string{"convert_tf_to_arrayrecord_gcs", "--output=out/", "--overwrite_extension", "--file_path_suffix=.ar"}, "out/digits-00000-of-00003.ar"},
		{[]string{"convert", "--output=out/x", "--max_records_per_shard=1000", "--split_size=0", "--temp_dir=temp", "--max_record_size=100000"},
			"out/x-00000-of-00002.arrayrecord"},
		{[]string{"convert", "--output=out/x", "--max_bytes_per_shard=200000"}, "out/x-00000-of-00002.arrayrecord"},
	} {
		t.Chdir(t.TempDir())
		out := ok(t, append(test.args, "--runner=DirectRunner", "--input="+source, "--progress=none")...)
		require.FileExists(t, test.want, out)
		require.NoFileExists(t, "temp", "its directory is only made, and emptied")
	}
}

func TestSummaryAsJSON(t *testing.T) {
	dir := t.TempDir()
	out := ok(t, "convert", "--input", digits, "--output", dir+"/x", "--num_shards=2", "--summary=json")
	var result pipelines.Result
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.True(t, result.Finished)
	require.EqualValues(t, 1797, result.RecordsWritten)
	require.Equal(t, []string{dir + "/x-00000-of-00002.arrayrecord", dir + "/x-00001-of-00002.arrayrecord"}, result.Outputs)
}

// A dry run says what would be read and written, and does neither.
func TestDryRun(t *testing.T) {
	t.Cleanup(func() { require.NoError(t, flag.Set("dry_run", "false")) })
	dir := t.TempDir()
	out := ok(t, "convert", "--input", digits, "--output", dir+"/x", "--num_shards=2", "--dry_run")
	require.Regexp(t, `(?m)^ *would read +3 files +327\.7 KiB *$`, out)
	require.Regexp(t, `(?m)^ *write +2 shards *$`, out)
	require.Contains(t, out, "digits-00000-of-00003.tfrecord  1")
	require.Contains(t, out, "\n"+dir+"/x-00001-of-00002.arrayrecord\n")
	require.Contains(t, out, "dry run: nothing was submitted\n")
	require.Empty(t, names(t, dir))

	out = ok(t, "convert-files", "--input", digits, "--output", dir, "--dry_run", "--summary=json", "--runner=flink")
	var plan pipelines.Plan
	require.NoError(t, json.Unmarshal([]byte(out), &plan))
	require.Len(t, plan.Inputs, 3)
	require.Equal(t, dir+"/digits-00002-of-00003.tfrecord.arrayrecord", plan.Inputs[2].Output)

	storagetest.Put(t, dir+"/x-00000-of-00001.arrayrecord", nil)
	code, _, stderr := command(t, "convert", "--input", digits, "--output", dir+"/x", "--dry_run")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "see --overwrite")
	code, _, stderr = command(t, "convert", "--input", dir+"/none", "--output", dir+"/y", "--dry_run")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "no file matches")
}

func TestListsOfInputs(t *testing.T) {
	source, err := filepath.Abs("../../testdata")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("list", []byte(source+"/digits-00000-of-00003.tfrecord\n"+source+"/digits-00001-of-00003.tfrecord\n"), 0o666))
	out := ok(t, "convert", "--input_list=list", "--input", source+"/digits-0000[12]-of-00003.tfrecord", "--output=x", "--progress=none")
	require.Regexp(t, `(?m)^ +read +3 files +1797 records`, out)
}
