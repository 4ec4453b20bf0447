// Package readahead reads storage objects from front to back, with the next
// pieces under way.
package readahead

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

const (
	// blockSize is large enough for the time of a request not to matter much.
	blockSize = 4 << 20
	// ahead is how many blocks are under way or waiting: one connection to a
	// bucket is slower than several.
	ahead = 4
)

// NewReader returns a reader of the bytes [begin, end) of an object, which end
// must not exceed. It must be closed before the object is, is for one
// goroutine, and its reads end when ctx does. Memory is bounded by 16 MiB.
//
// Files on local disk are left to the readahead of the system.
func NewReader(ctx context.Context, o storage.Object, begin, end int64) io.ReadCloser {
	if _, local := o.(interface{ File() *os.File }); local {
		return io.NopCloser(io.NewSectionReader(storage.NewReaderAt(ctx, o), begin, end-begin))
	}
	ctx, cancel := context.WithCancel(ctx)
	return &reader{ctx: ctx, cancel: cancel, o: o, planned: begin, end: end}
}

// block is a piece of the object. Its content may be used once done is closed.
type block struct {
	data []byte
	err  error
	done chan struct{}
}

type reader struct {
	ctx     context.Context
	cancel  context.CancelFunc
	o       storage.Object
	planned int64 // where the next block begins
	end     int64
	queue   []*block // in the order of the object
	current *block   // being given out
	rest    []byte   // of current
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
	for len(r.queue) < ahead && r.planned < r.end {
		r.start()
	}
	if len(r.queue) == 0 {
		return io.EOF
	}
	b := r.queue[0]
	select {
	case <-b.done:
	case <-r.ctx.Done():
		return fmt.Errorf("%s: %w", r.o.Name(), context.Cause(r.ctx))
	}
	r.queue = r.queue[1:]
	r.current, r.rest = b, b.data
	return b.err
}

// start begins to read one more block, in the memory of the current one, which
// has been given out.
func (r *reader) start() {
	size := min(blockSize, r.end-r.planned)
	b := &block{done: make(chan struct{})}
	if r.current != nil && int64(cap(r.current.data)) >= size {
		b.data = r.current.data[:size]
		r.current = nil
	} else {
		b.data = make([]byte, size)
	}
	offset := r.planned
	r.planned += size
	r.queue = append(r.queue, b)
	go func() {
		defer close(b.done)
		n, err := r.o.ReadAt(r.ctx, b.data, offset)
		if n < len(b.data) {
			if err == nil || err == io.EOF {
				err = fmt.Errorf("%s: %d of %d bytes at %d: %w", r.o.Name(), n, size, offset, io.ErrUnexpectedEOF)
			}
			b.data, b.err = nil, err
		}
	}()
}

// Close ends the reads that are under way.
func (r *reader) Close() error {
	r.cancel()
	for _, b := range r.queue {
		<-b.done
	}
	r.queue = nil
	if r.err == nil || r.err == io.EOF {
		r.err = fmt.Errorf("%s: reader is closed: %w", r.o.Name(), os.ErrClosed)
	}
	r.rest = nil
	return nil
}
