package tfrecordio

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRead reads a file of small records, each of which is claimed.
func BenchmarkRead(b *testing.B) {
	records := make([][]byte, 200_000)
	for i := range records {
		records[i] = make([]byte, 100)
	}
	file := save(b, frame(b, records...))
	f := newReadFn(testConfig(0)).(*readFn)
	f.Config.SplitSize = DefaultSplitSize
	f.Setup()
	p := f.Config.whole(file)
	b.SetBytes(file.Size)
	for b.Loop() {
		require.NoError(b, f.ProcessElement(b.Context(), f.CreateTracker(p.Range), p, func([]byte) {}))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(records)), "ns/record")
}
