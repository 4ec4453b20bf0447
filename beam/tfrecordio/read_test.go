package tfrecordio

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/bounded"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func TestMain(m *testing.M) { beamtest.Main(m) }

// encode makes a TFRecord file of n records; record i begins with i and is i
// bytes longer than that.
func encode(t *testing.T, n int, opts ...tfrecord.WriterOption) (file []byte, records []any) {
	t.Helper()
	var b bytes.Buffer
	w, err := tfrecord.NewWriter(&b, opts...)
	require.NoError(t, err)
	for i := range n {
		record := append(fmt.Appendf(nil, "%d ", i), bytes.Repeat([]byte{byte(i)}, i)...)
		require.NoError(t, w.Write(record))
		records = append(records, record)
	}
	require.NoError(t, w.Close())
	return b.Bytes(), records
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

func TestReadGivesTheRecordsOfAllFilesWhateverTheirCompression(t *testing.T) {
	dir := t.TempDir()
	var want []any
	var size int
	for i, c := range []tfrecord.Compression{tfrecord.None, tfrecord.Gzip, tfrecord.Zlib} {
		data, records := encode(t, 20+i, tfrecord.WithCompression(c))
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f-%d", i)), data, 0o666))
		want = append(want, records...)
		size += len(data)
	}
	for i, name := range []string{"digits-50.tfrecord.bz2", "digits-50.tfrecord.zst"} {
		data, err := os.ReadFile("../../tfrecord/testdata/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f-other-%d", i)), data, 0o666))
		r, err := tfrecord.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		for record, err := range r.Records() {
			require.NoError(t, err)
			want = append(want, record)
		}
		size += len(data)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f-empty"), nil, 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), []byte("not matched"), 0o666))

	p, s := beam.NewPipelineWithRoot()
	passert.Equals(s, Read(s, filepath.Join(dir, "f-*")), want...)
	result := ptest.RunAndValidate(t, p)
	require.Equal(t, map[string]int64{"files_found": 6, "bytes_found": int64(size), "files_read": 6, "records_read": 163, "bytes_read": int64(size)}, counts(t, result))
}

func TestGoldenFilesInSmallParts(t *testing.T) {
	var want []any
	var size int64
	names, err := filepath.Glob("../../testdata/digits-*.tfrecord*")
	require.NoError(t, err)
	require.Len(t, names, 5)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		size += int64(len(data))
		r, err := tfrecord.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
		for record, err := range r.Records() {
			require.NoError(t, err)
			want = append(want, record)
		}
	}
	for _, split := range []int64{0, 1000, 10_000} {
		p, s := beam.NewPipelineWithRoot()
		passert.Equals(s, Read(s, "../../testdata/digits-*.tfrecord*", WithSplitSize(split)), want...)
		result := ptest.RunAndValidate(t, p)
		require.Equal(t, map[string]int64{"files_found": 5, "bytes_found": size, "files_read": 5, "records_read": int64(len(want)), "bytes_read": size}, counts(t, result))
	}
}

func nameAndRecord(name string, record []byte) string {
	return fmt.Sprintf("%s: %s", filepath.Base(name), record)
}

func describe(f arrayrecordio.DeadLetter) string { return filepath.Base(f.Element) + ": " + f.Error }

func init() {
	beam.RegisterFunction(nameAndRecord)
	beam.RegisterFunction(describe)
}

// write saves files whose records name them.
func write(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		data := frame(t, []byte("0 of "+name), []byte("1 of "+name), []byte("2 of "+name))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
}

func TestReadAll(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a-1", "a-2", "b", "c")
	for _, split := range []int64{DefaultSplitSize, 20} {
		p, s := beam.NewPipelineWithRoot()
		patterns := beam.Create(s, filepath.Join(dir, "a-*"), filepath.Join(dir, "b"), filepath.Join(dir, "none*"))
		opts := []ReadOption{WithSplitSize(split), WithEmptyMatch(EmptyAllow)}
		var bytes, named []any
		for _, name := range []string{"a-1", "a-2", "b"} {
			for i := range 3 {
				record := fmt.Sprintf("%d of %s", i, name)
				bytes, named = append(bytes, []byte(record)), append(named, name+": "+record)
			}
		}
		passert.Equals(s, ReadAll(s, patterns, opts...), bytes...)
		passert.Equals(s, beam.ParDo(s, nameAndRecord, ReadAllWithFilename(s, patterns, opts...)), named...)
		ptest.RunAndValidate(t, p)
	}
}

