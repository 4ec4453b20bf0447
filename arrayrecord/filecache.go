package arrayrecord

import (
	"container/list"
	"context"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
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
				return nil, ahead.ContextError(ctx)
			}
			continue
		}
		if c.takePlace() {
			break
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

func (c *fileCache) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
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
	slot.reader.Close() // nobody uses it: returns at once
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
		return ahead.ContextError(ctx)
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
	c.changed.Broadcast() // to one alone, that might give up, or find its own file open
}

// close closes all readers, and returns when those in use are done.
func (c *fileCache) close() {
	c.mu.Lock()
	c.closed = true
	var open []*Reader
	for i := range c.slots {
		if r := c.slots[i].reader; r != nil {
			open = append(open, r)
			c.slots[i].reader = nil
		}
	}
	c.idle.Init()
	c.changed.Broadcast()
	c.mu.Unlock()
	for _, r := range open {
		r.Close()
	}
}
