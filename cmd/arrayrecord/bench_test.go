package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBench(t *testing.T) {
	name := writeFile(t, numbered(250)...)
	records := map[string][]int{}
	for line := range strings.Lines(ok(t, "bench", "--json", "-n", "120", name)) {
		var one timing
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		require.Positive(t, one.Bytes)
		require.Positive(t, one.Seconds)
		records[one.Way] = append(records[one.Way], one.Records)
	}
	require.Equal(t, map[string][]int{"bytes alone": {0, 0}, "in order": {250, 250}, "at random": {120, 120}, "at random in batches": {120, 120}}, records)
	require.Equal(t, 9, strings.Count(ok(t, "bench", name), "\n"))
	ok(t, "bench", writeFile(t))
	for _, args := range [][]string{{"bench"}, {"bench", name, name}, {"bench", "-"}, {"bench", name, "-n", "0"}} {
		code, _, _ := command(t, args...)
		require.Equal(t, exitUsage, code)
	}
}
