package arrayrecord

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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

// batchBytes bounds how much of the file one step of a batch holds in memory besides the result.
const batchBytes = 64 << 20

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
	read := func(indices []int, place func(i int) int) error {
		b, err := r.load(ctx, func() (*core.Plan, error) { return r.core.PlanIndices(indices) }, r.threads())
		for i := range b.len() {
			records[place(i)] = b.record(i)
		}
		return err
	}
	if r.fitsOneStep(len(indices)) {
		if err := read(indices, func(i int) int { return i }); err != nil {
			return nil, err
		}
		return records, nil
	}
	// In the order of the file, so that each chunk is in one step only.
	order := make([]int, len(indices))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(indices[a], indices[b]) })
	for len(order) > 0 {
		step := r.nextStep(indices, order)
		sorted := make([]int, len(step))
		for i, position := range step {
			sorted[i] = indices[position]
		}
		if err := read(sorted, func(i int) int { return step[i] }); err != nil {
			return nil, err
		}
		order = order[len(step):]
	}
	return records, nil
}

// fitsOneStep estimates that n records need no more than batchBytes of chunks.
func (r *Reader) fitsOneStep(n int) bool {
	extent, err := r.core.ChunkExtent(0, max(r.numChunks, 1))
	if err != nil { // no chunks
		return true
	}
	return int64(extent.Size)/int64(r.numChunks)*int64(min(n, r.numChunks)) <= batchBytes
}

// nextStep gives the first records of order whose chunks have about batchBytes.
func (r *Reader) nextStep(indices, order []int) []int {
	size, chunkEnd := 0, 0
	for i, position := range order {
		if indices[position] < chunkEnd {
			continue
		}
		if size >= batchBytes {
			return order[:i]
		}
		chunk := r.core.ChunkOf(indices[position])
		chunkEnd = r.core.FirstRecord(chunk + 1)
		if extent, err := r.core.ChunkExtent(chunk, chunk+1); err == nil {
			size += extent.Size
		}
	}
	return order
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
