package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A summary is the middle and the range of some numbers.
type summary struct {
	median, low, high float64
}

// summarize gives NaNs if there are no numbers.
func summarize(x []float64) summary {
	if len(x) == 0 {
		return summary{math.NaN(), math.NaN(), math.NaN()}
	}
	return summary{median(x), slices.Min(x), slices.Max(x)}
}

// median is NaN if there are no numbers.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	x = slices.Sorted(slices.Values(x))
	middle := len(x) / 2
	if len(x)%2 == 1 {
		return x[middle]
	}
	return (x[middle-1] + x[middle]) / 2
}

func perRecord(results []*result) []float64 {
	var x []float64
	for _, r := range results {
		x = append(x, r.perRecord())
	}
	return x
}

// ratios says for each repetition that both have how many times faster b was than a.
func ratios(a, b []*result) []float64 {
	var x []float64
	for _, ra := range a {
		for _, rb := range b {
			if ra.Repetition == rb.Repetition {
				x = append(x, ra.perRecord()/rb.perRecord())
			}
		}
	}
	return x
}

// withUnit shows a number with three digits that count: "843", "12.4 k", "1.05 M".
func withUnit(x float64) string {
	units := []string{"", " k", " M", " G"}
	k := 0
	for x >= 999.5 && k < len(units)-1 {
		x /= 1000
		k++
	}
	return threeDigits(x) + units[k]
}

// formatRatio shows a ratio: "0.87×", "14.2×", "310×".
func formatRatio(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return threeDigits(x) + "×"
}

func threeDigits(x float64) string {
	switch {
	case x < 9.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 99.95:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return fmt.Sprintf("%.0f", x)
	}
}
