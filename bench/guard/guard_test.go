package guard

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// texts gives records that compress to about half of their 1 to 2 KB, the same each time.
func texts(n int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 200)
	for i := range words {
		words[i] = fmt.Sprintf("%x", rng.Uint64()>>(rng.IntN(10)*4+16))
	}
	records := make([][]byte, n)
	for i := range records {
		for range 150 + rng.IntN(100) {
			records[i] = append(append(records[i], words[rng.IntN(len(words))]...), ' ')
		}
	}
	return records
}

const numRecords = 8192

var records = texts(numRecords)

func write(b *testing.B, w *arrayrecord.Writer) {
	for _, record := range records {
		if err := w.Write(record); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, w.Close())
}

func file(b *testing.B, options string) string {
	name := filepath.Join(b.TempDir(), "file.arrayrecord")
	w, err := arrayrecord.Create(b.Context(), name, arrayrecord.WithWriterOptions(options))
	require.NoError(b, err)
	write(b, w)
	return name
}

func open(b *testing.B, options string) *arrayrecord.Reader {
	r, err := arrayrecord.Open(b.Context(), file(b, options))
	require.NoError(b, err)
	b.Cleanup(func() { r.Close() })
	return r
}

// forOptions runs a benchmark for the writer options.
func forOptions(b *testing.B, benchmark func(b *testing.B, options string), options ...string) {
	for _, o := range options {
		b.Run(strings.ReplaceAll(o, ",", "/"), func(b *testing.B) {
			b.ReportAllocs()
			benchmark(b, o)
		})
	}
}

const (
	zstd         = "group_size:1,zstd:3"
	grouped      = "group_size:256,zstd:3"
	uncompressed = "group_size:1,uncompressed"
)

func BenchmarkWrite(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		for b.Loop() {
			w, err := arrayrecord.NewWriter(io.Discard, arrayrecord.WithWriterOptions(options))
			require.NoError(b, err)
			write(b, w)
		}
	}, zstd, grouped, uncompressed)
}

func BenchmarkSequential(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		r := open(b, options)
		for b.Loop() {
			for _, err := range r.Records(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	}, zstd, grouped, uncompressed)
}

func BenchmarkScan(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		r := open(b, options)
		for b.Loop() {
			for _, err := range r.Scan(b.Context(), 0, numRecords) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	}, zstd, grouped, uncompressed)
}

func BenchmarkRefill1024(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		r := open(b, options)
		order := rand.New(rand.NewPCG(3, 4)).Perm(numRecords)
		var batch arrayrecord.Batch
		for k := 0; b.Loop(); k++ {
			begin := k * 1024 % numRecords
			require.NoError(b, r.ReadBatch(b.Context(), &batch, order[begin:begin+1024]))
		}
	}, zstd, uncompressed)
}

func BenchmarkBatch1024(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		r := open(b, options)
		order := rand.New(rand.NewPCG(3, 4)).Perm(numRecords)
		for k := 0; b.Loop(); k++ {
			begin := k * 1024 % numRecords
			_, err := r.ReadIndices(b.Context(), order[begin:begin+1024])
			require.NoError(b, err)
		}
	}, zstd, uncompressed)
}

func BenchmarkGet(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		r := open(b, options)
		order := rand.New(rand.NewPCG(5, 6)).Perm(numRecords)
		var buffer []byte
		for k := 0; b.Loop(); k++ {
			var err error
			if buffer, err = r.AppendRecord(b.Context(), buffer[:0], order[k%numRecords]); err != nil {
				b.Fatal(err)
			}
		}
	}, zstd, uncompressed)
}

func BenchmarkGetParallel(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		r := open(b, options)
		var next atomic.Uint64
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			rng := rand.New(rand.NewPCG(7, next.Add(1)))
			for pb.Next() {
				if _, err := r.Get(b.Context(), rng.IntN(numRecords)); err != nil {
					b.Error(err)
				}
			}
		})
	}, uncompressed)
}

func BenchmarkOpen(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		name := file(b, options)
		for b.Loop() {
			r, err := arrayrecord.Open(context.Background(), name)
			require.NoError(b, err)
			r.Close()
		}
	}, zstd)
}

func BenchmarkDataSource1024(b *testing.B) {
	forOptions(b, func(b *testing.B, options string) {
		name := file(b, options)
		var parts []string
		for i := range 16 {
			parts = append(parts, fmt.Sprintf("%s[%d:%d]", name, numRecords*i/16, numRecords*(i+1)/16))
		}
		d, err := arrayrecord.OpenDataSource(b.Context(), parts)
		require.NoError(b, err)
		defer d.Close()
		order := rand.New(rand.NewPCG(8, 9)).Perm(numRecords)
		for k := 0; b.Loop(); k++ {
			begin := k * 1024 % numRecords
			_, err := d.ReadIndices(b.Context(), order[begin:begin+1024])
			require.NoError(b, err)
		}
	}, zstd)
}
