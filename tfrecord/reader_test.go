package tfrecord

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNextReadAndOffsets(t *testing.T) {
	offsets := boundaries(smallRecords)
	for _, c := range allCompressions {
		r, err := NewReader(bytes.NewReader(encode(t, c, smallRecords...)))
		require.NoError(t, err)
		for i, want := range smallRecords {
			assert.Equal(t, offsets[i], r.Offset())
			assert.Equal(t, i, r.NumRead())
			read := r.Next
			if i%2 == 1 {
				read = r.Read
			}
			got, err := read()
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.NotNil(t, got)
		}
		for range 2 {
			_, err = r.Next()
			assert.Equal(t, io.EOF, err)
		}
		assert.Equal(t, offsets[len(smallRecords)], r.Offset())
		assert.EqualValues(t, len(smallRecords), r.NumRead())
	}
}

func TestReadGivesOwnedSlices(t *testing.T) {
	r, err := NewReader(bytes.NewReader(encode(t, None, []byte("one"), []byte("two"))))
	require.NoError(t, err)
	one, err := r.Read()
	require.NoError(t, err)
	two, err := r.Read()
	require.NoError(t, err)
	copy(two, "xxx")
	assert.Equal(t, "one", string(one))
}

// A caller that appends to a borrowed slice must not overwrite what follows it.
func TestBorrowedSliceHasNoRoom(t *testing.T) {
	r, err := NewReader(bytes.NewReader(encode(t, None, []byte("one"), []byte("two"))))
	require.NoError(t, err)
	one, err := r.Next()
	require.NoError(t, err)
	_ = append(one, bytes.Repeat([]byte{0xff}, 64)...)
	two, err := r.Next()
	require.NoError(t, err)
	assert.Equal(t, "two", string(two))
}

// Records and Scan differ in whom the slices belong to only.
func TestLoops(t *testing.T) {
	file := encode(t, None, smallRecords...)
	for name, loop := range map[string]func(*Reader) iter.Seq2[[]byte, error]{"Records": (*Reader).Records, "Scan": (*Reader).Scan} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader(bytes.NewReader(file), WithBufferSize(minBufferSize))
			require.NoError(t, err)
			keep := func(record []byte) []byte { return record }
			if name == "Scan" {
				keep = func(record []byte) []byte { return append([]byte{}, record...) }
			}
			var got [][]byte
			for record, err := range loop(r) {
				require.NoError(t, err)
				got = append(got, keep(record))
				if len(got) == 2 {
					break
				}
			}
			for record, err := range loop(r) {
				require.NoError(t, err)
				got = append(got, keep(record))
			}
			assert.Equal(t, smallRecords, got)

			require.NoError(t, r.Reset(bytes.NewReader(file[:len(file)-1])))
			var errs []error
			n := 0
			for record, err := range loop(r) {
				if err != nil {
					assert.Nil(t, record)
					errs = append(errs, err)
					continue
				}
				n++
			}
			assert.Equal(t, len(smallRecords)-1, n)
			require.Len(t, errs, 1)
			assert.ErrorIs(t, errs[0], ErrTruncated)
		})
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	file := encode(t, None, make([][]byte, 10_000)...)
	r, err := NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	assert.Less(t, testing.AllocsPerRun(10, func() {
		if err := r.Reset(bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		for _, err := range r.Scan() {
			if err != nil {
				t.Fatal(err)
			}
		}
	}), 20.0)
}

func TestErrorsAreFinal(t *testing.T) {
	file := encode(t, None, []byte("one"), []byte("two"))
	file[HeaderSize] ^= 1
	r, err := NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	_, first := r.Next()
	require.ErrorIs(t, first, ErrCorrupt)
	_, second := r.Next()
	assert.Same(t, first, second)
	_, third := r.Read()
	assert.Same(t, first, third)
}

