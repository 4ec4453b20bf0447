package counters

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
)

func init() { beam.RegisterType(reflect.TypeFor[countFn]()) }

func TestMain(m *testing.M) { beamtest.Main(m) }

// countFn uses every metric of both sides.
type countFn struct {
	read, written Set
	found         Finds
	verified      Verified
	copied        Copied
}

func (f *countFn) Setup() {
	f.read, f.written, f.found, f.verified, f.copied = Read(), Written(), Found(), Verify(), Copies()
}

func (f *countFn) ProcessElement(ctx context.Context, _ []byte, _ func(int)) {
	f.found.Add(ctx, 8, 900)
	f.read.Add(ctx, 1, 20, 300)
	f.written.Add(ctx, 2, 40, 600)
	f.read.RecordSize(ctx, 5)
	f.read.RecordSize(ctx, 7)
	f.written.RecordSize(ctx, 9)
	f.read.FileTime(ctx, time.Now().Add(-time.Hour))
	f.written.FileTime(ctx, time.Now().Add(-2*time.Hour))
	f.read.Failed(ctx)
	f.written.Failed(ctx)
	f.read.FailedChunk(ctx)
	f.found.Keep(ctx, 100)
	f.verified.Expect(ctx, 70)
	f.verified.Add(ctx, 1, 60)
	f.copied.Add(ctx, 50)
}

// Jobs are monitored by these names.
func TestMetricsHaveTheirNames(t *testing.T) {
	before := Local()
	require.Len(t, before, 16)
	p, s := beam.NewPipelineWithRoot()
	beam.ParDo(s, &countFn{}, beam.Impulse(s))
	results := ptest.RunAndValidate(t, p).Metrics().Query(func(r metrics.SingleResult) bool { return r.Namespace() == "arrayrecord" })
	sums := map[string]int64{}
	for _, c := range results.Counters() {
		sums[c.Name()] = c.Result()
	}
	want := map[string]int64{
		"files_found": 7, "bytes_found": 800, "files_kept": 1, "chunks_failed": 1,
		"files_read": 1, "records_read": 20, "bytes_read": 300, "files_failed": 2,
		"files_written": 2, "records_written": 40, "bytes_written": 600,
		"files_to_verify": 1, "bytes_to_verify": 70, "files_verified": 1, "bytes_verified": 60, "records_copied": 50,
	}
	require.Equal(t, want, sums)
	for name, n := range Local() {
		require.Equal(t, want[name], n-before[name], name)
	}
	distributions := map[string]metrics.DistributionValue{}
	for _, d := range results.Distributions() {
		distributions[d.Name()] = d.Result()
	}
	require.Len(t, distributions, 4)
	require.Equal(t, metrics.DistributionValue{Count: 2, Sum: 12, Min: 5, Max: 7}, distributions["read_record_bytes"])
	require.Equal(t, metrics.DistributionValue{Count: 1, Sum: 9, Min: 9, Max: 9}, distributions["written_record_bytes"])
	require.InDelta(t, time.Hour.Milliseconds(), distributions["read_file_millis"].Sum, 60_000)
	require.InDelta(t, 2*time.Hour.Milliseconds(), distributions["written_file_millis"].Sum, 60_000)
}

func BenchmarkRecordSize(b *testing.B) {
	ctx := metrics.SetPTransformID(metrics.SetBundleID(b.Context(), "bundle"), "step")
	s := Read()
	for b.Loop() {
		s.RecordSize(ctx, 1000)
	}
}
