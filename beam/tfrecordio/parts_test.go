package tfrecordio

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
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
	return readConfig{MaxRecordSize: tfrecord.DefaultMaxRecordSize, SplitSize: splitSize}
}

func planParts(t testing.TB, c readConfig, file match.File) []part {
	t.Helper()
	var parts []part
	require.NoError(t, (&planFn{Config: c}).ProcessElement(t.Context(), file, func(p part) { parts = append(parts, p) }))
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
		require.Equal(t, next, p.Begin)
		require.True(t, p.End > p.Begin || file.Size == 0)
		next = p.End
	}
	require.Equal(t, file.Size, next)
}

// readParts gives the records of all parts in order, and the first error.
func readParts(t testing.TB, c readConfig, parts []part) (records [][]byte, first error) {
	t.Helper()
	f := newReadFn(c).(*readFn)
	f.Setup()
	for _, p := range parts {
		err := f.ProcessElement(t.Context(), p, func(b []byte) { records = append(records, b) })
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
	for range 60 {
		records := randomRecords(random, 1+random.IntN(200), 1+random.IntN(3000))
		data := frame(t, records...)
		file := save(t, data)
		for _, size := range []int64{0, 1, 7, 16, 100, 1000, int64(len(data)) / 3, int64(len(data)) / 2, int64(len(data))} {
			if size > 0 && int64(len(data))/size > 3000 {
				continue // a search for each byte takes long
			}
			c := testConfig(size)
			parts := planParts(t, c, file)
			got, err := readParts(t, c, parts)
			require.NoError(t, err)
			require.Equal(t, records, got, size)
			switch {
			case size == 1 && len(data) > 1:
				require.Len(t, parts, len(records), "every record is a part")
			case size == 0 || size == int64(len(data)):
				require.Len(t, parts, 1)
			}
		}
	}
}

// The blocks in which a file is searched end anywhere.
func TestSeamsAreFoundWithAnyBlockSize(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	records := randomRecords(random, 100, 500)
	data := frame(t, records...)
	starts := map[int64]bool{}
	next := int64(0)
	for _, record := range records {
		starts[next] = true
		next += int64(len(record)) + 16
	}
	o, err := storage.Open(t.Context(), save(t, data).Name)
	require.NoError(t, err)
	defer o.Close()
	for block := int64(tfrecord.HeaderSize); block < 60; block++ {
		l := testConfig(0).limits()
		l.block, l.checkRange = block, int64(random.IntN(1000))
		wanted := testConfig(97).wantedSeams(int64(len(data)))
		seams, err := findSeams(t.Context(), o, wanted, l)
		require.NoError(t, err)
		for _, seam := range seams {
			require.True(t, starts[seam], seam)
		}
		require.Greater(t, len(seams), 30)
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

func TestPlaceWithoutRecordHasNoSeam(t *testing.T) {
	data := frame(t, make([]byte, 1000), make([]byte, 100_000), make([]byte, 1000))
	parts := planParts(t, testConfig(10_000), save(t, data))
	require.Len(t, parts, 2) // cut before the last record
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
		var parts []part
		for i := range 5 {
			parts = append(parts, part{Name: file.Name, Size: file.Size, Begin: int64(i) * 20_000, End: int64(i+1) * 20_000})
		}
		got, err := readParts(t, c, parts)
		require.ErrorIs(t, err, tfrecord.ErrCorrupt)
		require.ErrorContains(t, err, fmt.Sprintf("record %d at offset %d", damaged%20, damaged*1000))
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

func TestStorageErrorsFailThePlan(t *testing.T) {
	data, _ := encode(t, 50)
	injected := errors.New("injected")
	for skip := range 2 { // the search, the detection
		faults := storagetest.NewFaults()
		name := faults.TempDir(t) + "/x"
		storagetest.Put(t, name, data)
		faults.Inject(storagetest.Fault{Op: storagetest.OpRead, Skip: skip, Err: injected})
		err := (&planFn{Config: testConfig(100)}).ProcessElement(t.Context(), match.File{Name: name, Size: int64(len(data))}, nil)
		require.ErrorIs(t, err, injected)
		require.ErrorContains(t, err, name)
	}
}

// The file is named once, by storage or by the reader of the part.
func TestErrorsNameTheFileOnce(t *testing.T) {
	data, _ := encode(t, 50)
	faults := storagetest.NewFaults()
	name := faults.TempDir(t) + "/x.tfrecord"
	read := func() error {
		p := part{Name: name, Size: int64(len(data)), End: int64(len(data))}
		_, err := p.read(t.Context(), testConfig(100), func([]byte, int64, int64) {})
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
		// Even with records inside records, as every seam is certain.
		records := append(randomRecords(random, 50, 500), frame(t, randomRecords(random, 20, 100)...))
		file := save(t, frame(t, records...))
		for _, size := range []int64{0, 1, 100, 1000} {
			c := testConfig(size)
			var parts []part
			f := &verifyFn{Config: c}
			f.Setup()
			require.NoError(t, f.ProcessElement(t.Context(), file, func(p part) { parts = append(parts, p) }, nil))
			requireCover(t, file, parts)
			got, err := readParts(t, c, parts)
			require.NoError(t, err)
			require.Equal(t, records, got)
			if size == 1 {
				require.Len(t, parts, len(records))
			}
		}
	}
}

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	file := save(t, bytes.Repeat(frame(t, make([]byte, 1000)), 64<<10))
	before := liveHeap()
	peak := before
	var n int
	f := newReadFn(testConfig(0)).(*readFn)
	f.Setup()
	require.NoError(t, f.ProcessElement(t.Context(), part{Name: file.Name, Size: file.Size, End: file.Size}, func([]byte) {
		if n++; n%8192 == 0 {
			peak = max(peak, liveHeap())
		}
	}))
	require.Equal(t, 64<<10, n)
	require.Less(t, peak-before, uint64(8<<20), "for a file of %d MiB", file.Size>>20)
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// FuzzParts checks, for files of records inside records and for damaged ones,
// that parts give what the whole gives, or an error. Little is checked around a
// seam, so that wrong ones are found.
func FuzzParts(f *testing.F) {
	f.Add([]byte{40, 2, 5, 9, 2, 8, 3, 3, 17}, uint8(20), uint8(0), uint16(0))
	f.Add([]byte{2, 2, 2, 5, 5, 5}, uint8(3), uint8(40), uint16(0))
	f.Add([]byte{2, 4, 4, 4, 4, 4, 4, 3, 2, 8, 8, 8, 3}, uint8(50), uint8(20), uint16(70))
	f.Fuzz(func(t *testing.T, recipe []byte, splitSize, checkRange uint8, damage uint16) {
		data := nest(t, &recipe)
		if len(data) > 4096 {
			return
		}
		if damage > 0 && int(damage) < len(data) {
			data[damage] ^= 1
		}
		file := save(t, data)
		o, err := storage.Open(t.Context(), file.Name)
		require.NoError(t, err)
		defer o.Close()
		c := testConfig(int64(splitSize))
		c.Compression = tfrecord.None
		l := c.limits()
		l.checkRange, l.block = int64(checkRange), 64
		seams, err := findSeams(t.Context(), o, c.wantedSeams(file.Size), l)
		require.NoError(t, err)
		var whole, parts []part
		emitParts(file, tfrecord.None, nil, func(p part) { whole = append(whole, p) })
		emitParts(file, tfrecord.None, seams, func(p part) { parts = append(parts, p) })
		requireCover(t, file, parts)
		want, wholeErr := readParts(t, c, whole)
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
