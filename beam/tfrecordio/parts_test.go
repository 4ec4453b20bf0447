package tfrecordio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/sourcetest"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// frame makes a plain TFRecord file.
func frame(t testing.TB, records ...[]byte) []byte {
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

func save(t testing.TB, data []byte) match.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, data, 0o666))
	return match.File{Name: name, Size: int64(len(data)), End: -1}
}

func testConfig(splitSize int64) readConfig {
	return readConfig{MaxRecordSize: tfrecord.DefaultMaxRecordSize, SplitSize: splitSize, CheckRange: checkRange}
}

func planParts(t testing.TB, c readConfig, file match.File) []part {
	t.Helper()
	var parts []part
	f := &planFn{Config: c}
	f.Setup()
	require.NoError(t, f.ProcessElement(t.Context(), file, func(p part) { parts = append(parts, p) }))
	requireCover(t, file, parts)
	return parts
}

// requireCover checks that the parts are the file, cut.
func requireCover(t testing.TB, file match.File, parts []part) {
	t.Helper()
	var next int64
	for _, p := range parts {
		require.Equal(t, file.Name, p.Name)
		require.Equal(t, file.Size, p.Size)
		require.Equal(t, next, p.Range.Begin)
		require.True(t, p.Range.End > p.Range.Begin)
		next = p.Range.End
	}
	require.Equal(t, file.Size, next)
}

// readParts gives the records of all parts in order, and the first error.
func readParts(t testing.TB, c readConfig, parts []part) (records [][]byte, first error) {
	t.Helper()
	f := newReadFn(c).(*readFn)
	f.Setup()
	for _, p := range parts {
		rt := f.CreateTracker(f.CreateInitialRestriction(p))
		err := f.ProcessElement(t.Context(), rt, p, func(b []byte) { records = append(records, b) })
		require.True(t, err != nil || rt.IsDone())
		if first == nil {
			first = err
		}
	}
	return records, first
}

// randomRecords gives records of very different sizes and contents, with much
// that looks a little like a header.
func randomRecords(random *rand.Rand, n, maxSize int) [][]byte {
	records := make([][]byte, n)
	for i := range records {
		size := int(math.Exp(random.Float64() * math.Log(float64(maxSize))))
		record := make([]byte, size-random.IntN(2))
		if random.IntN(3) > 0 {
			for j := range record {
				record[j] = byte(random.IntN(256) * random.IntN(2))
			}
		}
		records[i] = record
	}
	return records
}

func TestPartsAreTheWholeWhateverTheirSize(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		records := randomRecords(random, 1+random.IntN(100), 1+random.IntN(2000))
		data := frame(t, records...)
		file := save(t, data)
		for _, size := range []int64{0, 7, 16, 100, 1000, int64(len(data)) / 3, int64(len(data)) / 2, int64(len(data))} {
			if size > 0 && int64(len(data))/size > 300 {
				continue // a search for each takes long
			}
			c := testConfig(size)
			parts := planParts(t, c, file)
			got, err := readParts(t, c, parts)
			require.NoError(t, err)
			require.Equal(t, records, got, size)
			if size == 0 || size == int64(len(data)) {
				require.Len(t, parts, 1)
			} else {
				require.Len(t, parts, int(max(file.Size/size, 1)))
			}
		}
	}
}

// Wherever a file is cut, each record is in one of the ranges.
func TestEveryPlaceToCut(t *testing.T) {
	data, want := encode(t, 12)
	file := save(t, data)
	p := testConfig(1).whole(file)
	for cut := range file.Size + 1 {
		before, behind := p, p
		before.Range.End, behind.Range.Begin = cut, cut
		got, err := readParts(t, testConfig(1), []part{before, behind})
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i, record := range got {
			require.Equal(t, want[i], record)
		}
	}
}

