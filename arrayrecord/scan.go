package arrayrecord

import (
	"context"
	"io"
	"iter"
	"sync"
)

// A scanner reads records in order, with the next groups being read and decoded by other
// goroutines. It is for one goroutine, which takes part in that work before it waits for it.
type scanner struct {
	r       *Reader
	ctx     context.Context
	cancel  context.CancelFunc
	end     int
	threads int  // that may load groups at a time; 0: each is loaded when it is needed
	helpers int  // goroutines other than the caller's among them
	reuse   bool // the caller does not keep records

	mu      sync.Mutex
	changed sync.Cond // a group is done, or a helper has ended
	planned int       // records from here on have no group yet
	queue   []*group
	loading int    // groups
	running int    // helpers
	free    []slab // memory to use again

	// The caller's alone.
	current *group // nil before the first and after the last
	k       int    // slab in current
	first   int    // record that the slab begins with
	i       int    // in the slab
	err     error
}

func (r *Reader) newScanner(ctx context.Context, begin, end int) *scanner {
	s := &scanner{r: r, planned: begin, end: end}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.changed.L = &s.mu
	if r.options.NoReadahead {
		return s
	}
	s.threads = r.workers()
	s.helpers = s.threads
	if r.source == nil && s.threads > 1 {
		s.helpers-- // decoding keeps the caller as busy as them
	}
	return s
}

// stop makes helpers give up, and waits for that.
func (s *scanner) stop() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.running > 0 {
		s.changed.Wait()
	}
	if s.reuse {
		for _, g := range s.queue {
			s.free = append(s.free, g.slabs...)
		}
		for _, b := range s.free {
			spare.Put(&b)
		}
	}
}

// spare has memory of scanners that are done, for new ones.
var spare sync.Pool

// take plans the group that comes next, to be loaded by whoever calls this; nil if there is none or
// enough wait already. With s.mu.
func (s *scanner) take() (*group, slab) {
	if s.planned >= s.end || len(s.queue) > 2*s.threads {
		return nil, slab{}
	}
	g, err := s.r.planGroup(s.planned, s.end)
	if err != nil {
		s.planned = s.end
		s.queue = append(s.queue, &group{err: err, done: true})
		return nil, slab{}
	}
	s.planned = g.end
	s.queue = append(s.queue, g)
	s.loading++
	g.keep = !s.reuse
	if n := len(s.free); n > 0 {
		old := s.free[n-1]
		s.free = s.free[:n-1]
		return g, old
	}
	if old, ok := spare.Get().(*slab); ok && s.reuse {
		return g, *old
	}
	return g, slab{}
}

// load loads a group that was taken. With s.mu, which is free meanwhile.
func (s *scanner) load(g *group, old slab) {
	s.mu.Unlock()
	g.load(s.ctx, s.r, old)
	s.mu.Lock()
	g.done = true
	s.loading--
}

// help loads a group that was taken, and others as long as there are any to take.
func (s *scanner) help(g *group, old slab) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g != nil && s.ctx.Err() == nil {
		s.load(g, old)
		s.changed.Signal()
		g, old = s.take()
	}
	s.running--
	s.changed.Signal()
}

// startHelpers has as many run as there is work for. With s.mu.
func (s *scanner) startHelpers() {
	for s.running < s.helpers {
		g, old := s.take()
		if g == nil {
			return
		}
		s.running++
		go s.help(g, old)
	}
}

// nextGroup gives the group that comes next when it is loaded; nil at the end.
func (s *scanner) nextGroup() (*group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.ctx.Err() == nil {
		s.startHelpers()
		if len(s.queue) > 0 && s.queue[0].done {
			g := s.queue[0]
			s.queue = append(s.queue[:0], s.queue[1:]...)
			// The place that has become free is used while the caller works on this group.
			s.startHelpers()
			return g, nil
		}
		if s.loading < max(s.threads, 1) {
			if g, old := s.take(); g != nil {
				s.load(g, old)
				continue
			}
		}
		if len(s.queue) == 0 {
			return nil, nil
		}
		if !s.queue[0].done {
			s.changed.Wait()
		}
	}
	return nil, s.r.error(context.Cause(s.ctx))
}

// next gives the next record, or io.EOF.
func (s *scanner) next() ([]byte, error) {
	for s.current == nil || s.i == s.slab().len() {
		b, err := s.nextSlab()
		if err != nil {
			return nil, err
		}
		if b == nil {
			return nil, io.EOF
		}
	}
	record := s.slab().record(s.i)
	s.i++
	return record, nil
}

