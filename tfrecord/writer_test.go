package tfrecord

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriterCounts(t *testing.T) {
	for _, c := range writtenCompressions {
		w, err := NewWriter(io.Discard, WithCompression(c))
		require.NoError(t, err)
		for i, offset := range boundaries(smallRecords) {
			assert.Equal(t, i, w.NumRecords())
			assert.Equal(t, offset, w.Offset())
			if i < len(smallRecords) {
				require.NoError(t, w.Write(smallRecords[i]))
			}
		}
		require.NoError(t, w.Close())
	}
}

func TestAutoWritesAPlainFile(t *testing.T) {
	assert.Equal(t, encode(t, None, smallRecords...), encode(t, Auto, smallRecords...))
}

func TestWriterCopiesTheRecord(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file)
	require.NoError(t, err)
	record := []byte("one")
	require.NoError(t, w.Write(record))
	copy(record, "two")
	require.NoError(t, w.Write(record))
	require.NoError(t, w.Close())
	records, err := readAll(t, file.Bytes())
	require.NoError(t, err)
	assert.Equal(t, [][]byte{[]byte("one"), []byte("two")}, records)
}

func TestWriterAfterClose(t *testing.T) {
	for _, c := range writtenCompressions {
		var file bytes.Buffer
		w, err := NewWriter(&file, WithCompression(c))
		require.NoError(t, err)
		require.NoError(t, w.Write([]byte("record")))
		require.NoError(t, w.Close())
		size := file.Len()
		assert.NoError(t, w.Close())
		assert.ErrorIs(t, w.Write(nil), ErrClosed)
		assert.ErrorIs(t, w.Flush(), ErrClosed)
		assert.NoError(t, w.Close())
		assert.Equal(t, size, file.Len())
		assert.EqualValues(t, 1, w.NumRecords())
	}
}

func TestFlushMakesRecordsReadable(t *testing.T) {
	for _, c := range writtenCompressions {
		var file bytes.Buffer
		w, err := NewWriter(&file, WithCompression(c))
		require.NoError(t, err)
		require.NoError(t, w.Write([]byte("early")))
		require.NoError(t, w.Flush())

		r, err := NewReader(bytes.NewReader(file.Bytes()))
		require.NoError(t, err)
		record, err := r.Next()
		require.NoError(t, err, c)
		assert.Equal(t, "early", string(record))

		require.NoError(t, w.Write([]byte("late")))
		require.NoError(t, w.Close())
		records, err := readAll(t, file.Bytes())
		require.NoError(t, err)
		assert.Len(t, records, 2)
	}
}

var errFull = errors.New("no space left")

// limited fails once more than n bytes are written to it.
type limited struct{ n int }

func (l *limited) Write(p []byte) (int, error) {
	if len(p) > l.n {
		n := l.n
		l.n = 0
		return n, errFull
	}
	l.n -= len(p)
	return len(p), nil
}

func TestEveryFailingByteIsReported(t *testing.T) {
	records := append([][]byte{bytes.Repeat([]byte{'x'}, 70_000)}, smallRecords...)
	for _, c := range writtenCompressions {
		size := len(encode(t, c, records...))
		step := 1 + size/500
		for room := 0; room <= size; room += step {
			w, err := NewWriter(&limited{room}, WithCompression(c))
			require.NoError(t, err)
			for _, record := range records {
				if err = w.Write(record); err != nil {
					break
				}
			}
			if err == nil && room%2 == 0 {
				err = w.Flush()
			}
			if err == nil {
				err = w.Close()
			}
			if room == size {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, errFull, "%v, room for %d of %d bytes", c, room, size)
			assert.ErrorContains(t, err, "tfrecord: writing record ")
			assert.Equal(t, err, w.Write(nil), "an error is final")
			assert.Equal(t, err, w.Flush())
			assert.Equal(t, err, w.Close())
		}
	}
}

func TestWriterOptionsAreChecked(t *testing.T) {
	for name, opts := range map[string][]WriterOption{
		"Compression(6)":                         {WithCompression(Zstd + 1)},
		"compression level 10":                   {WithLevel(10)},
		"compression level -3":                   {WithLevel(-3)},
		"Level is set to 3 and to 4":             {WithLevel(3), WriterOptions{Level: 4}},
		"Compression is set to none and to zlib": {WithCompression(None), WithCompression(Zlib)},
	} {
		_, err := NewWriter(io.Discard, opts...)
		assert.ErrorIs(t, err, ErrInvalidOption)
		assert.ErrorContains(t, err, name)
		assert.Equal(t, 1, strings.Count(err.Error(), "tfrecord"), err)
	}
}

func TestWriterOptionsInAnyOrder(t *testing.T) {
	want := WriterOptions{Compression: Zlib, Level: 7}
	for _, opts := range [][]WriterOption{{want}, {WithLevel(7), WithCompression(Zlib)}, {WithCompression(Zlib), WithLevel(0), WithLevel(7), want}} {
		got, err := applyWriterOptions(opts)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestLevelMatters(t *testing.T) {
	size := func(level int) int {
		var file bytes.Buffer
		w, err := NewWriter(&file, WithCompression(Gzip), WithLevel(level))
		require.NoError(t, err)
		for _, record := range digits(t) {
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		return file.Len()
	}
	assert.Equal(t, size(0), size(-1), "the default")
	assert.Equal(t, size(0), size(6))
	assert.Greater(t, size(1), size(9))
}

func TestWriteDoesNotAllocate(t *testing.T) {
	w, err := NewWriter(io.Discard)
	require.NoError(t, err)
	record := make([]byte, 100)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}))
}
