package gcs_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// BenchmarkRandomBatches compares random batches of 1,024 records over 16
// objects with one request per record in sequence, at 20 ms per request. The
// sequence is timed over an eighth of a batch; the ratio is the metric "x".
func BenchmarkRandomBatches(b *testing.B) {
	const files, perFile, batch = 16, 4096, 1024
	for _, size := range []int{1 << 10, 16 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			dir := place(b, plain)
			for file := range files {
				makeFile(b, fmt.Sprintf("%s/%02d", dir, file), file, perFile, size)
			}
			d, err := arrayrecord.OpenDataSource(b.Context(), []string{dir + "/*"})
			require.NoError(b, err)
			defer d.Close()
			random := rand.New(rand.NewPCG(5, 6))
			indices := make([]int, batch)
			draw := func() {
				for k := range indices {
					indices[k] = random.IntN(d.NumRecords())
				}
			}
			service.setLatency(b, 20*time.Millisecond)

			draw()
			begin := time.Now()
			for _, i := range indices[:batch/8] {
				_, err := d.Get(b.Context(), i)
				require.NoError(b, err)
			}
			sequence := time.Since(begin) * 8

			var requests int
			for b.Loop() {
				draw()
				requests += service.counted(func() {
					_, err := d.ReadIndices(b.Context(), indices)
					require.NoError(b, err)
				})[opRead]
			}
			perBatch := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(sequence.Seconds(), "s/sequence")
			b.ReportMetric(float64(requests)/float64(b.N), "requests/batch")
			b.ReportMetric(sequence.Seconds()/perBatch.Seconds(), "x")
		})
	}
}

// BenchmarkSequential reads an object of 64 MiB in order, at 20 ms per request.
func BenchmarkSequential(b *testing.B) {
	const records, size = 16 << 10, 4 << 10
	name := place(b, plain) + "/file"
	makeFile(b, name, 1, records, size)
	service.setLatency(b, 20*time.Millisecond)
	for _, parallel := range []int{0, 2, 8} {
		b.Run(fmt.Sprintf("parallelism=%d", parallel), func(b *testing.B) {
			r := openFile(b, name, arrayrecord.WithMaxParallelism(parallel))
			b.SetBytes(records * size)
			for b.Loop() {
				for _, err := range r.Records(b.Context()) {
					require.NoError(b, err)
				}
			}
		})
	}
}
