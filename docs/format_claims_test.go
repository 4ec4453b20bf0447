package docs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

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
		path := filepath.Join(t.TempDir(), "x")
		require.NoError(t, os.WriteFile(path, file, 0o666))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, open := range []func() (*arrayrecord.Reader, error){
			func() (*arrayrecord.Reader, error) {
				return arrayrecord.NewReader(bytes.NewReader(file), int64(len(file)))
			},
			func() (*arrayrecord.Reader, error) { return arrayrecord.Open(context.Background(), path) },
			func() (*arrayrecord.Reader, error) {
				return arrayrecord.Open(context.Background(), path, arrayrecord.WithMmap())
			},
		} {
			r, err := open()
			if err != nil {
				require.ErrorIs(t, err, arrayrecord.ErrCorrupt, name)
				continue
			}
			ctx := context.Background()
			_, errGet := r.Get(ctx, 0)
			_, errAll := recordtest.All(ctx, r)
			_, errMany := r.ReadIndices(ctx, []int{0, 0, r.NumRecords() - 1})
			var errScan error
			for _, err := range r.Scan(ctx, 0, r.NumRecords()) {
				errScan = err
			}
			errEach := r.ForEach(ctx, func(int, []byte) error { return nil })
			for _, err := range []error{errGet, errAll, errMany, errScan, errEach} {
				require.Error(t, err, name)
				if name == "over all limits" {
					require.ErrorIs(t, err, arrayrecord.ErrTooLarge)
				} else {
					require.ErrorIs(t, err, arrayrecord.ErrCorrupt, name)
				}
			}
			require.NoError(t, r.Close())
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), name)
		require.Less(t, arrayrecord.KeptMemory(), 64<<20, name)
	}
}
