package arrayrecord

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// defaultGroup is how many bytes of a local file are read together in sequential reading: enough
// that handing them from goroutine to goroutine costs nothing, little enough for the cache.
const defaultGroup = 512 << 10

// A group is a run of whole chunks, or what a range wants of them, that is read and decoded in
// one go.
type group struct {
	begin, end int     // records
	size       int64   // of its chunks in the file
	part       bool    // not all records of these chunks
	keep       bool    // records may outlive the group
	batches    []batch // one, unless more came out of the chunks than was expected
	err        error   // why there is nothing after the batches
	done       bool    // by the scanner's mutex
}

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
	loading int     // groups
	running int     // helpers
	free    []batch // memory to use again

	// The caller's alone.
	current *group // nil before the first and after the last
	k       int    // batch in current
	first   int    // record that the batch begins with
	i       int    // in the batch
	err     error
}

func (r *Reader) newScanner(ctx context.Context, begin, end int) *scanner {
	s := &scanner{r: r, planned: begin, end: end}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.changed.L = &s.mu
	if r.options.MaxParallelism == 0 {
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
			s.free = append(s.free, g.batches...)
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
func (s *scanner) take() (*group, batch) {
	if s.planned >= s.end || len(s.queue) > s.threads {
		return nil, batch{}
	}
	g, err := s.r.planGroup(s.planned, s.end)
	if err != nil {
		s.planned = s.end
		s.queue = append(s.queue, &group{err: err, done: true})
		return nil, batch{}
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
	if old, ok := spare.Get().(*batch); ok && s.reuse {
		return g, *old
	}
	return g, batch{}
}

// load loads a group that was taken. With s.mu, which is free meanwhile.
func (s *scanner) load(g *group, old batch) {
	s.mu.Unlock()
	g.load(s.ctx, s.r, old)
	s.mu.Lock()
	g.done = true
	s.loading--
}

// help loads a group that was taken, and others as long as there are any to take.
func (s *scanner) help(g *group, old batch) {
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
	for s.current == nil || s.i == s.batch().len() {
		b, err := s.nextBatch()
		if err != nil {
			return nil, err
		}
		if b == nil {
			return nil, io.EOF
		}
	}
	record := s.batch().record(s.i)
	s.i++
	return record, nil
}

// batch is the one that records come from. Only with a current group.
func (s *scanner) batch() *batch { return &s.current.batches[s.k] }

// seek moves within the current batch; false if the record is not in it.
func (s *scanner) seek(record int) bool {
	if s.err != nil || s.current == nil || record < s.first || record > s.first+s.batch().len() {
		return false
	}
	s.i = record - s.first
	return true
}

// nextBatch moves to the next batch and gives it; nil at the end. After an error it gives the error
// again.
func (s *scanner) nextBatch() (*batch, error) {
	if s.err != nil {
		return nil, s.err
	}
	if g := s.current; g != nil {
		if s.k+1 < len(g.batches) {
			s.first += s.batch().len()
			s.k, s.i = s.k+1, 0
			return s.batch(), nil
		}
		if g.err != nil {
			s.err = g.err
			return nil, s.err
		}
		if s.reuse {
			s.mu.Lock()
			s.free = append(s.free, g.batches...)
			s.mu.Unlock()
		}
	}
	g, err := s.nextGroup()
	if g != nil && len(g.batches) == 0 {
		err = g.err
	}
	if g == nil || err != nil {
		s.current, s.err = nil, err
		return nil, err
	}
	s.current, s.k, s.i, s.first = g, 0, 0, g.begin
	return s.batch(), nil
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
	chunk := r.core.ChunkOf(begin)
	chunkEnd := r.core.ChunkRun(chunk, max(size, 1))
	extent, err := r.core.ChunkExtent(chunk, chunkEnd)
	if err != nil {
		return nil, r.error(err)
	}
	g := &group{begin: begin, end: r.core.FirstRecord(chunkEnd), size: int64(extent.Size)}
	g.part = begin != r.core.FirstRecord(chunk) || end < g.end
	g.end = min(end, g.end)
	return g, nil
}

// load reads the group, into the memory of an old batch if that will do. Where a chunk is damaged
// the records before it are still delivered.
func (g *group) load(ctx context.Context, r *Reader, old batch) {
	if !r.guard.acquire() {
		g.err = ErrClosed
		return
	}
	defer r.guard.release()
	if r.source == nil && !g.part {
		g.err = g.loadChunks(ctx, r, old)
	} else {
		g.err = g.loadRecords(ctx, r, old)
	}
}

// loadChunks reads whole chunks in one pass, into memory that is probably large enough.
func (g *group) loadChunks(ctx context.Context, r *Reader, old batch) error {
	g.batches = append(g.batches, old)
	var err error
	g.batches, err = r.fill(ctx, g.batches, g.end-g.begin, r.density.ofChunks(g.size), g.keep, func(at int, slab []byte, offsets []int) (int, int, error) {
		return r.core.ReadRange(g.begin+at, g.end, slab, offsets)
	})
	if err == nil {
		r.density.learnChunks(g.size, g.batches)
	}
	return err
}

// loadRecords reads any range, in memory of exactly the right size.
func (g *group) loadRecords(ctx context.Context, r *Reader, old batch) error {
	load := func(old batch, end int) error {
		b, err := r.loadInto(ctx, old, func() (*core.Plan, error) { return r.core.PlanRange(g.begin, end) }, 1)
		if err == nil {
			g.batches = append(g.batches, b)
		}
		return err
	}
	err := load(old, g.end)
	var damage *CorruptError
	if errors.As(err, &damage) && damage.Record > g.begin && damage.Record < g.end {
		_ = load(batch{}, damage.Record)
	}
	return err
}

// A density is what chunks and records of a file take in memory: a guess, from those that were
// read last. The numbers it gives have a little to spare.
type density struct {
	perChunkByte atomic.Int64 // in hundredths; never 0
	perRecord    atomic.Int64
}

func (d *density) ofChunks(size int64) int {
	return int(size/100*d.perChunkByte.Load() + size/16)
}

func (d *density) ofRecords(n int) int {
	return n*int(d.perRecord.Load())/16*17 + 1
}

// learnChunks takes note of the records of chunks that have `size` bytes in the file.
func (d *density) learnChunks(size int64, records []batch) {
	total := d.learnRecords(records)
	d.perChunkByte.Store(max(int64(total)*100/max(size, 1), 1))
}

func (d *density) learnRecords(records []batch) (total int) {
	n := 0
	for _, b := range records {
		total += b.offsets[b.len()]
		n += b.len()
	}
	d.perRecord.Store(int64(total / max(n, 1)))
	return total
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
			g.load(ctx, r, old)
			record := g.begin
			for _, b := range g.batches {
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
