package arrayrecordio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	beamruntime "github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/sourcetest"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// save writes an ArrayRecord file and describes it as a match does.
func save(t testing.TB, name, options string, records [][]byte) match.File {
	t.Helper()
	w, err := arrayrecord.Create(t.Context(), name, arrayrecord.WithWriterOptions(options))
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	info, err := storage.Stat(t.Context(), name)
	require.NoError(t, err)
	return match.File{Name: name, Size: info.Size, End: -1}
}

// testConfig splits everywhere.
func testConfig() readConfig {
	return readConfig{ReaderOptions: DefaultReaderOptions, SplitSize: DefaultSplitSize, LongestRun: 1}
}

func makeUnits(t testing.TB, c readConfig, file match.File) []unit {
	t.Helper()
	f := &unitFn{Config: c}
	f.Setup()
	var units []unit
	require.NoError(t, f.ProcessElement(t.Context(), file, func(u unit) { units = append(units, u) }))
	return units
}

// readUnits gives the records of units.
func readUnits(t testing.TB, c readConfig, units []unit) (got []Record) {
	t.Helper()
	fn := newReadRecordsFn(c).(*readRecordsFn)
	fn.Setup()
	for _, u := range units {
		chunks := fn.CreateInitialRestriction(u)
		require.Positive(t, fn.RestrictionSize(u, chunks))
		rt := fn.CreateTracker(chunks)
		require.NoError(t, fn.ProcessElement(t.Context(), rt, u, func(r Record) { got = append(got, r) }))
		require.NoError(t, rt.GetError())
		require.True(t, rt.IsDone())
	}
	return got
}

// requireRecords checks that each of the records [begin, end) was given once.
func requireRecords(t testing.TB, name string, all [][]byte, begin, end int, got []Record) {
	t.Helper()
	require.Len(t, got, end-begin)
	got = slices.Clone(got)
	slices.SortFunc(got, func(a, b Record) int { return int(a.Index - b.Index) })
	for i, record := range got {
		require.Equal(t, int64(begin+i), record.Index)
		require.Equal(t, name, record.File)
		require.True(t, bytes.Equal(all[begin+i], record.Data))
	}
}

// Whatever a runner splits off, and when, the records are the same.
func TestSplitsLoseAndRepeatNothing(t *testing.T) {
	for _, test := range []struct {
		options string
		n       int
		file    match.File
	}{
		{"group_size:1,uncompressed", 40, match.File{End: -1}},
		{"group_size:3", 100, match.File{End: -1}},
		{"group_size:3", 100, match.File{Begin: 4, End: 77}},
		{"group_size:7,transpose", 30, match.File{Begin: 29, End: 30}},
		{"group_size:1", 150, match.File{Begin: 3, End: 140}}, // more chunks than marks
	} {
		records := makeRecords(test.n)
		file := save(t, filepath.Join(t.TempDir(), "x"), test.options, records)
		file.Begin, file.End = test.file.Begin, test.file.End
		units := makeUnits(t, testConfig(), file)
		require.Len(t, units, 1)
		require.NoError(t, sourcetest.Test(t.Context(), func() sourcetest.Source[unit, chunkRange, Record] {
			return newReadRecordsFn(testConfig()).(*readRecordsFn)
		}, units[0]), test)
		end := test.n
		if file.End >= 0 {
			end = int(file.End)
		}
		requireRecords(t, file.Name, records, int(file.Begin), end, readUnits(t, testConfig(), units))
	}
}

