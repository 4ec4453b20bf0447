package dofns

import (
	"context"
	"errors"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestGroupsBecomeFiles(t *testing.T) {
	for place, dir := range places(t) {
		p, s := beam.NewPipelineWithRoot()
		transform := ConvertToArrayRecord
		if place == "gs" {
			transform = ConvertToArrayRecordGCS
		}
		names := transform(s, dir, groups(s, 300, "gs://in/a/x.tfrecord", "y.tfrecord"))
		passert.Equals(s, names, dir+"/x.tfrecord.arrayrecord", dir+"/y.tfrecord.arrayrecord")
		result := ptest.RunAndValidate(t, p)
		requireFiles(t, dir, "x.tfrecord.arrayrecord", "y.tfrecord.arrayrecord")
		var size int64
		x, y := makeGroup("gs://in/a/x.tfrecord", 300).records, makeGroup("y.tfrecord", 300).records
		requireRecords(t, dir+"/x.tfrecord.arrayrecord", x)
		requireRecords(t, dir+"/y.tfrecord.arrayrecord", y)
		for _, name := range []string{"/x.tfrecord.arrayrecord", "/y.tfrecord.arrayrecord"} {
			info, err := storage.Stat(t.Context(), dir+name)
			require.NoError(t, err)
			size += info.Size
		}
		n, bytes := total(x, y)
		require.Equal(t, map[string]int64{"files_written": 2, "records_written": n, "bytes_written": size}, counts(t, result))
		require.Equal(t, map[string]int64{"written_record_bytes": n, "written_record_bytes sum": bytes, "written_file_millis": 2},
			distributions(t, result))
	}
}

func TestOptionsReachNamesAndWriters(t *testing.T) {
	for _, dir := range places(t) {
		p, s := beam.NewPipelineWithRoot()
		names := ConvertToArrayRecord(s, dir, groups(s, 10, "a/x.tfrecord"),
			WithOverwriteExtension(), WithFilePathSuffix(".ar"), WithWriterOptions("group_size:7,snappy"))
		passert.Equals(s, names, dir+"/x.ar")
		ptest.RunAndValidate(t, p)
		r, err := arrayrecord.Open(t.Context(), dir+"/x.ar")
		require.NoError(t, err)
		defer r.Close()
		written, _ := r.WriterOptions()
		require.Contains(t, written, "group_size:7,")
		require.Contains(t, written, "snappy")
	}
}

// Records that were not read from a failed group must not be taken for those
// of the next one.
func TestFailedGroupsAreDeadLettersAndOthersGoOn(t *testing.T) {
	for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpWrite, storagetest.OpCommit} {
		faults := storagetest.NewFaults()
		dir := faults.TempDir(t)
		faults.Inject(storagetest.Fault{Op: op, Name: "bad", Err: errors.New("injected")})
		p, s := beam.NewPipelineWithRoot()
		var failed beam.PCollection
		names := ConvertToArrayRecord(s, dir, groups(s, 8000, "a", "bad1", "c", "bad2", "e", ""), WithDeadLetters(&failed))
		passert.Equals(s, names, dir+"/a.arrayrecord", dir+"/c.arrayrecord", dir+"/e.arrayrecord")
		WriteDeadLetters(s, dir+"/failed", failed)
		result := ptest.RunAndValidate(t, p)
		requireFiles(t, dir, "a.arrayrecord", "c.arrayrecord", "e.arrayrecord", "failed")
		for _, key := range []string{"a", "c", "e"} {
			requireRecords(t, dir+"/"+key+".arrayrecord", makeGroup(key, 8000).records)
		}
		letters := string(storagetest.Get(t, dir+"/failed"))
		require.Regexp(t, `^\{"element":"","error":".*no name.*"\}
\{"element":"bad1","output":"`+dir+`/bad1.arrayrecord","error":".*injected.*"\}
\{"element":"bad2","output":"`+dir+`/bad2.arrayrecord","error":".*injected.*"\}
$`, letters)
		require.EqualValues(t, 3, counts(t, result)["files_failed"])
		require.EqualValues(t, 24_000, counts(t, result)["records_written"])
	}
}

func TestFailedGroupFailsThePipeline(t *testing.T) {
	failingjob.Test(t)
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	faults.Inject(storagetest.Fault{Op: storagetest.OpWrite, Err: errors.New("injected")})
	p, s := beam.NewPipelineWithRoot()
	ConvertToArrayRecord(s, dir, groups(s, 10, "in/x"))
	err := ptest.Run(p)
	require.ErrorContains(t, err, "dofns: converting in/x: ")
	require.ErrorContains(t, err, "x.arrayrecord: injected")
	requireFiles(t, dir)
}

func TestGroupsWithTheSameOutputFailThePipeline(t *testing.T) {
	failingjob.Test(t)
	p, s := beam.NewPipelineWithRoot()
	dir := t.TempDir()
	ConvertToArrayRecord(s, dir, groups(s, 3, "a/x", "b/x"))
	require.ErrorContains(t, ptest.Run(p), "a/x, b/x have the same output "+dir+"/x.arrayrecord: it holds one of them")
}

