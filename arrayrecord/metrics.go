package arrayrecord

import (
	"sync/atomic"
	"time"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// Metrics is told what the readers of the process do; see SetMetrics. Its methods are called by many
// goroutines at once, while others wait for them: they should count and return.
type Metrics interface {
	// Request is one read of storage that is not local disk, of an object in a bucket say, or of an
	// io.ReaderAt: the bytes that were wanted and how long they took.
	Request(file string, bytes int, took time.Duration, err error)
	// Records is records of a file that were read and decoded together, up to the first error: their
	// number, their bytes, and the time from the beginning to the end, the requests included. Those
	// that are read ahead count when they are read.
	Records(file string, records, bytes int, took time.Duration, err error)
}

// SetMetrics has m told of everything that is read from now on; nil ends that. There is one for the
// process, as a file's records are read by readers, data sources and loaders alike. Package
// otelmetrics makes one for OpenTelemetry.
func SetMetrics(m Metrics) {
	if m == nil {
		metrics.Store(nil)
		return
	}
	metrics.Store(&m)
}

// ChunkCacheCounts is how often a Get of a record has found its chunk decoded, and how often the chunk
// had to be decoded instead, since the process began. A Get may look twice, for the record's size and
// for the record. Only files on local disk with several records in a chunk use the cache; see
// SetChunkCacheSize.
func ChunkCacheCounts() (hits, misses int64) { return core.CacheCounts() }

var metrics atomic.Pointer[Metrics]

// A stopwatch measures something for the metrics. It does nothing where nobody wants to know.
type stopwatch struct {
	metrics *Metrics
	begin   time.Time
}

func startWatch() stopwatch {
	m := metrics.Load()
	if m == nil {
		return stopwatch{}
	}
	return stopwatch{m, time.Now()}
}

func (s stopwatch) request(file string, bytes int, err error) {
	if s.metrics != nil {
		(*s.metrics).Request(file, bytes, time.Since(s.begin), err)
	}
}

func (s stopwatch) records(file string, records, bytes int, err error) {
	if s.metrics != nil {
		(*s.metrics).Records(file, records, bytes, time.Since(s.begin), err)
	}
}

// A read is a core.Read with what the metrics want to know of it.
type read struct {
	core.Read
	file           string
	watch          stopwatch
	records, bytes int
	err            error
}

func (rd *read) has(b slab, err error) {
	rd.records += b.len()
	rd.bytes += b.bytes()
	rd.err = err
}
