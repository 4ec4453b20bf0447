//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// A sample is a file that upstream wrote, with what stands beside it.
type sample struct {
	path         string // without suffix
	options      string
	optionsFile  []byte
	numRecords   int
	writerString string
	recordsFile  []byte
	records      [][]byte
}

// samples reads all of the directory that the environment variable names.
func samples(t *testing.T) []sample {
	t.Helper()
	const variable = "ARRAYRECORD_INTEROP_UPSTREAM"
	dir := os.Getenv(variable)
	require.NotEmpty(t, dir, "set %s to a directory made by check_upstream.py write", variable)
	paths, err := filepath.Glob(filepath.Join(dir, "*.arrayrecord"))
	require.NoError(t, err)
	require.NotEmpty(t, paths, "no files in %s", dir)

	var all []sample
	for _, path := range paths {
		s := sample{path: strings.TrimSuffix(path, ".arrayrecord")}
		s.optionsFile, err = os.ReadFile(s.path + ".options")
		require.NoError(t, err)
		s.recordsFile, err = os.ReadFile(s.path + ".records")
		require.NoError(t, err)
		values := map[string]string{}
		for line := range strings.Lines(string(s.optionsFile)) {
			key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			require.True(t, found, "%s.options: %q", s.path, line)
			values[key] = strings.TrimSpace(value)
		}
		s.options = values["options"]
		s.writerString = values["writer_options_string"]
		s.numRecords, err = strconv.Atoi(values["num_records"])
		require.NoError(t, err)
		s.records = splitRecords(t, s.recordsFile)
		require.Len(t, s.records, s.numRecords)
		all = append(all, s)
	}
	return all
}

func splitRecords(t *testing.T, b []byte) (records [][]byte) {
	t.Helper()
	for len(b) > 0 {
		require.GreaterOrEqual(t, len(b), 4)
		n := int(binary.LittleEndian.Uint32(b))
		require.GreaterOrEqual(t, len(b)-4, n)
		records = append(records, b[4:4+n])
		b = b[4+n:]
	}
	return records
}

// groupSize is what a reader calls the group size: that of the first chunk.
func (s *sample) groupSize(t *testing.T) int {
	t.Helper()
	value, _, _ := strings.Cut(strings.TrimPrefix(s.writerString, "group_size:"), ",")
	n, err := strconv.Atoi(value)
	require.NoError(t, err, s.writerString)
	return min(n, s.numRecords)
}

func TestReadUpstreamsFiles(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(filepath.Base(s.path), func(t *testing.T) {
			for _, options := range []string{"", "max_parallelism:0", "readahead_buffer_size:16M,max_parallelism:2", "index_storage_option:offloaded"} {
				t.Run(options, func(t *testing.T) { readEveryWay(t, s, options) })
			}
		})
	}
}

func readEveryWay(t *testing.T, s sample, options string) {
	ctx := context.Background()
	r, err := arrayrecord.Open(ctx, s.path+".arrayrecord", arrayrecord.WithReaderOptions(options))
	require.NoError(t, err)
	defer func() { assert.NoError(t, r.Close()) }()

	n := s.numRecords
	require.Equal(t, n, r.NumRecords())
	assert.Equal(t, s.groupSize(t), r.RecordGroupSize())
	writerString, found := r.WriterOptions()
	assert.True(t, found)
	assert.Equal(t, s.writerString, writerString)

	c := r.Cursor(ctx)
	defer c.Close()
	for i, want := range s.records {
		require.Equal(t, i, c.Position())
		got, err := c.Next()
		requireRecord(t, "Next", i, want, got, err)
	}
	_, err = c.Next()
	require.Equal(t, io.EOF, err)

	i := 0
	for got, err := range r.Records(ctx) {
		require.NoError(t, err)
		require.Less(t, i, n)
		requireRecord(t, "Records", i, s.records[i], got, err)
		i++
	}
	require.Equal(t, n, i)

	all, err := recordtest.All(ctx, r)
	requireRecords(t, "all", s.records, all, err)

	var mu sync.Mutex
	seen := make([]int, n)
	err = r.ForEach(ctx, func(i int, record []byte) error {
		mu.Lock()
		defer mu.Unlock()
		seen[i]++
		if !bytes.Equal(s.records[i], record) {
			return fmt.Errorf("ForEach: record %d differs", i)
		}
		return nil
	})
	require.NoError(t, err)
	for i, times := range seen {
		require.Equal(t, 1, times, "ForEach: record %d", i)
	}
	if n == 0 {
		return
	}

	rng := rand.New(rand.NewPCG(uint64(n), 1))
	for _, count := range []int{0, 1, 17, 2 * n} {
		indices := make([]int, count)
		want := make([][]byte, count)
		for k := range indices {
			indices[k] = rng.IntN(n)
			want[k] = s.records[indices[k]]
		}
		got, err := r.ReadIndices(ctx, indices)
		requireRecords(t, fmt.Sprintf("ReadIndices of %d", count), want, got, err)
	}
	for range 10 {
		begin := rng.IntN(n)
		end := begin + 1 + rng.IntN(n-begin)
		got, err := recordtest.Range(ctx, r, begin, end)
		requireRecords(t, fmt.Sprintf("Range(%d, %d)", begin, end), s.records[begin:end], got, err)
	}
	for range 50 {
		i := rng.IntN(n)
		got, err := r.Get(context.Background(), i)
		requireRecord(t, "Get", i, s.records[i], got, err)
		require.NoError(t, c.Seek(i))
		got, err = c.Read()
		requireRecord(t, "Seek and Read", i, s.records[i], got, err)
	}
}

