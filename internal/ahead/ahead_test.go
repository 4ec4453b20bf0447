package ahead

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

// task takes some time, and notes what is under way beside it.
type task struct {
	n, weight int
	took      time.Duration
	world     *world
	err       error
}

type world struct {
	running, heaviest atomic.Int64 // tasks; the weight of those begun and not released
	weight            atomic.Int64
	peak              atomic.Int64
}

func (t *task) Weight() int { return t.weight }

func (t *task) Run(ctx context.Context) {
	w := t.world
	for now := w.running.Add(1); now > w.peak.Load(); {
		w.peak.Store(now)
	}
	for now := w.weight.Add(int64(t.weight)); now > w.heaviest.Load(); {
		w.heaviest.Store(now)
	}
	select {
	case <-time.After(t.took):
	case <-ctx.Done():
		t.err = ctx.Err()
	}
	w.running.Add(-1)
}

func planOf(tasks []*task) func(context.Context) (*task, bool) {
	next := 0
	return func(context.Context) (*task, bool) {
		if next == len(tasks) {
			return nil, false
		}
		next++
		return tasks[next-1], true
	}
}

func TestTasksComeInOrderWithinBounds(t *testing.T) {
	for seed := range 50 {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 1))
			w := &world{}
			o := Options{Helpers: rng.IntN(4), MaxTasks: 1 + rng.IntN(8), Budget: 100}
			o.CallerHelps = o.Helpers == 0 || rng.IntN(2) == 0
			tasks := make([]*task, 60)
			for i := range tasks {
				tasks[i] = &task{n: i, weight: rng.IntN(60), took: time.Duration(rng.IntN(20)) * time.Millisecond, world: w}
				if rng.IntN(10) == 0 {
					tasks[i].weight = 200 // alone
				}
			}
			q := New(t.Context(), o, planOf(tasks))
			for i, last := 0, 0; ; i++ {
				w.weight.Add(-int64(last))
				got, ok, err := q.Next()
				require.NoError(t, err)
				if !ok {
					require.Equal(t, len(tasks), i)
					break
				}
				require.Equal(t, i, got.n)
				last = got.weight
				time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
			}
			_, ok, err := q.Next()
			require.NoError(t, err)
			require.False(t, ok)
			q.Close(nil)
			threads := int64(o.Helpers)
			if o.CallerHelps {
				threads++
			}
			require.LessOrEqual(t, w.peak.Load(), min(threads, int64(o.MaxTasks)))
			require.LessOrEqual(t, w.heaviest.Load(), int64(200))
		})
	}
}

// A task heavier than the budget has nothing beside it, the one that is handed out included.
func TestHeavyTasksRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		tasks := []*task{{weight: 10, world: w}, {n: 1, weight: 500, world: w}, {n: 2, weight: 10, world: w}}
		q := New(t.Context(), Options{Helpers: 3, MaxTasks: 3, Budget: 100}, planOf(tasks))
		defer q.Close(nil)
		for i := range tasks {
			got, ok, err := q.Next()
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, i, got.n)
			synctest.Wait()
			require.LessOrEqual(t, w.weight.Load(), int64(500))
			w.weight.Add(-int64(got.weight))
		}
	})
}

// Who gives up waiting loses nothing, and what ran for him is there for the next call.
func TestShortDeadlinesMakeProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		tasks := []*task{{took: time.Second, world: w}, {n: 1, took: time.Second, world: w}}
		q := New(t.Context(), Options{Helpers: 1, MaxTasks: 1}, planOf(tasks))
		defer q.Close(nil)
		got := []int{}
		for calls := 0; len(got) < 2; calls++ {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			task, ok, err := q.NextWithin(ctx)
			if cancel(); err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Less(t, calls, 10)
				continue
			}
			require.True(t, ok)
			got = append(got, task.n)
		}
		require.Equal(t, []int{0, 1}, got)
	})
}

func TestContextOfTheQueueEndsItWithCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		q := New(ctx, Options{Helpers: 2, MaxTasks: 2}, planOf([]*task{{took: time.Hour, world: &world{}}}))
		time.AfterFunc(time.Second, func() { cancel(reason) })
		_, _, err := q.Next()
		require.ErrorIs(t, err, reason)
		require.ErrorIs(t, err, context.Canceled)
		q.Close(nil)
	})
}

// stubborn does not heed its context.
type stubborn struct{ end chan struct{} }

func (s stubborn) Weight() int         { return 0 }
func (s stubborn) Run(context.Context) { <-s.end }

func TestWaitingEndsWithTheContextThoughTheTaskDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := stubborn{make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q := New(ctx, Options{Helpers: 1, MaxTasks: 1}, func(context.Context) (stubborn, bool) { return task, true })
		_, _, err := q.Next()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(task.end)
		q.Close(nil)
	})
}

// Close returns when nothing runs any more, and hands what has run to drop.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		tasks := []*task{{world: w}, {n: 1, world: w}, {n: 2, took: time.Hour, world: w}}
		q := New(t.Context(), Options{Helpers: 2, MaxTasks: 3}, planOf(tasks))
		_, _, err := q.Next()
		require.NoError(t, err)
		synctest.Wait()
		dropped := 0
		q.Close(func(*task) { dropped++ })
		require.Zero(t, w.running.Load())
		require.GreaterOrEqual(t, dropped, 1)
		_, _, err = q.Next()
		require.ErrorIs(t, err, ErrClosed)
		q.Close(nil)
	})
}

// Planning may take long, as it opens files; tasks that are done come meanwhile.
func TestSlowPlansDoNotHoldUpWhatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		n := 0
		q := New(t.Context(), Options{Helpers: 2, MaxTasks: 4}, func(ctx context.Context) (*task, bool) {
			if n == 1 {
				select {
				case <-time.After(time.Hour):
				case <-ctx.Done():
				}
			}
			n++
			return &task{n: n - 1, world: w}, n <= 2
		})
		begin := time.Now()
		got, ok, err := q.Next()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, 0, got.n)
		require.Less(t, time.Since(begin), time.Minute)
		q.Close(nil)
	})
}
