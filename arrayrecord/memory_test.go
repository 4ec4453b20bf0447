package arrayrecord_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

const mib = 1 << 20

// memoryCases are ways to read that a child process is measured with: peak is what it may take besides
// what it takes by itself.
var memoryCases = []struct {
	name string
	file func(t *testing.T) string
	read func(ctx context.Context, r records) error
	peak int
}{
	// The caller's records are garbage from turn to turn; some of it waits for the collector.
	{"Records of 60 records of 32 MB", zeros(60, 32*mib, 1), inOrder, 64*mib + 3*32*mib},
	{"Scan of 60 records of 32 MB", zeros(60, 32*mib, 1), scanned, 64*mib + 32*mib},
	{"Scan of 2000 records of 4 MB", zeros(2000, 4*mib, 1), scanned, 64*mib + 4*mib},
	{"ForEach of 2000 records of 4 MB", zeros(2000, 4*mib, 1), each, 64*mib + 4*mib},
	{"Cursor over 2000 records of 4 MB", zeros(2000, 4*mib, 1), cursor, 64*mib + 4*mib},
	{"Scan of one chunk of 250 records of 4 MB", zeros(250, 4*mib, 250), scanned, 64*mib + 4*mib},
	{"a small record a million times beside 64 of 1 MB", skewed, repeated, 300 * mib},
}

func zeros(n, size, group int) func(*testing.T) string {
	return func(t *testing.T) string {
		name := filepath.Join(t.TempDir(), "zeros")
		w, err := arrayrecord.Create(context.Background(), name, arrayrecord.WithGroupSize(group))
		require.NoError(t, err)
		record := make([]byte, size)
		for range n {
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		return name
	}
}

func skewed(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "skewed")
	w, err := arrayrecord.Create(context.Background(), name)
	require.NoError(t, err)
	require.NoError(t, w.Write(make([]byte, 10)))
	for range 64 {
		require.NoError(t, w.Write(bytes.Repeat([]byte("abc"), mib/3)))
	}
	require.NoError(t, w.Close())
	return name
}