func TestUnitsOfAnySizeAreTheWhole(t *testing.T) {
	records := makeRecords(500)
	for _, options := range []string{"group_size:1", "group_size:9,uncompressed", "group_size:1000"} {
		file := save(t, filepath.Join(t.TempDir(), "x"), options, records)
		for _, size := range []int64{0, 1, 300, 5000, file.Size / 2, file.Size} {
			for _, part := range [][2]int{{0, 500}, {0, 1}, {499, 500}, {17, 18}, {18, 444}} {
				c := testConfig()
				c.SplitSize = size
				file.Begin, file.End = int64(part[0]), int64(part[1])
				units := makeUnits(t, c, file)
				for i, u := range units {
					require.Less(t, u.Chunks.Begin, u.Chunks.End)
					if i > 0 {
						require.Equal(t, units[i-1].Chunks.End, u.Chunks.Begin)
					}
				}
				requireRecords(t, file.Name, records, part[0], part[1], readUnits(t, c, units))
			}
		}
	}
}

func TestUnitsAreOfTheSizeAskedFor(t *testing.T) {
	var records [][]byte
	for range 1000 {
		records = append(records, make([]byte, 10_000))
	}
	file := save(t, filepath.Join(t.TempDir(), "x"), "group_size:1,uncompressed", records)
	c := testConfig()
	c.SplitSize = 2_500_000
	units := makeUnits(t, c, file)
	require.Len(t, units, 4)
	for _, u := range units {
		require.InDelta(t, c.SplitSize, u.Chunks.size(u.Chunks.Begin, u.Chunks.End), 30_000)
	}
	c.SplitSize = 0
	require.Len(t, makeUnits(t, c, file), 1)
	// Here the index is most of the file.
	file = save(t, filepath.Join(t.TempDir(), "y"), "group_size:1,uncompressed", make([][]byte, 5000))
	c.SplitSize = 1
	require.Less(t, len(makeUnits(t, c, file)), 16)
}

// A claimed run cannot be split, so slow work has short ones.
func TestRunsGetShorterWhenWorkIsSlow(t *testing.T) {
	var records [][]byte
	for range 1000 {
		records = append(records, make([]byte, 10_000))
	}
	file := save(t, filepath.Join(t.TempDir(), "x"), "group_size:1,uncompressed", records)
	r, err := arrayrecord.Open(t.Context(), file.Name)
	require.NoError(t, err)
	defer r.Close()
	unit := makeUnits(t, testConfig(), file)[0]
	s := &runs{r: r, rt: (&source{}).CreateTracker(unit.Chunks), limit: 1000, size: firstRun, longest: longestRun}
	for _, run := range []struct {
		took   time.Duration
		chunks float64
	}{{0, 7}, {0, 13}, {0, 26}, {0, 52}, {0, 105}, {2 * quick, 105}, {2 * slow, 105}, {2 * slow, 52}, {2 * slow, 26}, {0, 13}, {0, 26}} {
		require.True(t, s.claim())
		require.InDelta(t, run.chunks, s.next-s.begin, 2)
		s.claimed = s.claimed.Add(-run.took)
	}
	for s.claim() {
	}
	require.Equal(t, int64(1000), s.next)
	require.NoError(t, s.rt.GetError())
}

func describeRecord(r Record) string {
	return fmt.Sprintf("%s %d %x", filepath.Base(r.File), r.Index, r.Data)
}

// slowFn takes its time, so that the runner takes work away.
type slowFn struct{ Millis int }

func (f *slowFn) ProcessElement(r Record, emit func(string)) {
	time.Sleep(time.Duration(f.Millis) * time.Millisecond)
	emit(describeRecord(r))
}

func init() {
	beam.RegisterFunction(describeRecord)
	beam.RegisterType(reflect.TypeFor[slowFn]())
}

// processed is how many times parts of files were begun to be read.
func processed(t *testing.T, result beam.PipelineResult) (n int64) {
	t.Helper()
	for _, d := range result.Metrics().Query(func(r metrics.SingleResult) bool {
		return r.Namespace() == counters.Namespace && r.Name() == counters.ReadFileMillis
	}).Distributions() {
		n += d.Result().Count
	}
	return n
}

