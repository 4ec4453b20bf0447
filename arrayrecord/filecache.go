package arrayrecord

import (
	"container/list"
	"context"
	"sync"
)

// fileCache keeps a bounded number of readers open: those in use, and the ones used last.
type fileCache struct {
	open func(ctx context.Context, i int) (*Reader, error)

	mu      sync.Mutex
	changed *sync.Cond // a place has become free, or the cache is closed
	slots   []cacheSlot
	idle    *list.List // of indices, the longest unused first
	places  int        // for readers that are open or being opened
	closed  bool
}

type cacheSlot struct {
	reader  *Reader
	users   int
	opening chan struct{} // closed when the attempt under way has ended
	idle    *list.Element
}

func newFileCache(places, files int, open func(context.Context, int) (*Reader, error)) *fileCache {
	c := &fileCache{open: open, slots: make([]cacheSlot, files), idle: list.New(), places: places}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// acquire gives the reader of file i, which stays open until release. It waits while all places are
// in use.
func (c *fileCache) acquire(ctx context.Context, i int) (*Reader, error) {
	return c.get(ctx, i, true)
}

// prefetch opens file i so that it is ready, if there is a place free. An error will come up again
// when the file is acquired.
func (c *fileCache) prefetch(ctx context.Context, i int) {
	if r, err := c.get(ctx, i, false); r != nil && err == nil {
		c.release(i)
	}
}

func (c *fileCache) get(ctx context.Context, i int, wait bool) (*Reader, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := &c.slots[i]
	for {
		if c.closed {
			return nil, ErrClosed
		}
		if slot.reader != nil {
			if slot.users++; slot.idle != nil {
				c.idle.Remove(slot.idle)
				slot.idle = nil
			}
			return slot.reader, nil
		}
		if opening := slot.opening; opening != nil {
			c.mu.Unlock()
			select {
			case <-opening:
			case <-ctx.Done():
			}
			c.mu.Lock()
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			continue
		}
		if c.takePlace() {
			break
		}
		if !wait {
			return nil, nil
		}
		if err := c.wait(ctx); err != nil {
			return nil, err
		}
	}

	slot.opening = make(chan struct{})
	c.mu.Unlock()
	reader, err := c.open(ctx, i)
	c.mu.Lock()
	close(slot.opening)
	slot.opening = nil
	if err == nil && c.closed {
		reader.Close()
		err = ErrClosed
	}
	if err != nil {
		c.places++
		c.changed.Broadcast()
		return nil, err
	}
	slot.reader, slot.users = reader, 1
	return reader, nil
}

// takePlace makes room for one more reader, closing the one unused longest if need be.
func (c *fileCache) takePlace() bool {
	if c.places > 0 {
		c.places--
		return true
	}
	oldest := c.idle.Front()
	if oldest == nil {
		return false
	}
	slot := &c.slots[c.idle.Remove(oldest).(int)]
	slot.reader.Close()
	slot.reader, slot.idle = nil, nil
	return true
}

// wait waits for a change or the end of the context.
func (c *fileCache) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	c.changed.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (c *fileCache) release(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := &c.slots[i]
	if slot.users--; slot.users > 0 || slot.reader == nil {
		return
	}
	slot.idle = c.idle.PushBack(i)
	c.changed.Signal()
}

// close closes all readers; those in use finish what they are doing.
func (c *fileCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for i := range c.slots {
		if r := c.slots[i].reader; r != nil {
			r.Close()
			c.slots[i].reader = nil
		}
	}
	c.idle.Init()
	c.changed.Broadcast()
}
