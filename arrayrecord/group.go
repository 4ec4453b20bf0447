package arrayrecord

import (
	"context"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// defaultGroup is how many bytes of a local file are read together in sequential reading: enough
// that handing them from goroutine to goroutine costs nothing, little enough for the cache.
const defaultGroup = 1024 << 10

// A sequence is records in order that readers of files have: a Reader, or a DataSource.
type sequence interface {
	NumRecords() int
	// planGroup fills in the group that begins at a record; it may open the file for that.
	planGroup(ctx context.Context, g *group, begin, end int) error
	// lend gives the reader of a group, which is open until giveBack.
	lend(ctx context.Context, file int) (*Reader, error)
	giveBack(file int)
	// readahead says how groups are read; the threads are at least 1.
	readahead() readahead
	closed() bool
	rangeError(begin, end int) error
}

type readahead struct {
	threads int
	off     bool
	remote  bool // waiting for storage takes longer than decoding
	memory  int  // bytes
}

// share is the memory that one of several groups takes, unless it is a chunk that takes more.
func (a readahead) share() int { return max(a.memory/(2*a.threads+2), 1) }

// A group is a run of whole chunks of one file, or what a range wants of them, that is read and
// decoded in one go.
type group struct {
	seq        sequence
	file       int
	begin, end int  // records, by the numbers of the sequence
	skip       int  // what these numbers are more than those of the file
	expected   int  // bytes of all records, as the index has it
	encoded    int  // bytes of the chunks, where they are held in memory too
	spare      bool // slabs have some room more, as they are used again
	err        error

	at    int     // the next record
	bytes int     // of those that have been read
	r     *Reader // that rd belongs to
	rd    *read
}

// weight is the memory that the group takes, as far as it is known.
func (g *group) weight() int { return g.expected + g.encoded }

// next reads the next records of the group, not more than `most` bytes unless one record is larger.
// Where a chunk is damaged the records before it come first; there are none at the end.
func (g *group) next(ctx context.Context, old slab, most int) (slab, error) {
	if g.err != nil || g.at == g.end {
		return slab{}, g.err
	}
	if ctx.Err() != nil {
		return slab{}, ahead.ContextError(ctx)
	}
	r, err := g.seq.lend(ctx, g.file)
	if err != nil {
		return slab{}, err
	}
	defer g.seq.giveBack(g.file)
	if !r.guard.acquire() {
		return slab{}, ErrClosed
	}
	defer r.guard.release()
	if g.r != r { // the first time, or another one had to be closed meanwhile
		g.drop()
		g.rd, err = r.openRead(ctx, func(rd *read) error { return rd.Range(r.core, g.at-g.skip, g.end-g.skip) })
		if err != nil {
			return slab{}, r.error(err)
		}
		g.r = r
	}
	expected := max(g.expected-g.bytes, 0)
	if g.spare {
		expected += expected / 8
	}
	b, err := nextSlab(g.rd, old, g.end-g.at, expected, most)
	g.at += b.len()
	g.bytes += b.bytes()
	if err != nil {
		g.err = r.error(err)
		g.drop()
		if b.len() == 0 {
			return slab{}, g.err
		}
	} else if g.at == g.end {
		closeRead(g.rd, true)
		g.r, g.rd = nil, nil
	}
	return b, nil
}

// drop gives up what is being read.
func (g *group) drop() {
	closeRead(g.rd, false)
	g.r, g.rd = nil, nil
}

func (r *Reader) lend(context.Context, int) (*Reader, error) { return r, nil }
func (r *Reader) giveBack(int)                               {}
func (r *Reader) closed() bool                               { return r.guard.closed() }

func (r *Reader) readahead() readahead {
	return readahead{
		threads: r.options.threads(),
		off:     r.options.NoReadahead,
		remote:  r.fetcher != nil,
		memory:  int(r.options.ReadaheadMemory),
	}
}

func (r *Reader) planGroup(_ context.Context, g *group, begin, end int) error {
	if !r.guard.acquire() {
		return ErrClosed
	}
	defer r.guard.release()
	size := int(r.options.ReadaheadBufferSize)
	if size == 0 {
		size = defaultGroup
		if r.fetcher != nil {
			size = r.fetcher.group
		}
	}
	// In memory, too, little enough for the cache, and for several groups.
	a := r.readahead()
	run := r.run(begin, size, min(max(size, maxTrusted), a.share()))
	n := run.End - run.Begin
	g.seq, g.begin, g.at, g.end = r, begin, begin, min(end, run.End)
	g.expected = run.Claimed
	if g.end-begin < n {
		g.expected = min(run.Claimed, run.Claimed/n*(g.end-begin)+maxTrusted/4)
	}
	if !core.Can(core.CanTellChunks) {
		g.expected = a.share() // nobody knows
	}
	if r.fetcher != nil {
		g.encoded = run.Extent.Size
	}
	return nil
}

// run is core.Reader.Run. Cores that know nothing of chunks leave it to arithmetic: where chunks
// lie, and what their records take, is a guess from the average then. The caller holds the guard.
func (r *Reader) run(record, fileBytes, decodedBytes int) core.Run {
	if core.Can(core.CanTellChunks) {
		return r.core.Run(record, fileBytes, decodedBytes)
	}
	chunk := record / r.groupSize
	end := min(chunk+max(fileBytes/r.chunkSize, 1), r.numChunks)
	run := core.Run{Begin: chunk * r.groupSize, End: min(end*r.groupSize, r.numRecords)}
	run.Extent = r.chunkExtent(chunk, end)
	return run
}
