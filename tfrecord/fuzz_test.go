package tfrecord

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzReader: whatever the input, reading ends in io.EOF or in one of the
// documented errors, the buffer stays within its bounds, and the records read
// from a plain file, written again, are the bytes they were read from.
func FuzzReader(f *testing.F) {
	plain := encode(f, None, smallRecords...)
	f.Add(plain)
	f.Add(plain[:len(plain)-3])
	f.Add(encode(f, Gzip, smallRecords...))
	f.Add(append(encode(f, Zlib, smallRecords...), encode(f, Zlib, []byte("more"))...))
	f.Add(gzipped(f, plain[:20]))
	f.Add([]byte{0x1f, 0x8b, 8})
	f.Add([]byte{0x78, 0x9c})
	f.Add([]byte{})
	lie := make([]byte, 40)
	putHeader(lie, 1<<30)
	f.Add(lie)
	f.Add(testdata(f, "digits-00000-of-00003.tfrecord")[:1000])

	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file), WithMaxRecordSize(limit), WithBufferSize(64))
		if err != nil {
			t.Fatalf("reading from memory failed: %v", err)
		}
		var again bytes.Buffer
		w, err := NewWriter(&again)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for {
			record, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				var where *RecordError
				if !errors.As(err, &where) || where.Record != w.NumRecords() || where.Offset != w.Offset() {
					t.Fatalf("wrong place: %v after %d records, %d bytes", err, w.NumRecords(), w.Offset())
				}
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrTooLarge) {
					t.Fatalf("undocumented error: %v", err)
				}
				break
			}
			if err := w.Write(record); err != nil {
				t.Fatal(err)
			}
			if total += len(record); total > 8*limit { // a compressed file can go on for long
				break
			}
		}
		if r.Compression() != None {
			return
		}
		if len(r.buf) > max(64, 2*len(file)) {
			t.Fatalf("buffer of %d bytes for an input of %d", len(r.buf), len(file))
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), file[:again.Len()]) {
			t.Fatal("the records written again differ from the input")
		}
	})
}