func TestGroupsWithTheSameOutputAreDeadLetters(t *testing.T) {
	dir := t.TempDir()
	p, s := beam.NewPipelineWithRoot()
	var failed beam.PCollection
	keys := []string{"t.tfrecord-00000-of-00005", "t.tfrecord-00001-of-00005", "t.tfrecord-00002-of-00005",
		"t.tfrecord-00003-of-00005", "t.tfrecord-00004-of-00005", "y"}
	names := ConvertToArrayRecord(s, dir, groups(s, 3, keys...), WithOverwriteExtension(), WithDeadLetters(&failed))
	passert.Equals(s, names, dir+"/y.arrayrecord")
	var want []any
	for _, key := range keys[:5] {
		want = append(want, DeadLetter{Element: key, Output: dir + "/t.arrayrecord",
			Error: "t.tfrecord-00000-of-00005, t.tfrecord-00001-of-00005, t.tfrecord-00002-of-00005 and 2 more " +
				"have the same output " + dir + "/t.arrayrecord: it holds one of them"})
	}
	passert.Equals(s, failed, want...)
	require.EqualValues(t, 5, counts(t, ptest.RunAndValidate(t, p))["files_failed"])
}

// iterate gives records as Beam does.
func iterate(records [][]byte) func(*[]byte) bool {
	return func(p *[]byte) bool {
		if len(records) == 0 {
			return false
		}
		*p, records = records[0], records[1:]
		return true
	}
}

// run calls a groupFn as a worker does.
func run(t *testing.T, ctx context.Context, path string, deadLetters bool, key string, next func(*[]byte) bool) (names []string, letters []DeadLetter, err error) {
	t.Helper()
	o, err := newOptions(nil, 0)
	require.NoError(t, err)
	require.NoError(t, o.setPath(path))
	o.DeadLetters = deadLetters
	f := &groupFn{groupWriter{Config: o.config}}
	f.Setup()
	err = f.ProcessElement(ctx, key, next, func(_, name string) { names = append(names, name) },
		func(l DeadLetter) { letters = append(letters, l) })
	return names, letters, err
}

// A runner repeats bundles that it has lost.
func TestRepeatedGroupGivesTheSameFile(t *testing.T) {
	for _, dir := range places(t) {
		g := makeGroup("x", 5000)
		var files []string
		for range 2 {
			names, letters, err := run(t, t.Context(), dir, false, g.key, iterate(g.records))
			require.NoError(t, err)
			require.Equal(t, []string{dir + "/x.arrayrecord"}, names)
			require.Empty(t, letters)
			files = append(files, string(storagetest.Get(t, names[0])))
		}
		require.True(t, files[0] == files[1])
		requireFiles(t, dir, "x.arrayrecord")
	}
}

// A bundle may be retried after any failure, and the older file is the one to
// be read until then.
func TestFailedGroupLeavesWhatWasThere(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	g := makeGroup("x", 5000)
	storagetest.Put(t, dir+"/x.arrayrecord", []byte("older"))
	for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpWrite, storagetest.OpCommit} {
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected")})
		_, _, err := run(t, t.Context(), dir, false, g.key, iterate(g.records))
		require.ErrorContains(t, err, "injected")
		faults.Heal()
		requireFiles(t, dir, "x.arrayrecord")
		require.Equal(t, "older", string(storagetest.Get(t, dir+"/x.arrayrecord")))
	}
	_, _, err := run(t, t.Context(), dir, false, g.key, iterate(g.records))
	require.NoError(t, err)
	requireRecords(t, dir+"/x.arrayrecord", g.records)
}

// Beam's iterators panic when the runner breaks off.
func TestIteratorThatPanicsLeavesNothing(t *testing.T) {
	for _, dir := range places(t) {
		g := makeGroup("x", 5000)
		next := iterate(g.records)
		require.PanicsWithValue(t, "broken stream", func() {
			_, _, _ = run(t, t.Context(), dir, true, g.key, func(p *[]byte) bool {
				if !next(p) {
					panic("broken stream")
				}
				return true
			})
		})
		requireFiles(t, dir)
	}
}

// A cancelled pipeline must not report its files as bad ones.
func TestEndOfTheContextIsNoDeadLetter(t *testing.T) {
	for _, dir := range places(t) {
		reason := errors.New("no longer wanted")
		ctx, cancel := context.WithCancelCause(t.Context())
		next := iterate(makeGroup("x", 20_000).records)
		n := 0
		_, letters, err := run(t, ctx, dir, true, "x", func(p *[]byte) bool {
			if n++; n == 5000 {
				cancel(reason)
			}
			return next(p)
		})
		require.ErrorContains(t, err, "x")
		require.True(t, errors.Is(err, reason) || errors.Is(err, context.Canceled), err)
		require.Empty(t, letters)
		requireFiles(t, dir)
	}
}

// A run whose context ends while the group is read must not read on.
func TestEndOfTheContextEndsALongGroup(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	_, _, err := run(t, ctx, t.TempDir(), false, "x", func(p *[]byte) bool { n++; *p = nil; return true })
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, n, 10_000)
}

// A name and its records, as upstream's DoFn takes them, need no grouping.
func TestTuplesBecomeFiles(t *testing.T) {
	for _, dir := range places(t) {
		p, s := beam.NewPipelineWithRoot()
		tuples := beam.ParDo(s, tuple, beam.Create(s, "in/x.tfrecord", "empty"))
		names := ConvertToArrayRecord(s, dir, tuples, WithOverwriteExtension())
		passert.Equals(s, names, dir+"/x.arrayrecord", dir+"/empty.arrayrecord")
		ptest.RunAndValidate(t, p)
		requireRecords(t, dir+"/x.arrayrecord", [][]byte{[]byte("in/x.tfrecord"), {}, []byte("last")})
		requireRecords(t, dir+"/empty.arrayrecord", nil)
	}
}

func init() { beam.RegisterFunction(tuple) }

func tuple(name string) (string, [][]byte) {
	if name == "empty" {
		return name, nil
	}
	return name, [][]byte{[]byte(name), {}, []byte("last")}
}
