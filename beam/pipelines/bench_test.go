package pipelines

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// makeTFRecords writes n files with size bytes of records each, which compress
// about as well as text does, and returns a pattern for them.
func makeTFRecords(b *testing.B, n, size int) string {
	b.Helper()
	dir := b.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("in-%05d.tfrecord", i)))
		require.NoError(b, err)
		w, err := tfrecord.NewWriter(f)
		require.NoError(b, err)
		record := make([]byte, 1000)
		for written := 0; written < size; written += len(record) {
			for j := 0; j < len(record); j += 10 {
				copy(record[j:], fmt.Sprintf("%09d ", random.IntN(5000)*123457%1000000007))
			}
			require.NoError(b, w.Write(record))
		}
		require.NoError(b, w.Close())
		require.NoError(b, f.Close())
	}
	return filepath.Join(dir, "in-*.tfrecord")
}

// BenchmarkConversion compares a conversion by Beam on Prism with the same work
// in a plain Go loop over the files, as many at once as there are processors.
func BenchmarkConversion(b *testing.B) {
	const files, size = 16, 16 << 20
	pattern := makeTFRecords(b, files, size)
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, options := range []string{"group_size:1", "group_size:256,zstd", "group_size:1,uncompressed"} {
		b.Run("loop/"+options, func(b *testing.B) {
			b.SetBytes(files * size)
			for b.Loop() {
				require.NoError(b, convertInALoop(b.Context(), pattern, b.TempDir(), options))
			}
		})
		b.Run("prism/"+options, func(b *testing.B) {
			b.SetBytes(files * size)
			for b.Loop() {
				c := NewTFRecordToArrayRecord(pattern, filepath.Join(b.TempDir(), "out"))
				c.WriterOptions = options
				_, err := Run(b.Context(), "prism", c)
				require.NoError(b, err)
			}
		})
	}
}

func convertInALoop(ctx context.Context, pattern, dir, options string) error {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(2)
	for _, name := range names {
		g.Go(func() error {
			in, err := os.Open(name)
			if err != nil {
				return err
			}
			defer in.Close()
			r, err := tfrecord.NewReader(in)
			if err != nil {
				return err
			}
			w, err := arrayrecord.Create(ctx, filepath.Join(dir, filepath.Base(name)), arrayrecord.WithWriterOptions(options))
			if err != nil {
				return err
			}
			defer w.Abort()
			for record, err := range r.Scan() {
				if err != nil {
					return err
				}
				if err := w.Write(record); err != nil {
					return err
				}
			}
			return w.Close()
		})
	}
	return g.Wait()
}
