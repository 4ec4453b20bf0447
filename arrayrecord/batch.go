package arrayrecord

import (
	"context"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// A batch is records in memory, one after the other.
type batch struct {
	slab    []byte
	offsets []int // one more than there are records
}

func (b batch) len() int { return max(len(b.offsets)-1, 0) }

// record is the i-th record, without spare capacity.
func (b batch) record(i int) []byte {
	begin, end := b.offsets[i], b.offsets[i+1]
	return b.slab[begin:end:end]
}

// appendTo appends all records to dst.
func (b batch) appendTo(dst [][]byte) [][]byte {
	for i := range b.len() {
		dst = append(dst, b.record(i))
	}
	return dst
}

// load carries a plan out. The caller holds the guard.
func (r *Reader) load(ctx context.Context, plan func() (*core.Plan, error), parallelism int) (batch, error) {
	return r.loadInto(ctx, batch{}, plan, parallelism)
}

// loadInto is load that reuses the memory of an old batch.
func (r *Reader) loadInto(ctx context.Context, old batch, plan func() (*core.Plan, error), parallelism int) (batch, error) {
	if err := ctx.Err(); err != nil {
		return batch{}, r.error(context.Cause(ctx))
	}
	p, err := plan()
	if err != nil {
		return batch{}, r.error(err)
	}
	defer p.Free()
	if r.source == nil {
		err = p.Load(parallelism)
	} else {
		var data []byte
		data, err = r.source.readExtents(ctx, p.Extents(r.source.maxGap))
		if err == nil {
			err = p.LoadBytes(data, parallelism)
		}
	}
	if err != nil {
		return batch{}, r.error(err)
	}
	b := batch{slab: sized(old.slab, p.DecodedSize()), offsets: sized(old.offsets, p.NumRecords()+1)}
	if err := p.Decode(b.slab, b.offsets, parallelism); err != nil {
		return batch{}, r.error(err)
	}
	return b, nil
}

func sized[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

const (
	// A large batch is read in pieces of this many bytes of chunks: what stays in the cache until it
	// is decoded.
	pieceSize = 1 << 20
	// Sources that are not local are read by fewer, larger requests. This bounds what a batch holds
	// in memory besides the result.
	sourcePieceSize = 64 << 20
)

// ReadIndices reads any records in any order; numbers may repeat. Record i of the result is
// record indices[i] of the file. Chunks are read once however many of their records are asked
// for, neighbours together, and decoded on several threads.
//
// If one record cannot be read the whole call fails. Errors match ErrOutOfRange (before anything
// is read), ErrClosed, ErrCorrupt, ErrUnsupported, ErrTooLarge, the context's error, or are those
// of the storage.
func (r *Reader) ReadIndices(ctx context.Context, indices []int) ([][]byte, error) {
	if !r.guard.acquire() {
		return nil, ErrClosed
	}
	defer r.guard.release()
	for _, i := range indices {
		if err := r.checkRecord(i); err != nil {
			return nil, err
		}
	}
	records := make([][]byte, len(indices))
	// A batch is about this much of the file; how it is split is no question of correctness.
	size := r.chunkSize * int64(min(len(indices), r.numChunks))
	workers, piece := r.workers(), int64(pieceSize)
	if r.source != nil {
		workers, piece = 1, sourcePieceSize
	}
	if size <= piece*int64(workers) {
		b, err := r.load(ctx, func() (*core.Plan, error) { return r.core.PlanIndices(indices) }, r.threads())
		if err != nil {
			return nil, err
		}
		return b.appendTo(records[:0]), nil
	}
	threads := 1
	if workers == 1 {
		threads = r.threads()
	}
	pieces, err := r.cutInPieces(indices, piece)
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range min(workers, len(pieces)) {
		g.Go(func() error {
			var numbers []int
			var b batch
			for {
				n := int(next.Add(1)) - 1
				if n >= len(pieces) {
					return nil
				}
				numbers = numbers[:0]
				for _, w := range pieces[n] {
					numbers = append(numbers, w.record(len(indices)))
				}
				var err error
				b, err = r.loadInto(ctx, batch{offsets: b.offsets}, func() (*core.Plan, error) { return r.core.PlanIndices(numbers) }, threads)
				if err != nil {
					return err
				}
				for i, w := range pieces[n] {
					records[w.place(len(indices))] = b.record(i)
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return records, nil
}

// wanted is a record of a batch of n and its place there, record * n + place: one number, because
// such are sorted fast.
type wanted uint64

func (w wanted) record(n int) int { return int(w / wanted(n)) }
func (w wanted) place(n int) int  { return int(w % wanted(n)) }

// cutInPieces sorts the records of a batch by number and cuts them in pieces of about so many bytes
// of chunks, not within a chunk if all chunks have the same number of records.
func (r *Reader) cutInPieces(indices []int, size int64) ([][]wanted, error) {
	if hi, _ := bits.Mul64(uint64(r.numRecords), uint64(len(indices))); hi != 0 {
		return nil, wrap(ErrTooLarge, r.name, fmt.Sprintf("a batch of %d of %d records", len(indices), r.numRecords))
	}
	order := make([]wanted, len(indices))
	for place, record := range indices {
		order[place] = wanted(record)*wanted(len(indices)) + wanted(place)
	}
	slices.Sort(order)
	var pieces [][]wanted
	maxChunks := max(int(size/r.chunkSize), 1)
	begin, chunks, chunk := 0, 0, -1
	for i, w := range order {
		c := w.record(len(indices)) / r.groupSize
		if c == chunk {
			continue
		}
		if chunks == maxChunks {
			pieces = append(pieces, order[begin:i])
			begin, chunks = i, 0
		}
		chunk = c
		chunks++
	}
	return append(pieces, order[begin:]), nil
}

// workers is the number of goroutines that share the work of one call.
func (r *Reader) workers() int {
	if n := r.threads(); n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// threads is the number of threads for a batch, with 0 for as many as there are processors.
func (r *Reader) threads() int {
	switch r.options.MaxParallelism {
	case -1:
		return 0
	case 0:
		return 1
	default:
		return r.options.MaxParallelism
	}
}

// ReadRange reads the records [begin, end). Negative numbers count from the end of the file, as
// slices do in Python: ReadRange(ctx, -3, r.NumRecords()) gives the last three. An empty range
// gives an empty result.
//
// Errors match ErrOutOfRange if the range is not within the file, and otherwise are those of
// ReadIndices.
func (r *Reader) ReadRange(ctx context.Context, begin, end int) ([][]byte, error) {
	b, e := begin, end
	if b < 0 {
		b += r.numRecords
	}
	if e < 0 {
		e += r.numRecords
	}
	if b < 0 || b > e || e > r.numRecords {
		return nil, r.rangeError(begin, end)
	}
	if r.guard.closed() {
		return nil, ErrClosed
	}
	s := r.newScanner(ctx, b, e)
	defer s.stop()
	records := make([][]byte, 0, e-b)
	for {
		b, err := s.nextBatch()
		if err != nil {
			return nil, err
		}
		if b == nil {
			return records, nil
		}
		records = b.appendTo(records)
	}
}

func (r *Reader) rangeError(begin, end int) error {
	return wrap(ErrOutOfRange, r.name, fmt.Sprintf("records [%d, %d) of %d", begin, end, r.numRecords))
}

// ReadAll reads all records. Errors are those of ReadIndices.
func (r *Reader) ReadAll(ctx context.Context) ([][]byte, error) {
	return r.ReadRange(ctx, 0, r.numRecords)
}
