package arrayrecord

import "sync/atomic"

// guard lets calls use something that Close frees: Close takes effect at once for new calls, and
// the last call under way frees. The zero guard is open.
type guard struct {
	state atomic.Int64 // calls under way, and the closed bit
	free  func()       // may be called more than once
}

const closedBit = 1 << 62

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
		g.free()
	}
}

func (g *guard) closed() bool { return g.state.Load()&closedBit != 0 }

// close reports whether this call is the one that closed.
func (g *guard) close() bool {
	old := g.state.Or(closedBit)
	if old == 0 {
		g.free()
	}
	return old&closedBit == 0
}
