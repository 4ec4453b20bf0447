package pipelines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// writeTFRecords writes a file with n records that tell the name and number.
func writeTFRecords(t *testing.T, name string, n int, opts ...tfrecord.WriterOption) []string {
	t.Helper()
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	w, err := tfrecord.NewWriter(u, opts...)
	require.NoError(t, err)
	_, base := storage.Split(name)
	records := make([]string, n)
	for i := range records {
		records[i] = fmt.Sprintf("%s %d", base, i)
		require.NoError(t, w.Write([]byte(records[i])))
	}
	require.NoError(t, w.Close())
	require.NoError(t, u.Commit())
	return records
}

func readTFRecords(t *testing.T, pattern string) (records []string, names []string) {
	t.Helper()
	infos, err := storage.List(t.Context(), pattern)
	require.NoError(t, err)
	for _, info := range infos {
		o, err := storage.Open(t.Context(), info.Name)
		require.NoError(t, err)
		r, err := tfrecord.NewReader(io.NewSectionReader(storage.NewReaderAt(t.Context(), o), 0, o.Size()))
		require.NoError(t, err)
		for record, err := range r.Scan() {
			require.NoError(t, err)
			records = append(records, string(record))
		}
		require.NoError(t, o.Close())
		_, base := storage.Split(info.Name)
		names = append(names, base)
	}
	return records, names
}

func TestThereAndBackOneToOne(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		var want []string
		for i, n := range []int{10, 0, 3000} {
			want = append(want, writeTFRecords(t, fmt.Sprintf("%s/in/f%d.tfrecord", dir, i), n)...)
		}
		there := NewTFRecordFilesToArrayRecord(dir+"/in/*.tfrecord", dir+"/ar")
		there.Output.OverwriteExtension = true
		there.WriterOptions = "group_size:7"
		result, err := Run(t.Context(), "prism", there)
		require.NoError(t, err)
		require.EqualValues(t, 3, result.FilesWritten)
		got, sizes := readArrayRecords(t, dir+"/ar/f?.arrayrecord")
		require.Equal(t, want, got, "the order has changed")
		require.Equal(t, []int{10, 0, 3000}, sizes)

		back := NewArrayRecordFilesToTFRecord(dir+"/ar/*", dir+"/back/")
		back.Compression = tfrecord.Gzip
		_, err = Run(t.Context(), "prism", back)
		require.NoError(t, err)
		got, names := readTFRecords(t, dir+"/back/*")
		require.Equal(t, want, got)
		require.Equal(t, []string{"f0.arrayrecord.tfrecord", "f1.arrayrecord.tfrecord", "f2.arrayrecord.tfrecord"}, names)
	}
}