// slab is the one that records come from. Only with a current group.
func (s *scanner) slab() *slab { return &s.current.slabs[s.k] }

// seek moves within the current slab; false if the record is not in it.
func (s *scanner) seek(record int) bool {
	if s.err != nil || s.current == nil || record < s.first || record > s.first+s.slab().len() {
		return false
	}
	s.i = record - s.first
	return true
}

// nextSlab moves to the next slab and gives it; nil at the end. After an error it gives the error
// again.
func (s *scanner) nextSlab() (*slab, error) {
	if s.err != nil {
		return nil, s.err
	}
	if g := s.current; g != nil {
		if s.k+1 < len(g.slabs) {
			s.first += s.slab().len()
			s.k, s.i = s.k+1, 0
			return s.slab(), nil
		}
		if g.err != nil {
			s.err = g.err
			return nil, s.err
		}
		if s.reuse {
			s.mu.Lock()
			s.free = append(s.free, g.slabs...)
			s.mu.Unlock()
		}
	}
	g, err := s.nextGroup()
	if g != nil && len(g.slabs) == 0 {
		err = g.err
	}
	if g == nil || err != nil {
		s.current, s.err = nil, err
		return nil, err
	}
	s.current, s.k, s.i, s.first = g, 0, 0, g.begin
	return s.slab(), nil
}

// Records iterates over all records in order, with chunks ahead being read and decoded meanwhile.
// Memory is bounded by the readahead options, whatever the size of the file. The slices belong to
// the caller and may be kept.
//
// An error ends the iteration, as its last value; it is one of those of Read, or the context's.
func (r *Reader) Records(ctx context.Context) iter.Seq2[[]byte, error] {
	return r.RecordRange(ctx, 0, r.numRecords)
}

// RecordRange is Records for the records [begin, end). A range that is not within the file gives
// an error that matches ErrOutOfRange.
func (r *Reader) RecordRange(ctx context.Context, begin, end int) iter.Seq2[[]byte, error] {
	return r.scanRange(ctx, begin, end, false)
}

// Scan is RecordRange at its fastest: a record is valid until the next turn of the loop only, and
// its memory is used again. Nothing is allocated per record or, after the first, per chunk.
func (r *Reader) Scan(ctx context.Context, begin, end int) iter.Seq2[[]byte, error] {
	return r.scanRange(ctx, begin, end, true)
}

func (r *Reader) scanRange(ctx context.Context, begin, end int, reuse bool) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if begin < 0 || begin > end || end > r.numRecords {
			yield(nil, r.rangeError(begin, end))
			return
		}
		if r.guard.closed() {
			yield(nil, ErrClosed)
			return
		}
		s := r.newScanner(ctx, begin, end)
		s.reuse = reuse
		defer s.stop()
		for {
			b, err := s.nextSlab()
			if err != nil {
				yield(nil, err)
				return
			}
			if b == nil {
				return
			}
			for i := range b.len() {
				if !yield(b.record(i), nil) {
					return
				}
			}
		}
	}
}

// ForEach calls fn for every record, from several goroutines at once and in no particular order;
// within a chunk the order is that of the file. The record is valid only during the call. The
// first error, of fn or of reading, ends the work and is returned; the errors of reading are those
// of Read, or the context's.
func (r *Reader) ForEach(ctx context.Context, fn func(i int, record []byte) error) error {
	if r.guard.closed() {
		return ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	planned := 0
	nextGroup := func() (*group, error) {
		mu.Lock()
		defer mu.Unlock()
		if planned == r.numRecords || ctx.Err() != nil {
			return nil, nil
		}
		g, err := r.planGroup(planned, r.numRecords)
		if err == nil {
			planned = g.end
		}
		return g, err
	}
	work := func() error {
		var old slab
		for {
			g, err := nextGroup()
			if g == nil || err != nil {
				return err
			}
			g.load(ctx, r, old)
			record := g.begin
			for _, b := range g.slabs {
				for i := range b.len() {
					if err := fn(record, b.record(i)); err != nil {
						return err
					}
					record++
				}
				old = b
			}
			if g.err != nil {
				return g.err
			}
		}
	}
	var group sync.WaitGroup
	for range r.workers() {
		group.Go(func() {
			if err := work(); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		if err := context.Cause(ctx); err == ctx.Err() {
			return r.error(err)
		} else {
			return err
		}
	}
	return nil
}
