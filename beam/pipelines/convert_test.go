package pipelines

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func TestMain(m *testing.M) { beamtest.Main(m) }

const testdata = "../../testdata/"

// digits gives the records of the test data in TFRecord files.
func digits(t *testing.T, pattern string) (records [][]byte, size int64) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		size += int64(len(data))
		r, err := tfrecord.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		for record, err := range r.Records() {
			require.NoError(t, err)
			records = append(records, record)
		}
	}
	return records, size
}

func readAll(t *testing.T, names []string) (records [][]byte, size int64) {
	t.Helper()
	for _, name := range names {
		r, err := arrayrecord.Open(t.Context(), name)
		require.NoError(t, err)
		part, err := recordtest.All(t.Context(), r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		records = append(records, part...)
		info, err := os.Stat(name)
		require.NoError(t, err)
		size += info.Size()
	}
	return records, size
}

func TestConversionOfRealFiles(t *testing.T) {
	for _, test := range []struct {
		pattern, options string
		shards           int
		compression      tfrecord.Compression
	}{
		{pattern: "digits-*.tfrecord", shards: 2},
		{pattern: "digits-*.tfrecord*", shards: 0, options: "group_size:16,brotli:5"},
		{pattern: "digits-gzip.tfrecord.gz", shards: 3, options: "group_size:100", compression: tfrecord.Gzip},
	} {
		dir := t.TempDir()
		c := NewTFRecordToArrayRecord(testdata+test.pattern, filepath.Join(dir, "digits"))
		c.NumShards = test.shards
		c.Compression = test.compression
		if test.options != "" {
			c.WriterOptions = test.options
		}
		want, bytesRead := digits(t, c.Input[0])
		result, err := Run(t.Context(), "prism", c)
		require.NoError(t, err)

		if test.shards > 0 {
			require.Len(t, result.Outputs, test.shards)
		}
		got, bytesWritten := readAll(t, result.Outputs)
		require.ElementsMatch(t, want, got)
		require.Positive(t, result.Elapsed)
		require.NotEmpty(t, result.JobID)
		require.Positive(t, result.RecordsRead)
		require.LessOrEqual(t, result.RecordsRead, int64(len(want)))
		require.Positive(t, result.BytesRead)
		require.LessOrEqual(t, result.BytesRead, bytesRead)
		require.Equal(t, Result{
			Finished: true, JobID: result.JobID, Elapsed: result.Elapsed, Reported: true, Outputs: result.Outputs,
			FilesWritten: int64(len(result.Outputs)), RecordsWritten: int64(len(want)), BytesWritten: bytesWritten,
			FilesRead: result.FilesRead, RecordsRead: result.RecordsRead, BytesRead: result.BytesRead,
		}, result)
	}
}

func TestBuildGivesTheNames(t *testing.T) {
	c := NewTFRecordToArrayRecord(testdata+"digits-*.tfrecord", filepath.Join(t.TempDir(), "digits"))
	c.NumShards = 2
	c.Suffix = ""
	p, s := beam.NewPipelineWithRoot()
	names, err := Build(s, c)
	require.NoError(t, err)
	passert.Equals(s, names, c.Output+"-00000-of-00002", c.Output+"-00001-of-00002")
	ptest.RunAndValidate(t, p)
}

func TestInvalidArgumentsAreNoticedBeforeAnythingRuns(t *testing.T) {
	dir := t.TempDir()
	for _, change := range []func(*TFRecordToArrayRecord){
		func(c *TFRecordToArrayRecord) { c.Input = nil },
		func(c *TFRecordToArrayRecord) { c.Input = []string{""} },
		func(c *TFRecordToArrayRecord) { c.Output = "" },
		func(c *TFRecordToArrayRecord) { c.NumShards = -1 },
		func(c *TFRecordToArrayRecord) { c.Compression = 77 },
		func(c *TFRecordToArrayRecord) { c.WriterOptions = "group_size:0" },
	} {
		c := NewTFRecordToArrayRecord(testdata+"digits-*.tfrecord", filepath.Join(dir, "digits"))
		change(c)
		_, err := Run(t.Context(), "prism", c)
		require.ErrorIs(t, err, ErrInvalidArgument)
		_, s := beam.NewPipelineWithRoot()
		_, err = Build(s, c)
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestFailureIsShortAndLeavesNothing(t *testing.T) {
	failingjob.Test(t)
	dir := t.TempDir()
	good, _ := digits(t, testdata+"digits-*.tfrecord")
	for name, content := range map[string][]byte{"a": encode(t, good), "b": encode(t, good)[:100000]} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o666))
	}
	out := filepath.Join(dir, "out")
	c := NewTFRecordToArrayRecord(filepath.Join(dir, "[ab]"), filepath.Join(out, "x"))
	_, err := Run(t.Context(), "prism", c)
	failure, ok := errors.AsType[*RunError](err)
	require.True(t, ok, err)
	require.Regexp(t, `^tfrecordio: .*/b: .*truncated[^\n]*$`, err.Error())
	require.Contains(t, failure.Err.Error(), "readFn")
	left, err := os.ReadDir(out)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	require.Empty(t, left)
}