func TestMatchingShards(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		var want []string
		for i, n := range []int{5, 0, 700, 1} {
			want = append(want, writeTFRecords(t, fmt.Sprintf("%s/in/f%d", dir, i), n)...)
		}
		result, err := Run(t.Context(), "prism", NewTFRecordToMatchingArrayRecord(dir+"/in/*", dir+"/out/train"))
		require.NoError(t, err)
		got, sizes := readArrayRecords(t, dir+"/out/train-0000?-of-00004.arrayrecord")
		require.Equal(t, want, got)
		require.Equal(t, []int{5, 0, 700, 1}, sizes)
		require.Len(t, result.Outputs, 4)
		left, err := storage.List(t.Context(), dir+"/out/.*/*")
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestArrayRecordToTFRecordShards(t *testing.T) {
	dir := t.TempDir()
	want := makeArrayRecords(t, dir+"/in", "group_size:3", 100)
	c := NewArrayRecordToTFRecord(dir+"/in[10:90]", dir+"/out")
	c.NumShards = 3
	result, err := Run(t.Context(), "prism", c)
	require.NoError(t, err)
	got, names := readTFRecords(t, dir+"/out*")
	require.ElementsMatch(t, want[10:90], got)
	require.Equal(t, []string{"out-00000-of-00003.tfrecord", "out-00001-of-00003.tfrecord", "out-00002-of-00003.tfrecord"}, names)
	require.Len(t, result.Outputs, 3)
}

func TestExamplesInBothFormats(t *testing.T) {
	dir := t.TempDir()
	tf := NewExampleToTFRecord(dir + "/tf")
	tf.NumShards = 2
	_, err := Run(t.Context(), "prism", tf)
	require.NoError(t, err)
	_, err = Run(t.Context(), "prism", NewExampleToArrayRecord(dir+"/ar"))
	require.NoError(t, err)
	var want []string
	for _, record := range MovieExamples() {
		want = append(want, string(record))
	}
	got, names := readTFRecords(t, dir+"/tf-*.tfrecord")
	require.Len(t, names, 2)
	require.ElementsMatch(t, want, got)
	got, _ = readArrayRecords(t, dir+"/ar-*.arrayrecord")
	require.ElementsMatch(t, want, got)
}

// conversions gives each conversion of TFRecords with an output below dir.
func conversions(input, dir string, f Failures) map[string]Pipeline {
	shards := NewTFRecordToArrayRecord(input, dir+"/out")
	shards.NumShards, shards.Failures = 2, f
	matching := NewTFRecordToMatchingArrayRecord(input, dir+"/out")
	matching.Failures = f
	files := NewTFRecordFilesToArrayRecord(input, dir)
	files.Failures = f
	return map[string]Pipeline{"shards": shards, "matching": matching, "files": files}
}

// A damaged file is left out as a whole, and reported, if that is asked for.
func TestFailedFilesAreSkippedAndReported(t *testing.T) {
	in := t.TempDir()
	want := append(writeTFRecords(t, in+"/a", 50), writeTFRecords(t, in+"/c", 20)...)
	writeTFRecords(t, in+"/b", 1000)
	data, err := os.ReadFile(in + "/b")
	require.NoError(t, err)
	data[len(data)-10] ^= 1 // in the last record
	require.NoError(t, os.WriteFile(in+"/b", data, 0o666))

	dir := t.TempDir()
	for name, c := range conversions(in+"/*", dir, Failures{Skip: true, DeadLetters: dir + "/failed/letters.jsonl"}) {
		t.Run(name, func(t *testing.T) {
			result, err := Run(t.Context(), "prism", c)
			require.NoError(t, err)
			require.Equal(t, int64(1), result.FilesFailed)
			require.Equal(t, int64(2), result.FilesWritten)
			got, _ := readArrayRecords(t, dir+"/*")
			require.ElementsMatch(t, want, got)
			letters, err := os.ReadFile(dir + "/failed/letters.jsonl")
			require.NoError(t, err)
			var letter dofns.DeadLetter
			require.NoError(t, json.Unmarshal(letters, &letter), string(letters))
			require.Equal(t, in+"/b", letter.Element)
			require.Contains(t, letter.Error, "corrupt")
			require.Equal(t, 1, strings.Count(string(letters), "\n"))
			require.NoError(t, os.RemoveAll(dir))
		})
	}
}

// Without that the damage fails the job, and no shard appears.
func TestFailedFilesFailTheJob(t *testing.T) {
	failingjob.Test(t)
	in := t.TempDir()
	writeTFRecords(t, in+"/a", 50)
	require.NoError(t, os.WriteFile(in+"/b", []byte("not a TFRecord file"), 0o666))
	for name, c := range conversions(in+"/*", filepath.Join(t.TempDir(), "x"), Failures{}) {
		result, err := Run(t.Context(), "prism", c)
		require.ErrorContains(t, err, in+"/b", name)
		require.ErrorContains(t, err, "corrupt", name)
		require.Empty(t, result.Outputs)
	}
}

// A job that could convert nothing has not succeeded, and says where the reasons
// are; no shard appears.
func TestAllFilesFailed(t *testing.T) {
	failingjob.Test(t)
	in, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(in+"/b", []byte("not a TFRecord file"), 0o666))
	letters := dir + "/letters"
	for name, c := range conversions(in+"/*", dir+"/out", Failures{Skip: true, DeadLetters: letters}) {
		_, err := Run(t.Context(), "prism", c)
		require.ErrorContains(t, err, "nothing could be converted: "+letters+" has the 1 failures", name)
		require.FileExists(t, letters, name)
		require.NoError(t, os.Remove(letters))
		left, _ := storage.List(t.Context(), dir+"/**")
		require.Empty(t, left, name)
	}
}

