package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	assert.Equal(t, 3.0, median([]float64{9, 1, 3}))
	assert.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
	assert.Equal(t, 7.0, median([]float64{7}))
	assert.True(t, math.IsNaN(median(nil)))
	x := []float64{3, 1, 2}
	median(x)
	assert.Equal(t, []float64{3, 1, 2}, x, "the order of the argument")
}

func TestSummary(t *testing.T) {
	assert.Equal(t, summary{2, 1, 5}, summarize([]float64{5, 1, 2}))
	assert.True(t, math.IsNaN(summarize(nil).low))
}

// Ratios are taken within a repetition: a machine that is slower for a while, for all, changes none of them.
func TestRatiosWithinRepetitions(t *testing.T) {
	at := func(repetition int, seconds float64, records int64) *result {
		return &result{Repetition: repetition, Seconds: seconds, Records: records}
	}
	a := []*result{at(0, 2, 10), at(1, 20, 10), at(2, 4, 10)}
	b := []*result{at(0, 1, 10), at(1, 20, 20), at(3, 1, 10)}
	assert.Equal(t, []float64{2, 2}, ratios(a, b))
	assert.Empty(t, ratios(a, nil))
}

func TestNumbersForPeople(t *testing.T) {
	for x, want := range map[float64]string{
		0.1234: "0.12", 9.994: "9.99", 9.996: "10.0", 99.96: "100", 999.4: "999", 999.6: "1.00 k", 12_345: "12.3 k", 1.05e6: "1.05 M", 2e9: "2.00 G",
	} {
		assert.Equal(t, want, withUnit(x))
	}
	assert.Equal(t, "0.87×", formatRatio(0.8749))
	assert.Equal(t, "310×", formatRatio(310.2))
	assert.Equal(t, "–", formatRatio(math.NaN()))
}
