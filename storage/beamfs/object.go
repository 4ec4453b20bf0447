package beamfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// tempFile makes a file without a name, which goes away with the process at the
// latest.
func tempFile() (*os.File, error) {
	f, err := os.CreateTemp("", "beamfs-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// object is a file that is read. It is copied as far as it has been asked for.
type object struct {
	name string
	size int64

	mu     sync.Mutex
	stream io.ReadCloser // nil after Close
	end    context.CancelFunc
	file   *os.File
	copied int64
}

func (o *object) Name() string { return o.name }

func (o *object) Size() int64 { return o.size }

func (o *object) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, failed("read", o.name, fmt.Errorf("negative offset %d", off))
	}
	if err := o.copyTo(ctx, min(off+int64(len(p)), o.size)); err != nil {
		return 0, failed("read", o.name, err)
	}
	if off >= o.size {
		return 0, io.EOF
	}
	n, err := o.file.ReadAt(p[:min(int64(len(p)), o.size-off)], off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	if err != nil && err != io.EOF {
		err = failed("read", o.name, err)
	}
	return n, err
}

// copyTo copies the file up to an offset, in pieces, as the context may end.
func (o *object) copyTo(ctx context.Context, end int64) error {
	const piece = 1 << 20
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stream == nil {
		return fs.ErrClosed
	}
	for {
		if ctx.Err() != nil {
			return ahead.ContextError(ctx)
		}
		if o.copied >= end {
			return nil
		}
		n, err := io.CopyN(o.file, o.stream, min(end-o.copied, piece))
		o.copied += n
		if err == io.EOF {
			return fmt.Errorf("%d of %d bytes: %w", o.copied, o.size, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return err
		}
	}
}

func (o *object) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stream == nil {
		return nil
	}
	o.end()
	o.stream.Close() // what was read was read, and the context has ended
	o.stream = nil
	if err := o.file.Close(); err != nil {
		return failed("close", o.name, err)
	}
	return nil
}
