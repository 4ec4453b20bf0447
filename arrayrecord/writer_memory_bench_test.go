//go:build linux

package arrayrecord

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a writer of a hundred million chunks, one for each record of 8 to 40 bytes, takes of memory
// per chunk: of the whole process, above what it has after the first million. Run by
//
//	go test ./arrayrecord -run - -bench WriterMemory -benchtime 1x -timeout 1h
func BenchmarkWriterMemory(b *testing.B) {
	const warmUp, records = 1_000_000, 100_000_000
	for _, codec := range []WriterOption{Uncompressed(), Zstd(1), Snappy(1)} {
		b.Run(fmt.Sprint(codec), func(b *testing.B) {
			for b.Loop() {
				w, err := NewWriter(io.Discard, codec)
				require.NoError(b, err)
				rng := rand.New(rand.NewPCG(1, 2))
				record := make([]byte, 40)
				write := func(n int) {
					for i := range n {
						strconv.AppendInt(record[:0], int64(i), 10)
						if err := w.Write(record[:8+rng.IntN(33)]); err != nil {
							b.Fatal(err)
						}
					}
				}
				write(warmUp)
				before := memoryOf(b, "VmRSS")
				write(records - warmUp)
				writing := memoryOf(b, "VmRSS") - before
				require.NoError(b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)) // VmHWM begins anew
				require.NoError(b, w.Close())
				peak := memoryOf(b, "VmHWM") - before
				b.ReportMetric(float64(writing)/records, "B/chunk-writing")
				b.ReportMetric(float64(peak)/records, "B/chunk-close")
			}
		})
	}
}

// memoryOf is a number of bytes of /proc/self/status.
func memoryOf(b *testing.B, field string) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	m := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(b, m)
	kilobytes, err := strconv.Atoi(string(m[1]))
	require.NoError(b, err)
	return kilobytes << 10
}
