package tfrecord

import (
	"io"
	"sort"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var smallRecords = [][]byte{[]byte("first"), {}, []byte("the third record"), {0}, []byte("last")}

// recordAt returns the number of the record that holds the byte at offset.
func recordAt(offsets []int64, offset int) int {
	return sort.Search(len(offsets), func(i int) bool { return offsets[i] > int64(offset) }) - 1
}

func TestEveryDamagedByteIsFound(t *testing.T) {
	file := encode(t, None, smallRecords...)
	offsets := boundaries(smallRecords)
	for at := range file {
		for _, flip := range []byte{0x01, 0x10, 0x80, 0xff} {
			damaged := append([]byte(nil), file...)
			damaged[at] ^= flip
			hit := recordAt(offsets, at)

			records, err := readAll(t, damaged, WithCompression(None))
			var where *RecordError
			require.ErrorAs(t, err, &where, "byte %d", at)
			assert.ErrorIs(t, err, ErrCorrupt)
			assert.EqualValues(t, hit, where.Record, "byte %d", at)
			assert.Equal(t, offsets[hit], where.Offset, "byte %d", at)
			assert.Equal(t, smallRecords[:hit], append([][]byte{}, records...))

			// With detection too, though what is wrong may be seen differently.
			_, err = readAll(t, damaged)
			assert.ErrorAs(t, err, &where, "byte %d, detected", at)
		}
	}
}

// Of a compressed file, a damaged byte is found or makes no difference (such as
// the time in a gzip header).
func TestDamagedByteOfCompressedFile(t *testing.T) {
	for _, c := range []Compression{Gzip, Zlib, Zstd} {
		file := encode(t, c, smallRecords...)
		harmless := 0
		for at := range file {
			for _, flip := range []byte{0x01, 0x10, 0x80, 0xff} {
				damaged := append([]byte(nil), file...)
				damaged[at] ^= flip
				for _, told := range []Compression{c, Auto} {
					records, err := readAll(t, damaged, WithCompression(told))
					if err == nil {
						harmless++
						require.Equal(t, smallRecords, records, "%v, byte %d", c, at)
						continue
					}
					var where *RecordError
					require.ErrorAs(t, err, &where, "%v, byte %d: %v", c, at, err)
					require.Equal(t, smallRecords[:len(records)], append([][]byte{}, records...))
					require.EqualValues(t, len(records), where.Record)
					require.Equal(t, boundaries(records)[len(records)], where.Offset)
				}
			}
		}
		assert.Less(t, harmless, len(file), "%v: most damage should be found", c)
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	file := encode(t, None, smallRecords...)
	offsets := boundaries(smallRecords)
	for size := range file {
		records, err := readAll(t, file[:size], WithCompression(None))
		whole := recordAt(offsets, size)
		assert.Equal(t, smallRecords[:whole], append([][]byte{}, records...), "%d bytes", size)
		if int64(size) == offsets[whole] {
			assert.NoError(t, err, "%d bytes end at a record boundary", size)
			continue
		}
		var where *RecordError
		require.ErrorAs(t, err, &where, "%d bytes", size)
		assert.ErrorIs(t, err, ErrTruncated)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.NotErrorIs(t, err, ErrCorrupt)
		assert.EqualValues(t, whole, where.Record)
		assert.Equal(t, offsets[whole], where.Offset)
	}
}

func TestEveryTruncationOfCompressedFileIsFound(t *testing.T) {
	for _, c := range []Compression{Gzip, Zlib, Zstd} {
		file := encode(t, c, smallRecords...)
		for size := 1; size < len(file); size++ {
			records, err := readAll(t, file[:size], WithCompression(c))
			require.ErrorIs(t, err, ErrTruncated, "%v, %d bytes", c, size)
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
			assert.Equal(t, smallRecords[:len(records)], append([][]byte{}, records...))

			_, err = readAll(t, file[:size])
			assert.Error(t, err, "%v, %d bytes, detected", c, size)
		}
	}
}

// The compressed stream can be whole and what it holds cut short.
func TestTruncatedInsideWholeStream(t *testing.T) {
	plain := encode(t, None, []byte("record"))
	file := gzipped(t, plain[:len(plain)-1])
	_, err := readAll(t, file)
	assert.ErrorIs(t, err, ErrTruncated)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.EqualError(t, err, "tfrecord: record 0 at offset 0 of the gzip stream's content: "+
		"truncated input: the input ends after 21 of 22 bytes")
}

func TestErrorTexts(t *testing.T) {
	plain := encode(t, None, []byte("a"), []byte("bc"))
	wrong := append([]byte(nil), plain...)
	wrong[17+HeaderSize] ^= 1
	_, err := readAll(t, wrong)
	assert.EqualError(t, err, "tfrecord: record 1 at offset 17: corrupt data: wrong CRC of the record's data (2 bytes)")
	wrong[17] ^= 1
	_, err = readAll(t, wrong)
	assert.EqualError(t, err, "tfrecord: record 1 at offset 17: corrupt data: wrong CRC of the record's length")
	_, err = readAll(t, plain[:20])
	assert.EqualError(t, err, "tfrecord: record 1 at offset 17: truncated input: the input ends after 3 of 12 header bytes")
}
