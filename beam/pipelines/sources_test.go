package pipelines

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// A file that several patterns and lists name is read once.
func TestSeveralInputs(t *testing.T) {
	dir := t.TempDir()
	want := append(writeTFRecords(t, dir+"/a/1", 10), writeTFRecords(t, dir+"/b/2", 20)...)
	want = append(want, writeTFRecords(t, dir+"/c", 5)...)
	storagetest.Put(t, dir+"/list", []byte("\n"+dir+"/c\r\n  "+dir+"/a/*\n"))
	there := NewTFRecordToArrayRecord("", dir+"/ar/")
	there.Input, there.InputLists, there.NumShards = []string{dir + "/?/*", dir + "/a/1"}, []string{dir + "/list"}, 1
	before := LocalProgress()
	result, err := Run(t.Context(), "prism", there)
	require.NoError(t, err)
	require.EqualValues(t, 3, result.FilesRead)
	require.EqualValues(t, 3, LocalProgress().Since(before).FilesFound)
	require.Equal(t, []string{dir + "/ar/records-00000-of-00001.arrayrecord"}, result.Outputs)
	got, _ := readArrayRecords(t, dir+"/ar/*")
	require.ElementsMatch(t, want, got)

	back := NewArrayRecordToTFRecord("", dir+"/tf/x")
	back.Input = []string{result.Outputs[0] + "[3:30]", result.Outputs[0] + "[3:30]", result.Outputs[0] + "[34:35]"}
	_, err = Run(t.Context(), "prism", back)
	require.NoError(t, err)
	tf, _ := readTFRecords(t, dir+"/tf/*")
	require.ElementsMatch(t, append(append([]string{}, got[3:30]...), got[34]), tf)

	reshard := NewReshard("", dir+"/ar2/x", 2)
	reshard.Input = []string{dir + "/ar/*", result.Outputs[0]}
	result, err = Run(t.Context(), "prism", reshard)
	require.NoError(t, err)
	require.EqualValues(t, 35, result.RecordsWritten)
}

func TestListThatIsNotThere(t *testing.T) {
	failingjob.Test(t)
	dir := t.TempDir()
	c := NewTFRecordToArrayRecord("", dir+"/x")
	c.Input, c.InputLists = nil, []string{dir + "/list"}
	_, err := Run(t.Context(), "prism", c)
	require.ErrorContains(t, err, "the list of inputs")
	_, err = MakePlan(t.Context(), c)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestBelow(t *testing.T) {
	for _, test := range []struct{ pattern, name, want string }{
		{"/in/day=*/x", "/in/day=2/x", "day=2"},
		{"/in/month=*/day=*/*", "/in/month=1/day=2/x", "month=1/day=2"},
		{"/in/**/x", "/in/a/b/x", "a/b"},
		{"/in/**/x", "/in/x", ""},
		{"/in/x-*", "/in/x-1", ""},
		{"/in/a*/b/x", "/in/a1/b/x", "a1/b"},
		{"/in/x", "/in/x", ""},
		{"/in/x[1]", "/in/x[1]", ""},
		{"gs://b/day=*/x", "gs://b/day=1/x", "day=1"},
		{"gs://b/in/*", "gs://b/in/x", ""},
	} {
		require.Equal(t, test.want, below(test.pattern, test.name), test)
	}
}

// Dated directories are kept, and what is there already is not made again.
func TestDatedDirectoriesAndExistingOutputs(t *testing.T) {
	dir := t.TempDir()
	want := append(writeTFRecords(t, dir+"/raw/month=1/day=1/x", 3), writeTFRecords(t, dir+"/raw/month=1/day=2/x", 4)...)
	c := NewTFRecordFilesToArrayRecord(dir+"/raw/month=*/day=*/x", dir+"/ready/")
	c.Output.SkipExisting = true
	result, err := Run(t.Context(), "prism", c)
	require.NoError(t, err)
	outputs := []string{dir + "/ready/month=1/day=1/x.arrayrecord", dir + "/ready/month=1/day=2/x.arrayrecord"}
	require.Equal(t, outputs, result.Outputs)
	require.Zero(t, result.FilesKept)
	got, _ := readArrayRecords(t, dir+"/ready/**/*")
	require.Equal(t, want, got)

	// One is gone, and a file is new; then an input becomes newer than its output.
	require.NoError(t, os.Remove(outputs[0]))
	writeTFRecords(t, dir+"/raw/month=2/day=1/x", 5)
	before := LocalProgress()
	result, err = Run(t.Context(), "prism", c)
	require.NoError(t, err)
	require.Equal(t, []string{outputs[0], dir + "/ready/month=2/day=1/x.arrayrecord"}, result.Outputs)
	require.EqualValues(t, 1, result.FilesKept)
	progress := LocalProgress().Since(before)
	require.EqualValues(t, 2, progress.FilesFound, "what is kept is not going to be read")
	require.Equal(t, progress.BytesFound, progress.BytesRead)

	future := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(dir+"/raw/month=1/day=2/x", future, future))
	result, err = Run(t.Context(), "prism", c)
	require.NoError(t, err)
	require.Equal(t, outputs[1:], result.Outputs)
	require.EqualValues(t, 2, result.FilesKept)

	// Nothing is left to do.
	require.NoError(t, os.Chtimes(outputs[1], future, future))
	result, err = Run(t.Context(), "prism", c)
	require.NoError(t, err)
	require.Equal(t, []string{}, result.Outputs)
	require.EqualValues(t, 3, result.FilesKept)
	left, err := storage.List(t.Context(), dir+"/ready/.*")
	require.NoError(t, err)
	require.Empty(t, left)
}

// Two inputs with the same output are an error also if that is there.
func TestExistingOutputOfTwoInputs(t *testing.T) {
	failingjob.Test(t)
	dir := t.TempDir()
	writeTFRecords(t, dir+"/a.1", 1)
	writeTFRecords(t, dir+"/a.2", 1)
	storagetest.Put(t, dir+"/out/a.arrayrecord", nil)
	c := NewTFRecordFilesToArrayRecord(dir+"/a.?", dir+"/out")
	c.Output.SkipExisting, c.Output.OverwriteExtension = true, true
	_, err := Run(t.Context(), "prism", c)
	require.ErrorContains(t, err, "have the same output")
	_, err = MakePlan(t.Context(), c)
	require.ErrorContains(t, err, "have the same output")
}

// No records and no shards are a success, if that is what was asked for.
func TestNothingToWriteIsASuccess(t *testing.T) {
	dir := t.TempDir()
	writeTFRecords(t, dir+"/in", 0)
	c := NewTFRecordToArrayRecord(dir+"/in", dir+"/out/x")
	c.SkipIfEmpty = true
	result, err := Run(t.Context(), "prism", c)
	require.NoError(t, err)
	require.True(t, result.Finished)
	require.Equal(t, []string{}, result.Outputs)
	require.Zero(t, result.FilesWritten)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range left {
		if entry.IsDir() {
			inside, err := os.ReadDir(dir + "/" + entry.Name())
			require.NoError(t, err)
			require.Empty(t, inside)
		}
	}
}
