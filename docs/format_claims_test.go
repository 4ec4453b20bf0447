package docs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// reader is what a Reader and a DataSource can do both.
type reader interface {
	recordtest.Records
	Get(ctx context.Context, i int) ([]byte, error)
	AppendRecord(ctx context.Context, dst []byte, i int) ([]byte, error)
	ReadIndices(ctx context.Context, indices []int) ([][]byte, error)
	ReadBatch(ctx context.Context, b *arrayrecord.Batch, indices []int) error
	Scan(ctx context.Context, begin, end int) iter.Seq2[[]byte, error]
	ForEach(ctx context.Context, fn func(i int, record []byte) error) error
	Cursor(ctx context.Context) *arrayrecord.Cursor
	Close() error
}

// elsewhere has the files of the disk, and reads them by ranges, as buckets are read.
var elsewhere = storagetest.NewFaults()

// waysToOpen are all that there are: what is true of a file is true in each.
func waysToOpen(t *testing.T, file []byte) map[string]func() (reader, error) {
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, file, 0o666))
	ctx := context.Background()
	quiet := arrayrecord.WithLogger(slog.New(slog.DiscardHandler))
	return map[string]func() (reader, error){
		"bytes":       func() (reader, error) { return arrayrecord.NewReader(bytes.NewReader(file), int64(len(file))) },
		"file":        func() (reader, error) { return arrayrecord.Open(ctx, path) },
		"mapped file": func() (reader, error) { return arrayrecord.Open(ctx, path, arrayrecord.WithMmap()) },
		"data source": func() (reader, error) { return arrayrecord.OpenDataSource(ctx, []string{path}, quiet) },
		"fetched source": func() (reader, error) {
			return arrayrecord.OpenDataSource(ctx, []string{elsewhere.Name(path)}, quiet)
		},
	}
}

// Files whose index and chunk headers agree, under right hashes, on records that are not there. Nothing
// of what they claim may be allocated, as nothing could save a Go program that runs out of memory.
func TestClaimsAreNotBelieved(t *testing.T) {
	const huge = 2<<30 - 1 // within the limits of a reader
	small := encodeSimple([][]byte{[]byte("one"), []byte("two")})
	zstd := append(binary.AppendUvarint([]byte{'z', 3, 1, 4, 6}, huge), 0x28, 0xb5, 0x2f, 0xfd)
	for name, file := range map[string][]byte{
		"uncompressed":      fileWith('r', small, 2, huge, func(*layout) {}),
		"zstd":              fileWith('r', zstd, 2, huge, func(*layout) {}),
		"transposed":        fileWith('t', append([]byte{0}, make([]byte, 200)...), 2, huge, func(*layout) {}),
		"over all limits":   fileWith('r', small, 2, 64<<30, func(*layout) {}),
		"only the index":    fileWith('r', small, 2, 6, func(l *layout) { l.entry = entryRecord(64, huge, 2) }),
		"one record":        fileWith('r', small[:1], 1, huge, func(*layout) {}),
		"one, only index":   fileWith('r', small, 1, 3, func(l *layout) { l.entry = entryRecord(64, huge, 1) }),
		"footer of a chunk": fileWith('r', small, 2, 6, func(l *layout) { l.metadata = metadataRecord(1, 1<<40, 1<<50) }),
	} {
		for way, open := range waysToOpen(t, file) {
			want := arrayrecord.ErrCorrupt
			if name == "over all limits" {
				want = arrayrecord.ErrTooLarge
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			requireRefused(t, open, want, name+", "+way)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "%s, %s", name, way)
			require.Less(t, arrayrecord.KeptMemory(), 64<<20, "%s, %s", name, way)
		}
	}
}

// requireRefused reads in all ways what cannot be read, if it can be opened.
func requireRefused(t *testing.T, open func() (reader, error), want error, name string) {
	r, err := open()
	if err != nil {
		require.ErrorIs(t, err, arrayrecord.ErrCorrupt, name)
		return
	}
	ctx := context.Background()
	some := []int{0, 0, r.NumRecords() - 1}
	_, errGet := r.Get(ctx, 0)
	_, errAppend := r.AppendRecord(ctx, nil, 0)
	_, errAll := recordtest.All(ctx, r)
	_, errMany := r.ReadIndices(ctx, some)
	errBatch := r.ReadBatch(ctx, new(arrayrecord.Batch), some)
	var errScan error
	for _, err := range r.Scan(ctx, 0, r.NumRecords()) {
		errScan = err
	}
	errEach := r.ForEach(ctx, func(int, []byte) error { return nil })
	c := r.Cursor(ctx)
	_, errCursor := c.Next()
	require.NoError(t, c.Close())
	for _, err := range []error{errGet, errAppend, errAll, errMany, errBatch, errScan, errEach, errCursor} {
		require.ErrorIs(t, err, want, name)
	}
	require.NoError(t, r.Close())
}