// Whatever a runner splits off, and when, the records are the same.
func TestSplitsOfEveryKindOfFile(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	plain, _ := encode(t, 30)
	gzipped, _ := encode(t, 30, tfrecord.WithCompression(tfrecord.Gzip))
	zlibbed, _ := encode(t, 30, tfrecord.WithCompression(tfrecord.Zlib))
	bzipped, err := os.ReadFile("../../tfrecord/testdata/digits-50.tfrecord.bz2")
	require.NoError(t, err)
	zstded, err := os.ReadFile("../../tfrecord/testdata/digits-50.tfrecord.zst")
	require.NoError(t, err)
	for name, test := range map[string]struct {
		data    []byte
		options readConfig
		splits  bool
	}{
		"plain":             {plain, testConfig(100), true},
		"plain, as a whole": {plain, testConfig(0), false},
		"random":            {frame(t, randomRecords(random, 40, 3000)...), testConfig(100), true},
		"one record":        {frame(t, make([]byte, 1000)), testConfig(100), true},
		"empty records":     {frame(t, make([][]byte, 30)...), testConfig(100), true},
		"records inside":    {frame(t, frame(t, []byte("a"), []byte("b")), []byte("c"), frame(t, nil, nil)), testConfig(100), true},
		"gzip":              {gzipped, testConfig(100), false},
		"zlib":              {zlibbed, testConfig(100), false},
		"bzip2":             {bzipped, testConfig(100), false},
		"zstd":              {zstded, testConfig(100), false},
	} {
		t.Run(name, func(t *testing.T) {
			file := save(t, test.data)
			p := test.options.whole(file)
			var splits int
			require.NoError(t, sourcetest.Test(t.Context(), func() sourcetest.Source[part, byteRange, Record] {
				return &countingSource{readRecordsFn{source{Config: test.options}}, &splits}
			}, p))
			if test.splits {
				require.Greater(t, splits, 10)
			} else {
				require.Zero(t, splits, "split while it was read")
			}
		})
	}
}

// countingSource counts the ranges that are read behind a record which was
// given out before the split.
type countingSource struct {
	readRecordsFn
	splits *int
}

func (s *countingSource) SplitRestriction(_ part, r byteRange) []byteRange {
	third := r.size() / 3
	return []byteRange{{r.Begin, r.Begin + third}, {r.Begin + third, r.End - third}, {r.End - third, r.End}}
}

func (s *countingSource) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, p part, emit func(Record)) error {
	return s.readRecordsFn.ProcessElement(ctx, rt, p, func(r Record) {
		before := rt.GetRestriction()
		emit(r)
		if rt.GetRestriction() != before {
			*s.splits++
		}
	})
}

func TestPartsKnowWhereTheirRecordsAre(t *testing.T) {
	for _, compression := range []tfrecord.Compression{tfrecord.None, tfrecord.Gzip} {
		data, want := encode(t, 20, tfrecord.WithCompression(compression))
		f := newReadRecordsFn(testConfig(100)).(*readRecordsFn)
		f.Setup()
		file := save(t, data)
		var offset int64
		for _, p := range planParts(t, f.Config, file) {
			require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(p.Range), p, func(r Record) {
				require.Equal(t, Record{File: file.Name, Offset: offset, Data: want[0].([]byte)}, r)
				offset += frameSize + int64(len(r.Data))
				want = want[1:]
			}))
		}
		require.Empty(t, want)
	}
}

const frameSize = tfrecord.HeaderSize + tfrecord.FooterSize

// The blocks in which a file is searched end anywhere.
func TestRecordsAreFoundWithAnyBlockSize(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	records := randomRecords(random, 100, 500)
	data := frame(t, records...)
	starts := []int64{0}
	for _, record := range records {
		starts = append(starts, starts[len(starts)-1]+frameSize+int64(len(record)))
	}
	o, err := storage.Open(t.Context(), save(t, data).Name)
	require.NoError(t, err)
	defer o.Close()
	for block := int64(tfrecord.HeaderSize); block < 60; block++ {
		l := testConfig(0).limits()
		l.block, l.checkRange = block, int64(random.IntN(1000))
		for range 50 {
			from := random.Int64N(int64(len(data)))
			i, _ := slices.BinarySearch(starts, from)
			s := search{ctx: t.Context(), o: o, limits: l}
			got, err := s.recordStart(from, o.Size())
			require.NoError(t, err)
			if i == len(records) {
				require.EqualValues(t, -1, got)
			} else {
				require.Equal(t, starts[i], got)
			}
		}
	}
}

