// Package otelmetrics tells OpenTelemetry what readers of ArrayRecord files do:
//
//	m, err := otelmetrics.New(otel.Meter("my-service"))
//	if err != nil { ... }
//	arrayrecord.SetMetrics(m)
//
// The instruments are
//
//	arrayrecord.request.duration    s       histogram  reads of storage that is not local disk
//	arrayrecord.request.size        By      counter    what they were for
//	arrayrecord.records             {record} counter   records read
//	arrayrecord.records.size        By      counter    their bytes
//	arrayrecord.records.duration    s       histogram  reading and decoding them, together or singly
//	arrayrecord.chunk_cache.lookups {lookup} counter   Gets of records by hit (true or false)
//
// Durations have the attribute error: true or false. Names of files are no attributes, as there may
// be any number.
package otelmetrics

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

type instruments struct {
	requestTook, recordsTook            metric.Float64Histogram
	requestBytes, records, recordsBytes metric.Int64Counter
	succeeded, failed                   metric.MeasurementOption
}

// New makes metrics for arrayrecord.SetMetrics that use the meter's instruments. Errors are the
// meter's.
func New(meter metric.Meter) (arrayrecord.Metrics, error) {
	m := &instruments{
		succeeded: metric.WithAttributeSet(attribute.NewSet(attribute.Bool("error", false))),
		failed:    metric.WithAttributeSet(attribute.NewSet(attribute.Bool("error", true))),
	}
	var err error
	for _, h := range []struct {
		to          *metric.Float64Histogram
		name, about string
	}{
		{&m.requestTook, "arrayrecord.request.duration", "reads of storage that is not local disk"},
		{&m.recordsTook, "arrayrecord.records.duration", "reading and decoding records, together or singly"},
	} {
		if *h.to, err = meter.Float64Histogram(h.name, metric.WithUnit("s"), metric.WithDescription(h.about),
			metric.WithExplicitBucketBoundaries(1e-5, 1e-4, 1e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)); err != nil {
			return nil, err
		}
	}
	for _, c := range []struct {
		to                *metric.Int64Counter
		name, unit, about string
	}{
		{&m.requestBytes, "arrayrecord.request.size", "By", "bytes of reads of storage"},
		{&m.records, "arrayrecord.records", "{record}", "records read"},
		{&m.recordsBytes, "arrayrecord.records.size", "By", "bytes of records read"},
	} {
		if *c.to, err = meter.Int64Counter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.about)); err != nil {
			return nil, err
		}
	}
	hit, miss := metric.WithAttributes(attribute.Bool("hit", true)), metric.WithAttributes(attribute.Bool("hit", false))
	_, err = meter.Int64ObservableCounter("arrayrecord.chunk_cache.lookups", metric.WithUnit("{lookup}"),
		metric.WithDescription("Gets of records from chunks of several"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			hits, misses := arrayrecord.ChunkCacheCounts()
			o.Observe(hits, hit)
			o.Observe(misses, miss)
			return nil
		}))
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *instruments) outcome(err error) metric.MeasurementOption {
	if err != nil {
		return m.failed
	}
	return m.succeeded
}

func (m *instruments) Request(_ string, bytes int, took time.Duration, err error) {
	m.requestTook.Record(context.Background(), took.Seconds(), m.outcome(err))
	m.requestBytes.Add(context.Background(), int64(bytes))
}

func (m *instruments) Records(_ string, records, bytes int, took time.Duration, err error) {
	m.recordsTook.Record(context.Background(), took.Seconds(), m.outcome(err))
	m.records.Add(context.Background(), int64(records))
	m.recordsBytes.Add(context.Background(), int64(bytes))
}
