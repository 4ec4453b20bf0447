// Package inflight lets a program wait for the work of DoFns in its own process
// before it ends. When a job fails or is cancelled, Beam returns while calls of
// DoFns still go on; ended with the program in the middle, they leave their
// temporary files.
package inflight

import (
	"context"
	"sync"
)

var work struct {
	sync.Mutex
	n    int
	idle chan struct{} // closed when n gets 0; nil while it is
}

// Begin says that something has been begun that leaves a file if the process
// ends; done that it has come to its end. done is called once.
func Begin() (done func()) {
	work.Lock()
	defer work.Unlock()
	if work.n == 0 {
		work.idle = make(chan struct{})
	}
	work.n++
	return func() {
		work.Lock()
		defer work.Unlock()
		if work.n--; work.n == 0 {
			close(work.idle)
			work.idle = nil
		}
	}
}

// Wait returns when there is no such work, of any job of this process, or ctx has
// ended. It makes nothing end: the work has to look at its own context.
func Wait(ctx context.Context) {
	work.Lock()
	idle := work.idle
	work.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}