func TestCompressedFilesAreOnePart(t *testing.T) {
	for _, compression := range []tfrecord.Compression{tfrecord.Gzip, tfrecord.Zlib} {
		data, want := encode(t, 50, tfrecord.WithCompression(compression))
		for _, known := range []tfrecord.Compression{tfrecord.Auto, compression} {
			c := testConfig(10)
			c.Compression = known
			parts := planParts(t, c, save(t, data))
			require.Len(t, parts, 1)
			require.Equal(t, compression, parts[0].Compression)
			got, err := readParts(t, c, parts)
			require.NoError(t, err)
			require.Len(t, got, len(want))
		}
	}
}

func TestFilesInsideRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	inner := randomRecords(random, 100, 1000)
	for what, test := range map[string]struct {
		records [][]byte
		exact   bool
	}{
		"small":           {[][]byte{[]byte("first"), frame(t, inner...), []byte("last")}, true},
		"small, the last": {[][]byte{[]byte("first"), frame(t, inner...)}, true},
		"nested":          {[][]byte{frame(t, frame(t, frame(t, inner...))), []byte("last")}, true},
		"large":           {[][]byte{[]byte("first"), frame(t, randomRecords(random, 10_000, 1000)...), []byte("last")}, false},
		"large, twice": {[][]byte{frame(t, randomRecords(random, 10_000, 1000)...), []byte("between"),
			frame(t, randomRecords(random, 10_000, 1000)...)}, false},
	} {
		file := save(t, frame(t, test.records...))
		var failed int
		for _, size := range []int64{0, 1 << 14, 1 << 16, 1 << 18, file.Size / 2, file.Size / 3, file.Size / 5} {
			c := testConfig(size)
			got, err := readParts(t, c, planParts(t, c, file))
			if err == nil {
				require.Equal(t, test.records, got, what)
				continue
			}
			failed++
			require.False(t, test.exact, what)
			require.NotZero(t, size)
			require.ErrorContains(t, err, file.Name)
			require.ErrorContains(t, err, "WithSplitSize(0)", what)
		}
		require.Equal(t, test.exact, failed == 0, "%s: the test is to see both", what)
	}
}

// Each of many beginnings of records leads to the same dead end, which should
// be walked to once.
func TestSearchInManyEmptyRecordsIsFast(t *testing.T) {
	empty := frame(t, []byte{})
	inner := bytes.Repeat(empty, 200<<10/len(empty)) // below checkRange
	file := save(t, frame(t, bytes.Repeat([]byte{1}, 1000), append(inner, "no record"...), make([]byte, 300<<10)))
	c := testConfig(10_000)
	got, err := readParts(t, c, planParts(t, c, file))
	require.NoError(t, err)
	require.Len(t, got, 3)
}