func TestReset(t *testing.T) {
	r, err := NewReader(bytes.NewReader([]byte("not a TFRecord file at all")))
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorIs(t, err, ErrCorrupt)
	for _, c := range append(allCompressions, allCompressions...) {
		require.NoError(t, r.Reset(bytes.NewReader(encode(t, c, smallRecords...))))
		assert.Zero(t, r.Offset())
		assert.Zero(t, r.NumRead())
		records, err := drain(r)
		require.NoError(t, err)
		assert.Equal(t, smallRecords, records)
		assert.Equal(t, c, r.Compression())
	}
}

func TestReaderOptionsAreChecked(t *testing.T) {
	for name, opts := range map[string][]ReaderOption{
		"Compression(6)":                         {WithCompression(Zstd + 1)},
		"Compression(-1)":                        {WithCompression(-1)},
		"negative record size limit":             {WithMaxRecordSize(-1)},
		"buffer size 15":                         {WithBufferSize(15)},
		"Compression is set to gzip and to zlib": {WithCompression(Gzip), WithCompression(Auto), WithCompression(Zlib)},
		"MaxRecordSize is set to 5 and to 6":     {WithMaxRecordSize(5), ReaderOptions{MaxRecordSize: 6}},
	} {
		_, err := NewReader(bytes.NewReader(nil), opts...)
		assert.ErrorIs(t, err, ErrInvalidOption)
		assert.ErrorContains(t, err, name)
		assert.Equal(t, 1, strings.Count(err.Error(), "tfrecord"), err)
	}
}

// Options say what they set, in any order; 0 is not set.
func TestReaderOptionsInAnyOrder(t *testing.T) {
	want := ReaderOptions{Compression: Gzip, MaxRecordSize: 7, BufferSize: 99}
	for _, opts := range [][]ReaderOption{
		{want},
		{WithCompression(Gzip), WithMaxRecordSize(7), WithBufferSize(99)},
		{WithBufferSize(99), WithMaxRecordSize(0), WithMaxRecordSize(7), WithCompression(Auto), WithCompression(Gzip), WithBufferSize(0)},
		{ReaderOptions{}, ReaderOptions{MaxRecordSize: 7}, ReaderOptions{Compression: Gzip, BufferSize: 99}, want},
	} {
		got, err := applyReaderOptions(opts)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	defaults, err := applyReaderOptions(nil)
	require.NoError(t, err)
	assert.Equal(t, ReaderOptions{MaxRecordSize: DefaultMaxRecordSize, BufferSize: 64 << 10}, defaults)
}

func TestMaxRecordSize(t *testing.T) {
	for _, c := range allCompressions {
		file := encode(t, c, make([]byte, 100), make([]byte, 101))
		_, err := readAll(t, file, WithMaxRecordSize(101))
		require.NoError(t, err)
		records, err := readAll(t, file, WithMaxRecordSize(100))
		assert.Len(t, records, 1)
		assert.ErrorIs(t, err, ErrTooLarge)
		assert.NotErrorIs(t, err, ErrCorrupt)
		assert.ErrorContains(t, err, "record 1 at offset 116")
		assert.ErrorContains(t, err, "101 bytes, the limit is 100")
	}
	_, err := readAll(t, encode(t, None, []byte("a")), WithMaxRecordSize(math.MaxInt64))
	require.NoError(t, err)
}

// A length can be a lie although its CRC is right. It must not cost memory.
func TestLyingLengthAllocatesLittle(t *testing.T) {
	for _, length := range []int{math.MaxInt32 - 1, 1 << 30, 1 << 20} {
		lie := make([]byte, HeaderSize, 300_000)
		putHeader(lie, length)
		lie = lie[:cap(lie)]
		for name, file := range map[string][]byte{"nothing": lie[:HeaderSize], "something": lie} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := readAll(t, file)
			runtime.ReadMemStats(&after)
			assert.ErrorIs(t, err, ErrTruncated)
			// The buffers on the way up to twice the input, and a little.
			limit := 4*len(file) + 4*defaultBufferSize
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(limit), "length %d, then %s", length, name)
		}
	}
}