// More failures than are allowed fail the job before a shard appears.
func TestTooManyFailures(t *testing.T) {
	failingjob.Test(t)
	in := t.TempDir()
	writeTFRecords(t, in+"/a", 50)
	for _, name := range []string{"/b", "/c"} {
		require.NoError(t, os.WriteFile(in+name, []byte("not a TFRecord file"), 0o666))
	}
	for _, test := range []struct {
		limit int
		fails bool
	}{{1, true}, {2, false}} {
		dir := t.TempDir()
		for name, c := range conversions(in+"/*", dir+"/"+fmt.Sprint(test.limit), Failures{Skip: true, Max: test.limit}) {
			result, err := Run(t.Context(), "prism", c)
			if !test.fails {
				require.NoError(t, err, name)
				require.EqualValues(t, 2, result.FilesFailed)
				require.FileExists(t, result.DeadLetters)
				require.NoError(t, os.RemoveAll(dir)) // another one has its names
				continue
			}
			require.ErrorContains(t, err, "2 failures are more than the 1 that are allowed", name)
			if name != "files" { // which gives names one by one
				left, err := storage.List(t.Context(), dir+"/**/out*.arrayrecord")
				require.NoError(t, err)
				require.Empty(t, left, name)
			}
		}
	}
}

// What a job has done is known without its counters, of which runners lose some.
func TestResultNeedsNoCounters(t *testing.T) {
	RegisterRunner("prism", func(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
		result, err := beam.Run(ctx, "prism", p)
		return forgetful{result}, err
	})
	t.Cleanup(func() {
		runnersMutex.Lock()
		defer runnersMutex.Unlock()
		delete(runners, "prism")
	})
	in, dir := t.TempDir(), t.TempDir()
	writeTFRecords(t, in+"/a", 50)
	require.NoError(t, os.WriteFile(in+"/b", []byte("not a TFRecord file"), 0o666))
	for name, c := range conversions(in+"/*", dir, Failures{Skip: true}) {
		result, err := Run(t.Context(), "prism", c)
		require.NoError(t, err, name)
		require.Zero(t, result.RecordsRead, "there are counters")
		require.EqualValues(t, 1, result.FilesFailed, name)
		require.FileExists(t, result.DeadLetters, name)
		require.NotEmpty(t, result.Outputs, name)
		require.EqualValues(t, len(result.Outputs), result.FilesWritten, name)
		if name != "files" {
			require.EqualValues(t, 50, result.RecordsWritten, name)
			require.Positive(t, result.BytesWritten, name)
		}
		require.NoError(t, os.RemoveAll(dir))
	}
}

// forgetful is the result of a job that has lost all of its counters.
type forgetful struct{ beam.PipelineResult }

func (forgetful) Metrics() metrics.Results { return metrics.Results{} }

// A job with failures that are not known has not succeeded.
func TestReportThatIsLost(t *testing.T) {
	failingjob.Test(t)
	in, faults := t.TempDir(), storagetest.NewFaults()
	dir := faults.TempDir(t)
	writeTFRecords(t, in+"/a", 50)
	for name, skip := range map[string]bool{"skip": true, "fail": false} {
		faults.Inject(storagetest.Fault{Op: storagetest.OpOpen, Name: "report.json", Err: errors.New("injected")})
		c := NewTFRecordToArrayRecord(in+"/*", dir+"/"+name)
		c.Failures.Skip = skip
		result, err := Run(t.Context(), "prism", c)
		faults.Heal()
		require.False(t, result.Reported)
		if skip {
			require.ErrorContains(t, err, "the job has succeeded, but what it did is not known: the report of the job: ")
		} else {
			require.NoError(t, err)
		}
	}
}

func TestArgumentsOfFileConversions(t *testing.T) {
	for _, run := range []func() error{
		func() error {
			_, err := Run(t.Context(), "prism", NewTFRecordFilesToArrayRecord("", "out"))
			return err
		},
		func() error { _, err := Run(t.Context(), "prism", NewTFRecordFilesToArrayRecord("in", "")); return err },
		func() error {
			c := NewTFRecordFilesToArrayRecord("in", "out")
			c.WriterOptions = "nonsense"
			_, err := Run(t.Context(), "prism", c)
			return err
		},
		func() error {
			_, err := Run(t.Context(), "prism", NewTFRecordToMatchingArrayRecord("", "out"))
			return err
		},
		func() error { _, err := Run(t.Context(), "prism", NewArrayRecordToTFRecord("", "out")); return err },
		func() error {
			_, err := Run(t.Context(), "prism", NewArrayRecordFilesToTFRecord("in", "nowhere://x/y"))
			return err
		},
		func() error { _, err := Run(t.Context(), "prism", NewExampleToTFRecord("")); return err },
		func() error { _, err := Run(t.Context(), "prism", NewExampleToArrayRecord("")); return err },
	} {
		require.ErrorIs(t, run(), ErrInvalidArgument)
	}
}
