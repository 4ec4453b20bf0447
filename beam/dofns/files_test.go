package dofns

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func TestFilesThereAndBack(t *testing.T) {
	for _, dir := range places(t) {
		a, b := makeGroup("a", 3000).records, makeGroup("b", 100).records
		fileA := putTFRecords(t, dir+"/in/a.tfrecord", a, tfrecord.WithCompression(tfrecord.Gzip))
		fileB := putTFRecords(t, dir+"/in/b.tfrecord", b, tfrecord.WithCompression(tfrecord.Gzip))
		p, s := beam.NewPipelineWithRoot()
		inputs := beam.Create(s, dir+"/in/a.tfrecord", dir+"/in/b.tfrecord")
		names := TFRecordFileToArrayRecord(s, NameOutputs(s, dir+"/mid", inputs, WithOverwriteExtension()),
			WithWriterOptions("group_size:16"))
		passert.Equals(s, names, dir+"/mid/a.arrayrecord", dir+"/mid/b.arrayrecord")
		result := ptest.RunAndValidate(t, p)
		var size int64
		for name, records := range map[string][][]byte{"/mid/a.arrayrecord": a, "/mid/b.arrayrecord": b} {
			info, err := storage.Stat(t.Context(), dir+name)
			require.NoError(t, err)
			size += info.Size
			r, err := arrayrecord.Open(t.Context(), dir+name)
			require.NoError(t, err)
			got, err := recordtest.All(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, asStrings(records), asStrings(got), "order or records")
			require.Equal(t, 16, r.RecordGroupSize())
			require.NoError(t, r.Close())
		}
		require.Equal(t, map[string]int64{
			"files_read": 2, "records_read": 3100, "bytes_read": int64(len(fileA) + len(fileB)),
			"files_written": 2, "records_written": 3100, "bytes_written": size,
		}, counts(t, result))
		_, sum := total(a, b)
		require.Equal(t, map[string]int64{"read_record_bytes": 3100, "read_record_bytes sum": sum,
			"read_file_millis": 2, "written_file_millis": 2}, distributions(t, result))

		p, s = beam.NewPipelineWithRoot()
		names = ArrayRecordFileToTFRecord(s, pairs(s, dir+"/mid/a.arrayrecord", dir+"/a", dir+"/mid/b.arrayrecord", dir+"/b"),
			WithCompression(tfrecord.Gzip))
		passert.Equals(s, names, dir+"/a", dir+"/b")
		result = ptest.RunAndValidate(t, p)
		require.True(t, bytes.Equal(fileA, storagetest.Get(t, dir+"/a")), "another file came back")
		require.True(t, bytes.Equal(fileB, storagetest.Get(t, dir+"/b")), "another file came back")
		require.Equal(t, map[string]int64{
			"files_read": 2, "records_read": 3100, "bytes_read": size,
			"files_written": 2, "records_written": 3100, "bytes_written": int64(len(fileA) + len(fileB)),
		}, counts(t, result))
	}
}

func TestFilesThatCannotBeConvertedAreDeadLetters(t *testing.T) {
	dir := t.TempDir()
	records := makeGroup("a", 1000).records
	file := putTFRecords(t, dir+"/good", records)
	damaged := bytes.Clone(file)
	damaged[len(damaged)/2] ^= 1
	storagetest.Put(t, dir+"/damaged", damaged)
	storagetest.Put(t, dir+"/truncated", file[:len(file)-1])
	p, s := beam.NewPipelineWithRoot()
	var failed beam.PCollection
	names := TFRecordFileToArrayRecord(s, pairs(s, dir+"/good", dir+"/out/good", dir+"/damaged", dir+"/out/damaged",
		dir+"/truncated", dir+"/out/truncated", dir+"/missing", dir+"/out/missing", dir+"/good", dir+"/good"), WithDeadLetters(&failed))
	passert.Equals(s, names, dir+"/out/good")
	passert.Count(s, failed, "dead letters", 4)
	WriteDeadLetters(s, dir+"/failed", failed)
	result := ptest.RunAndValidate(t, p)
	require.EqualValues(t, 4, counts(t, result)["files_failed"])
	require.EqualValues(t, 1, counts(t, result)["files_read"])
	requireFiles(t, dir+"/out", "good")
	requireRecords(t, dir+"/out/good", records)
	letters := string(storagetest.Get(t, dir+"/failed"))
	for _, want := range []string{
		`"element":"` + dir + `/damaged","output":"` + dir + `/out/damaged","error":"` + dir + `/damaged: `,
		`"element":"` + dir + `/truncated","output":"` + dir + `/out/truncated","error":"` + dir + `/truncated: `,
		`no such file`, `would replace its input`, `record 999`,
	} {
		require.Contains(t, letters, want)
	}
	require.Equal(t, file, storagetest.Get(t, dir+"/good"))
}

func TestDamagedFileFailsThePipeline(t *testing.T) {
	failingjob.Test(t)
	dir := t.TempDir()
	storagetest.Put(t, dir+"/x", []byte("this is no ArrayRecord file"))
	p, s := beam.NewPipelineWithRoot()
	ArrayRecordFileToTFRecord(s, pairs(s, dir+"/x", dir+"/out/x"))
	err := ptest.Run(p)
	require.ErrorContains(t, err, "dofns: converting "+dir+"/x: ")
	require.ErrorContains(t, err, "not an ArrayRecord file")
	requireFiles(t, dir, "x")
}

