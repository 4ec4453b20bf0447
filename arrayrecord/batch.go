package arrayrecord

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

const (
	// A batch is read in pieces of about this many bytes of chunks, several at a time: few enough to
	// stay in the cache, and enough that waking another goroutine pays.
	maxPiece, minPiece = 1 << 20, 32 << 10
	// Files that are not local are read by fewer, larger requests. This bounds what a batch holds
	// in memory besides the result.
	fetchedPiece = 64 << 20
)

// ReadIndices reads any records in any order; numbers may repeat. Record i of the result is
// record indices[i] of the file. Chunks are read once however many of their records are asked
// for, neighbours together, and decoded on several threads. The slices belong to the caller, some
// share memory.
//
// If one record cannot be read the whole call fails. Errors match ErrOutOfRange (before anything
// is read), ErrClosed, ErrCorrupt, ErrUnsupported, ErrTooLarge, the context's error, or are those
// of the storage.
func (r *Reader) ReadIndices(ctx context.Context, indices []int) ([][]byte, error) {
	return takeRecords(func(b *Batch) error { return r.readBatch(ctx, b, indices, true) })
}

// takeRecords gives the records that read puts into a batch whose other memory is used again.
func takeRecords(read func(*Batch) error) ([][]byte, error) {
	b, _ := batches.Get().(*Batch)
	if b == nil {
		b = new(Batch)
	}
	defer batches.Put(b)
	err := read(b)
	records := b.records
	b.records = nil
	if err != nil {
		return nil, err
	}
	return records, nil
}

// batches has those of calls of ReadIndices that are done; their records belong to the callers.
var batches sync.Pool

// A Batch is records in memory that is used again each time that ReadBatch fills it. The zero value
// is ready for use. It is for one goroutine at a time.
type Batch struct {
	records [][]byte
	order   []wanted
	pieces  []piece
	parts   []part // of a DataSource
}

// Len is the number of records.
func (b *Batch) Len() int { return len(b.records) }

// Record is the i-th record of those asked for. It is valid until the next ReadBatch.
func (b *Batch) Record(i int) []byte { return b.records[i] }

func (b *Batch) clear() {
	clear(b.records)
	b.records = b.records[:0]
}

// ReadBatch is ReadIndices at its fastest: it puts the records in b, whose former ones are no longer
// valid then, and allocates nothing for records once b has seen batches of the size. After an error
// b is empty.
func (r *Reader) ReadBatch(ctx context.Context, b *Batch, indices []int) error {
	return r.readBatch(ctx, b, indices, false)
}

// readBatch fills b. With keep the records are to outlive it.
func (r *Reader) readBatch(ctx context.Context, b *Batch, indices []int, keep bool) (err error) {
	b.records = sized(b.records, len(indices))
	defer func() {
		if err != nil {
			b.clear()
		}
	}()
	if !r.guard.acquire() {
		return ErrClosed
	}
	defer r.guard.release()
	for _, i := range indices {
		if err := r.checkRecord(i); err != nil {
			return err
		}
	}
	if err := r.cutInPieces(b, indices); err != nil {
		return err
	}
	workers := 1
	if r.fetcher == nil {
		workers = min(r.options.threads(), len(b.pieces))
		if keep {
			b.shareRoom()
		}
	}
	if workers <= 1 {
		for i := range b.pieces {
			if err := r.readPiece(ctx, &b.pieces[i], b.records, keep); err != nil {
				return err
			}
		}
		return nil
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	work := func() error {
		for {
			n := int(next.Add(1)) - 1
			if n >= len(b.pieces) {
				return nil
			}
			if err := r.readPiece(ctx, &b.pieces[n], b.records, keep); err != nil {
				next.Store(int64(len(b.pieces)))
				return err
			}
		}
	}
	for range workers - 1 {
		g.Go(work)
	}
	err = work()
	if failed := g.Wait(); failed != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = failed // the one that stopped the others
	}
	return err
}

// wanted is a record of a batch of n and its place there, record * n + place: one number, because
// such are sorted fast.
type wanted uint64

func (w wanted) record(n int) int { return int(w / wanted(n)) }
func (w wanted) place(n int) int  { return int(w % wanted(n)) }

