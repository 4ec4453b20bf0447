package tfrecord

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// allCompressions are those a file can have, but bzip2, for which Go has no
// writer.
var allCompressions = []Compression{None, Gzip, Zlib, Zstd}

// writtenCompressions are those of a Writer.
var writtenCompressions = []Compression{None, Gzip, Zlib}

// encode returns a file with the records.
func encode(t testing.TB, c Compression, records ...[]byte) []byte {
	t.Helper()
	if c == Zstd {
		var file bytes.Buffer
		z, err := zstd.NewWriter(&file)
		require.NoError(t, err)
		_, err = z.Write(encode(t, None, records...))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return file.Bytes()
	}
	var file bytes.Buffer
	w, err := NewWriter(&file, WithCompression(c))
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	return file.Bytes()
}

// drain reads to the end; the error is nil for io.EOF.
func drain(r *Reader) (records [][]byte, err error) {
	for {
		record, err := r.Read()
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		records = append(records, record)
	}
}

func readAll(t testing.TB, file []byte, opts ...ReaderOption) ([][]byte, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file), opts...)
	require.NoError(t, err)
	return drain(r)
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", name))
	require.NoError(t, err)
	return b
}

// digits returns the records that the digits files hold, from the plain file
// beside them.
func digits(t testing.TB) (records [][]byte) {
	t.Helper()
	b := testdata(t, "digits.records")
	for len(b) > 0 {
		n := binary.LittleEndian.Uint32(b)
		records = append(records, b[4:4+n])
		b = b[4+n:]
	}
	require.Len(t, records, 1797)
	return records
}

// boundaries returns where the records of a plain file begin, and its length.
func boundaries(records [][]byte) []int64 {
	offsets := []int64{0}
	end := int64(0)
	for _, record := range records {
		end += int64(HeaderSize + len(record) + FooterSize)
		offsets = append(offsets, end)
	}
	return offsets
}

// gzipped compresses any bytes.
func gzipped(t testing.TB, p []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(p)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}
