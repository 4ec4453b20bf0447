package arrayrecord

import (
	"context"
	"errors"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// defaultGroup is how many bytes of a local file are read together in sequential reading: enough
// that handing them from goroutine to goroutine costs nothing, little enough for the cache.
const defaultGroup = 1024 << 10

// A group is a run of whole chunks, or what a range wants of them, that is read and decoded in
// one go.
type group struct {
	begin, end int    // records
	size       int64  // of its chunks in the file
	part       bool   // not all records of these chunks
	keep       bool   // records may outlive the group
	slabs      []slab // one, unless more came out of the chunks than was expected
	err        error  // why there is nothing after the slabs
	done       bool   // by the scanner's mutex
}

// planGroup makes the group that begins at a record.
func (r *Reader) planGroup(begin, end int) (*group, error) {
	if !r.guard.acquire() {
		return nil, ErrClosed
	}
	defer r.guard.release()
	size := r.options.ReadaheadBufferSize
	if size == 0 {
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

// load reads the group, into the memory of an old slab if that will do. Where a chunk is damaged
// the records before it are still delivered.
func (g *group) load(ctx context.Context, r *Reader, old slab) {
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
func (g *group) loadChunks(ctx context.Context, r *Reader, old slab) error {
	g.slabs = append(g.slabs, old)
	var err error
	g.slabs, err = r.fill(ctx, g.slabs, g.end-g.begin, r.density.ofChunks(g.size), g.keep, func(at int, slab []byte, offsets []int) (int, int, error) {
		return r.core.ReadRange(g.begin+at, g.end, slab, offsets)
	})
	if err == nil {
		r.density.learnChunks(g.size, g.slabs)
	}
	return err
}

// loadRecords reads any range, in memory of exactly the right size.
func (g *group) loadRecords(ctx context.Context, r *Reader, old slab) error {
	load := func(old slab, end int) error {
		b, err := r.loadInto(ctx, old, func() (*core.Plan, error) { return r.core.PlanRange(g.begin, end) }, 1)
		if err == nil {
			g.slabs = append(g.slabs, b)
		}
		return err
	}
	err := load(old, g.end)
	var damage *CorruptError
	if errors.As(err, &damage) && damage.Record > g.begin && damage.Record < g.end {
		_ = load(slab{}, damage.Record)
	}
	return err
}