func TestReadFilesOfFileio(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a-1", "a-2")
	p, s := beam.NewPipelineWithRoot()
	found := fileio.MatchFiles(s, filepath.Join(dir, "a-*"))
	var want, named []any
	for _, name := range []string{"a-1", "a-2"} {
		for i := range 3 {
			want = append(want, fmt.Appendf(nil, "%d of %s", i, name))
			named = append(named, fmt.Sprintf("%s %d: %d of %s", name, i*(frameSize+8), i, name))
		}
	}
	passert.Equals(s, ReadFiles(s, fileio.ReadMatches(s, found)), want...)
	passert.Equals(s, beam.ParDo(s, located, ReadFilesRecords(s, found, WithSplitSize(20))), named...)
	ptest.RunAndValidate(t, p)
}

func located(r Record) string {
	return fmt.Sprintf("%s %d: %s", filepath.Base(r.File), r.Offset, r.Data)
}

// watchFn makes the next file when it gets the record of one.
type watchFn struct{ Dir string }

func (f *watchFn) ProcessElement(r Record, emit func(string)) error {
	if name := filepath.Base(r.File); name < "d" {
		next := string(name[0] + 1)
		data, err := os.ReadFile(r.File)
		if err != nil {
			return err
		}
		// Under its name at once: what is found is complete.
		hidden := filepath.Join(f.Dir, "hidden-"+next)
		if err := os.WriteFile(hidden, data, 0o666); err != nil {
			return err
		}
		if err := os.Rename(hidden, filepath.Join(f.Dir, next)); err != nil {
			return err
		}
	}
	emit(filepath.Base(r.File))
	return nil
}

func init() {
	beam.RegisterFunction(located)
	beam.RegisterType(reflect.TypeFor[watchFn]())
}

func TestNewFilesAreReadAsTheyAppear(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), frame(t, []byte("record")), 0o666))
	p, s := beam.NewPipelineWithRoot()
	found := fileio.MatchContinuously(s, filepath.Join(dir, "?"), 200*time.Millisecond, fileio.MatchEnd(time.Now().Add(4*time.Second)))
	names := beam.ParDo(s, &watchFn{Dir: dir}, ReadFilesRecords(s, found))
	require.False(t, bounded.Is(names))
	beam.ParDo0(s, &seenFn{}, names)
	ptest.RunAndValidate(t, p)
	require.Equal(t, []string{"a", "b", "c", "d"}, slices.Sorted(maps.Keys(seen.names)))
}

// seenFn collects what comes, which asserting would do at the end of time.
type seenFn struct{}

var seen = struct {
	sync.Mutex
	names map[string]bool
}{names: map[string]bool{}}

func (*seenFn) ProcessElement(name string) {
	seen.Lock()
	defer seen.Unlock()
	seen.names[name] = true
}

func init() { beam.RegisterType(reflect.TypeFor[seenFn]()) }

func TestReadFromABucket(t *testing.T) {
	dir := fakegcs.Dir(t)
	random := rand.New(rand.NewPCG(9, 9))
	records := randomRecords(random, 300, 100_000)
	var want []any
	for _, record := range records {
		want = append(want, append([]byte{}, record...))
	}
	data := frame(t, records...)
	storagetest.Put(t, dir+"/a/x-1", data)
	storagetest.Put(t, dir+"/a/x-2.gz", nil)
	p, s := beam.NewPipelineWithRoot()
	passert.Equals(s, Read(s, dir+"/**/x-*", WithSplitSize(int64(len(data)/5))), want...)
	result := ptest.RunAndValidate(t, p)
	require.Equal(t, map[string]int64{"files_found": 2, "bytes_found": int64(len(data)), "files_read": 2, "records_read": 300, "bytes_read": int64(len(data))}, counts(t, result))
}

// slowFn takes its time, so that the runner takes work away.
type slowFn struct{ Millis int }

func (f *slowFn) ProcessElement(r Record, emit func([]byte)) {
	time.Sleep(time.Duration(f.Millis) * time.Millisecond)
	emit(r.Data)
}

func init() { beam.RegisterType(reflect.TypeFor[slowFn]()) }

func TestDynamicSplitsOnPrism(t *testing.T) {
	data, want := encode(t, 12)
	file := save(t, data)
	p, s := beam.NewPipelineWithRoot()
	passert.Equals(s, beam.ParDo(s, &slowFn{Millis: 400}, ReadRecords(s, file.Name)), want...)
	result := ptest.RunAndValidate(t, p)
	var ranges int64
	for _, d := range result.Metrics().Query(func(r metrics.SingleResult) bool {
		return r.Name() == counters.ReadFileMillis
	}).Distributions() {
		ranges += d.Result().Count
	}
	require.Greater(t, ranges, int64(1), "nothing was split")
	// Prism forgets what one of two bundles has counted if both are the first of
	// their stage and end at once.
	most := map[string]int64{"files_found": 1, "bytes_found": file.Size, "files_read": 1, "records_read": 12, "bytes_read": file.Size}
	for name, count := range counts(t, result) {
		require.LessOrEqual(t, count, most[name], name)
	}
}