func TestDynamicSplitsOnPrism(t *testing.T) {
	dir := t.TempDir()
	random := rand.NewChaCha8([32]byte{})
	var records [][]byte
	var want []any
	for i := range 12 {
		record := make([]byte, firstRun)
		random.Read(record)
		records = append(records, record)
		want = append(want, fmt.Sprintf("x %d %x", i, record))
	}
	file := save(t, filepath.Join(dir, "x"), "group_size:1,uncompressed", records)
	p, s := beam.NewPipelineWithRoot()
	got := beam.ParDo(s, &slowFn{Millis: 400}, ReadRecords(s, file.Name))
	passert.Equals(s, got, want...)
	result := ptest.RunAndValidate(t, p)
	require.Greater(t, processed(t, result), int64(1), "nothing was split")
	c := counts(t, result)
	require.Equal(t, int64(1), c["files_read"])
	require.Equal(t, int64(12), c["records_read"])
}

// Among the golden files are transposed, padded and empty ones, and such with
// metadata, of all codecs.
func TestGoldenFilesInAllWays(t *testing.T) {
	names, err := filepath.Glob("../../testdata/*.arrayrecord")
	require.NoError(t, err)
	require.Greater(t, len(names), 10)
	var raw, located, patterns []any
	var size int64
	for _, name := range names {
		for i, record := range readShard(t, name) {
			raw = append(raw, record)
			located = append(located, fmt.Sprintf("%s %d %x", filepath.Base(name), i, record))
		}
		info, err := os.Stat(name)
		require.NoError(t, err)
		size += info.Size()
		patterns = append(patterns, name)
	}
	for _, split := range []ReadOption{WithSplitSize(DefaultSplitSize), WithSplitSize(10_000)} {
		p, s := beam.NewPipelineWithRoot()
		passert.Equals(s, Read(s, "../../testdata/*.arrayrecord", split), raw...)
		result := ptest.RunAndValidate(t, p)
		require.Equal(t, map[string]int64{"files_found": int64(len(names)), "bytes_found": size,
			"files_read": int64(len(names)), "records_read": int64(len(raw)), "bytes_read": size}, counts(t, result))

		p, s = beam.NewPipelineWithRoot()
		passert.Equals(s, beam.ParDo(s, describeRecord, ReadAllRecords(s, beam.Create(s, patterns...), split)), located...)
		ptest.RunAndValidate(t, p)
	}
}

func TestBucketsRangesAndEmptyFiles(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		records := makeRecords(100)
		a := storage.Join(dir, "a")
		save(t, a, "group_size:8", records)
		save(t, storage.Join(dir, "b"), "group_size:1", records)
		save(t, storage.Join(dir, "empty"), "group_size:1", nil)

		p, s := beam.NewPipelineWithRoot()
		patterns := beam.Create(s, a+"[10:20]", a+"[99:100]", storage.Join(dir, "[b]"), storage.Join(dir, "em*"), a+"[50:50]", storage.Join(dir, "none-*"))
		got := ReadAllRecords(s, patterns, WithEmptyMatch(EmptyAllow), WithSplitSize(1000))
		var want []any
		for i := range 100 {
			if i >= 10 && i < 20 || i == 99 {
				want = append(want, describeRecord(Record{"a", int64(i), records[i]}))
			}
			want = append(want, describeRecord(Record{"b", int64(i), records[i]}))
		}
		passert.Equals(s, beam.ParDo(s, describeRecord, got), want...)
		c := counts(t, ptest.RunAndValidate(t, p))
		require.Equal(t, int64(5), c["files_read"])
		require.Equal(t, int64(111), c["records_read"])

		p, s = beam.NewPipelineWithRoot()
		passert.Equals(s, ReadAll(s, beam.Create(s, a+"[3:5]")), records[3], records[4])
		passert.Equals(s, Read(s, a+"[7:8]"), records[7])
		ptest.RunAndValidate(t, p)
	}
}