func encode(t *testing.T, records [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := tfrecord.NewWriter(&b)
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestTemporaryFilesThatRemainAreReported(t *testing.T) {
	failingjob.Test(t)
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Err: errors.New("injected")})
	c := NewTFRecordToArrayRecord(testdata+"digits-*.tfrecord", dir+"/x")
	_, err := Run(t.Context(), "prism", c)
	require.ErrorContains(t, err, "temporary files may remain in "+dir+"/.temp-x-")
}

// A place that nothing can be written to, or that went away: what is left there
// cannot be removed either, and that must not hide why the job failed.
func TestPlaceThatCannotBeWrittenTo(t *testing.T) {
	failingjob.Test(t)
	fakegcs.Dir(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	faults := storagetest.NewFaults()
	for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpList, storagetest.OpStat, storagetest.OpRemoveAll, storagetest.OpRemove} {
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected")})
	}
	for output, want := range map[string]string{
		"gs://nosuchbucket/x":           "nosuchbucket",
		file + "/x":                     "not a directory",
		faults.Name(t.TempDir()) + "/x": "injected",
	} {
		for _, shards := range []int{0, 2} {
			c := NewTFRecordToArrayRecord(testdata+"digits-*.tfrecord", output)
			c.NumShards = shards
			_, err := Run(t.Context(), "prism", c)
			failure, ok := errors.AsType[*RunError](err)
			require.True(t, ok, err)
			require.ErrorContains(t, err, want)
			require.NotErrorIs(t, failure.Err, failure)
		}
	}
}

// An interrupt while the shards get their names, and a failure there, end in the
// complete output.
func TestCommitThatIsInterruptedIsFinished(t *testing.T) {
	failingjob.Test(t)
	for _, interrupt := range []bool{false, true} {
		for skip := range 4 {
			faults := storagetest.NewFaults()
			dir := faults.TempDir(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("stop")
			if interrupt {
				faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Skip: skip, Count: 1, After: true, Err: cancelling{stop, cancel}})
			} else {
				faults.Inject(storagetest.Fault{Op: storagetest.OpRename, Skip: skip, Count: 1, Err: stop})
			}
			want, _ := digits(t, testdata+"digits-*.tfrecord")
			c := NewTFRecordToArrayRecord(testdata+"digits-*.tfrecord", dir+"/x")
			c.NumShards = 4
			_, err := Run(ctx, "prism", c)
			failure, ok := errors.AsType[*RunError](err)
			require.True(t, ok, err)
			require.True(t, failure.Complete, err)
			require.ErrorContains(t, err, "the output is complete")
			require.Empty(t, failure.TempDir)
			left, err := os.ReadDir(faults.Path(dir))
			require.NoError(t, err)
			require.Len(t, left, 4, "%v", left)
			names := make([]string, 4)
			for i := range names {
				names[i] = filepath.Join(faults.Path(dir), left[i].Name())
			}
			got, _ := readAll(t, names)
			require.ElementsMatch(t, want, got)
			cancel(nil)
		}
	}
}

// cancelling is an error that cancels something when it is looked at.
type cancelling struct {
	error
	cancel context.CancelCauseFunc
}

func (c cancelling) Error() string {
	c.cancel(c.error)
	return c.error.Error()
}

func TestOutputThatIsThereIsRefusedBeforeAnythingRuns(t *testing.T) {
	dir := t.TempDir()
	storagetest.Put(t, dir+"/x-00000-of-00003.arrayrecord", []byte("old"))
	c := NewTFRecordToArrayRecord(dir+"/no such input", dir+"/x")
	_, err := Run(t.Context(), "prism", c)
	require.ErrorIs(t, err, os.ErrExist)
	require.ErrorContains(t, err, "x-00000-of-00003.arrayrecord")

	c.Input, c.Overwrite, c.NumShards = []string{testdata + "digits-*.tfrecord"}, arrayrecordio.Replace, 2
	for range 2 {
		result, err := Run(t.Context(), "prism", c)
		require.NoError(t, err)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 2, "%v", left)
		require.Len(t, result.Outputs, 2)
	}
}

