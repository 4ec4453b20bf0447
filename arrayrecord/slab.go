package arrayrecord

import (
	"context"
	"sync/atomic"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// A slab is records in memory, one after the other.
type slab struct {
	data    []byte
	offsets []int // one more than there are records
}

func (b slab) len() int { return max(len(b.offsets)-1, 0) }

// record is the i-th record, without spare capacity.
func (b slab) record(i int) []byte {
	begin, end := b.offsets[i], b.offsets[i+1]
	return b.data[begin:end:end]
}

// appendTo appends all records to dst.
func (b slab) appendTo(dst [][]byte) [][]byte {
	for i := range b.len() {
		dst = append(dst, b.record(i))
	}
	return dst
}

// load carries a plan out. The caller holds the guard.
func (r *Reader) load(ctx context.Context, plan func() (*core.Plan, error), parallelism int) (slab, error) {
	return r.loadInto(ctx, slab{}, plan, parallelism)
}

// loadInto is load that reuses the memory of an old slab.
func (r *Reader) loadInto(ctx context.Context, old slab, plan func() (*core.Plan, error), parallelism int) (slab, error) {
	if err := ctx.Err(); err != nil {
		return slab{}, r.error(context.Cause(ctx))
	}
	p, err := plan()
	if err != nil {
		return slab{}, r.error(err)
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
		return slab{}, r.error(err)
	}
	b := slab{data: sized(old.data, p.DecodedSize()), offsets: sized(old.offsets, p.NumRecords()+1)}
	if err := p.Decode(b.data, b.offsets, parallelism); err != nil {
		return slab{}, r.error(err)
	}
	return b, nil
}

func sized[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

// fill calls read for records until it has all n of them, in memory of old slabs as far as it
// goes; `expected` is how many bytes they probably take. With keep that memory is new and not much
// larger than it must be. The result has what was read also if there is an error.
func (r *Reader) fill(ctx context.Context, old []slab, n, expected int, keep bool, read func(at int, slab []byte, offsets []int) (int, int, error)) ([]slab, error) {
	filled, total, sizeOfNext := 0, 0, 0
	for at := 0; at < n; {
		if ctx.Err() != nil {
			return old[:filled], r.error(context.Cause(ctx))
		}
		if filled == len(old) {
			old = append(old, slab{})
		}
		b := &old[filled]
		b.data, b.offsets = b.data[:cap(b.data)], sized(b.offsets, n-at+1)
		// Where the guess was too low, as much again.
		if want := max(expected-total, total, sizeOfNext); len(b.data) < want {
			b.data = make([]byte, want)
		}
		count, next, err := read(at, b.data, b.offsets)
		if count > 0 {
			b.offsets = b.offsets[:count+1]
			size := b.offsets[count]
			if keep && size < len(b.data)/4*3 {
				b.data = append([]byte(nil), b.data[:size]...)
			}
			total += size
			at += count
			filled++
		}
		if err != nil {
			return old[:filled], r.error(err)
		}
		sizeOfNext = next
	}
	return old[:filled], nil
}

const (
	// maxGuess is the most that is allocated for records before their sizes are known.
	maxGuess = 64 << 20
	// maxExpansion is how many bytes of records are believed to come from one of a file.
	maxExpansion = 100
)

// A density is what chunks and records of a file take in memory: a guess, from what the index says
// of all and from those that were read lately. The numbers it gives have a little to spare.
type density struct {
	perChunkByte atomic.Int64 // in hundredths; never 0
	perRecord    atomic.Int64
}

func (d *density) ofChunks(size int64) int {
	return min(int(size/100*d.perChunkByte.Load()+size/16), maxGuess)
}

func (d *density) ofRecords(n int) int {
	return (n*int(d.perRecord.Load()) + 15) / 16 * 17
}

// set says that n records in chunks of `size` bytes together have `decoded` bytes.
func (d *density) set(size, n, decoded int) {
	d.perChunkByte.Store(int64(decoded)*100/int64(size) + 1)
	d.perRecord.Store(int64(decoded/n) + 1)
}

// learnChunks takes note of the records of chunks that have `size` bytes in the file.
func (d *density) learnChunks(size int64, records []slab) {
	total := d.learnRecords(records)
	d.perChunkByte.Store(max(int64(total)*100/max(size, 1), 1))
}

func (d *density) learnRecords(records []slab) (total int) {
	n := 0
	for _, b := range records {
		total += b.offsets[b.len()]
		n += b.len()
	}
	// A few records say little about all.
	d.perRecord.Store((7*d.perRecord.Load() + int64(total/max(n, 1))) / 8)
	return total
}
