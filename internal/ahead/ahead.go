// Package ahead does pieces of work in other goroutines before their results are asked for, which
// are then handed out in order: the one readahead of this module.
package ahead

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Task is one piece of work, and its result. Run is called once; it must end soon after its
// context has.
type Task interface {
	Run(ctx context.Context)
	// Weight is what the task takes of the budget, from the beginning of Run to when the next task
	// is asked for after this one.
	Weight() int
}

// Options bound what a Queue does.
type Options struct {
	// Helpers is how many goroutines run tasks besides the caller of Next.
	Helpers int
	// CallerHelps has the caller of Next run tasks too, instead of waiting for others.
	CallerHelps bool
	// MaxTasks is how many tasks may be under way, or done and not asked for yet.
	MaxTasks int
	// Budget bounds the sum of their weights. A task that is heavier is run when there is no other.
	// 0 is no bound.
	Budget int
}

// ErrClosed is the answer of a Queue after Close.
var ErrClosed = errors.New("ahead: the queue is closed")

// ContextError is the error of a context that has ended: it matches the context's error, and its
// cause if that is another one.
func ContextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// A Queue runs tasks in the order of their plan, several at a time, and hands them out in that
// order when they have run. Next is for one goroutine at a time.
type Queue[T Task] struct {
	ctx     context.Context
	cancel  context.CancelFunc
	unhook  func() bool // wake from the end of ctx
	options Options
	plan    func(ctx context.Context) (T, bool)

	mu       sync.Mutex
	changed  sync.Cond // a task is done or planned, a helper has ended, or a context has
	planning bool
	planned  T // if waiting: the task that waits for a place
	waiting  bool
	ended    bool // there are no more tasks to plan
	queue    []entry[T]
	first    int // number of the task at the front of the queue
	weight   int // of the tasks in queue, and of the one handed out last
	last     int // the weight of that one
	running  int // tasks
	helpers  int
	closed   bool
}

type entry[T Task] struct {
	task T
	done bool
}

// New makes a queue of the tasks that plan gives, one after the other, until it says false. plan is
// called by one goroutine at a time. The context covers all that is run; Close must be called.
func New[T Task](ctx context.Context, o Options, plan func(ctx context.Context) (T, bool)) *Queue[T] {
	q := &Queue[T]{options: o, plan: plan, queue: make([]entry[T], 0, o.MaxTasks)}
	q.ctx, q.cancel = context.WithCancel(ctx)
	q.changed.L = &q.mu
	q.unhook = context.AfterFunc(q.ctx, q.wake)
	return q
}

// Next gives the next task when it has run; false after the last. The error is that of the context
// of New.
func (q *Queue[T]) Next() (T, bool, error) { return q.next(q.ctx) }

// NextWithin is Next, but waits no longer than until the context ends. The error may be that of this
// context then, and nothing is lost: a later call goes on.
func (q *Queue[T]) NextWithin(ctx context.Context) (T, bool, error) {
	stop := context.AfterFunc(ctx, q.wake)
	defer stop()
	return q.next(ctx)
}

func (q *Queue[T]) next(ctx context.Context) (T, bool, error) {
	var none T
	q.mu.Lock()
	defer q.mu.Unlock()
	q.weight -= q.last
	q.last = 0
	for {
		switch {
		case q.closed:
			return none, false, ErrClosed
		case q.ctx.Err() != nil:
			return none, false, ContextError(q.ctx)
		case ctx.Err() != nil:
			return none, false, ContextError(ctx)
		}
		if len(q.queue) > 0 && q.queue[0].done {
			task := q.queue[0].task
			n := copy(q.queue, q.queue[1:])
			q.queue[n] = entry[T]{}
			q.queue = q.queue[:n]
			q.first++
			q.last = task.Weight()
			// The place that has become free is used while the caller works on this task.
			q.startHelper()
			return task, true, nil
		}
		q.startHelper()
		if q.options.CallerHelps && q.running <= q.options.Helpers {
			if task, n, ok := q.take(); ok {
				q.run(task, n)
				continue
			}
		}
		if len(q.queue) == 0 && q.ended && !q.waiting {
			return none, false, nil
		}
		if len(q.queue) > 0 && q.queue[0].done {
			continue
		}
		q.changed.Wait()
	}
}

// wake has who waits look at the contexts.
func (q *Queue[T]) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

// Close makes tasks under way give up and waits for that. Tasks that have not been handed out are
// dropped, after drop, which may be nil, was called for each that has run. Closing again does
// nothing.
func (q *Queue[T]) Close(drop func(T)) {
	q.unhook()
	q.cancel()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
	for q.helpers > 0 {
		q.changed.Wait()
	}
	if drop != nil {
		for _, e := range q.queue {
			if e.done {
				drop(e.task)
			}
		}
	}
	q.queue = nil
}

// startHelper has one more helper look for work, if there may be some. Each that finds some starts the
// next one. With q.mu.
func (q *Queue[T]) startHelper() {
	if q.helpers < q.options.Helpers && q.mayTake() {
		q.helpers++
		go q.help()
	}
}

// help runs tasks as long as there are any.
func (q *Queue[T]) help() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.ctx.Err() == nil {
		task, n, ok := q.take()
		if !ok {
			break
		}
		q.startHelper()
		q.run(task, n)
		q.changed.Broadcast()
	}
	q.helpers--
	q.changed.Broadcast()
}

// run runs the task with number n. With q.mu, which is free meanwhile.
func (q *Queue[T]) run(task T, n int) {
	q.running++
	q.mu.Unlock()
	task.Run(q.ctx)
	q.mu.Lock()
	q.running--
	q.queue[n-q.first].done = true // still there: it was not done
}

// mayTake reports whether take might give a task. With q.mu.
func (q *Queue[T]) mayTake() bool {
	return !q.planning && !q.closed && len(q.queue) < q.options.MaxTasks && (!q.ended || q.waiting) &&
		(!q.waiting || q.fits(q.planned))
}

// fits reports whether a task may run beside those under way. With q.mu.
func (q *Queue[T]) fits(task T) bool {
	return q.options.Budget == 0 || q.weight == 0 || task.Weight() <= q.options.Budget-q.weight
}

// take enters the next task in the queue, for whoever calls this to run, and gives its number; false
// if there is none, or no place for it. With q.mu, which is free while the task is planned.
func (q *Queue[T]) take() (task T, n int, ok bool) {
	var none T
	if !q.mayTake() {
		return none, 0, false
	}
	if !q.waiting {
		q.planning = true
		q.mu.Unlock()
		task, ok := q.plan(q.ctx)
		q.mu.Lock()
		q.planning = false
		q.changed.Broadcast()
		if !ok {
			q.ended = true
			return none, 0, false
		}
		q.planned, q.waiting = task, true
		if !q.mayTake() {
			return none, 0, false
		}
	}
	task = q.planned
	q.planned, q.waiting = none, false
	q.queue = append(q.queue, entry[T]{task: task})
	q.weight += task.Weight()
	return task, q.first + len(q.queue) - 1, true
}