// Nothing is written for inputs of which one would be lost.
func TestFilesWithTheSameOutputAreNotConverted(t *testing.T) {
	dir := t.TempDir()
	records := makeGroup("a", 10).records
	for _, name := range []string{"/a/x.gz", "/b/x.tfrecord", "/b/y"} {
		putTFRecords(t, dir+name, records)
	}
	p, s := beam.NewPipelineWithRoot()
	var failed beam.PCollection
	inputs := beam.Create(s, dir+"/a/x.gz", dir+"/b/x.tfrecord", dir+"/b/y", dir+"/b/y")
	names := TFRecordFileToArrayRecord(s, NameOutputs(s, dir+"/out", inputs, WithOverwriteExtension()), WithDeadLetters(&failed))
	passert.Equals(s, names, dir+"/out/y.arrayrecord")
	reason := dir + "/a/x.gz, " + dir + "/b/x.tfrecord have the same output " + dir + "/out/x.arrayrecord: none of them was converted"
	passert.Equals(s, failed,
		DeadLetter{Element: dir + "/a/x.gz", Output: dir + "/out/x.arrayrecord", Error: reason},
		DeadLetter{Element: dir + "/b/x.tfrecord", Output: dir + "/out/x.arrayrecord", Error: reason})
	result := ptest.RunAndValidate(t, p)
	requireFiles(t, dir+"/out", "y.arrayrecord")
	require.EqualValues(t, 1, counts(t, result)["files_written"], "a file that came twice")
}

func TestFilesWithTheSameOutputFailThePipeline(t *testing.T) {
	failingjob.Test(t)
	dir := t.TempDir()
	putTFRecords(t, dir+"/a", nil)
	putTFRecords(t, dir+"/b", nil)
	p, s := beam.NewPipelineWithRoot()
	TFRecordFileToArrayRecord(s, pairs(s, dir+"/a", dir+"/out", dir+"/b", dir+"/out"))
	require.ErrorContains(t, ptest.Run(p), "have the same output "+dir+"/out: none of them was converted")
	requireFiles(t, dir, "a", "b")
}

func TestOptionsReachTheConversion(t *testing.T) {
	dir := t.TempDir()
	putTFRecords(t, dir+"/x", makeGroup("x", 49).records, tfrecord.WithCompression(tfrecord.Zlib))
	for _, opt := range []Option{WithCompression(tfrecord.None), WithCompression(tfrecord.Gzip), WithMaxRecordSize(20)} {
		p, s := beam.NewPipelineWithRoot()
		var failed beam.PCollection
		passert.Empty(s, TFRecordFileToArrayRecord(s, pairs(s, dir+"/x", dir+"/out"), WithDeadLetters(&failed), opt))
		passert.Count(s, failed, "dead letters", 1)
		ptest.RunAndValidate(t, p)
	}
	requireFiles(t, dir, "x")
}

// A cancelled pipeline must not report its files as bad ones.
func TestEndOfTheContextIsNoDeadLetterOfAFile(t *testing.T) {
	dir := t.TempDir()
	putTFRecords(t, dir+"/x", makeGroup("x", 1000).records)
	o, err := newOptions(nil, 0)
	require.NoError(t, err)
	o.DeadLetters = true
	f := &fileFn{Config: o.config}
	f.Setup()
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("no longer wanted")
	cancel(reason)
	rt := f.CreateTracker(f.CreateInitialRestriction("", ""))
	err = f.ProcessElement(ctx, rt, dir+"/x", dir+"/out", func(string) { t.Error("converted") }, func(DeadLetter) { t.Error("dead letter") })
	require.True(t, errors.Is(err, reason) || errors.Is(err, context.Canceled), err)
	requireFiles(t, dir, "x")
}

// meeting is a place where the files "a" and "b" are opened at the same time, or
// not at all.
type meeting struct {
	storage.Local
	scheme  string
	arrived map[string]chan struct{}
}

func (m *meeting) Open(ctx context.Context, name string) (storage.Object, error) {
	path := strings.TrimPrefix(name, m.scheme)
	_, me := storage.Split(path)
	close(m.arrived[me])
	select {
	case <-m.arrived[map[string]string{"a": "b", "b": "a"}[me]]:
		return m.Local.Open(ctx, path)
	case <-time.After(time.Minute):
		return nil, errors.New("nobody came")
	}
}

// Prism runs a step that is not splittable for one element after the other.
func TestSeveralFilesAreConvertedAtOnce(t *testing.T) {
	scheme := "meeting-" + strings.ToLower(rand.Text())
	m := &meeting{scheme: scheme + "://", arrived: map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}}
	storage.Register(scheme, m)
	dir := t.TempDir()
	putTFRecords(t, dir+"/a", nil)
	putTFRecords(t, dir+"/b", nil)
	p, s := beam.NewPipelineWithRoot()
	TFRecordFileToArrayRecord(s, pairs(s, m.scheme+dir+"/a", dir+"/out/a", m.scheme+dir+"/b", dir+"/out/b"))
	ptest.RunAndValidate(t, p)
	requireFiles(t, dir+"/out", "a", "b")
}
