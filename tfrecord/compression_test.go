package tfrecord

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompressionNames(t *testing.T) {
	for _, c := range []Compression{Auto, None, Gzip, Zlib} {
		got, err := ParseCompression(c.String())
		require.NoError(t, err)
		assert.Equal(t, c, got)
	}
	_, err := ParseCompression("lz4")
	assert.ErrorIs(t, err, ErrInvalidOption)
	assert.ErrorContains(t, err, `"lz4"`)
	assert.Equal(t, "Compression(9)", Compression(9).String())
}

func TestDetectsCompression(t *testing.T) {
	for _, c := range allCompressions {
		for _, records := range [][][]byte{nil, {{}}, {[]byte("one"), nil, []byte("three")}} {
			if c == None && records == nil {
				continue // no byte to go by
			}
			r, err := NewReader(bytes.NewReader(encode(t, c, records...)))
			require.NoError(t, err)
			assert.Equal(t, c, r.Compression())
			got, err := drain(r)
			require.NoError(t, err)
			assert.Len(t, got, len(records))
		}
	}
}

func TestDetectsEveryLevel(t *testing.T) {
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		for _, c := range []Compression{Gzip, Zlib} {
			var file bytes.Buffer
			w, err := NewWriter(&file, WithCompression(c), WithLevel(level))
			require.NoError(t, err)
			require.NoError(t, w.Write([]byte("record")))
			require.NoError(t, w.Close())

			r, err := NewReader(&file)
			require.NoError(t, err)
			assert.Equal(t, c, r.Compression(), "level %d", level)
			records, err := drain(r)
			require.NoError(t, err)
			assert.Equal(t, [][]byte{[]byte("record")}, records)
		}
	}
}

// A plain file begins with a length. These look like the first bytes of gzip
// and of zlib at its levels.
func TestPlainFileThatLooksCompressed(t *testing.T) {
	for _, length := range []int{0x088b1f, 0x0178, 0x5e78, 0x9c78, 0xda78} {
		record := bytes.Repeat([]byte{'x'}, length)
		file := encode(t, None, record)
		r, err := NewReader(bytes.NewReader(file))
		require.NoError(t, err)
		assert.Equal(t, None, r.Compression(), "length %#x", length)
		got, err := drain(r)
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.True(t, bytes.Equal(record, got[0]))
	}
}

func TestEmptyInputHasNoRecords(t *testing.T) {
	for _, c := range []Compression{Auto, None, Gzip, Zlib} {
		records, err := readAll(t, nil, WithCompression(c))
		require.NoError(t, err, c)
		assert.Empty(t, records)
	}
}

func TestConcatenatedFiles(t *testing.T) {
	for _, c := range allCompressions {
		var file []byte
		for _, part := range [][][]byte{{[]byte("a"), []byte("bb")}, nil, {{}}, {[]byte("c")}} {
			file = append(file, encode(t, c, part...)...)
		}
		records, err := readAll(t, file)
		require.NoError(t, err, c)
		assert.Equal(t, [][]byte{[]byte("a"), []byte("bb"), {}, []byte("c")}, records, c)
	}
}

// A record may begin in one member and end in the next.
func TestRecordAcrossStreams(t *testing.T) {
	plain := encode(t, None, []byte("first record"), []byte("second record"))
	zlibbed := func(t testing.TB, p []byte) []byte {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, err := w.Write(p)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	for name, compress := range map[string]func(testing.TB, []byte) []byte{"gzip": gzipped, "zlib": zlibbed} {
		for cut := range plain {
			records, err := readAll(t, append(compress(t, plain[:cut]), compress(t, plain[cut:])...))
			require.NoError(t, err, name)
			assert.Equal(t, [][]byte{[]byte("first record"), []byte("second record")}, records, name)
		}
	}
}

func TestBytesBehindTheCompressedStream(t *testing.T) {
	for _, c := range []Compression{Gzip, Zlib} {
		for name, tail := range map[string]string{"zeros": strings.Repeat("\x00", 64), "text": "This is not a compressed stream."} {
			records, err := readAll(t, append(encode(t, c, []byte("kept")), tail...))
			assert.Equal(t, [][]byte{[]byte("kept")}, records)
			var at *RecordError
			require.ErrorAs(t, err, &at, "%v, %s", c, name)
			assert.ErrorIs(t, err, ErrCorrupt)
			assert.EqualValues(t, 1, at.Record)
			assert.EqualValues(t, HeaderSize+4+FooterSize, at.Offset)
		}
	}
}

func TestWrongCompressionIsReported(t *testing.T) {
	gz := encode(t, Gzip, []byte("record"))
	plain := encode(t, None, []byte("record"))
	for _, tt := range []struct {
		file []byte
		told Compression
		says string
	}{
		{gz, None, "looks like a gzip stream"},
		{encode(t, Zlib, []byte("record")), None, "looks like a zlib stream"},
		{gz, Zlib, "zlib: invalid header"},
		{plain, Gzip, "gzip: invalid header"},
	} {
		records, err := readAll(t, tt.file, WithCompression(tt.told))
		assert.Empty(t, records)
		assert.ErrorIs(t, err, ErrCorrupt)
		assert.ErrorContains(t, err, "record 0 at offset 0")
		assert.ErrorContains(t, err, tt.says)
	}
}

func TestPresetDictionaryIsNotDetected(t *testing.T) {
	var b bytes.Buffer
	w, err := zlib.NewWriterLevelDict(&b, flate.DefaultCompression, []byte("dictionary"))
	require.NoError(t, err)
	_, err = w.Write(encode(t, None, []byte("record")))
	require.NoError(t, err)
	require.NoError(t, w.Close())

	_, err = readAll(t, b.Bytes())
	assert.ErrorIs(t, err, ErrCorrupt)
	_, err = readAll(t, b.Bytes(), WithCompression(Zlib))
	assert.ErrorIs(t, err, ErrCorrupt)
	assert.ErrorIs(t, err, zlib.ErrDictionary)
}