// Records are in the window of the pattern that found them.
func TestReadFilesOfFileio(t *testing.T) {
	dir := t.TempDir()
	records := makeRecords(30)
	save(t, filepath.Join(dir, "a"), "group_size:1", records)
	save(t, filepath.Join(dir, "b"), "group_size:7", records)
	p, s := beam.NewPipelineWithRoot()
	found := fileio.MatchFiles(s, filepath.Join(dir, "*"))
	var want, located []any
	for _, name := range []string{"a", "b"} {
		for i, record := range records {
			want = append(want, record)
			located = append(located, fmt.Sprintf("%s %d %x", name, i, record))
		}
	}
	passert.Equals(s, ReadFiles(s, fileio.ReadMatches(s, found)), want...)
	passert.Equals(s, beam.ParDo(s, describeRecord, ReadFilesRecords(s, found, WithSplitSize(100))), located...)
	ptest.RunAndValidate(t, p)
}

func TestWindowsOfPatternsAreKept(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "0"), "group_size:1", [][]byte{[]byte("a"), []byte("b")})
	save(t, filepath.Join(dir, "1"), "group_size:1", [][]byte{[]byte("c")})
	p, s := beam.NewPipelineWithRoot()
	names := beam.Create(s, filepath.Join(dir, "0"), filepath.Join(dir, "1"))
	names = beam.ParDo(s, byName, names)
	names = beam.WindowInto(s, window.NewFixedWindows(time.Minute), names)
	got := beam.ParDo(s, withWindow, ReadAll(s, names))
	got = beam.WindowInto(s, window.NewGlobalWindows(), got)
	passert.Equals(s, got, "a in minute 0", "b in minute 0", "c in minute 1")
	ptest.RunAndValidate(t, p)
}

func byName(name string) (mtime.Time, string) {
	at := mtime.ZeroTimestamp
	if strings.HasSuffix(name, "1") {
		at = at.Add(time.Minute)
	}
	return at, name
}

func withWindow(w beam.Window, data []byte) string {
	return fmt.Sprintf("%s in minute %d", data, w.MaxTimestamp()/60_000)
}

func init() {
	beam.RegisterFunction(byName)
	beam.RegisterFunction(withWindow)
}

func TestReadingFails(t *testing.T) {
	failingjob.Test(t)
	dir := t.TempDir()
	file := save(t, filepath.Join(dir, "x"), "group_size:1,uncompressed", makeRecords(100))
	for pattern, want := range map[string]string{
		filepath.Join(dir, "none-*"):    "no file matches",
		file.Name + "[5:101]":           "records [5, 101) of 100",
		"../../testdata/digits.records": "not an ArrayRecord file",
	} {
		p, s := beam.NewPipelineWithRoot()
		Read(s, pattern)
		err := ptest.Run(p)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "arrayrecordio: ")
		require.ErrorContains(t, err, strings.TrimSuffix(pattern, "[5:101]"))
	}
}

// runAll reads a file and gives the error.
func runAll(t *testing.T, c readConfig, units []unit) (n int, err error) {
	t.Helper()
	f := newReadFn(c).(*readFn)
	f.Setup()
	for _, u := range units {
		err = errors.Join(err, f.ProcessElement(t.Context(), f.CreateTracker(u.Chunks), u, func([]byte) { n++ }))
	}
	return n, err
}

func TestDamageNamesFileAndRecord(t *testing.T) {
	records := makeRecords(100)
	file := save(t, filepath.Join(t.TempDir(), "x"), "group_size:10,uncompressed", records)
	data, err := os.ReadFile(file.Name)
	require.NoError(t, err)
	at := bytes.Index(data, records[42])
	data[at] ^= 1
	require.NoError(t, os.WriteFile(file.Name, data, 0o666))
	n, err := runAll(t, testConfig(), makeUnits(t, testConfig(), file))
	require.ErrorIs(t, err, arrayrecord.ErrCorrupt)
	require.ErrorContains(t, err, file.Name)
	require.ErrorContains(t, err, "record 40")
	require.Equal(t, 40, n)
}

