// Package readahead reads storage objects from front to back, with the next
// pieces under way.
package readahead

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

const (
	// blockSize is large enough for the time of a request not to matter much.
	blockSize = 4 << 20
	// blocksAhead is how many blocks are under way or waiting: one connection to
	// a bucket is slower than several.
	blocksAhead = 4
)

// NewReader returns a reader of the bytes [begin, end) of an object, which end
// must not exceed. It must be closed before the object is, is for one
// goroutine, and its reads end when ctx does. Memory is bounded by 20 MiB.
//
// Files on local disk are left to the readahead of the system.
func NewReader(ctx context.Context, o storage.Object, begin, end int64) io.ReadCloser {
	if _, local := o.(interface{ File() *os.File }); local {
		return io.NopCloser(io.NewSectionReader(storage.NewReaderAt(ctx, o), begin, end-begin))
	}
	r := &reader{ctx: ctx, o: o, spare: make(chan []byte, blocksAhead+1)}
	r.queue = ahead.New(ctx, ahead.Options{Helpers: blocksAhead, MaxTasks: blocksAhead}, func(context.Context) (*block, bool) {
		b := &block{r: r, offset: begin, size: min(blockSize, end-begin)}
		begin += b.size
		return b, b.size > 0
	})
	return r
}

// block is a piece of the object.
type block struct {
	r            *reader
	offset, size int64
	data         []byte
	err          error
}

func (b *block) Weight() int { return int(b.size) }

func (b *block) Run(ctx context.Context) {
	select {
	case b.data = <-b.r.spare:
	default:
	}
	if int64(cap(b.data)) < b.size {
		b.data = make([]byte, b.size)
	}
	b.data = b.data[:b.size]
	n, err := b.r.o.ReadAt(ctx, b.data, b.offset)
	if n < len(b.data) {
		if err == nil || err == io.EOF {
			err = fmt.Errorf("%s: %d of %d bytes at %d: %w", b.r.o.Name(), n, b.size, b.offset, io.ErrUnexpectedEOF)
		}
		b.data, b.err = nil, err
	}
}

type reader struct {
	ctx     context.Context
	o       storage.Object
	queue   *ahead.Queue[*block]
	spare   chan []byte // memory of blocks that have been given out
	current *block      // being given out
	rest    []byte      // of current
	err     error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err == nil {
			r.err = r.advance()
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// advance moves to the next block.
func (r *reader) advance() error {
	if r.current != nil {
		select {
		case r.spare <- r.current.data:
		default:
		}
		r.current = nil
	}
	b, ok, err := r.queue.Next()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", r.o.Name(), ahead.ContextError(r.ctx))
	case !ok:
		return io.EOF
	case b.err != nil:
		return b.err
	}
	r.current, r.rest = b, b.data
	return nil
}

// Close ends the reads that are under way.
func (r *reader) Close() error {
	r.queue.Close(nil)
	if r.err == nil || r.err == io.EOF {
		r.err = fmt.Errorf("%s: reader is closed: %w", r.o.Name(), os.ErrClosed)
	}
	r.rest = nil
	return nil
}