func inOrder(ctx context.Context, r records) error {
	for _, err := range r.Records(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

func scanned(ctx context.Context, r records) error {
	n := 0
	for _, err := range r.Scan(ctx, 0, r.NumRecords()) {
		if err != nil {
			return err
		}
		n++
	}
	if n != r.NumRecords() {
		return fmt.Errorf("%d records of %d", n, r.NumRecords())
	}
	return nil
}

func each(ctx context.Context, r records) error {
	return r.ForEach(ctx, func(int, []byte) error { return nil })
}

func cursor(ctx context.Context, r records) error {
	c := r.Cursor(ctx)
	defer c.Close()
	for range r.NumRecords() {
		if _, err := c.Next(); err != nil {
			return err
		}
	}
	return nil
}

func repeated(ctx context.Context, r records) error {
	_, err := r.ReadIndices(ctx, make([]int, 1_000_000))
	return err
}

// Reading takes the memory that it documents, whatever records are in a file and however small they
// make themselves on disk.
func TestMemoryIsBounded(t *testing.T) {
	const variable = "ARRAYRECORD_TEST_MEMORY"
	if child := os.Getenv(variable); child != "" {
		number, rest, _ := strings.Cut(child, " ")
		place, name, _ := strings.Cut(rest, " ")
		i, err := strconv.Atoi(number)
		require.NoError(t, err)
		// What the collector lets lie about is not what is asked here.
		debug.SetGCPercent(10)
		debug.SetMemoryLimit(32 * mib)
		ctx := context.Background()
		var r records
		switch place {
		case "file":
			r, err = arrayrecord.Open(ctx, name)
		case "mapped":
			r, err = arrayrecord.Open(ctx, name, arrayrecord.WithMmap())
		case "source":
			r, err = arrayrecord.OpenDataSource(ctx, []string{name}, quiet)
		case "bytes":
			var data []byte
			data, err = os.ReadFile(name)
			require.NoError(t, err)
			r, err = arrayrecord.NewReader(bytes.NewReader(data), int64(len(data)))
		}
		require.NoError(t, err)
		before := peakMemory(t)
		require.NoError(t, memoryCases[i].read(ctx, r))
		fmt.Printf("peak: %d\n", peakMemory(t)-before)
		return
	}
	program, err := os.Executable()
	require.NoError(t, err)
	for i, c := range memoryCases {
		if recordtest.Detecting && i != len(memoryCases)-1 {
			continue // what is left shows that the case runs; the bound means nothing
		}
		name := c.file(t)
		places := []string{"file", "source"}
		if len(arrayrecord.MappedToo(t)) > 1 {
			places = append(places, "mapped")
		}
		if !arrayrecord.CannotReadBytes(t) {
			places = append(places, "bytes")
		}
		for _, place := range places {
			t.Run(c.name+" "+place, func(t *testing.T) {
				cmd := exec.Command(program, "-test.run=^TestMemoryIsBounded$", "-test.v")
				// Under ASan: what is open when the process ends is no leak.
				cmd.Env = append(os.Environ(), "ASAN_OPTIONS=detect_leaks=0", fmt.Sprintf("%s=%d %s %s", variable, i, place, name))
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, string(out))
				_, after, found := strings.Cut(string(out), "peak: ")
				require.True(t, found, string(out))
				line, _, _ := strings.Cut(after, "\n")
				peak, err := strconv.Atoi(line)
				require.NoError(t, err)
				t.Logf("%d MiB", peak/mib)
				// A quarter more for what Go has not collected yet, and buffers of threads.
				if !recordtest.Detecting {
					require.Less(t, peak, c.peak+c.peak/4+40*mib)
				}
			})
		}
	}
}

// peakMemory is the most that the process has had in memory so far.
func peakMemory(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			require.NoError(t, err)
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// A record that would take more than the limits is an error, before memory for it is there.
func TestLimitsOfRecordsAndChunks(t *testing.T) {
	if arrayrecord.CannotLimit(t) {
		return
	}
	name := zeros(3, 8*mib, 1)(t)
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	grouped, err := os.ReadFile(zeros(3, 8*mib, 3)(t))
	require.NoError(t, err)
	ctx := context.Background()
	for _, c := range []struct {
		data    []byte
		options arrayrecord.ReaderOptions
		fails   bool
	}{
		{data, arrayrecord.ReaderOptions{MaxRecordSize: 8 * mib}, false},
		{data, arrayrecord.ReaderOptions{MaxRecordSize: 8*mib - 1}, true},
		{data, arrayrecord.ReaderOptions{MaxChunkSize: 8*mib - 1}, true},
		{grouped, arrayrecord.ReaderOptions{MaxChunkSize: 24 * mib}, false},
		{grouped, arrayrecord.ReaderOptions{MaxChunkSize: 24*mib - 1}, true},
		{grouped, arrayrecord.ReaderOptions{MaxRecordSize: 8*mib - 1}, true},
	} {
		file := filepath.Join(t.TempDir(), "x")
		require.NoError(t, os.WriteFile(file, c.data, 0o666))
		local, err := arrayrecord.Open(ctx, file, c.options)
		require.NoError(t, err)
		memory, err := arrayrecord.NewReader(bytes.NewReader(c.data), int64(len(c.data)), c.options)
		require.NoError(t, err)
		source, err := arrayrecord.OpenDataSource(ctx, []string{file}, quiet, arrayrecord.WithReaderOptionsForFiles(c.options))
		require.NoError(t, err)
		for _, r := range []records{local, memory, source} {
			_, errGet := r.Get(ctx, 1)
			_, errIndices := r.ReadIndices(ctx, []int{2, 0})
			errs := []error{errGet, errIndices, inOrder(ctx, r), scanned(ctx, r), each(ctx, r), cursor(ctx, r)}
			for i, err := range errs {
				require.Equal(t, c.fails, errors.Is(err, arrayrecord.ErrTooLarge), "%T %d: %v", r, i, err)
				require.Equal(t, c.fails, err != nil)
			}
			require.NoError(t, r.Close())
		}
	}
}

// bytesRead is how many bytes the process has read by system calls.
func bytesRead(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/io")
	require.NoError(t, err)
	var n int
	_, err = fmt.Sscanf(string(text), "rchar: %d", &n)
	require.NoError(t, err)
	return n
}

// Records larger than any guess of their size are read once, alone and in groups, whether the chunk is
// one that is kept or not.
func TestLargeRecordsAreReadOnce(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct{ n, size, group int }{{3, 20 * mib, 1}, {3, 10 * mib, 3}, {3, 30 * mib, 3}} {
		record := randomRecords(1, c.size)[0]
		record = append(record, make([]byte, c.size-len(record))...)
		name := filepath.Join(t.TempDir(), "large")
		w, err := arrayrecord.Create(ctx, name, arrayrecord.Uncompressed(), arrayrecord.WithGroupSize(c.group))
		require.NoError(t, err)
		for range c.n {
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		for _, read := range []func(r *arrayrecord.Reader) error{
			func(r *arrayrecord.Reader) error { _, err := r.Get(ctx, 1); return err },
			func(r *arrayrecord.Reader) error { _, err := r.AppendRecord(ctx, nil, 1); return err },
			func(r *arrayrecord.Reader) error { _, err := r.ReadIndices(ctx, []int{1}); return err },
			func(r *arrayrecord.Reader) error { _, err := recordtest.Range(ctx, r, 1, 2); return err },
		} {
			r, err := arrayrecord.Open(ctx, name)
			require.NoError(t, err)
			before := bytesRead(t)
			require.NoError(t, read(r))
			require.Less(t, bytesRead(t)-before, c.size*c.group+c.size/10, "%+v", c)
			require.NoError(t, r.Close())
		}
	}
	// What was needed for that has gone back.
	require.Less(t, arrayrecord.KeptMemory(), 64*mib+64*mib)
}
