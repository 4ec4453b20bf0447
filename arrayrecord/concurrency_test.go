package arrayrecord_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

// openBoth gives readers of the same records: of a local file, and of memory.
func openBoth(t *testing.T, records [][]byte, opts ...arrayrecord.ReaderOption) map[string]*arrayrecord.Reader {
	data := encode(t, records, arrayrecord.WithGroupSize(3))
	name := filepath.Join(t.TempDir(), "x.arrayrecord")
	require.NoError(t, os.WriteFile(name, data, 0o666))
	local, err := arrayrecord.Open(context.Background(), name, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { local.Close() })
	return map[string]*arrayrecord.Reader{"local": local, "memory": openBytes(t, data, opts...)}
}

func TestManyGoroutinesShareOneReader(t *testing.T) {
	records := textRecords(3000, 300)
	for name, r := range openBoth(t, records) {
		t.Run(name, func(t *testing.T) {
			var wg sync.WaitGroup
			var failed atomic.Value
			for g := range 8 {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(g), 0))
					for range 100 {
						i := rng.IntN(len(records))
						if record, err := r.Get(context.Background(), i); err != nil || !bytes.Equal(record, records[i]) {
							failed.Store(i)
						}
						indices := []int{i, rng.IntN(len(records)), i}
						got, err := r.ReadIndices(context.Background(), indices)
						if err != nil || !bytes.Equal(got[1], records[indices[1]]) || !bytes.Equal(got[2], records[i]) {
							failed.Store(i)
						}
					}
				})
			}
			for range 4 {
				wg.Go(func() {
					c := r.Cursor(context.Background())
					defer c.Close()
					for i := range records {
						record, err := c.Next()
						if err != nil || !bytes.Equal(record, records[i]) {
							failed.Store(i)
							return
						}
					}
				})
			}
			wg.Wait()
			require.Nil(t, failed.Load())
		})
	}
}

func TestCloseWhileReadsRun(t *testing.T) {
	records := textRecords(2000, 300)
	for range 20 {
		for _, r := range openBoth(t, records) {
			var wg sync.WaitGroup
			var wrong atomic.Value
			var calls atomic.Int64
			check := func(err error) bool {
				if err != nil && !errors.Is(err, arrayrecord.ErrClosed) {
					wrong.Store(err.Error())
				}
				if err == nil {
					calls.Add(1)
				}
				return err != nil
			}
			ctx := context.Background()
			wg.Go(func() {
				for i := 0; ; i++ {
					if _, err := r.Get(context.Background(), i%len(records)); check(err) {
						return
					}
				}
			})
			wg.Go(func() {
				for {
					if _, err := recordtest.All(ctx, r); check(err) {
						return
					}
				}
			})
			wg.Go(func() {
				for {
					if err := r.ForEach(ctx, func(int, []byte) error { return nil }); check(err) {
						return
					}
				}
			})
			wg.Go(func() {
				c := r.Cursor(ctx)
				defer c.Close()
				for {
					_, err := c.Next()
					if err == io.EOF {
						err = c.Seek(0)
					}
					if check(err) {
						return
					}
				}
			})
			for calls.Load() < 20 { // so that there is something to close
				runtime.Gosched()
			}
			require.NoError(t, r.Close())
			require.NoError(t, r.Close())
			wg.Wait()
			require.Nil(t, wrong.Load())
			_, err := r.Get(context.Background(), 0)
			require.ErrorIs(t, err, arrayrecord.ErrClosed)
			c := r.Cursor(ctx)
			_, err = c.Read()
			require.ErrorIs(t, err, arrayrecord.ErrClosed)
			require.ErrorIs(t, c.Seek(0), arrayrecord.ErrClosed)
			require.NoError(t, c.Close())
			_, err = recordtest.Range(ctx, r, 0, 1)
			require.ErrorIs(t, err, arrayrecord.ErrClosed)
			_, err = r.ReadIndices(ctx, []int{0})
			require.ErrorIs(t, err, arrayrecord.ErrClosed)
			for _, err := range r.Records(ctx) {
				require.ErrorIs(t, err, arrayrecord.ErrClosed)
			}
			require.Equal(t, len(records), r.NumRecords())
		}
	}
}

