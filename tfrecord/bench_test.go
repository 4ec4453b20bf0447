package tfrecord

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

func BenchmarkReader(b *testing.B) {
	for _, c := range allCompressions {
		for _, size := range []int{100, 10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%v/%d", c, size), func(b *testing.B) {
				records := make([][]byte, 4_000_000/size)
				for i := range records {
					records[i] = bytes.Repeat([]byte{byte(i)}, size)
				}
				file := encode(b, c, records...)
				r, err := NewReader(bytes.NewReader(nil))
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(records) * size))
				b.ReportAllocs()
				for b.Loop() {
					if err := r.Reset(bytes.NewReader(file)); err != nil {
						b.Fatal(err)
					}
					for {
						_, err := r.Next()
						if err == io.EOF {
							break
						}
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	for _, c := range writtenCompressions {
		for _, size := range []int{100, 10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%v/%d", c, size), func(b *testing.B) {
				record := bytes.Repeat([]byte("record "), size/7)
				w, err := NewWriter(io.Discard, WithCompression(c))
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(record)))
				b.ReportAllocs()
				for b.Loop() {
					if err := w.Write(record); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkParseHeader is the search for a record boundary.
func BenchmarkParseHeader(b *testing.B) {
	file := testdata(b, "digits-00000-of-00003.tfrecord")
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		found := 0
		for at := range file {
			if _, ok := ParseHeader(file[at:]); ok {
				found++
			}
		}
		if found != 599 {
			b.Fatal(found)
		}
	}
}
