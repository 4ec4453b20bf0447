package tfrecord

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompressionNames(t *testing.T) {
	for _, c := range []Compression{Auto, None, Gzip, Zlib, Bzip2, Zstd} {
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
	for _, length := range []int{0x088b1f, 0x0178, 0x5e78, 0x9c78, 0xda78, 0x685a42} {
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
	for _, c := range []Compression{Auto, None, Gzip, Zlib, Bzip2, Zstd} {
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
	for _, c := range []Compression{Gzip, Zlib, Zstd} {
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
		{encode(t, Zstd, []byte("record")), None, "looks like a zstd stream"},
		{gz, Bzip2, "bzip2 data invalid"},
		{gz, Zstd, "invalid input: magic number mismatch"},
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

func TestReadsBzip2AndZstd(t *testing.T) {
	want := digits(t)[:50]
	for name, c := range map[string]Compression{"digits-50.tfrecord.bz2": Bzip2, "digits-50.tfrecord.zst": Zstd} {
		file, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		for _, told := range []Compression{Auto, c} {
			r, err := NewReader(bytes.NewReader(file), WithCompression(told))
			require.NoError(t, err)
			assert.Equal(t, c, r.Compression())
			got, err := drain(r)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
		// Files after each other are one.
		got, err := readAll(t, append(bytes.Clone(file), file...))
		require.NoError(t, err)
		assert.Len(t, got, 100)
		// Cut or damaged anywhere, they are not taken for whole.
		for at := 4; at < len(file); at += 1 + len(file)/200 {
			records, err := readAll(t, file[:at])
			require.ErrorIs(t, err, ErrTruncated, "%s, %d bytes", name, at)
			require.Equal(t, want[:len(records)], append([][]byte{}, records...))
			damaged := bytes.Clone(file)
			damaged[at] ^= 0x10
			if records, err = readAll(t, damaged); err == nil {
				require.Equal(t, want, records, "%s, byte %d", name, at)
				continue
			}
			require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrTruncated), "%s, byte %d: %v", name, at, err)
		}
		// What goes wrong with reading is no damage.
		injected := errors.New("injected")
		r, err := NewReader(io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(injected)))
		require.NoError(t, err)
		_, err = drain(r)
		require.ErrorIs(t, err, injected)
		require.NotErrorIs(t, err, ErrCorrupt)
		require.ErrorContains(t, err, "reading the "+c.String()+" stream")
	}
}

func TestBzip2AndZstdAreNotWritten(t *testing.T) {
	for _, c := range []Compression{Bzip2, Zstd} {
		_, err := NewWriter(io.Discard, WithCompression(c))
		assert.ErrorIs(t, err, ErrInvalidOption)
		assert.ErrorContains(t, err, c.String()+" files are read only")
	}
}

// A frame may claim a window that its content does not need.
func TestZstdWindowIsBounded(t *testing.T) {
	frame := func(exponent byte) []byte {
		// A window of 2^(10+exponent) bytes, and an empty last block.
		return []byte{0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 1, 0, 0}
	}
	_, err := readAll(t, frame(13), WithCompression(Zstd)) // 8 MiB
	require.NoError(t, err)
	_, err = readAll(t, frame(14), WithCompression(Zstd))
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "window size exceeded")

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = readAll(t, frame(13), WithCompression(Zstd))
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*maxZstdWindow))
}