func TestRangesInsideALongRecordAreEmpty(t *testing.T) {
	records := [][]byte{make([]byte, 1000), bytes.Repeat([]byte{7}, 3<<20), make([]byte, 1000)}
	file := save(t, frame(t, records...))
	c := testConfig(100_000)
	parts := planParts(t, c, file)
	require.Len(t, parts, 31)
	got, err := readParts(t, c, parts)
	require.NoError(t, err)
	require.Equal(t, records, got)
	got, err = readParts(t, c, parts[1:30])
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestDamageInAPartNamesTheOffsetInTheFile(t *testing.T) {
	var records [][]byte
	for range 100 {
		records = append(records, make([]byte, 984))
	}
	good := frame(t, records...)
	for _, damaged := range []int{10, 55, 99} {
		data := bytes.Clone(good)
		data[damaged*1000+500] ^= 1
		file := save(t, data)
		c := testConfig(20_000)
		parts := planParts(t, c, file)
		require.Len(t, parts, 5)
		got, err := readParts(t, c, parts)
		require.ErrorIs(t, err, tfrecord.ErrCorrupt)
		require.ErrorContains(t, err, fmt.Sprintf("at offset %d", damaged*1000))
		require.ErrorContains(t, err, file.Name)
		require.Less(t, len(got), 100)
	}
	file := save(t, good[:99_500])
	_, err := readParts(t, testConfig(20_000), planParts(t, testConfig(20_000), file))
	require.ErrorIs(t, err, tfrecord.ErrTruncated)
	require.ErrorContains(t, err, "at offset 99000")
}

func TestFileThatChangesIsNotRead(t *testing.T) {
	data, _ := encode(t, 50)
	c := testConfig(100)
	for _, change := range []int64{-1, 1} {
		file := save(t, data)
		parts := planParts(t, c, file)
		require.NoError(t, os.Truncate(file.Name, file.Size+change))
		_, err := readParts(t, c, parts[1:])
		require.ErrorContains(t, err, "has changed")
		require.ErrorContains(t, err, file.Name)
		require.ErrorContains(t, (&planFn{Config: c}).ProcessElement(t.Context(), file, nil), "has changed")
	}
}

func TestStorageErrorsFailARange(t *testing.T) {
	data, _ := encode(t, 50)
	injected := errors.New("injected")
	faults := storagetest.NewFaults()
	name := faults.TempDir(t) + "/x"
	storagetest.Put(t, name, data)
	file := match.File{Name: name, Size: int64(len(data)), End: -1}
	c := testConfig(100)
	faults.Inject(storagetest.Fault{Op: storagetest.OpRead, Err: injected})
	err := (&planFn{Config: c}).ProcessElement(t.Context(), file, nil)
	require.ErrorIs(t, err, injected)
	require.ErrorContains(t, err, name)
	faults.Heal()
	parts := planParts(t, c, file)
	for skip := range 3 { // the search, reading, the search behind the end
		faults.Inject(storagetest.Fault{Op: storagetest.OpRead, Skip: skip, Err: injected})
		_, err := readParts(t, c, parts[1:2])
		require.ErrorIs(t, err, injected)
		require.ErrorContains(t, err, name)
		faults.Heal()
	}
	_, err = readParts(t, c, parts[1:2])
	require.NoError(t, err)
}

// The file is named once, by storage or by the reader of the part.
func TestErrorsNameTheFileOnce(t *testing.T) {
	data, _ := encode(t, 50)
	faults := storagetest.NewFaults()
	name := faults.TempDir(t) + "/x.tfrecord"
	read := func() error {
		_, err := readParts(t, testConfig(100), []part{testConfig(100).whole(match.File{Name: name, Size: int64(len(data))})})
		require.Error(t, err)
		return err
	}
	storagetest.Put(t, name, data)
	for _, op := range []storagetest.Op{storagetest.OpOpen, storagetest.OpRead} {
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected")})
		err := read()
		faults.Heal()
		require.ErrorContains(t, err, "injected")
		require.Equal(t, 1, strings.Count(err.Error(), "x.tfrecord"), err)
	}
	data[len(data)/2] ^= 1
	storagetest.Put(t, name, data)
	err := read()
	require.ErrorIs(t, err, tfrecord.ErrCorrupt)
	require.Equal(t, 1, strings.Count(err.Error(), "x.tfrecord"), err)
}

func TestVerifiedPartsAreTheWhole(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 30 {
		records := append(randomRecords(random, 50, 500), frame(t, randomRecords(random, 20, 100)...))
		file := save(t, frame(t, records...))
		for _, size := range []int64{0, 100, 1000} {
			c := testConfig(size)
			var parts []part
			f := &verifyFn{Config: c}
			f.Setup()
			require.NoError(t, f.ProcessElement(t.Context(), file, func(p part) { parts = append(parts, p) }, nil))
			requireCover(t, file, parts)
			got, err := readParts(t, c, parts)
			require.NoError(t, err)
			require.Equal(t, records, got)
		}
	}
}

// A file that was verified is known to deceive, and read as a whole.
func TestVerifiedFilesOfFilesAreRead(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for _, deceives := range []bool{false, true} {
		inner := make([]byte, 1<<20)
		if deceives {
			inner = frame(t, randomRecords(random, 10_000, 1000)...)
		}
		records := [][]byte{[]byte("first"), inner, []byte("last")}
		file := save(t, frame(t, records...))
		c := testConfig(file.Size / 7)
		var parts []part
		f := &verifyFn{Config: c}
		f.Setup()
		require.NoError(t, f.ProcessElement(t.Context(), file, func(p part) { parts = append(parts, p) }, nil))
		require.Equal(t, deceives, len(parts) == 1)
		got, err := readParts(t, c, parts)
		require.NoError(t, err)
		require.Equal(t, records, got)
	}
}

// What is read at once is one record, and what is asked of storage at a time:
// neither the file nor the length of its records makes more of it.
func TestMemoryIsThatOfARecord(t *testing.T) {
	for _, size := range []int{1000, 1 << 20, 4 << 20} {
		const total = 32 << 20
		file := save(t, bytes.Repeat(frame(t, make([]byte, size)), total/size))
		f := newReadFn(testConfig(16 << 20)).(*readFn)
		f.Setup()
		before := liveHeap()
		peak := before
		var n int
		for _, p := range planParts(t, f.Config, file) {
			require.NoError(t, f.ProcessElement(t.Context(), f.CreateTracker(p.Range), p, func([]byte) {
				if n++; n%(8<<20/size) == 0 {
					peak = max(peak, liveHeap())
				}
			}))
		}
		require.Equal(t, total/size, n)
		// The reader's buffer grows to twice a record at most; the copy is a third.
		require.Less(t, peak-before, uint64(8<<20+3*size), "records of %d bytes", size)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// FuzzParts checks, for files of records inside records and for damaged ones,
// that parts give what the whole gives, or an error. Little is checked around a
// place to cut, so that wrong ones are found.
func FuzzParts(f *testing.F) {
	f.Add([]byte{40, 2, 5, 9, 2, 8, 3, 3, 17}, uint8(20), uint8(0), uint16(0))
	f.Add([]byte{2, 2, 2, 5, 5, 5}, uint8(3), uint8(40), uint16(0))
	f.Add([]byte{2, 4, 4, 4, 4, 4, 4, 3, 2, 8, 8, 8, 3}, uint8(50), uint8(20), uint16(70))
	f.Fuzz(func(t *testing.T, recipe []byte, splitSize, checkRange uint8, damage uint16) {
		data := nest(t, &recipe)
		if len(data) > 4096 || splitSize == 0 {
			return
		}
		if damage > 0 && int(damage) < len(data) {
			data[damage] ^= 1
		}
		file := save(t, data)
		c := testConfig(int64(splitSize))
		c.Compression = tfrecord.None
		c.CheckRange = int64(checkRange)
		parts := planParts(t, c, file)
		want, wholeErr := readParts(t, c, []part{c.whole(file)})
		got, err := readParts(t, c, parts)
		if err == nil {
			require.NoError(t, wholeErr)
			require.Equal(t, want, got)
		}
	})
}

// nest makes a TFRecord file as a recipe says: 2 begins a record that is itself
// such a file, 3 ends it, others are records of some length.
func nest(t *testing.T, recipe *[]byte) []byte {
	var records [][]byte
	for len(*recipe) > 0 {
		b := (*recipe)[0]
		*recipe = (*recipe)[1:]
		if b == 3 {
			break
		}
		if b == 2 {
			records = append(records, nest(t, recipe))
		} else {
			records = append(records, bytes.Repeat([]byte{b}, int(b)/4))
		}
	}
	return frame(t, records...)
}