func requireRecord(t *testing.T, what string, i int, want, got []byte, err error) {
	t.Helper()
	require.NoError(t, err, "%s: record %d", what, i)
	if !bytes.Equal(want, got) {
		require.FailNow(t, "record differs", "%s: record %d: %d bytes, want %d", what, i, len(got), len(want))
	}
}

func requireRecords(t *testing.T, what string, want, got [][]byte, err error) {
	t.Helper()
	require.NoError(t, err, what)
	require.Len(t, got, len(want), what)
	for i := range want {
		requireRecord(t, what, i, want[i], got[i], nil)
	}
}

// TestWriteForUpstream writes the same records with the same options into two
// directories: serial, with the max_parallelism that upstream's Python writer
// has and without a digest, for comparing bytes; and parallel, with our default.
func TestWriteForUpstream(t *testing.T) {
	const variable = "ARRAYRECORD_INTEROP_OURS"
	dir := os.Getenv(variable)
	require.NotEmpty(t, dir, "set %s to the directory to write to", variable)
	for _, s := range samples(t) {
		name := filepath.Base(s.path)
		t.Run(name, func(t *testing.T) {
			writeLike(t, s, filepath.Join(dir, "parallel", name), s.options)
			serial := strings.TrimPrefix(s.options+",max_parallelism:1,no_digest", ",")
			writeLike(t, s, filepath.Join(dir, "serial", name), serial)
		})
	}
}

func writeLike(t *testing.T, s sample, path, options string) {
	t.Helper()
	w, err := arrayrecord.Create(context.Background(), path+".arrayrecord", arrayrecord.WithWriterOptions(options))
	require.NoError(t, err)
	for _, record := range s.records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())

	// The same beside it as beside upstream's file, but for our option string.
	lines := slices.Collect(strings.Lines(string(s.optionsFile)))
	require.True(t, strings.HasPrefix(lines[0], "options:"))
	lines[0] = "options: " + options + "\n"
	require.NoError(t, os.WriteFile(path+".options", []byte(strings.Join(lines, "")), 0o644))
	require.NoError(t, os.WriteFile(path+".records", s.recordsFile, 0o644))
}

// TestWriteMovies writes the examples of the pipelines' demo as JSON, one line
// each, for comparison with the data that upstream makes its examples of.
func TestWriteMovies(t *testing.T) {
	const variable = "ARRAYRECORD_INTEROP_OURS"
	dir := os.Getenv(variable)
	require.NotEmpty(t, dir, "set %s to the directory to write to", variable)
	var lines bytes.Buffer
	for _, example := range pipelines.MovieExamples() {
		text, err := tfexample.JSON(example)
		require.NoError(t, err)
		require.NoError(t, json.Compact(&lines, text))
		lines.WriteByte('\n')
	}
	require.NoError(t, os.MkdirAll(dir, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "movies.jsonl"), lines.Bytes(), 0o666))
}
