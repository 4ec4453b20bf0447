package arrayrecord

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// testCache is a cache of readers that take a second to open, and counts those that are open.
func testCache(places, files int) (*fileCache, *atomic.Int64) {
	var open atomic.Int64
	return newFileCache(places, files, func(ctx context.Context, i int) (*Reader, error) {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		open.Add(1)
		r := &Reader{numRecords: i}
		r.guard.open(func() { open.Add(-1) })
		return r, nil
	}), &open
}

// A waiter that gives up does not take the wake-up of another one with it.
func TestCancelledWaiterDoesNotSwallowAWakeUp(t *testing.T) {
	for _, first := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			c, _ := testCache(1, 3)
			_, err := c.acquire(t.Context(), 0)
			require.NoError(t, err)
			ctx, cancel := context.WithCancelCause(t.Context())
			reason := errors.New("enough")
			gaveUp, got := make(chan error, 1), make(chan error, 1)
			waiters := []func(){
				func() { _, err := c.acquire(ctx, 1); gaveUp <- err },
				func() { _, err := c.acquire(t.Context(), 2); got <- err },
			}
			for i := range waiters {
				go waiters[(i+first)%2]()
				synctest.Wait()
			}
			cancel(reason)
			c.release(0)
			err = <-gaveUp
			if err != nil { // or it was served first, and is done
				require.ErrorIs(t, err, reason)
				require.ErrorIs(t, err, context.Canceled)
			} else {
				c.release(1)
			}
			require.NoError(t, <-got)
			c.release(2)
			c.close()
		})
	}
}

// A waiter that finds its file open leaves the place that has become free to others.
func TestWokenWaiterThatFindsItsFileOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := testCache(2, 4)
		for _, i := range []int{0, 1} {
			_, err := c.acquire(t.Context(), i)
			require.NoError(t, err)
		}
		done := make(chan int, 3)
		for _, i := range []int{2, 2, 3} { // two want the same
			go func() {
				_, err := c.acquire(t.Context(), i)
				if err == nil {
					done <- i
				}
			}()
			synctest.Wait()
		}
		c.release(0)
		c.release(1)
		for range 3 {
			<-done
		}
		c.close()
	})
}

// Whatever many goroutines do, the bound holds at every moment, and nobody waits for ever.
func TestFileCacheUnderLoad(t *testing.T) {
	for seed := range 20 {
		synctest.Test(t, func(t *testing.T) {
			const places = 3
			c, open := testCache(places, 10)
			done := make(chan bool)
			const users = 30
			for u := range users {
				go func() {
					defer func() { done <- true }()
					rng := rand.New(rand.NewPCG(uint64(seed), uint64(u)))
					for range 20 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(20))*time.Second)
						i := rng.IntN(10)
						if r, err := c.acquire(ctx, i); err == nil {
							if r.numRecords != i || r.guard.closed() || open.Load() > places {
								t.Error("wrong reader, a closed one, or too many")
							}
							time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
							if r.guard.closed() {
								t.Error("closed in use")
							}
							c.release(i)
						}
						cancel()
					}
				}()
			}
			for range users {
				<-done
			}
			c.close()
			require.Zero(t, open.Load())
		})
	}
}

// Inside of a loop over all records others can be read, even if one file alone may be open.
func TestGetInsideALoopWithOneOpenFile(t *testing.T) {
	var paths []string
	var want [][]byte
	for range 3 {
		name, records := writeNumbered(t, 500, 100, WithGroupSize(10))
		paths, want = append(paths, name), append(want, records...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ds, err := OpenDataSource(ctx, paths, WithMaxOpenFiles(1), WithReaderOptionsForFiles(WithReaderOptions("readahead_buffer_size:1K")))
	require.NoError(t, err)
	defer ds.Close()
	i := 0
	for record, err := range ds.Records(ctx) {
		require.NoError(t, err)
		require.Equal(t, want[i], record)
		if i%100 == 0 {
			other := (i*31 + 700) % len(want)
			got, err := ds.Get(ctx, other)
			require.NoError(t, err)
			require.Equal(t, want[other], got)
			many, err := ds.ReadIndices(ctx, []int{0, 1499, 700})
			require.NoError(t, err)
			require.Equal(t, want[1499], many[1])
		}
		i++
	}
	require.Equal(t, len(want), i)
}
