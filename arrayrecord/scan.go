package arrayrecord

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// A scanner reads records in order, with the next groups being read and decoded by other
// goroutines. It is for one goroutine, which takes part in that work before it waits for it.
type scanner struct {
	ctx    context.Context
	queue  *ahead.Queue[*scanGroup]
	memory *slabMemory
	most   int // bytes in memory at once

	current *scanGroup // nil before the first and after the last
	pieces  slab       // the memory for what is not read ahead, if it is used again
	slab    slab       // that records come from
	k       int        // of the next one in current
	first   int        // record that the slab begins with
	i       int        // in the slab
	err     error
}

// scanGroup is a group as the work of a queue. What takes more than its weight is not read ahead,
// but in pieces when it is asked for: of one that is larger than the memory for all, everything.
type scanGroup struct {
	group
	memory *slabMemory
	most   int
	slabs  []slab
	one    [1]slab // mostly all of them
}

func (g *scanGroup) Weight() int { return min(g.weight(), g.most) }

func (g *scanGroup) tooLarge() bool { return g.weight() > g.most }

func (g *scanGroup) Run(ctx context.Context) {
	if g.tooLarge() {
		return
	}
	g.slabs = g.one[:0]
	for g.at < g.end && (g.bytes == 0 || g.bytes < g.Weight()) {
		b, err := g.next(ctx, g.memory.take(), max(g.Weight()+g.Weight()/8-g.bytes, 1))
		if err != nil {
			g.err = err
			return
		}
		if g.memory == nil {
			b.trim()
		}
		g.slabs = append(g.slabs, b)
	}
}

// newScanner makes a scanner of the records [begin, end). With reuse the caller does not keep them.
func newScanner(ctx context.Context, seq sequence, begin, end int, reuse bool) *scanner {
	a := seq.readahead()
	s := &scanner{ctx: ctx, most: a.memory, first: begin}
	if reuse {
		s.memory = newSlabMemory(a)
	}
	p := planner{seq: seq, next: begin, end: end}
	s.queue = ahead.New(ctx, queueOptions(a), func(ctx context.Context) (*scanGroup, bool) {
		if p.done() {
			return nil, false
		}
		g := &scanGroup{memory: s.memory, most: s.most}
		g.spare = reuse
		p.plan(ctx, &g.group)
		return g, true
	})
	return s
}

// A planner plans groups of records, one after the other.
type planner struct {
	seq       sequence
	next, end int // records
}

func (p *planner) done() bool { return p.next == p.end }

// plan fills in the next group; one that says why if that fails, as the last one.
func (p *planner) plan(ctx context.Context, g *group) {
	if g.err = p.seq.planGroup(ctx, g, p.next, p.end); g.err != nil {
		p.next = p.end
	} else {
		p.next = g.end
	}
}

func queueOptions(a readahead) ahead.Options {
	if a.off {
		return ahead.Options{CallerHelps: true, MaxTasks: 1}
	}
	o := ahead.Options{Helpers: a.threads, MaxTasks: 2*a.threads + 1, Budget: a.memory}
	if !a.remote && a.threads > 1 {
		// Decoding keeps the caller as busy as them.
		o.Helpers, o.CallerHelps = a.threads-1, true
	}
	return o
}

// slabMemory is the slabs of one scan that can be used again. A nil one has none and takes none.
type slabMemory struct {
	largest int // bytes of a slab that is kept: each could become that of any group

	mu   sync.Mutex
	free []slab
}

func newSlabMemory(a readahead) *slabMemory {
	const most = 8 << 20
	return &slabMemory{largest: min(a.share()+a.share()/8, most)}
}

// spare has slabs of scans that are done, for new ones.
var spare sync.Pool

func (m *slabMemory) take() slab {
	if m == nil {
		return slab{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.free); n > 0 {
		b := m.free[n-1]
		m.free = m.free[:n-1]
		return b
	}
	b, _ := spare.Get().(*slab)
	switch {
	case b == nil:
	case cap(b.data) <= m.largest:
		return *b
	default:
		spare.Put(b)
	}
	return slab{}
}

func (m *slabMemory) give(slabs ...slab) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range slabs {
		if 0 < cap(b.data) && cap(b.data) <= m.largest {
			m.free = append(m.free, b)
		}
	}
}

// release ends the scan.
func (m *slabMemory) release() {
	if m == nil {
		return
	}
	for _, b := range m.free {
		spare.Put(&b)
	}
	m.free = nil
}

// stop makes helpers give up, and waits for that.
func (s *scanner) stop() {
	s.queue.Close(func(g *scanGroup) {
		s.memory.give(g.slabs...)
		g.drop()
	})
	s.leaveGroup()
	s.memory.release()
}

// leaveGroup gives the current group up.
func (s *scanner) leaveGroup() {
	if s.current == nil {
		return
	}
	s.memory.give(s.current.slabs...)
	s.memory.give(s.pieces)
	s.current.drop()
	s.current, s.slab, s.pieces = nil, slab{}, slab{}
}

// piece is memory for the next records of a group that are not read ahead. It takes the place of
// that of the last ones, which the caller is done with.
func (s *scanner) piece() slab {
	if s.memory == nil {
		return slab{}
	}
	if s.pieces.data == nil {
		s.pieces = s.memory.take()
	}
	return s.pieces
}

