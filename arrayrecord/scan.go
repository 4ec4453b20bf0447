package arrayrecord

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// defaultGroup is how many bytes of a local file are read together in sequential reading: enough
// that handing them from goroutine to goroutine costs nothing, little enough for the cache.
const defaultGroup = 512 << 10

// A group is a run of whole chunks, or what a range wants of them, that is read and decoded in
// one go.
type group struct {
	begin, end int // records
	batch      batch
	err        error // why there is nothing after the batch
	done       chan struct{}
}

// A scanner reads records in order, with the next groups being read and decoded by other
// goroutines. It is for one goroutine.
type scanner struct {
	r       *Reader
	ctx     context.Context
	cancel  context.CancelFunc
	planned int // records from here on have no group yet
	end     int
	ahead   int // groups under way; 0: none, each is read when it is needed
	queue   []*group
	current *group // nil before the first and after the last
	i       int    // in current
	err     error
	reuse   bool    // the caller does not keep records
	free    []batch // memory to use again
}

func (r *Reader) newScanner(ctx context.Context, begin, end int) *scanner {
	ctx, cancel := context.WithCancel(ctx)
	ahead := r.options.MaxParallelism
	if ahead < 0 {
		ahead = runtime.GOMAXPROCS(0)
	}
	return &scanner{r: r, ctx: ctx, cancel: cancel, planned: begin, end: end, ahead: ahead}
}

// stop makes goroutines under way give up, and waits for that.
func (s *scanner) stop() {
	s.cancel()
	for _, g := range s.queue {
		<-g.done
	}
}

// next gives the next record, or io.EOF.
func (s *scanner) next() ([]byte, error) {
	for s.current == nil || s.i == s.current.batch.len() {
		b, err := s.nextBatch()
		if err != nil {
			return nil, err
		}
		if b == nil {
			return nil, io.EOF
		}
	}
	record := s.current.batch.record(s.i)
	s.i++
	return record, nil
}

// seek moves within the current group; false if the record is not in it.
func (s *scanner) seek(record int) bool {
	g := s.current
	if s.err != nil || g == nil || record < g.begin || record > g.begin+g.batch.len() {
		return false
	}
	s.i = record - g.begin
	return true
}

// nextBatch moves to the next group and gives all of its records; nil at the end. After an error
// it gives the error again.
func (s *scanner) nextBatch() (*batch, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.current != nil && s.current.err != nil {
		s.err = s.current.err
		return nil, s.err
	}
	if s.reuse && s.current != nil {
		s.free = append(s.free, s.current.batch)
	}
	if s.err = s.fillQueue(); s.err != nil {
		return nil, s.err
	}
	if len(s.queue) == 0 {
		s.current = nil
		return nil, nil
	}
	g := s.queue[0]
	s.queue = s.queue[1:]
	select {
	case <-g.done:
	case <-s.ctx.Done():
		s.err = s.r.error(context.Cause(s.ctx))
		return nil, s.err
	}
	// The place that has become free is used while the caller works on this group.
	if g.err == nil && s.ahead > 0 {
		s.err = s.fillQueue()
	}
	s.current, s.i = g, 0
	if g.batch.len() == 0 && g.err != nil {
		s.err = g.err
		return nil, s.err
	}
	return &g.batch, nil
}

func (s *scanner) fillQueue() error {
	for s.planned < s.end && len(s.queue) < max(s.ahead, 1) {
		g, err := s.r.planGroup(s.planned, s.end)
		if err != nil {
			return err
		}
		if n := len(s.free); n > 0 {
			g.batch, s.free = s.free[n-1], s.free[:n-1]
		}
		s.planned = g.end
		s.queue = append(s.queue, g)
		if s.ahead > 0 {
			go g.load(s.ctx, s.r)
		} else {
			g.load(s.ctx, s.r)
		}
	}
	return nil
}

// planGroup makes the group that begins at a record.
func (r *Reader) planGroup(begin, end int) (*group, error) {
	if !r.guard.acquire() {
		return nil, ErrClosed
	}
	defer r.guard.release()
	size := r.options.ReadaheadBufferSize
	if size == AutoReadahead {
		size = defaultGroup
		if r.source != nil {
			size = r.source.group
		}
	}
	chunkEnd := r.core.ChunkRun(r.core.ChunkOf(begin), max(size, 1))
	return &group{begin: begin, end: min(end, r.core.FirstRecord(chunkEnd)), done: make(chan struct{})}, nil
}

// load reads the group. Where a chunk is damaged the records before it are still delivered.
func (g *group) load(ctx context.Context, r *Reader) {
	defer close(g.done)
	if !r.guard.acquire() {
		g.err = ErrClosed
		return
	}
	defer r.guard.release()
	g.batch, g.err = r.loadRange(ctx, g.batch, g.begin, g.end)
	var damage *CorruptError
	if errors.As(g.err, &damage) && damage.Record > g.begin && damage.Record < g.end {
		if good, err := r.loadRange(ctx, batch{}, g.begin, damage.Record); err == nil {
			g.batch = good
		}
	}
}

func (r *Reader) loadRange(ctx context.Context, old batch, begin, end int) (batch, error) {
	return r.loadInto(ctx, old, func() (*core.Plan, error) { return r.core.PlanRange(begin, end) }, 1)
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
			b, err := s.nextBatch()
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
		var old batch
		for {
			g, err := nextGroup()
			if g == nil || err != nil {
				return err
			}
			g.batch = old
			g.load(ctx, r)
			for i := range g.batch.len() {
				if err := fn(g.begin+i, g.batch.record(i)); err != nil {
					return err
				}
			}
			if g.err != nil {
				return g.err
			}
			old = g.batch
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