// What has been split off is somebody else's, damage included.
func TestDamageInAResidualIsNoErrorOfThePrimary(t *testing.T) {
	records := makeRecords(100)
	file := save(t, filepath.Join(t.TempDir(), "x"), "group_size:10,uncompressed", records)
	data, err := os.ReadFile(file.Name)
	require.NoError(t, err)
	data[bytes.Index(data, records[42])] ^= 1
	require.NoError(t, os.WriteFile(file.Name, data, 0o666))
	u := makeUnits(t, testConfig(), file)[0]
	f := newReadFn(testConfig()).(*readFn)
	f.Setup()
	rt := f.CreateTracker(u.Chunks)
	n := 0
	require.NoError(t, f.ProcessElement(t.Context(), rt, u, func([]byte) {
		if n++; n == 35 {
			_, residual, err := rt.TrySplit(0)
			require.NoError(t, err)
			require.Equal(t, int64(4), residual.(chunkRange).Begin)
		}
	}))
	require.Equal(t, 40, n)
	require.True(t, rt.IsDone())
}

// failureKind is the name of the file and what went wrong, without where.
func failureKind(f DeadLetter) string {
	for sign, kind := range map[string]string{
		"(offset": "corrupt", "cut off": "truncated", "permission denied": "permission", "out of range": "range", " lost": "chunk",
	} {
		if strings.HasPrefix(f.Error, "arrayrecordio: ") && strings.Contains(f.Error, strings.Split(f.Element, "[")[0]) && strings.Contains(f.Error, sign) {
			return filepath.Base(f.Element) + " " + kind
		}
	}
	return f.Error
}

func init() { beam.RegisterFunction(failureKind) }

func TestFailedFilesGiveFailuresAndNoRecords(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	records := makeRecords(100)
	name := func(base string) string { return dir + "/" + base }
	for _, base := range []string{"good", "corrupt", "truncated", "closed", "empty"} {
		if base == "empty" {
			records = nil
		}
		save(t, name(base), "group_size:10,uncompressed", records)
	}
	records = makeRecords(100)
	path := faults.Path(name("corrupt"))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[bytes.Index(data, records[93])] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o666))
	require.NoError(t, os.Truncate(faults.Path(name("truncated")), 10_000))
	faults.Inject(storagetest.Fault{Op: storagetest.OpOpen, Name: "closed", Err: os.ErrPermission})

	p, s := beam.NewPipelineWithRoot()
	var failures beam.PCollection
	patterns := beam.Create(s, name("*"), name("corrupt")+"[0:90]", name("good")+"[0:101]")
	got := ReadAllRecords(s, patterns, WithFailures(&failures), WithSplitSize(1000))
	var want []any
	for i, record := range records {
		want = append(want, describeRecord(Record{"good", int64(i), record}))
		if i < 90 {
			want = append(want, describeRecord(Record{"corrupt", int64(i), record}))
		}
	}
	passert.Equals(s, beam.ParDo(s, describeRecord, got), want...)
	passert.Equals(s, beam.ParDo(s, failureKind, failures), "corrupt corrupt", "truncated truncated", "closed permission", "good[0:101] range")
	result := ptest.RunAndValidate(t, p)
	c := counts(t, result)
	require.Equal(t, int64(4), c["files_failed"])
	require.Equal(t, int64(3), c["files_read"])
	require.Equal(t, int64(190), c["records_read"])
}

