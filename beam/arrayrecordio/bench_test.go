package arrayrecordio

import (
	"log/slog"
	"math/rand/v2"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"
)

func init() { beam.RegisterType(reflect.TypeFor[generateFn]()) }

// generateFn gives records, half of each random, spread over windows of an hour.
type generateFn struct{ Records, Size, Windows int }

func (f *generateFn) ProcessElement(seed int, emit func(beam.EventTime, []byte)) {
	random := rand.New(rand.NewPCG(1, uint64(seed)))
	for range f.Records {
		record := make([]byte, f.Size)
		for i := range f.Size / 2 {
			record[i] = byte(random.Uint32())
		}
		emit(mtime.Time(random.IntN(f.Windows)*3600e3), record)
	}
}

// BenchmarkWindowedWrite writes 100,000 records on Prism. The peak is that of the
// process: run one case at a time, once.
func BenchmarkWindowedWrite(b *testing.B) {
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, test := range []struct {
		name                  string
		size, windows, shards int
	}{
		{"1000shards", 100, 1, 1000},
		{"10windows", 1000, 10, 1},
	} {
		b.Run(test.name, func(b *testing.B) {
			const records, seeds = 100_000, 4
			b.SetBytes(int64(records * test.size))
			for b.Loop() {
				p, s := beam.NewPipelineWithRoot()
				col := beam.ParDo(s, &generateFn{records / seeds, test.size, test.windows}, beam.Create(s, 1, 2, 3, 4))
				col = beam.WindowInto(s, window.NewFixedWindows(time.Hour), col)
				Write(s, b.TempDir()+"/out-", col, WithWindowedWrites(), WithNumShards(test.shards))
				require.NoError(b, ptest.Run(p))
			}
			var usage syscall.Rusage
			require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
			b.ReportMetric(float64(usage.Maxrss>>10), "MiB-peak")
		})
	}
}
