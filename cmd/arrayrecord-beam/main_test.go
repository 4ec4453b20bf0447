package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), args, &out, &errOut)
	return code, out.String(), errOut.String()
}

func ok(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := command(t, args...)
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	return stdout
}

const digits = "../../testdata/digits-0000?-of-00003.tfrecord"

// numRecords gives how many records each file has.
func numRecords(t *testing.T, names ...string) []int {
	t.Helper()
	counts := make([]int, len(names))
	for i, name := range names {
		r, err := arrayrecord.Open(t.Context(), name)
		require.NoError(t, err)
		counts[i] = r.NumRecords()
		require.NoError(t, r.Close())
	}
	return counts
}

func TestConvert(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "out", "digits")
	out := ok(t, "convert", "--input", digits, "--output", prefix, "--num_shards", "2")
	first, second := prefix+"-00000-of-00002.arrayrecord", prefix+"-00001-of-00002.arrayrecord"
	require.Regexp(t, `(?m)^   read  3 files  1797 records  327\.7 KiB$`, out)
	require.Regexp(t, `(?m)^  wrote  2 files  1797 records  \d+\.\d KiB$`, out)
	require.Regexp(t, `(?m)^   took  \d+ms, \d+ records/s, \d+\.\d [KM]iB/s read$`, out)
	require.Regexp(t, "\n"+regexp.QuoteMeta(first)+"\n"+regexp.QuoteMeta(second)+"\n$", out)
	require.Equal(t, []int{899, 898}, numRecords(t, first, second))
}

func TestNoTemporaryFileIsLeft(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ok(t, "convert", "--input", digits, "--output", filepath.Join(t.TempDir(), "digits"))
	require.Empty(t, names(t, temp))
	require.Equal(t, temp, os.Getenv("TMPDIR"))
}

func TestConvertIsMeantWithoutACommand(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "digits")
	out := ok(t, "--input", digits, "--output="+prefix, "--num_shards=1", "--runner", "prism")
	require.Contains(t, out, prefix+"-00000-of-00001.arrayrecord\n")
}

func TestAllOptionsOfConvert(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "digits")
	ok(t, "convert_tf_to_arrayrecord_disk", "--input", "../../testdata/digits-gzip.tfrecord.gz", "--output", prefix,
		"--num-shards=3", "--suffix=.x", "--writer_options=group_size:7,snappy", "--compression=gzip", "--runner=PrismRunner")
	r, err := arrayrecord.Open(t.Context(), prefix+"-00002-of-00003.x")
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, 7, r.RecordGroupSize())
	written, _ := r.WriterOptions()
	require.Contains(t, written, "snappy")

}

func TestNamesAreRelativeToTheWorkingDirectory(t *testing.T) {
	source, err := filepath.Abs(digits)
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	matches, err := filepath.Glob(source)
	require.NoError(t, err)
	data, err := os.ReadFile(matches[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("in", data, 0o666))
	ok(t, "convert", "--input", "in", "--output", "out", "--num_shards=1")
	require.FileExists(t, "out-00000-of-00001.arrayrecord")
}

func TestWrongCommandLines(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "no command given"},
		{[]string{"nonsense"}, `unknown command "nonsense"`},
		{[]string{"convert"}, "no output given"},
		{[]string{"convert", "--output", "x"}, "no input given"},
		{[]string{"convert", "--nonsense"}, "unknown flag: --nonsense"},
		{[]string{"--nonsense"}, "unknown flag: --nonsense"},
		{[]string{"convert", "--input", "x", "--output", "y", "z"}, `unexpected argument "z"`},
		{[]string{"convert", "--input", "x", "--output", "y", "--max_failures=3"}, "--max_failures"},
		{[]string{"convert", "--input", "x", "--output", "y", "--on_error=skip", "--max_failures=-3"}, "negative"},
		{[]string{"convert", "--input", "x", "--output", "y", "--summary=xml"}, `unknown summary "xml"`},
		{[]string{"reshard", "--input", "x", "--output", "y"}, "number of shards"},
		{[]string{"convert", "--input", "x", "--output", "y", "--num_shards=2", "--max_bytes_per_shard=3"}, "exclude each other"},
		{[]string{"convert", "--input", "x", "--output", "y", "--num_shards", "many"}, "many"},
		{[]string{"convert", "--input", "x", "--output", "y", "--num_shards", "-1"}, "negative"},
		{[]string{"convert", "--input", "x", "--output", "y", "--writer_options", "group_size:none"}, "group_size"},
		{[]string{"convert", "--input", "x", "--output", "y", "--compression", "zip"}, "zip"},
		{[]string{"convert", "--input", "x", "--output", "y", "--runner", "marathon"}, `unknown runner "marathon"`},
		{[]string{"convert", "--input", "x", "--output", "y", "--log_level", "loud"}, `unknown log level "loud"`},
		{[]string{"convert", "--input", "nowhere://b/x", "--output", "y"}, "nowhere://"},
		{[]string{"flags", "x"}, "unexpected argument"},
		{[]string{"runners", "x"}, "unexpected argument"},
	} {
		code, stdout, stderr := command(t, test.args...)
		require.Equal(t, 2, code, test.args)
		require.Empty(t, stdout, test.args)
		require.Regexp(t, "(?m)^arrayrecord-beam: .*"+regexp.QuoteMeta(test.want), stderr)
		require.Regexp(t, `(?m)^Try 'arrayrecord-beam.* --help'\.\n$`, stderr)
	}
}

