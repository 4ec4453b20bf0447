package arrayrecord_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

// The caller's file may be closed, and its descriptor be that of another file, while the reader reads.
func TestReaderHasItsOwnDescriptor(t *testing.T) {
	dir := t.TempDir()
	records, others := make([][]byte, 20_000), make([][]byte, 20_000)
	for i := range records {
		records[i], others[i] = bytes.Repeat([]byte{1}, 50), bytes.Repeat([]byte{2}, 50)
	}
	mine, other := filepath.Join(dir, "mine"), filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(mine, encode(t, records, arrayrecord.Uncompressed()), 0o666))
	require.NoError(t, os.WriteFile(other, encode(t, others, arrayrecord.Uncompressed()), 0o666))
	indices := make([]int, len(records))
	for i := range indices {
		indices[i] = i * 7919 % len(records)
	}
	for _, opts := range arrayrecord.MappedToo(t) {
		for range 20 {
			f, err := os.Open(mine)
			require.NoError(t, err)
			info, err := f.Stat()
			require.NoError(t, err)
			r, err := arrayrecord.NewReader(f, info.Size(), opts...)
			require.NoError(t, err)
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					got, err := r.ReadIndices(context.Background(), indices)
					if err != nil {
						if !errors.Is(err, arrayrecord.ErrClosed) {
							t.Error(err)
						}
						return
					}
					for _, record := range got {
						if record[0] != 1 {
							t.Error("a record of another file")
							return
						}
					}
				})
			}
			require.NoError(t, f.Close())
			again, err := os.Open(other) // mostly the same number
			require.NoError(t, err)
			time.Sleep(time.Millisecond)
			require.NoError(t, r.Close())
			require.NoError(t, again.Close())
			wg.Wait()
		}
	}
}

// slowReaderAt notes whether it is being used.
type slowReaderAt struct {
	bytes.Reader
	active atomic.Int32
	closed atomic.Bool
	late   atomic.Bool
}

func (s *slowReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if s.closed.Load() {
		s.late.Store(true)
	}
	s.active.Add(1)
	defer s.active.Add(-1)
	time.Sleep(200 * time.Microsecond)
	return s.Reader.ReadAt(p, off)
}

// When Close has returned, nothing uses what NewReader was given.
func TestCloseWaitsForReads(t *testing.T) {
	if arrayrecord.CannotReadBytes(t) {
		return
	}
	records := textRecords(5000, 300)
	data := encode(t, records, arrayrecord.WithGroupSize(10))
	for range 20 {
		source := &slowReaderAt{Reader: *bytes.NewReader(data)}
		r, err := arrayrecord.NewReader(source, int64(len(data)), arrayrecord.WithReaderOptions("readahead_buffer_size:4K"))
		require.NoError(t, err)
		ctx := context.Background()
		work := []func() error{
			func() error { _, err := r.Get(ctx, 77); return err },
			func() error { _, err := r.ReadIndices(ctx, []int{1, 4000, 2000}); return err },
			func() error { _, err := recordtest.All(ctx, r); return err },
			func() error { return r.ForEach(ctx, func(int, []byte) error { return nil }) },
			func() error { _, _, err := r.Metadata(ctx); return err },
		}
		var wg sync.WaitGroup
		var started sync.WaitGroup
		started.Add(len(work))
		for _, call := range work {
			wg.Go(func() {
				started.Done()
				for {
					if err := call(); err != nil {
						if !errors.Is(err, arrayrecord.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		started.Wait()
		time.Sleep(time.Millisecond)
		require.NoError(t, r.Close())
		require.Zero(t, source.active.Load())
		source.closed.Store(true)
		wg.Wait()
		require.False(t, source.late.Load())
	}
}

// Close inside of a loop over records, or of ForEach, ends it.
func TestCloseInsideOfLoops(t *testing.T) {
	records := textRecords(5000, 300)
	small := arrayrecord.WithReaderOptions("readahead_buffer_size:4K")
	for _, r := range openBoth(t, records, small) {
		var last error
		n := 0
		for _, err := range r.Records(context.Background()) {
			if last = err; err != nil {
				break
			}
			if n++; n == 10 {
				require.NoError(t, r.Close())
			}
		}
		require.ErrorIs(t, last, arrayrecord.ErrClosed)
	}
	for _, r := range openBoth(t, records, small) {
		err := r.ForEach(context.Background(), func(int, []byte) error { return r.Close() })
		require.ErrorIs(t, err, arrayrecord.ErrClosed)
	}
}