// Lengths that do not fit an int, or wrap when the frame is added.
func TestEnormousLengths(t *testing.T) {
	for _, length := range []int{-1, math.MinInt, math.MaxInt, math.MaxInt - 16, -16} {
		file := make([]byte, 64)
		putHeader(file, length)
		_, err := readAll(t, file)
		assert.ErrorIs(t, err, ErrTooLarge, "length %#x", uint64(length))
		_, err = readAll(t, file, WithMaxRecordSize(math.MaxInt))
		assert.True(t, errors.Is(err, ErrTooLarge) || errors.Is(err, ErrTruncated), "length %#x: %v", uint64(length), err)
	}
}

func TestSourcesThatReadOddly(t *testing.T) {
	records := append([][]byte{bytes.Repeat([]byte("long "), 1000)}, smallRecords...)
	for _, c := range allCompressions {
		file := encode(t, c, records...)
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"one byte":        iotest.OneByteReader,
			"half":            iotest.HalfReader,
			"data with error": iotest.DataErrReader,
			"empty reads":     func(r io.Reader) io.Reader { return &emptyReads{Reader: r} },
		} {
			for _, size := range []int64{minBufferSize, 17, 100, defaultBufferSize} {
				r, err := NewReader(wrap(bytes.NewReader(file)), WithBufferSize(size))
				require.NoError(t, err)
				got, err := drain(r)
				require.NoError(t, err, "%v, %s, buffer %d", c, name, size)
				assert.Equal(t, records, got, "%v, %s, buffer %d", c, name, size)
			}
		}
	}
}

// emptyReads returns 0, nil every other time.
type emptyReads struct {
	io.Reader
	turn int
}

func (e *emptyReads) Read(p []byte) (int, error) {
	e.turn++
	if e.turn%2 == 1 {
		return 0, nil
	}
	return e.Reader.Read(p)
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestSourceWithoutProgress(t *testing.T) {
	file := encode(t, None, []byte("one"), []byte("two"))
	r, err := NewReader(io.MultiReader(bytes.NewReader(file[:25]), stuck{}))
	require.NoError(t, err)
	records, err := drain(r)
	assert.Len(t, records, 1)
	assert.ErrorIs(t, err, io.ErrNoProgress)
}

func TestErrorOfTheSource(t *testing.T) {
	broken := errors.New("the disk is on fire")
	for _, c := range allCompressions {
		file := encode(t, c, smallRecords...)
		for cut := range file {
			src := io.MultiReader(bytes.NewReader(file[:cut]), iotest.ErrReader(broken))
			r, err := NewReader(src, WithCompression(c))
			if err == nil {
				_, err = drain(r)
			}
			var where *RecordError
			require.ErrorAs(t, err, &where, "%v, %d bytes", c, cut)
			assert.ErrorIs(t, err, broken)
			assert.NotErrorIs(t, err, ErrTruncated)
			assert.NotErrorIs(t, err, ErrCorrupt)
		}
	}
}

// What came before an error of the source is still delivered.
func TestErrorOfTheSourceComesAfterItsRecords(t *testing.T) {
	broken := errors.New("gone")
	file := encode(t, None, []byte("one"), []byte("two"))
	r, err := NewReader(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(broken)))
	require.NoError(t, err)
	records, err := drain(r)
	assert.Len(t, records, 2)
	assert.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, "record 2 at offset 38")
}

// A download that was cut off says so with io.ErrUnexpectedEOF.
func TestUnexpectedEndOfTheSource(t *testing.T) {
	file := encode(t, None, []byte("one"), []byte("two"))
	r, err := NewReader(io.MultiReader(bytes.NewReader(file[:30]), iotest.ErrReader(io.ErrUnexpectedEOF)))
	require.NoError(t, err)
	_, err = drain(r)
	assert.ErrorIs(t, err, ErrTruncated)
}

func TestNextDoesNotAllocate(t *testing.T) {
	file := encode(t, None, digits(t)...)
	r, err := NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	})
	assert.Zero(t, allocs)
}