func TestLocalFilesAreRefusedWhereWorkersHaveOthers(t *testing.T) {
	before := *jobopts.EnvironmentType
	defer func() { *jobopts.EnvironmentType = before }()
	for _, test := range []struct {
		runner, environment, input, output string
		refused                            bool
	}{
		{"dataflow", "", "gs://b/in", "/data/out", true},
		{"dataflow", "", "/data/in", "gs://b/out", true},
		{"dataflow", "", "gs://b/in", "gs://b/out", false},
		{"flink", "", "/data/in", "/data/out", true},
		{"spark", "DOCKER", "/data/in", "/data/out", true},
		{"flink", "LOOPBACK", "/data/in", "/data/out", false},
		{"universal", "EXTERNAL", "/data/in", "/data/out", false},
		{"prism", "", "/data/in", "/data/out", false},
		{"prism", "docker", "/data/in", "/data/out", true},
	} {
		*jobopts.EnvironmentType = test.environment
		j, err := NewTFRecordToArrayRecord(test.input, test.output).job()
		require.NoError(t, err)
		err = j.checkPlaces(test.runner)
		require.Equal(t, test.refused, err != nil, test)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalidArgument)
			require.ErrorContains(t, err, "/data/")
		}
	}
	_, err := Run(t.Context(), "dataflow", NewTFRecordToArrayRecord("/data/in", "gs://b/out"))
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = Run(t.Context(), "dataflow", NewTFRecordFilesToArrayRecord("gs://b/in", "/data/out"))
	require.ErrorIs(t, err, ErrInvalidArgument)
}

// A runner that is not Prism may carry on with a job whose driver has failed.
func TestTemporaryFilesOfOtherRunnersAreLeftAlone(t *testing.T) {
	fail := errors.New("connection lost")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	j, err := NewTFRecordToArrayRecord("in", filepath.Join(t.TempDir(), "x")).job()
	require.NoError(t, err)
	c := *j.shards
	c.Run = sink.NewRunID()
	require.NoError(t, c.Complete())
	temp := c.RunDir()
	require.EqualError(t, endFailed(t.Context(), "flink", c, &RunError{Cause: fail.Error(), Err: fail}), "connection lost")
	require.ErrorContains(t, endFailed(cancelled, "flink", c, &RunError{Err: fail}), "may remain in "+temp)
	for _, name := range []string{"x", ".x"} {
		file := filepath.Join(temp, name)
		storagetest.Put(t, file, []byte("x"))
		require.ErrorContains(t, endFailed(t.Context(), "flink", c, &RunError{Err: fail}), "may remain in "+temp)
		require.FileExists(t, file)
		require.NoError(t, os.Remove(file))
	}
}

// waitFn keeps the pipeline running until it is cancelled.
type waitFn struct{}

func init() { beam.RegisterType(reflect.TypeFor[waitFn]()) }

// waits counts the calls of waitFn. Prism panics when a job is cancelled before
// it has started the worker.
var waits atomic.Int64

func (*waitFn) ProcessElement(ctx context.Context, _ []byte, _ func([]byte)) error {
	waits.Add(1)
	<-ctx.Done()
	return ctx.Err()
}

func TestCancel(t *testing.T) {
	failingjob.Test(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("no longer wanted")
	time.AfterFunc(300*time.Millisecond, func() { cancel(reason) })
	_, err := Run(ctx, "prism", Func(func(s beam.Scope) error {
		beam.ParDo(s, &waitFn{}, beam.Impulse(s))
		return nil
	}))
	require.ErrorIs(t, err, reason)
	require.EqualError(t, err, "no longer wanted")
}

// Success is what the runner says, not that something was written.
func TestJobThatWritesNothingIsASuccess(t *testing.T) {
	result, err := Run(t.Context(), "prism", Func(func(s beam.Scope) error {
		beam.Create(s, 1)
		return nil
	}))
	require.NoError(t, err)
	require.True(t, result.Finished)
	require.Nil(t, result.Outputs)
}

func TestRootCause(t *testing.T) {
	const stage = "job x failed:\nbundle inst1 failed: while executing Plan[s]:\n1: DataSource\n\tcaused by:\n"
	for text, want := range map[string]string{
		"connection refused": "connection refused",
		stage + "DoFn[UID:1, PID:e2, Name: a.readFn] failed:\nfile x: truncated":                                               "file x: truncated",
		stage + "DoFn[UID:1, PID:e2, Name: a.b] failed:\nDoFn[UID:3, PID:e4, Name: a.c[int]] failed:\nfirst line\nsecond line": "first line\nsecond line",
		stage + "DoFn[UID:1, PID:e2, Name: a.readFn] failed:\n":                                                                stage + "DoFn[UID:1, PID:e2, Name: a.readFn] failed:\n",
	} {
		require.Equal(t, want, rootCause(text))
	}
}