func TestCancelledContexts(t *testing.T) {
	records := textRecords(20000, 300)
	cause := errors.New("enough")
	for name, r := range openBoth(t, records) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			n := 0
			var last error
			for _, err := range r.Records(ctx) {
				if last = err; err != nil {
					break
				}
				if n++; n == 5 {
					cancel(cause)
				}
			}
			require.ErrorIs(t, last, cause)
			require.Less(t, n, len(records))
			_, errAll := recordtest.All(ctx, r)
			_, errIndices := r.ReadIndices(ctx, []int{1})
			_, errGet := r.Get(ctx, 1)
			_, errAppend := r.AppendRecord(ctx, nil, 1)
			errBatch := r.ReadBatch(ctx, new(arrayrecord.Batch), []int{1})
			errEach := r.ForEach(ctx, func(int, []byte) error { return nil })
			c := r.Cursor(ctx)
			defer c.Close()
			_, errCursor := c.Next()
			for i, err := range []error{last, errAll, errIndices, errGet, errAppend, errBatch, errEach, errCursor} {
				require.ErrorIs(t, err, cause, i)
				require.ErrorIs(t, err, context.Canceled, i)
			}
		})
	}
}

func TestErrorOfACallbackEndsForEach(t *testing.T) {
	r := openBytes(t, encode(t, textRecords(20000, 300)))
	mine := errors.New("mine")
	var calls atomic.Int64
	err := r.ForEach(context.Background(), func(i int, _ []byte) error {
		calls.Add(1)
		if i == 100 {
			return mine
		}
		return nil
	})
	require.Equal(t, mine, err)
	require.Less(t, calls.Load(), int64(20000))
}

func TestReaderOptions(t *testing.T) {
	records := textRecords(2000, 300)
	for _, options := range []string{"readahead_buffer_size:0", "max_parallelism:0", "max_parallelism:0,readahead_buffer_size:16K",
		"readahead_buffer_size:1G", "max_parallelism:1", "max_parallelism:7,readahead_buffer_size:1", "index_storage_option:offloaded"} {
		for _, r := range openBoth(t, records, arrayrecord.WithReaderOptions(options)) {
			checkReader(t, r, records)
		}
	}
	for _, options := range []string{"default", "readahead_buffer_size:16MB", "readahead_buffer_size:2G", "max_parallelism:-1", "zstd"} {
		_, err := arrayrecord.Open(context.Background(), "x", arrayrecord.WithReaderOptions(options))
		require.ErrorIs(t, err, arrayrecord.ErrInvalidOption, options)
	}
	for _, opt := range []arrayrecord.ReaderOption{arrayrecord.ReaderOptions{ReadaheadBufferSize: 2 << 30}, arrayrecord.ReaderOptions{ReadaheadBufferSize: -7}, arrayrecord.WithMaxParallelism(-2)} {
		data := encode(t, nil)
		_, err := arrayrecord.NewReader(bytes.NewReader(data), int64(len(data)), opt)
		require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	}
}

