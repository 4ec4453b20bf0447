package sink

import "sync/atomic"

// uploads counts the temporary files of sets that this process has open. Each
// costs memory, 8 MiB in a bucket. Who may open no more closes one of its own, or
// waits with the records in memory; nobody waits for another, who might be waiting
// too.
var uploads atomic.Int64

// places are the uploads that one bundle, or one call, may have open.
type places struct{ n int64 }

// take takes one more place, if fewer than limit are taken by all together. The
// first one is always there: without it there would be no progress.
func (p *places) take(limit int) bool {
	for {
		taken := uploads.Load()
		if taken >= int64(limit) && p.n > 0 {
			return false
		}
		if uploads.CompareAndSwap(taken, taken+1) {
			p.n++
			return true
		}
	}
}

// giveBack gives back n places.
func (p *places) giveBack(n int64) {
	p.n -= n
	uploads.Add(-n)
}