// A damaged chunk costs its records alone; a range of a file what of them is in it.
func TestSalvageLeavesOutDamagedChunksOnly(t *testing.T) {
	dir := t.TempDir()
	records := makeRecords(100)
	name := func(base string) string { return filepath.Join(dir, base) }
	damage := func(base string, damaged ...int) {
		save(t, name(base), "group_size:10,uncompressed", records)
		data, err := os.ReadFile(name(base))
		require.NoError(t, err)
		for _, record := range damaged {
			data[bytes.Index(data, records[record])] ^= 1
		}
		require.NoError(t, os.WriteFile(name(base), data, 0o666))
	}
	damage("some", 0, 37, 41, 99)
	damage("all", 5, 15, 25, 35, 45, 55, 65, 75, 85, 95)
	damage("cut")
	require.NoError(t, os.Truncate(name("cut"), 10_000))
	for _, test := range []struct {
		path                 string
		read, failed, chunks int64
		good                 [][2]int // ranges of records
		letters              []any
	}{
		{"some", 1, 0, 4, [][2]int{{10, 30}, {50, 90}}, []any{"some[0:10] chunk", "some[30:40] chunk", "some[40:50] chunk", "some[90:100] chunk"}},
		{"some[35:45]", 0, 0, 2, nil, []any{"some[35:40] chunk", "some[40:45] chunk"}},
		{"some[32:59]", 1, 0, 2, [][2]int{{50, 59}}, []any{"some[32:40] chunk", "some[40:50] chunk"}},
		{"some[50:50]", 1, 0, 0, nil, nil},
		{"all", 0, 0, 10, nil, []any{
			"all[0:10] chunk", "all[10:20] chunk", "all[20:30] chunk", "all[30:40] chunk", "all[40:50] chunk",
			"all[50:60] chunk", "all[60:70] chunk", "all[70:80] chunk", "all[80:90] chunk", "all[90:100] chunk"}},
		{"cut", 0, 1, 0, nil, []any{"cut truncated"}},
	} {
		t.Run(test.path, func(t *testing.T) {
			p, s := beam.NewPipelineWithRoot()
			var failures beam.PCollection
			got := ReadRecords(s, name(test.path), WithSalvage(&failures), WithSplitSize(1000))
			var want []any
			for _, r := range test.good {
				for i := r[0]; i < r[1]; i++ {
					want = append(want, describeRecord(Record{"some", int64(i), records[i]}))
				}
			}
			passert.Equals(s, beam.ParDo(s, describeRecord, got), want...)
			passert.Equals(s, beam.ParDo(s, failureKind, failures), test.letters...)
			c := counts(t, ptest.RunAndValidate(t, p))
			require.Equal(t, []int64{test.read, test.failed, test.chunks, int64(len(want))},
				[]int64{c["files_read"], c["files_failed"], c["chunks_failed"], c["records_read"]})
		})
	}
}

func TestFileThatChangesIsNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	file := save(t, name, "group_size:1,uncompressed", makeRecords(10))
	units := makeUnits(t, testConfig(), file)
	save(t, name, "group_size:1,uncompressed", makeRecords(11))
	_, err := runAll(t, testConfig(), units)
	require.ErrorContains(t, err, "has changed")
	require.ErrorContains(t, err, name)
	units[0].File.Size, file.Size = 0, 0
	require.ErrorContains(t, (&unitFn{Config: testConfig()}).ProcessElement(t.Context(), file, nil), "has changed")

	// The same size, but other chunks.
	two := func(n int) (file match.File) {
		var records [][]byte
		for i := range n {
			records = append(records, make([]byte, 1000+i))
		}
		return save(t, name, "group_size:1,uncompressed,pad_to_block_boundary:true", records)
	}
	file = two(3)
	units = makeUnits(t, testConfig(), file)
	units[0].File.NumRecords++
	_, err = runAll(t, testConfig(), units)
	require.ErrorContains(t, err, "3 records in 3 chunks, and had 4 in 3")
}