// Prism in this process could not go on with a job that nobody waits for.
func TestAsyncNeedsAnotherProcess(t *testing.T) {
	endpoint := *jobopts.Endpoint // of a Prism that another test started
	*jobopts.Endpoint = ""
	t.Cleanup(func() { *jobopts.Endpoint, *jobopts.Async = endpoint, false })
	code, _, stderr := command(t, "convert", "--input", digits, "--output", filepath.Join(t.TempDir(), "x"), "--async")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--async")
}

// Beam reads its flags from package flag, and passes on those that were set there.
func TestBeamsFlagsReachBeam(t *testing.T) {
	before := *jobopts.JobName
	t.Cleanup(func() { *jobopts.JobName = before })
	ok(t, "convert", "--input", digits, "--output", filepath.Join(t.TempDir(), "out"), "--job_name", "digits-job")
	require.Equal(t, "digits-job", *jobopts.JobName)
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	require.True(t, set["job_name"])
	require.False(t, set["region"])

	self, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, self, *jobopts.WorkerBinary, "the program sends itself to workers")
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"convert", "--help"}, {"help", "convert"}} {
		out := ok(t, args...)
		require.Contains(t, out, "arrayrecord-beam convert --input 'train-*.tfrecord' --output out/train --num_shards 8")
	}
	out := ok(t, "convert", "--help")
	require.NotContains(t, out, "worker_machine_type", "flags that few need are listed elsewhere")
	require.NotContains(t, out, "control_endpoint")

	out = ok(t, "flags")
	require.Contains(t, out, "  --staging_location")
	require.Contains(t, out, "  --endpoint")
	require.NotContains(t, out, "control_endpoint")
	require.NotContains(t, out, "test.")
}

// The help must not teach flags that do not exist.
func TestFlagsInHelpExist(t *testing.T) {
	flags := pipelineCommands[0].cobra().Flags()
	text := ok(t, "runners")
	names := regexp.MustCompile(`--([a-z_]+)`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		if name[1] != "worker_pool" { // of Beam's boot
			require.NotNil(t, flags.Lookup(name[1]), name[1])
		}
	}
	for name := range shownFlags {
		require.NotNil(t, flag.Lookup(name), name)
	}
}

func TestWorkerMode(t *testing.T) {
	for _, args := range [][]string{
		{"--worker=true", "--id=x", "--control_endpoint=localhost:1"},
		{"--id=x", "-worker"},
		{"--worker=1"},
	} {
		require.True(t, isWorker(args), args)
	}
	for _, args := range [][]string{
		nil,
		{"convert", "--input", "worker", "--worker_binary=x"},
		{"worker"},
		{"--worker=false"},
		{"--worker=nonsense"},
	} {
		require.False(t, isWorker(args), args)
	}
	for _, name := range workerFlags {
		require.NotNil(t, flag.Lookup(name), name)
	}
}
