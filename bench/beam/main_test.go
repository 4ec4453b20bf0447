package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is measured against does all of the work, and is found out if it does not.
func TestPlainLoopConvertsAll(t *testing.T) {
	dir := t.TempDir()
	files, err := makeInput(dir, shape{files: 3, records: 100, bytes: 10})
	require.NoError(t, err)
	out := t.TempDir()
	require.NoError(t, plainLoop(context.Background(), files, out+"/x", 4))
	require.NoError(t, checkOutput(out, 100))
	require.ErrorContains(t, checkOutput(out, 101), "100 records were written, not 101")
	require.Error(t, plainLoop(context.Background(), []string{dir + "/none"}, out+"/y", 1))
}

func TestMedian(t *testing.T) {
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
}

// A part of a GB has something of everything.
func TestShapes(t *testing.T) {
	for _, part := range []int{1, 10, 100} {
		for _, s := range shapes(part) {
			require.Positive(t, s.files)
			require.GreaterOrEqual(t, s.records, s.files)
			require.Equal(t, 1000000000/part, s.records*s.bytes, s.name)
		}
	}
}
