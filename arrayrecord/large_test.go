//go:build large

package arrayrecord_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// Records of several hundred MB, in a file with small ones. Takes some GB of memory, hence its own
// target: make test-large.
func TestRecordsOfSeveralHundredMB(t *testing.T) {
	half := make([]byte, 150<<20)
	rand.NewChaCha8([32]byte{1}).Read(half)
	large := append(half, half...)
	for _, options := range []string{"uncompressed", "zstd:1", "snappy", "brotli:0", "group_size:2,zstd:1,pad_to_block_boundary:true"} {
		t.Run(options, func(t *testing.T) {
			ctx := context.Background()
			name := filepath.Join(t.TempDir(), "large.arrayrecord")
			records := [][]byte{[]byte("small"), large, nil, half, []byte("last")}
			w, err := arrayrecord.Create(ctx, name, arrayrecord.WithWriterOptions(options))
			require.NoError(t, err)
			for _, record := range records {
				require.NoError(t, w.Write(record))
			}
			require.NoError(t, w.Close())

			r, err := arrayrecord.Open(ctx, name)
			require.NoError(t, err)
			defer r.Close()
			i := 0
			for record, err := range r.Records(ctx) {
				require.NoError(t, err)
				require.True(t, bytes.Equal(records[i], record), "record %d", i)
				i++
			}
			require.Equal(t, len(records), i)
			record, err := r.Get(context.Background(), 1)
			require.NoError(t, err)
			require.True(t, bytes.Equal(large, record))
			got, err := r.ReadIndices(ctx, []int{4, 1, 0})
			require.NoError(t, err)
			requireSame(t, [][]byte{records[4], large, records[0]}, got)
			got, record = nil, nil
			debug.FreeOSMemory()
		})
	}
}
