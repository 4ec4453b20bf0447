package otelmetrics_test

import (
	"log"

	"go.opentelemetry.io/otel"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/otelmetrics"
)

// The provider that the program has set takes the measurements.
func Example() {
	m, err := otelmetrics.New(otel.Meter("my-service"))
	if err != nil {
		log.Fatal(err)
	}
	arrayrecord.SetMetrics(m)
	defer arrayrecord.SetMetrics(nil)
	// Output:
}
