package otelmetrics_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/otelmetrics"
)

func TestOpenTelemetry(t *testing.T) {
	collector := sdk.NewManualReader()
	m, err := otelmetrics.New(sdk.NewMeterProvider(sdk.WithReader(collector)).Meter("test"))
	require.NoError(t, err)
	arrayrecord.SetMetrics(m)
	defer arrayrecord.SetMetrics(nil)

	data, err := os.ReadFile("../testdata/digits-default.arrayrecord")
	require.NoError(t, err)
	r, err := arrayrecord.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	defer r.Close()
	records, err := r.ReadIndices(t.Context(), []int{0, 3})
	require.NoError(t, err)
	m.Request("x", 5, time.Second, errors.New("gone"))

	var got metricdata.ResourceMetrics
	require.NoError(t, collector.Collect(t.Context(), &got))
	values := map[string]metricdata.Aggregation{}
	for _, one := range got.ScopeMetrics[0].Metrics {
		values[one.Name] = one.Data
	}
	require.Len(t, values, 6)
	sum := func(name string) int64 { return values[name].(metricdata.Sum[int64]).DataPoints[0].Value }
	require.Equal(t, int64(2), sum("arrayrecord.records"))
	require.Equal(t, int64(len(records[0])+len(records[1])), sum("arrayrecord.records.size"))
	require.Greater(t, sum("arrayrecord.request.size"), int64(100))
	require.Len(t, values["arrayrecord.chunk_cache.lookups"].(metricdata.Sum[int64]).DataPoints, 2)
	failed := 0
	for _, point := range values["arrayrecord.request.duration"].(metricdata.Histogram[float64]).DataPoints {
		if is, _ := point.Attributes.Value(attribute.Key("error")); is.AsBool() {
			failed += int(point.Count)
			require.Equal(t, 1.0, point.Sum)
		}
	}
	require.Equal(t, 1, failed)
}
