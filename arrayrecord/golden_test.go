package arrayrecord_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

// A golden file was written by upstream's library: X.arrayrecord (or X.array_record) with its
// records in X.records and facts about it in X.options.
type golden struct {
	name    string
	path    string
	records [][]byte
	facts   map[string]string
}

// goldenDirs are the repository's own files and, where it is present, a larger collection: the
// folder that ARRAYRECORD_GOLDEN names, or ../shared/golden beside the repository.
func goldenDirs() []string {
	dirs := []string{filepath.Join("..", "testdata")}
	more := os.Getenv("ARRAYRECORD_GOLDEN")
	if more == "" {
		more = filepath.Join("..", "..", "shared", "golden")
	}
	if info, err := os.Stat(more); err == nil && info.IsDir() {
		dirs = append(dirs, more)
	}
	return dirs
}

func goldenFiles(t testing.TB) []golden {
	var files []golden
	for _, dir := range goldenDirs() {
		paths, err := filepath.Glob(filepath.Join(dir, "*.options"))
		require.NoError(t, err)
		for _, options := range paths {
			g := golden{facts: map[string]string{}}
			base := strings.TrimSuffix(options, ".options")
			g.name = filepath.Base(base)
			for _, suffix := range []string{".arrayrecord", ".array_record"} {
				if _, err := os.Stat(base + suffix); err == nil {
					g.path = base + suffix
				}
			}
			require.NotEmpty(t, g.path, "%s has no file", options)
			g.records = readRecordsFile(t, base+".records")
			text, err := os.ReadFile(options)
			require.NoError(t, err)
			for line := range strings.Lines(string(text)) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
				g.facts[strings.TrimSuffix(strings.TrimSuffix(key, ":"), "_string")] = value
			}
			files = append(files, g)
		}
	}
	require.NotEmpty(t, files)
	return files
}

func readRecordsFile(t testing.TB, path string) [][]byte {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	records := [][]byte{}
	for len(data) > 0 {
		n := binary.LittleEndian.Uint32(data)
		records = append(records, data[4:4+n])
		data = data[4+n:]
	}
	return records
}

func TestGoldenFilesReadBack(t *testing.T) {
	ctx := context.Background()
	for _, g := range goldenFiles(t) {
		t.Run(g.name, func(t *testing.T) {
			r, err := arrayrecord.Open(ctx, g.path)
			require.NoError(t, err)
			defer r.Close()
			require.Equal(t, g.facts["num_records"], strconv.Itoa(r.NumRecords()))
			require.Equal(t, g.facts["record_group_size"], strconv.Itoa(r.RecordGroupSize()))
			options, ok := r.WriterOptions()
			require.True(t, ok)
			require.Equal(t, g.facts["writer_options"], options)
			checkReader(t, r, g.records)

			// The same in other ways.
			data, err := os.ReadFile(g.path)
			require.NoError(t, err)
			for _, w := range ways(t) {
				r, err := w.open(g.path, data)
				require.NoError(t, err, w.name)
				checkReader(t, r, g.records)
				require.NoError(t, r.Close())
			}
		})
	}
}

// records is what a Reader and a DataSource both can do.
type records interface {
	NumRecords() int
	Get(ctx context.Context, i int) ([]byte, error)
	AppendRecord(ctx context.Context, dst []byte, i int) ([]byte, error)
	ReadIndices(ctx context.Context, indices []int) ([][]byte, error)
	ReadBatch(ctx context.Context, b *arrayrecord.Batch, indices []int) error
	Records(ctx context.Context) iter.Seq2[[]byte, error]
	Range(ctx context.Context, begin, end int) iter.Seq2[[]byte, error]
	Scan(ctx context.Context, begin, end int) iter.Seq2[[]byte, error]
	ForEach(ctx context.Context, fn func(i int, record []byte) error) error
	Cursor(ctx context.Context) *arrayrecord.Cursor
	Close() error
	String() string
}

var _ = []records{(*arrayrecord.Reader)(nil), (*arrayrecord.DataSource)(nil)}

// checkReader reads everything in every way.
func checkReader(t *testing.T, r records, want [][]byte) {
	t.Helper()
	ctx := context.Background()
	require.Equal(t, len(want), r.NumRecords())

	all, err := recordtest.All(ctx, r)
	require.NoError(t, err)
	requireSame(t, want, all)

	var iterated [][]byte
	for record, err := range r.Records(ctx) {
		require.NoError(t, err)
		iterated = append(iterated, record)
	}
	requireSame(t, want, iterated)

	var read [][]byte
	c := r.Cursor(ctx)
	defer c.Close()
	for range want {
		require.Equal(t, len(read), c.Position())
		record, err := c.Read()
		require.NoError(t, err)
		read = append(read, record)
	}
	requireSame(t, want, read)
	_, err = c.Read()
	require.Equal(t, io.EOF, err)

	collected := make([][]byte, len(want))
	require.NoError(t, r.ForEach(ctx, func(i int, record []byte) error {
		collected[i] = bytes.Clone(record)
		return nil
	}))
	requireSame(t, want, collected)

	rng := rand.New(rand.NewPCG(1, 2))
	var indices []int
	var picked [][]byte
	for range min(3*len(want), 200) {
		i := rng.IntN(len(want))
		indices = append(indices, i)
		picked = append(picked, want[i])
		if len(indices) > 15 { // each decodes a whole chunk
			continue
		}
		record, err := r.Get(context.Background(), i)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want[i], record), "record %d", i)
	}
	got, err := r.ReadIndices(ctx, indices)
	require.NoError(t, err)
	requireSame(t, picked, got)
	var batch arrayrecord.Batch
	for _, part := range [][2]int{{0, len(indices)}, {len(indices) / 2, len(indices)}, {0, len(indices) / 3}} {
		require.NoError(t, r.ReadBatch(ctx, &batch, indices[part[0]:part[1]]))
		require.Equal(t, part[1]-part[0], batch.Len())
		for k := range batch.Len() {
			require.True(t, bytes.Equal(picked[part[0]+k], batch.Record(k)))
		}
	}
	scanned := 0
	for record, err := range r.Scan(ctx, 0, len(want)) {
		require.NoError(t, err)
		require.True(t, bytes.Equal(want[scanned], record), "record %d", scanned)
		scanned++
	}
	require.Equal(t, len(want), scanned)

	for range min(len(want), 8) {
		b := rng.IntN(len(want))
		e := b + rng.IntN(len(want)-b+1)
		got, err := recordtest.Range(ctx, r, b, e)
		require.NoError(t, err)
		requireSame(t, want[b:e], got)
	}
}

func requireSame(t *testing.T, want, got [][]byte) {
	t.Helper()
	require.Equal(t, len(want), len(got))
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i]), "record %d differs", i)
	}
}
