package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync/atomic"

	cloud "cloud.google.com/go/storage"
	"google.golang.org/grpc/codes"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// defaultTail is how much of an object's end opening fetches if nobody says: the
// answer to a request brings some of it for nothing.
const defaultTail = 256 << 10

// An object is one generation of an object in a bucket.
type object struct {
	handle *cloud.ObjectHandle
	name   string
	size   int64
	// The end of the object, until it has been read as a whole, for it is not
	// going to be read twice. A small object is kept for good.
	tail     atomic.Pointer[[]byte]
	tailSize int64
	closed   atomic.Bool
}

// Open implements storage.System with one request.
func (s *System) Open(ctx context.Context, name string) (storage.Object, error) {
	return s.OpenWithTail(ctx, name, defaultTail)
}

// OpenWithTail is Open with a request that fetches the last tail bytes, which
// later reads take from memory.
func (s *System) OpenWithTail(ctx context.Context, name string, tail int64) (storage.Object, error) {
	if err := contextError(ctx, "open", name); err != nil {
		return nil, err
	}
	handle, err := s.object(name)
	if err != nil {
		return nil, wrap(ctx, "open", name, err)
	}
	o := &object{handle: handle, name: name, tailSize: max(tail, 1)}
	if err := o.open(ctx); err != nil {
		return nil, wrap(ctx, "open", name, err)
	}
	return o, nil
}

func (o *object) open(ctx context.Context) error {
	r, err := o.handle.NewRangeReader(ctx, -o.tailSize, -1)
	if hasStatus(err, http.StatusRequestedRangeNotSatisfiable, codes.OutOfRange) {
		return o.openEmpty(ctx, err)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Attrs.Decompressed || r.Attrs.ContentEncoding == "gzip" {
		return o.openGzip(ctx)
	}
	return o.keepTail(ctx, r)
}

// openGzip opens an object that the service would decompress, and of which it
// then has no ranges.
func (o *object) openGzip(ctx context.Context) error {
	o.handle = o.handle.ReadCompressed(true)
	r, err := o.handle.NewRangeReader(ctx, -o.tailSize, -1)
	if err != nil {
		return fmt.Errorf("stored with Content-Encoding gzip: %w", err)
	}
	defer r.Close()
	return o.keepTail(ctx, r)
}

func (o *object) keepTail(ctx context.Context, r *cloud.Reader) error {
	o.size = r.Attrs.Size
	if o.size < 0 {
		return errors.New("the service does not say how large the object is")
	}
	o.handle = o.handle.Generation(r.Attrs.Generation)
	begin := max(0, o.size-o.tailSize)
	if r.Attrs.StartOffset != begin { // not what was asked for: do without
		return nil
	}
	tail := make([]byte, o.size-begin)
	_, err := io.ReadFull(r, tail)
	intact := err == nil
	if begin == 0 {
		// When the download of an object smaller than the range is interrupted the
		// client starts again from the beginning and takes it for what is left. The
		// only sign of it is that there is more than there should be.
		n, _ := io.ReadFull(r, make([]byte, 1))
		intact = intact && n == 0
	}
	if !intact {
		if err := o.fetch(ctx, tail, begin); err != nil {
			return err
		}
	}
	o.tail.Store(&tail)
	return nil
}

// openEmpty opens an object of which no range can be had, because it is empty.
func (o *object) openEmpty(ctx context.Context, rangeError error) error {
	attrs, err := o.handle.Attrs(ctx)
	if err != nil {
		return err
	}
	if attrs.Size != 0 {
		return rangeError
	}
	o.handle = o.handle.Generation(attrs.Generation)
	return nil
}

func (o *object) Name() string { return o.name }
func (o *object) Size() int64  { return o.size }

// Close has nothing to close: a connection is held during a read only.
func (o *object) Close() error {
	o.closed.Store(true)
	o.tail.Store(nil)
	return nil
}

func (o *object) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if o.closed.Load() {
		return 0, &fs.PathError{Op: "storage: read", Path: o.name, Err: fs.ErrClosed}
	}
	if err := contextError(ctx, "read", o.name); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, &fs.PathError{Op: "storage: read", Path: o.name, Err: fmt.Errorf("position %d: %w", off, fs.ErrInvalid)}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= o.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), o.size-off)]
	if !o.fromTail(want, off) {
		if err := o.fetch(ctx, want, off); err != nil {
			if missing(err) {
				err = fmt.Errorf("replaced or removed since it was opened: %w", err)
			}
			return 0, wrap(ctx, "read", o.name, err)
		}
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(p), nil
}

// fromTail fills p if the bytes are here already.
func (o *object) fromTail(p []byte, off int64) bool {
	tail := o.tail.Load()
	if tail == nil {
		return false
	}
	begin := o.size - int64(len(*tail))
	if off < begin {
		return false
	}
	copy(p, (*tail)[off-begin:])
	if begin > 0 && len(p) == len(*tail) {
		o.tail.CompareAndSwap(tail, nil)
	}
	return true
}

// fetch fills p from position off by one request, unless an answer is too
// short, which the client does not notice.
func (o *object) fetch(ctx context.Context, p []byte, off int64) error {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		r, err := o.handle.NewRangeReader(ctx, off, int64(len(p)))
		if err != nil {
			return err
		}
		n, err := io.ReadFull(r, p)
		r.Close()
		if err == nil {
			return nil
		}
		short := err == io.EOF || err == io.ErrUnexpectedEOF
		if !short || ctx.Err() != nil {
			return err
		}
		if attempt == attempts {
			return fmt.Errorf("%d of %d bytes at %d: %w", n, len(p), off, io.ErrUnexpectedEOF)
		}
	}
}
