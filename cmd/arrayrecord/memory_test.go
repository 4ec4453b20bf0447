package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

// largeFile has 1.2 GB of records, and is small.
func largeFile(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "large.arrayrecord")
	w, err := arrayrecord.Create(context.Background(), name)
	require.NoError(t, err)
	record := make([]byte, 4<<20)
	n := 300
	if recordtest.Detecting {
		n = 20 // what is left shows that the commands run; a bound means nothing
	}
	for range n {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	return name
}

// Memory does not grow with the data.
func TestMemoryIsBounded(t *testing.T) {
	const bound int64 = 400 << 20
	name := largeFile(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	for _, args := range memoryCases(t, name) {
		status := filepath.Join(t.TempDir(), "status")
		p, err := os.StartProcess("/proc/self/exe", append([]string{"arrayrecord"}, args...), &os.ProcAttr{
			// What a collector that gets no processor lets lie about is not what is asked here.
			Env: append(os.Environ(), mainEnv+"=1", statusEnv+"="+status, "GOGC=10"), Files: []*os.File{null, null, os.Stderr},
		})
		require.NoError(t, err)
		state, err := p.Wait()
		require.NoError(t, err)
		require.Contains(t, []int{exitDone, exitNo}, state.ExitCode(), args)
		peak := peakMemory(t, status)
		if !recordtest.Detecting {
			require.Less(t, peak, bound, args)
		}
		t.Logf("%v: %d MiB", args[0], peak>>20)
	}
}

// peakMemory gives the most memory that a process had, from its /proc/PID/status. (What the system
// tells of a process that has ended includes the memory of the one that started it.)
func peakMemory(t *testing.T, status string) int64 {
	text, err := os.ReadFile(status)
	require.NoError(t, err)
	_, peak, found := strings.Cut(string(text), "VmHWM:")
	require.True(t, found)
	kib, err := strconv.ParseInt(strings.Fields(peak)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}

func memoryCases(t *testing.T, name string) [][]string {
	dir := t.TempDir()
	tfrecords := filepath.Join(dir, "x.tfrecord")
	return [][]string{
		{"cat", "--format", "raw", name},
		{"get", "--format", "raw", name, ":"},
		{"head", "-n", "300", "--format", "raw", name},
		{"sample", "-n", "300", "--format", "raw", name},
		{"grep", "x", name},
		{"stats", name},
		{"schema", name},
		{"diff", name, name},
		{"diff", "--sets", name, name},
		{"merge", name, name, "-o", filepath.Join(dir, "merged")},
		{"recompress", name, "--options", "zstd:1", "-o", filepath.Join(dir, "recompressed")},
		{"shuffle", name, "--memory", "64M", "-o", filepath.Join(dir, "shuffled")},
		{"unpack", name, "--to", "tfrecord", "-o", tfrecords},
		{"pack", tfrecords, "-o", filepath.Join(dir, "packed")},
		{"filter", "x", name, "-o", filepath.Join(dir, "filtered")},
	}
}