func TestFailedFilesGiveFailuresAndNoRecords(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	write(t, faults.Path(dir), "good-1", "good-2", "corrupt", "truncated", "large", "closed", "broken.gz")
	change := func(name string, change func(data []byte) []byte) {
		path := filepath.Join(faults.Path(dir), name)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, change(data), 0o666))
	}
	change("corrupt", func(data []byte) []byte { data[len(data)-1] ^= 1; return data })
	change("truncated", func(data []byte) []byte { return data[:len(data)-1] })
	change("large", func(data []byte) []byte { return append(data, frame(t, make([]byte, 1000))...) })
	change("broken.gz", func([]byte) []byte {
		data, _ := encode(t, 10, tfrecord.WithCompression(tfrecord.Gzip))
		return data[:len(data)-9]
	})
	faults.Inject(storagetest.Fault{Op: storagetest.OpOpen, Name: "closed", Err: os.ErrPermission})

	p, s := beam.NewPipelineWithRoot()
	var failures beam.PCollection
	records := Read(s, dir+"/*", WithFailures(&failures), WithMaxRecordSize(999), WithSplitSize(20))
	passert.Equals(s, records,
		[]byte("0 of good-1"), []byte("1 of good-1"), []byte("2 of good-1"),
		[]byte("0 of good-2"), []byte("1 of good-2"), []byte("2 of good-2"))
	prefix := ": tfrecordio: " + dir + "/"
	passert.Equals(s, beam.ParDo(s, describe, failures),
		"corrupt"+prefix+"corrupt: tfrecord: record 2 at offset 56: corrupt data: wrong CRC of the record's data (12 bytes)",
		"truncated"+prefix+"truncated: tfrecord: record 2 at offset 60: truncated input: the input ends after 29 of 30 bytes",
		"large"+prefix+"large: tfrecord: record 3 at offset 78: record too large: 1000 bytes, the limit is 999",
		"closed: tfrecordio: open "+dir+"/closed: permission denied",
		"broken.gz"+prefix+"broken.gz: tfrecord: record 10 at offset 225 of the gzip stream's content: truncated input: the gzip stream is not complete")
	result := ptest.RunAndValidate(t, p)
	entries, err := os.ReadDir(faults.Path(dir))
	require.NoError(t, err)
	var all, good int64
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		all += info.Size()
		if strings.HasPrefix(e.Name(), "good-") {
			good += info.Size()
		}
	}
	require.Equal(t, map[string]int64{"files_found": 7, "bytes_found": all, "files_read": 2, "records_read": 6,
		"bytes_read": good, "files_failed": 5}, counts(t, result))
}

// A cancelled job has not found damage.
func TestCancellingIsNoFailureOfAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a")
	info, err := os.Stat(filepath.Join(dir, "a"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &verifyFn{Config: testConfig(0)}
	f.Setup()
	err = f.ProcessElement(ctx, match.File{Name: filepath.Join(dir, "a"), Size: info.Size()}, nil, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// Counting in batches must count what is left after the last batch, and nothing twice.
func TestCountersAreExactForManyBatches(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	w, err := tfrecord.NewWriter(&b)
	require.NoError(t, err)
	const n = 3*countRecords + 7
	for range n {
		require.NoError(t, w.Write(make([]byte, 2000)))
	}
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), b.Bytes(), 0o666))

	p, s := beam.NewPipelineWithRoot()
	passert.Count(s, Read(s, filepath.Join(dir, "x")), "records", n)
	result := ptest.RunAndValidate(t, p)
	require.Equal(t, map[string]int64{"files_found": 1, "bytes_found": int64(b.Len()), "files_read": 1, "records_read": n, "bytes_read": int64(b.Len())}, counts(t, result))
}

// Slices that are kept by what follows must not be written to again.
func TestRecordsDoNotShareMemory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	data, want := encode(t, 50)
	require.NoError(t, os.WriteFile(name, data, 0o666))
	f := newReadFn(testConfig(10)).(*readFn)
	f.Setup()
	var got []any
	p := testConfig(100).whole(match.File{Name: name, Size: int64(len(data))})
	require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(p.Range), p, func(b []byte) { got = append(got, b) }))
	require.Equal(t, want, got)
}

func TestPatternWithoutMatchFails(t *testing.T) {
	failingjob.Test(t)
	p, s := beam.NewPipelineWithRoot()
	pattern := filepath.Join(t.TempDir(), "nothing-*")
	Read(s, pattern)
	require.ErrorContains(t, ptest.Run(p), fmt.Sprintf("no file matches %q", pattern))
}

