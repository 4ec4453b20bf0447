package arrayrecord

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const tenMillion = 10_000_000

// tenMillionRecords is a file of ten million records of 8 to 40 bytes, one in a chunk: made once.
var tenMillionRecords = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "arrayrecord-bench")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "ten-million.arrayrecord")
	w, err := Create(context.Background(), name, Uncompressed())
	if err != nil {
		return "", err
	}
	rng := rand.New(rand.NewPCG(1, 2))
	record := make([]byte, 40)
	for i := range tenMillion {
		strconv.AppendInt(record[:0], int64(i), 10)
		if err := w.Write(record[:8+rng.IntN(33)]); err != nil {
			return "", err
		}
	}
	return name, w.Close()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if benchmarkFile != "" {
		os.RemoveAll(filepath.Dir(benchmarkFile))
	}
	os.Exit(code)
}

var benchmarkFile string

func tenMillionFile(b *testing.B) string {
	name, err := tenMillionRecords()
	require.NoError(b, err)
	benchmarkFile = name
	return name
}

// Opening a file of ten million records; index-B/record is what the index takes in memory.
func BenchmarkOpenTenMillion(b *testing.B) {
	name := tenMillionFile(b)
	for b.Loop() {
		r, err := Open(context.Background(), name)
		require.NoError(b, err)
		b.ReportMetric(float64(r.core.IndexSize())/tenMillion, "index-B/record")
		r.Close()
	}
}

// One random record, by where the index is: the ratio of the two is to stay below 1.5.
func BenchmarkGetOfTenMillion(b *testing.B) {
	name := tenMillionFile(b)
	for _, options := range []string{"in_memory", "offloaded"} {
		b.Run(options, func(b *testing.B) {
			r, err := Open(context.Background(), name, WithReaderOptions("index_storage_option:"+options))
			require.NoError(b, err)
			defer r.Close()
			var buffer []byte
			rng := rand.New(rand.NewPCG(3, 4))
			b.ReportAllocs()
			for b.Loop() {
				buffer, err = r.AppendRecord(context.Background(), buffer[:0], rng.IntN(tenMillion))
				require.NoError(b, err)
			}
		})
	}
}

// A batch costs what is asked for, not what is in the file: both sizes are to take the same time.
func BenchmarkBatchOfTwoByFileSize(b *testing.B) {
	for _, n := range []int{2_000, 2_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			name := filepath.Join(b.TempDir(), "x")
			w, err := Create(context.Background(), name, Uncompressed())
			require.NoError(b, err)
			for range n {
				require.NoError(b, w.Write([]byte("12345678")))
			}
			require.NoError(b, w.Close())
			r, err := Open(context.Background(), name)
			require.NoError(b, err)
			defer r.Close()
			for i := 0; b.Loop(); i++ {
				_, err := r.ReadIndices(context.Background(), []int{i % n, n - 1 - i%n})
				require.NoError(b, err)
			}
		})
	}
}
