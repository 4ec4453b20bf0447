package arrayrecord

import (
	"context"
	"sync"
	"sync/atomic"
)

// guard lets calls use something that Close frees: Close takes effect at once for new calls, has
// the context of those under way end, waits for them, and frees.
type guard struct {
	state   atomic.Int64 // calls under way, and the closed bit
	closing context.Context
	cancel  context.CancelCauseFunc
	finish  sync.Once
	freed   chan struct{} // closed after free
	free    func()
}

const closedBit = 1 << 62

// open makes the guard ready.
func (g *guard) open(free func()) {
	g.closing, g.cancel = context.WithCancelCause(context.Background())
	g.freed = make(chan struct{})
	g.free = free
}

// acquire begins a call; false after close. Every true needs a release.
func (g *guard) acquire() bool {
	if g.state.Add(1)&closedBit == 0 {
		return true
	}
	g.release()
	return false
}

func (g *guard) release() {
	if g.state.Add(-1) == closedBit {
		g.end()
	}
}

func (g *guard) closed() bool { return g.state.Load()&closedBit != 0 }

// context is ctx, and ends when the guard is closed too. stop must be called.
func (g *guard) context(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(g.closing, func() { cancel(ErrClosed) })
	return ctx, func() { unhook(); cancel(nil) }
}

// close returns when no call is under way any more.
func (g *guard) close() {
	if g.state.Or(closedBit) == 0 {
		g.end()
	}
	g.cancel(ErrClosed)
	<-g.freed
}

func (g *guard) end() {
	g.finish.Do(func() {
		g.free()
		close(g.freed)
	})
}