func TestRanges(t *testing.T) {
	records := textRecords(10, 30)
	ctx := context.Background()
	for _, r := range openBoth(t, records) {
		for _, c := range []struct{ begin, end, b, e int }{
			{0, 10, 0, 10}, {7, 10, 7, 10}, {2, 3, 2, 3}, {4, 4, 4, 4}, {10, 10, 10, 10},
		} {
			got, err := recordtest.Range(ctx, r, c.begin, c.end)
			require.NoError(t, err)
			requireSame(t, records[c.b:c.e], got)
		}
		for _, c := range [][2]int{{0, 11}, {-11, 3}, {5, 4}, {-1, 0}, {11, 11}, {-3, 10}, {2, -7}} {
			_, err := recordtest.Range(ctx, r, c[0], c[1])
			require.ErrorIs(t, err, arrayrecord.ErrOutOfRange, c)
		}
		for _, i := range []int{-1, 10, 1 << 60} {
			_, err := r.Get(context.Background(), i)
			require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
			_, err = r.ReadIndices(ctx, []int{0, i})
			require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
		}
		c := r.Cursor(ctx)
		require.ErrorIs(t, c.Seek(-1), arrayrecord.ErrOutOfRange)
		require.ErrorIs(t, c.Seek(11), arrayrecord.ErrOutOfRange)
		require.NoError(t, c.Seek(10))
		_, err := c.Read()
		require.Equal(t, io.EOF, err)
		require.Equal(t, 10, c.Position())
		require.NoError(t, c.Seek(9))
		last, err := c.Read()
		require.NoError(t, err)
		require.Equal(t, records[9], last)
		require.NoError(t, c.Close())

		b, e := r.ChunkRecords(3)
		require.Equal(t, [2]int{9, 10}, [2]int{b, e})
		require.Panics(t, func() { r.ChunkRecords(4) })
		prefix := []byte("before")
		appended, err := r.AppendRecord(context.Background(), prefix, 2)
		require.NoError(t, err)
		require.Equal(t, "before"+string(records[2]), string(appended))
	}
}

// Extents of neighbours follow each other from the first chunk to the index, and contain the
// records.
func TestChunkExtents(t *testing.T) {
	records := textRecords(100, 3000)
	for _, options := range []string{"group_size:1,uncompressed", "group_size:7,uncompressed", "group_size:7,uncompressed,pad_to_block_boundary:true"} {
		file := encode(t, records, arrayrecord.WithWriterOptions(options))
		r := openBytes(t, file)
		chunks := r.NumChunks()
		all, size := r.ChunkExtent(0, chunks)
		next, whole := all, 0
		for chunk := range chunks {
			offset, size := r.ChunkExtent(chunk, chunk+1)
			require.Equal(t, next, offset, options)
			require.Positive(t, size)
			next = offset + size
			begin, end := r.ChunkRecords(chunk)
			if arrayrecord.KnowsChunks() && offset>>16 == (next-1)>>16 { // else there may be a block header within a record
				whole++
				for _, record := range records[begin:end] {
					require.True(t, bytes.Contains(file[offset:next], record), options)
				}
			}
		}
		require.Equal(t, arrayrecord.KnowsChunks(), whole > 0)
		require.Equal(t, all+size, next)
		require.LessOrEqual(t, next, int64(len(file)))
		for _, bad := range [][2]int{{-1, 1}, {0, 0}, {1, 0}, {0, chunks + 1}, {chunks, chunks}} {
			require.Panics(t, func() { r.ChunkExtent(bad[0], bad[1]) }, bad)
		}
		require.NoError(t, r.Close())
		offset, size := r.ChunkExtent(0, 1)
		require.Zero(t, offset+size)
	}
}

func TestSlicesDoNotOverlap(t *testing.T) {
	records := textRecords(100, 30)
	r := openBytes(t, encode(t, records))
	got, err := r.ReadIndices(context.Background(), []int{5, 5, 6})
	require.NoError(t, err)
	for i := range got {
		_ = append(got[i], "overwrites the next one if there is spare capacity"...)
	}
	copy(got[0], bytes.Repeat([]byte{0}, len(got[0])))
	require.Equal(t, records[5], got[1])
	require.Equal(t, records[6], got[2])
}

// A batch whose chunks are too much for one step.
func TestBatchesOfManySteps(t *testing.T) {
	records := make([][]byte, 110)
	for i := range records {
		records[i] = bytes.Repeat([]byte{byte(i)}, 1<<20)
	}
	for _, group := range []int{1, 40} {
		data := encode(t, records, arrayrecord.Uncompressed(), arrayrecord.WithGroupSize(group))
		r := openBytes(t, data)
		indices := rand.New(rand.NewPCG(3, 4)).Perm(len(records))[:90]
		indices = append(indices, indices[:9]...)
		got, err := r.ReadIndices(context.Background(), indices)
		require.NoError(t, err)
		for i, index := range indices {
			require.True(t, bytes.Equal(records[index], got[i]))
		}
	}
}