func TestStorageErrorsFail(t *testing.T) {
	faults := storagetest.NewFaults()
	file := save(t, faults.TempDir(t)+"/x", "group_size:1", makeRecords(10))
	units := makeUnits(t, testConfig(), file)
	for _, op := range []storagetest.Op{storagetest.OpOpen, storagetest.OpRead} {
		injected := fmt.Errorf("injected into %s", op)
		faults.Inject(storagetest.Fault{Op: op, Err: injected})
		_, err := runAll(t, testConfig(), units)
		require.ErrorIs(t, err, injected)
		require.ErrorIs(t, (&unitFn{Config: testConfig()}).ProcessElement(t.Context(), file, nil), injected)
		faults.Heal()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := &verifyFn{Config: testConfig()}
	v.Setup()
	require.ErrorIs(t, v.ProcessElement(ctx, file, nil, nil), context.Canceled, "this is no failure of the file")
	f := newReadFn(testConfig()).(*readFn)
	require.ErrorIs(t, f.ProcessElement(ctx, f.CreateTracker(units[0].Chunks), units[0], nil), context.Canceled)
}

// The units of a bundle may be those of one file, or of many in any order.
func TestFilesOfABundle(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	c := testConfig()
	a := makeUnits(t, c, save(t, dir+"/a", "group_size:1", makeRecords(10)))[0]
	b := makeUnits(t, c, save(t, dir+"/b", "group_size:1", makeRecords(10)))[0]
	f := newReadFn(c).(*readFn)
	f.Setup()
	opened := faults.Count(storagetest.OpOpen)
	for i, u := range []unit{a, a, b, b, b, a} {
		require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(u.Chunks), u, func([]byte) {}))
		require.Equal(t, opened+[]int{1, 1, 2, 2, 2, 3}[i], faults.Count(storagetest.OpOpen))
	}
	r := f.last
	f.FinishBundle(nil)
	_, err := r.Get(context.Background(), 0)
	require.ErrorIs(t, err, arrayrecord.ErrClosed)
	f.FinishBundle(nil) // of a bundle without elements

	// The same name, but another file by now.
	require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(a.Chunks), a, func([]byte) {}))
	a = makeUnits(t, c, save(t, dir+"/a", "group_size:1", makeRecords(7)))[0]
	require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(a.Chunks), a, func([]byte) {}))
	require.Equal(t, 7, f.last.NumRecords())
	f.FinishBundle(nil)
}

// Slices that are kept by what follows must not be written to again.
func TestRecordsDoNotShareMemory(t *testing.T) {
	records := makeRecords(1000)
	file := save(t, filepath.Join(t.TempDir(), "x"), "group_size:10", records)
	f := newReadFn(testConfig()).(*readFn)
	f.Setup()
	u := makeUnits(t, testConfig(), file)[0]
	var got [][]byte
	require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(u.Chunks), u, func(b []byte) {
		got = append(got, b)
		_ = append(b, 0xff)
	}))
	require.Equal(t, records, got)
}

