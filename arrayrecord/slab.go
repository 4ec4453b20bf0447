package arrayrecord

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// A slab is records in memory, one after the other.
type slab struct {
	data    []byte
	offsets []int // one more than there are records
}

func (b slab) len() int { return max(len(b.offsets)-1, 0) }

// bytes is what the records take together.
func (b slab) bytes() int {
	if b.len() == 0 {
		return 0
	}
	return b.offsets[b.len()]
}

// record is the i-th record, without spare capacity.
func (b slab) record(i int) []byte {
	begin, end := b.offsets[i], b.offsets[i+1]
	return b.data[begin:end:end]
}

// trim gives memory back that a slab to be kept has no use for.
func (b *slab) trim() {
	if size := b.bytes(); size < len(b.data)/4*3 {
		b.data = append([]byte(nil), b.data[:size]...)
	}
}

func sized[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}

// maxTrusted is the most that is allocated on the word of the index alone. More is allocated only
// when the core has checked it against the data of the chunk: Go cannot recover from running out of
// memory.
const maxTrusted = 4 << 20

// nextSlab reads the next of `left` records into the memory of an old slab, if that will do: as
// many as come at once, and not more than `most` bytes unless one record is larger. `expected` is
// what all of them probably take. The result has no records only at the end, or with an error; it
// may have some with one.
func nextSlab(rd *read, b slab, left, expected, most int) (slab, error) {
	b.data, b.offsets = b.data[:cap(b.data)], sized(b.offsets, left+1)
	if want := min(expected, maxTrusted, most); len(b.data) < want {
		b.data = make([]byte, want)
	}
	for {
		n, room, err := rd.Next(b.data, b.offsets)
		if n > 0 || err != nil || room == (core.Room{}) {
			b.offsets = b.offsets[:n+1]
			rd.has(b, err)
			return b, err
		}
		size := room.Chunk
		if size > most {
			size = max(room.Record, most)
		}
		b.data = make([]byte, size)
	}
}

// reads has core reads that are done, for new ones to use their memory.
var reads = sync.Pool{New: func() any { return new(read) }}

// openRead makes a read by `begin`, with the bytes that it needs if the core has no file. The caller holds the
// guard, and passes the read to closeRead.
func (r *Reader) openRead(ctx context.Context, begin func(*read) error) (*read, error) {
	if ctx.Err() != nil {
		return nil, ahead.ContextError(ctx)
	}
	rd := reads.Get().(*read)
	rd.file, rd.watch = r.name, startWatch()
	err := begin(rd)
	if err == nil && r.fetcher != nil {
		err = r.fetch(ctx, rd)
	}
	if err != nil {
		rd.err = err
		closeRead(rd, false)
		return nil, err
	}
	return rd, nil
}

// fetch gives a read the bytes that it needs.
func (r *Reader) fetch(ctx context.Context, rd *read) error {
	ctx, stop := r.guard.context(ctx)
	defer stop()
	data, err := r.fetcher.readExtents(ctx, rd.Extents(r.fetcher.maxGap))
	if err != nil {
		return err
	}
	return rd.SetBytes(data)
}

// closeRead keeps a read for later if all of it was read, so that it holds nothing.
func closeRead(rd *read, complete bool) {
	if rd == nil {
		return
	}
	rd.watch.records(rd.file, rd.records, rd.bytes, rd.err)
	rd.file, rd.watch, rd.records, rd.bytes, rd.err = "", stopwatch{}, 0, 0, nil
	if complete && !rd.HasBytes() {
		reads.Put(rd)
		return
	}
	rd.Free()
}

// A density is what records of a file take in memory: a guess, from what the index says of all and
// from those that were read lately.
type density struct{ perRecord atomic.Int64 }

// of is what n records take, with a little to spare.
func (d *density) of(n int) int {
	per := int(d.perRecord.Load())
	if n > 0 && per > maxTrusted/n {
		return maxTrusted
	}
	return (n*per + 15) / 16 * 17
}

func (d *density) set(n, bytes int) { d.perRecord.Store(int64(bytes/max(n, 1)) + 1) }

func (d *density) learn(records []slab) {
	n, total := 0, 0
	for _, b := range records {
		total += b.bytes()
		n += b.len()
	}
	// A few records say little about all.
	d.perRecord.Store((7*d.perRecord.Load() + int64(total/max(n, 1))) / 8)
}