func TestDamageNamesFileRecordAndOffset(t *testing.T) {
	failingjob.Test(t)
	data, _ := encode(t, 3)
	for what, damaged := range map[string][]byte{
		"corrupt":   append(bytes.Clone(data[:len(data)-1]), data[len(data)-1]^1),
		"truncated": data[:len(data)-1],
	} {
		name := filepath.Join(t.TempDir(), "bad")
		require.NoError(t, os.WriteFile(name, damaged, 0o666))
		p, s := beam.NewPipelineWithRoot()
		Read(s, name)
		err := ptest.Run(p)
		require.ErrorContains(t, err, name+": ", what)
		require.ErrorContains(t, err, what)
		require.ErrorContains(t, err, "record 2")
		require.ErrorContains(t, err, fmt.Sprint("offset ", 2*16+2+3), what)
	}
}

func TestStorageErrorsFail(t *testing.T) {
	failingjob.Test(t)
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	data, _ := encode(t, 3)
	storagetest.Put(t, dir+"/x", data)
	for _, op := range []storagetest.Op{storagetest.OpList, storagetest.OpOpen, storagetest.OpRead} {
		faults.Inject(storagetest.Fault{Op: op, Err: fmt.Errorf("injected into %s", op)})
		p, s := beam.NewPipelineWithRoot()
		Read(s, dir+"/*")
		require.ErrorContains(t, ptest.Run(p), fmt.Sprintf("injected into %s", op))
		faults.Heal()
	}
}

func TestOptionsReachTheReader(t *testing.T) {
	failingjob.Test(t)
	name := filepath.Join(t.TempDir(), "x")
	data, _ := encode(t, 30, tfrecord.WithCompression(tfrecord.Gzip))
	require.NoError(t, os.WriteFile(name, data, 0o666))
	p, s := beam.NewPipelineWithRoot()
	Read(s, name, WithCompression(tfrecord.None))
	require.ErrorContains(t, ptest.Run(p), "corrupt")
	p, s = beam.NewPipelineWithRoot()
	Read(s, name, WithMaxRecordSize(20))
	require.ErrorContains(t, ptest.Run(p), "too large")
}

func TestWrongArgumentsAreNoticedAtConstruction(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	_, err := TryRead(s, "")
	require.ErrorContains(t, err, "pattern")
	_, err = TryRead(s, "nowhere://bucket/x")
	require.ErrorContains(t, err, "nowhere")
	_, err = TryRead(s, "x", WithMaxRecordSize(-1))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TryRead(s, "x", WithCompression(99))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TryRead(s, "x", WithSplitSize(-1))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TryRead(s, "x[1")
	require.ErrorIs(t, err, path.ErrBadPattern)
	_, err = TryRead(s, "x", WithEmptyMatch(7))
	require.ErrorContains(t, err, "policy 7")
	_, err = TryReadFiles(s, beam.Create(s, "x"))
	require.ErrorContains(t, err, "not of fileio.FileMetadata")
	_, err = TryReadFilesRecords(s, beam.Create(s, "x"), WithSplitSize(-1))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TryReadAll(s, beam.PCollection{})
	require.ErrorContains(t, err, "invalid PCollection")
	_, err = TryReadAllWithFilename(s, beam.Create(s, 1))
	require.ErrorContains(t, err, "not of string")
	require.Panics(t, func() { ReadAll(s, beam.Create(s, 1)) })
	require.Panics(t, func() { ReadAllWithFilename(s, beam.Create(s, 1)) })
	require.Panics(t, func() { Read(s, "") })
}

// DoFns travel as JSON.
func TestConfigurationTravels(t *testing.T) {
	want := readConfig{Compression: tfrecord.Zlib, MaxRecordSize: 7, SplitSize: 5, CheckRange: 3}
	for _, fn := range []any{&planFn{Config: want}, &verifyFn{Config: want}, newReadFn(want), newReadNamedFn(want), newReadRecordsFn(want)} {
		b, err := json.Marshal(fn)
		require.NoError(t, err)
		again := reflect.New(reflect.TypeOf(fn).Elem())
		require.NoError(t, json.Unmarshal(b, again.Interface()))
		require.Equal(t, fn, again.Interface())
	}
}

// A worker in another process finds types by name only.
func TestTypesAreKnownToWorkers(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[part](), reflect.TypeFor[arrayrecordio.DeadLetter](), reflect.TypeFor[planFn](), reflect.TypeFor[verifyFn](),
		reflect.TypeFor[readFn](), reflect.TypeFor[readNamedFn](), reflect.TypeFor[readRecordsFn](), reflect.TypeFor[byteRange](),
	} {
		key, ok := runtime.TypeKey(typ)
		require.True(t, ok, typ)
		found, ok := runtime.LookupType(key)
		require.True(t, ok, typ)
		require.Equal(t, typ, found)
	}
}