// A piece is what one goroutine reads at a time.
type piece struct {
	wanted   []wanted // in increasing order
	expected int      // bytes that they take, probably
	numbers  []int    // of these records
	slabs    []slab
}

// cutInPieces sorts the records of a batch by number and cuts them in pieces, not within a chunk if
// all chunks have the same number of records. How it is split is no question of correctness.
func (r *Reader) cutInPieces(b *Batch, indices []int) error {
	if hi, _ := bits.Mul64(uint64(r.numRecords), uint64(len(indices))); hi != 0 {
		return wrap(ErrTooLarge, r.name, fmt.Sprintf("a batch of %d of %d records", len(indices), r.numRecords))
	}
	order := sized(b.order, len(indices))
	for place, record := range indices {
		order[place] = wanted(record)*wanted(len(indices)) + wanted(place)
	}
	slices.Sort(order)
	b.order = order
	b.pieces = b.pieces[:0]
	size := fetchedPiece
	if r.fetcher == nil {
		// Many more than goroutines, which shall all be busy to the end.
		total := r.chunkSize * min(len(indices), r.numChunks)
		size = min(max(total/(16*r.options.threads()), minPiece), maxPiece)
	}
	maxChunks := max(size/r.chunkSize, 1)
	begin, chunks, chunk := 0, 0, -1
	for i, w := range order {
		c := w.record(len(indices)) / r.groupSize
		if c == chunk {
			continue
		}
		if chunks == maxChunks {
			b.addPiece(order[begin:i], r.density.of(i-begin))
			begin, chunks = i, 0
		}
		chunk = c
		chunks++
	}
	if begin < len(order) {
		b.addPiece(order[begin:], r.density.of(len(order)-begin))
	}
	return nil
}

func (b *Batch) addPiece(w []wanted, expected int) {
	if len(b.pieces) < cap(b.pieces) {
		b.pieces = b.pieces[:len(b.pieces)+1] // with the memory that it had
	} else {
		b.pieces = append(b.pieces, piece{})
	}
	p := &b.pieces[len(b.pieces)-1]
	p.wanted, p.expected = w, expected
}

// shareRoom gives the pieces of a small batch parts of one slab: one for each would cost more than
// reading into it. Those of a large batch get theirs where they are read.
func (b *Batch) shareRoom() {
	total := 0
	for _, p := range b.pieces {
		total += p.expected
	}
	if total > maxTrusted {
		return
	}
	room := make([]byte, total)
	for i := range b.pieces {
		p := &b.pieces[i]
		if len(p.slabs) == 0 {
			p.slabs = append(p.slabs, slab{})
		}
		p.slabs[0].data, room = room[:p.expected:p.expected], room[p.expected:]
	}
}

// readPiece reads a piece and puts its records in their places.
func (r *Reader) readPiece(ctx context.Context, p *piece, records [][]byte, keep bool) error {
	p.numbers = p.numbers[:0]
	for _, w := range p.wanted {
		p.numbers = append(p.numbers, w.record(len(records)))
	}
	rd, err := r.openRead(ctx, func(rd *read) error { return rd.Sorted(r.core, p.numbers) })
	if err != nil {
		return r.error(err)
	}
	filled, at, total := 0, 0, 0
	for at < len(p.numbers) {
		if ctx.Err() != nil {
			err = ahead.ContextError(ctx)
			break
		}
		if filled == len(p.slabs) {
			p.slabs = append(p.slabs, slab{})
		}
		b := &p.slabs[filled]
		// Where the guess was too low, as much again.
		if *b, err = nextSlab(rd, *b, len(p.numbers)-at, max(p.expected-total, total), math.MaxInt); err != nil {
			break
		}
		if keep {
			b.trim()
		}
		total += b.bytes()
		at += b.len()
		filled++
	}
	closeRead(rd, err == nil)
	if err != nil {
		return r.error(err)
	}
	r.density.learn(p.slabs[:filled])
	at = 0
	for k := range p.slabs[:filled] {
		b := &p.slabs[k]
		for i := range b.len() {
			records[p.wanted[at].place(len(records))] = b.record(i)
			at++
		}
		if keep {
			b.data = nil
		}
	}
	return nil
}

func (r *Reader) rangeError(begin, end int) error {
	return wrap(ErrOutOfRange, r.name, fmt.Sprintf("records [%d, %d) of %d", begin, end, r.numRecords))
}