// next gives the next record, or io.EOF.
func (s *scanner) next() ([]byte, error) {
	for s.i == s.slab.len() {
		ok, err := s.nextSlab()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, io.EOF
		}
	}
	record := s.slab.record(s.i)
	s.i++
	return record, nil
}

// seek moves within the current slab; false if the record is not in it.
func (s *scanner) seek(record int) bool {
	if s.err != nil || record < s.first || record > s.first+s.slab.len() {
		return false
	}
	s.i = record - s.first
	return true
}

// nextSlab moves to the next slab; false at the end. After an error it gives the error again.
func (s *scanner) nextSlab() (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	s.first += s.slab.len()
	s.i = 0
	b, err := s.findSlab()
	s.slab, s.err = b, err
	return b.len() > 0, err
}

func (s *scanner) findSlab() (slab, error) {
	for {
		if g := s.current; g != nil {
			if s.k < len(g.slabs) {
				s.k++
				return g.slabs[s.k-1], nil
			}
			if g.err != nil {
				return slab{}, g.err
			}
			if g.at < g.end {
				b, err := g.next(s.ctx, s.piece(), s.most)
				if s.memory != nil {
					s.pieces = b
				}
				return b, err
			}
			s.leaveGroup()
		}
		g, ok, err := s.queue.Next()
		if err != nil {
			return slab{}, fmt.Errorf("arrayrecord: %w", ahead.ContextError(s.ctx))
		}
		if !ok {
			return slab{}, nil
		}
		s.current, s.k = g, 0
	}
}

// scan yields the records [begin, end) of a sequence.
func scan(ctx context.Context, seq sequence, begin, end int, reuse bool) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if begin < 0 || begin > end || end > seq.NumRecords() {
			yield(nil, seq.rangeError(begin, end))
			return
		}
		if seq.closed() {
			yield(nil, ErrClosed)
			return
		}
		s := newScanner(ctx, seq, begin, end, reuse)
		defer s.stop()
		for {
			ok, err := s.nextSlab()
			if err != nil {
				yield(nil, err)
				return
			}
			if !ok {
				return
			}
			for i := range s.slab.len() {
				if !yield(s.slab.record(i), nil) {
					return
				}
			}
		}
	}
}

// Records iterates over all records in order, with chunks ahead being read and decoded meanwhile.
// Memory is bounded by ReaderOptions.ReadaheadMemory and the largest record, whatever the size of
// the file. The slices belong to the caller and may be kept.
//
// An error ends the iteration, as its last value. Errors match ErrClosed, ErrCorrupt,
// ErrUnsupported, ErrTooLarge, the context's error, or are those of the storage.
func (r *Reader) Records(ctx context.Context) iter.Seq2[[]byte, error] {
	return r.Range(ctx, 0, r.numRecords)
}

// Range is Records for the records [begin, end). A range that is not within the file gives an error
// that matches ErrOutOfRange.
func (r *Reader) Range(ctx context.Context, begin, end int) iter.Seq2[[]byte, error] {
	return scan(ctx, r, begin, end, false)
}

// Scan is Range at its fastest: a record is valid until the next turn of the loop only, and its
// memory is used again. Nothing is allocated per record.
func (r *Reader) Scan(ctx context.Context, begin, end int) iter.Seq2[[]byte, error] {
	return scan(ctx, r, begin, end, true)
}

// ForEach calls fn for every record, from several goroutines at once and in no particular order;
// within a chunk the order is that of the file. The record is valid only during the call. The
// first error, of fn or of reading, ends the work and is returned; the errors of reading are those
// of Records.
func (r *Reader) ForEach(ctx context.Context, fn func(i int, record []byte) error) error {
	return forEach(ctx, r, fn)
}

func forEach(ctx context.Context, seq sequence, fn func(i int, record []byte) error) error {
	if seq.closed() {
		return ErrClosed
	}
	work, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	a := seq.readahead()
	memory := newSlabMemory(a)
	defer memory.release()
	p := planner{seq: seq, end: seq.NumRecords()}
	o := ahead.Options{Helpers: a.threads - 1, CallerHelps: true, MaxTasks: 2*a.threads + 1, Budget: a.memory}
	queue := ahead.New(work, o, func(ctx context.Context) (*visit, bool) {
		if p.done() {
			return nil, false
		}
		v := &visit{memory: memory, most: a.memory, fn: fn, fail: fail}
		v.spare = true
		p.plan(ctx, &v.group)
		return v, true
	})
	defer queue.Close(nil)
	for {
		if _, ok, err := queue.Next(); err == nil && !ok {
			return nil
		} else if err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ahead.ContextError(ctx)
	}
	return context.Cause(work)
}

// visit is a group whose records are passed to a function as soon as they are there.
type visit struct {
	group
	memory *slabMemory
	most   int
	fn     func(i int, record []byte) error
	fail   context.CancelCauseFunc
}

func (v *visit) Weight() int { return min(v.weight(), v.most) }

func (v *visit) Run(ctx context.Context) {
	b := v.memory.take()
	defer func() {
		v.drop()
		v.memory.give(b)
	}()
	for v.err != nil || v.at < v.end {
		first := v.at
		var err error
		b, err = v.next(ctx, b, v.Weight())
		for i := 0; err == nil && i < b.len(); i++ {
			err = v.fn(first+i, b.record(i))
		}
		if err != nil {
			v.fail(err)
			return
		}
	}
}