// Memory goes neither with the size of a file nor with what it decodes to.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	for _, c := range []struct {
		options string
		n, size int
		limit   uint64
	}{
		// Readahead has up to two groups of 1 MiB for each processor, and some to spare.
		{"group_size:4,uncompressed", 20_000, 10_000, uint64(4+4*runtime.GOMAXPROCS(0)) << 20},
		// The readahead's memory and a record, and as much again for one that is taken apart.
		{"group_size:1,zstd:1", 200, 4 << 20, (8 + 4 + 4) << 20},
		{"group_size:100,zstd:1", 200, 4 << 20, (8 + 4 + 4) << 20},
	} {
		name := filepath.Join(t.TempDir(), "x")
		w, err := arrayrecord.Create(t.Context(), name, arrayrecord.WithWriterOptions(c.options))
		require.NoError(t, err)
		record := make([]byte, c.size)
		for range c.n {
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		info, err := os.Stat(name)
		require.NoError(t, err)
		config := readConfig{ReaderOptions: DefaultReaderOptions, LongestRun: longestRun}
		u := makeUnits(t, config, match.File{Name: name, Size: info.Size(), End: -1})[0]
		f := newReadFn(config).(*readFn)
		f.Setup()
		before := liveHeap()
		peak, i := before, 0
		require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(u.Chunks), u, func([]byte) {
			if i++; i%(c.n/20) == 0 {
				peak = max(peak, liveHeap())
			}
		}))
		require.Equal(t, c.n, i)
		t.Logf("%s: %d MiB", c.options, (peak-before)>>20)
		require.Less(t, peak-before, c.limit, "for a file of %d MiB", info.Size()>>20)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestWrongReadArgumentsAreNoticedAtConstruction(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	for _, read := range []func(beam.Scope, string, ...ReadOption) (beam.PCollection, error){TryRead, TryReadRecords} {
		_, err := read(s, "")
		require.ErrorContains(t, err, "pattern")
		_, err = read(s, "nowhere://bucket/x")
		require.ErrorIs(t, err, errors.ErrUnsupported)
		_, err = read(s, "x[2:1]")
		require.ErrorContains(t, err, "x[2:1]")
		_, err = read(s, "x", WithSplitSize(-1))
		require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
		_, err = read(s, "x", WithReaderOptions("no such thing"))
		require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	}
	for _, read := range []func(beam.Scope, beam.PCollection, ...ReadOption) (beam.PCollection, error){TryReadAll, TryReadAllRecords} {
		_, err := read(s, beam.PCollection{})
		require.ErrorContains(t, err, "invalid PCollection")
		_, err = read(s, beam.Create(s, 1))
		require.ErrorContains(t, err, "not of string")
	}
	require.Panics(t, func() { Read(s, "") })
	require.Panics(t, func() { ReadRecords(s, "") })
	require.Panics(t, func() { ReadAll(s, beam.PCollection{}) })
	require.Panics(t, func() { ReadAllRecords(s, beam.PCollection{}) })
}

func TestRecordsTravel(t *testing.T) {
	for _, r := range []Record{
		{"", 0, []byte{}}, {"gs://bucket/name with \x00", 1 << 60, []byte("data")}, {strings.Repeat("x", 1000), -1, make([]byte, 100_000)},
	} {
		b := encodeRecord(r)
		got, err := decodeRecord(b)
		require.NoError(t, err)
		require.Equal(t, r, got)
		for n := range min(len(b)-len(r.Data), 1000) {
			_, err := decodeRecord(b[:n])
			require.EqualError(t, err, "arrayrecordio: these bytes are no encoded record")
		}
	}
	// Through a runner's shuffle.
	file := save(t, filepath.Join(t.TempDir(), "x"), "group_size:1", makeRecords(3))
	p, s := beam.NewPipelineWithRoot()
	records := beam.Reshuffle(s, ReadRecords(s, file.Name))
	var want []any
	for i, data := range makeRecords(3) {
		want = append(want, describeRecord(Record{"x", int64(i), data}))
	}
	passert.Equals(s, beam.ParDo(s, describeRecord, records), want...)
	ptest.RunAndValidate(t, p)
}

// DoFns travel as JSON.
func TestConfigurationTravels(t *testing.T) {
	want := readConfig{ReaderOptions: "max_parallelism:7", SplitSize: 5, LongestRun: 3}
	for _, fn := range []any{&unitFn{Config: want}, &verifyFn{Config: want}, newReadFn(want), newReadRecordsFn(want)} {
		b, err := json.Marshal(fn)
		require.NoError(t, err)
		again := reflect.New(reflect.TypeOf(fn).Elem())
		require.NoError(t, json.Unmarshal(b, again.Interface()))
		require.Equal(t, fn, again.Interface())
	}
}

// A worker in another process finds types by name only.
func TestTypesOfTheSourceAreKnownToWorkers(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[unit](), reflect.TypeFor[chunkRange](), reflect.TypeFor[Record](), reflect.TypeFor[DeadLetter](),
		reflect.TypeFor[unitFn](), reflect.TypeFor[verifyFn](), reflect.TypeFor[readFn](), reflect.TypeFor[readRecordsFn](),
	} {
		key, ok := beamruntime.TypeKey(typ)
		require.True(t, ok, typ)
		found, ok := beamruntime.LookupType(key)
		require.True(t, ok, typ)
		require.Equal(t, typ, found)
	}
}
