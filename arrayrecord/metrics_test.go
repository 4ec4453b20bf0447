package arrayrecord_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// counts are metrics that remember.
type counts struct {
	mu                      sync.Mutex
	requests, requestBytes  int
	calls, records, decoded int
	files                   map[string]bool
	errors                  []error
}

func (c *counts) Request(file string, bytes int, took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if took < 0 {
		panic("time runs backwards")
	}
	c.requests++
	c.requestBytes += bytes
	c.files[file] = true
	if err != nil {
		c.errors = append(c.errors, err)
	}
}

func (c *counts) Records(file string, records, bytes int, took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if took < 0 {
		panic("time runs backwards")
	}
	c.calls++
	c.records += records
	c.decoded += bytes
	c.files[file] = true
	if err != nil {
		c.errors = append(c.errors, err)
	}
}

// count gives what is read during do. Tests that count do not run in parallel.
func count(t *testing.T, do func()) *counts {
	c := &counts{files: map[string]bool{}}
	arrayrecord.SetMetrics(c)
	defer arrayrecord.SetMetrics(nil)
	do()
	return c
}

func metricsFile(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "x.arrayrecord")
	w, err := arrayrecord.Create(t.Context(), name, arrayrecord.WriterOptions{GroupSize: 10})
	require.NoError(t, err)
	for range 100 {
		require.NoError(t, w.Write(make([]byte, 50)))
	}
	require.NoError(t, w.Close())
	return name
}

// readInWays reads all 100 records three times, and one of them twice.
func readInWays(t *testing.T, r *arrayrecord.Reader) {
	all := make([]int, 100)
	for i := range all {
		all[i] = 99 - i
	}
	_, err := r.ReadIndices(t.Context(), all)
	require.NoError(t, err)
	for _, err := range r.Records(t.Context()) {
		require.NoError(t, err)
	}
	for _, err := range r.Scan(t.Context(), 0, 100) {
		require.NoError(t, err)
	}
	for range 2 {
		_, err = r.Get(t.Context(), 7)
		require.NoError(t, err)
	}
}

func TestMetricsOfALocalFile(t *testing.T) {
	name := metricsFile(t)
	hits, misses := arrayrecord.ChunkCacheCounts()
	c := count(t, func() {
		r, err := arrayrecord.Open(t.Context(), name)
		require.NoError(t, err)
		defer r.Close()
		readInWays(t, r)
	})
	require.Equal(t, 302, c.records)
	require.Equal(t, 302*50, c.decoded)
	require.GreaterOrEqual(t, c.calls, 5)
	require.Equal(t, map[string]bool{name: true}, c.files)
	require.Empty(t, c.errors)
	require.Zero(t, c.requests, "the core reads local disk")
	moreHits, moreMisses := arrayrecord.ChunkCacheCounts()
	require.Greater(t, moreHits, hits)
	require.Equal(t, misses+1, moreMisses)
}

type failingReaderAt struct {
	io.ReaderAt
	err error
}

func (f *failingReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestMetricsOfRequests(t *testing.T) {
	if arrayrecord.CannotReadBytes(t) {
		return
	}
	data, err := os.ReadFile(metricsFile(t))
	require.NoError(t, err)
	src := &failingReaderAt{ReaderAt: bytes.NewReader(data)}
	var r *arrayrecord.Reader
	c := count(t, func() {
		r, err = arrayrecord.NewReader(src, int64(len(data)))
		require.NoError(t, err)
		readInWays(t, r)
	})
	defer r.Close()
	require.Equal(t, 302, c.records)
	require.Equal(t, 302*50, c.decoded)
	require.GreaterOrEqual(t, c.requests, 6, "one for the index")
	require.Greater(t, c.requestBytes, 3*100)
	require.Empty(t, c.errors)

	src.err = errors.New("the network is gone")
	c = count(t, func() {
		_, err = r.Get(t.Context(), 7)
		require.ErrorIs(t, err, src.err)
	})
	require.Zero(t, c.records)
	require.Equal(t, 1, c.requests)
	require.Equal(t, 1, c.calls)
	require.Len(t, c.errors, 2)
	for _, err := range c.errors {
		require.ErrorIs(t, err, src.err)
	}
	src.err = nil
	c = count(t, func() {})
	_, err = r.Get(t.Context(), 7)
	require.NoError(t, err)
	require.Zero(t, c.calls, "nobody is told any more")
}

// Damage is told too, once; giving a scan up is no error.
func TestMetricsOfDamage(t *testing.T) {
	name := metricsFile(t)
	c := count(t, func() {
		r, err := arrayrecord.Open(context.Background(), name)
		require.NoError(t, err)
		defer r.Close()
		for _, err := range r.Scan(t.Context(), 0, 100) {
			require.NoError(t, err)
			break
		}
	})
	require.Empty(t, c.errors)

	data, err := os.ReadFile(name)
	require.NoError(t, err)
	data[64+40] ^= 1 // behind the header of the first chunk
	require.NoError(t, os.WriteFile(name, data, 0o666))
	c = count(t, func() {
		r, err := arrayrecord.Open(t.Context(), name)
		require.NoError(t, err)
		defer r.Close()
		_, err = r.Get(t.Context(), 0)
		require.ErrorIs(t, err, arrayrecord.ErrCorrupt)
		_, err = r.ReadIndices(t.Context(), []int{0})
		require.ErrorIs(t, err, arrayrecord.ErrCorrupt)
	})
	require.Len(t, c.errors, 2)
}
