package arrayrecord

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// A fetcher is a file that Go reads and hands to the core as bytes: an object in a bucket, memory.
// Local files need none, the core reads them by itself.
type fetcher struct {
	name     string
	readAt   func(ctx context.Context, p []byte, off int64) (int, error)
	size     int64
	maxGap   int // ranges closer than this are read as one
	maxRead  int // several are made of a larger one, where reads are parallel
	group    int // bytes read together in sequential reading, unless options say so
	parallel int // reads under way at once for one batch
}

func objectFetcher(o storage.Object, name string) *fetcher {
	// A request costs what moving some hundred kilobytes costs, and one connection is slower than
	// several.
	return &fetcher{name: name, readAt: o.ReadAt, size: o.Size(), maxGap: 64 << 10, maxRead: 8 << 20, group: 4 << 20, parallel: 16}
}

func readerAtFetcher(r io.ReaderAt, size int64, name string) *fetcher {
	read := func(ctx context.Context, p []byte, off int64) (int, error) {
		if ctx.Err() != nil {
			return 0, ahead.ContextError(ctx)
		}
		return r.ReadAt(p, off)
	}
	return &fetcher{name: name, readAt: read, size: size, maxGap: 1 << 10, group: defaultGroup, parallel: 1}
}

// read fills p from position off.
func (f *fetcher) read(ctx context.Context, p []byte, off int64) error {
	watch := startWatch()
	n, err := f.readAt(ctx, p, off)
	if n == len(p) {
		watch.request(f.name, n, nil)
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	watch.request(f.name, len(p), err)
	return fmt.Errorf("read of %d bytes at %d: %w", len(p), off, err)
}

// readExtents reads the extents one after the other into one slice.
func (f *fetcher) readExtents(ctx context.Context, extents []core.Extent) ([]byte, error) {
	total := 0
	for _, e := range extents {
		total += e.Size
	}
	data := make([]byte, total)
	return data, f.readInto(ctx, data, extents)
}

// readInto fills data with the extents: several of them, and parts of large ones, at once.
func (f *fetcher) readInto(ctx context.Context, data []byte, extents []core.Extent) error {
	if f.parallel == 1 || len(extents) == 1 && len(data) <= f.maxRead {
		for _, e := range extents {
			if err := f.read(ctx, data[:e.Size], e.Position); err != nil {
				return err
			}
			data = data[e.Size:]
		}
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(f.parallel)
	for _, e := range extents {
		for begin := 0; begin < e.Size; begin += f.maxRead {
			part, position := data[begin:min(begin+f.maxRead, e.Size)], e.Position+int64(begin)
			g.Go(func() error { return f.read(ctx, part, position) })
		}
		data = data[e.Size:]
	}
	return g.Wait()
}

// endSize is how much of a file's end is read in one go when it is opened.
func endSize(options ReaderOptions) int64 { return max(options.FooterPrefetchBytes, core.TailSize) }

// openCore reads the end of the file and opens a core reader on the index there.
func (f *fetcher) openCore(ctx context.Context, options ReaderOptions) (*core.Reader, error) {
	// In most files the index fits into this together with the tail: one read.
	whole := f.size - f.size%core.TailSize // all of it, unless it is damaged
	if whole < 2*core.TailSize {
		whole = f.size
	}
	end := make([]byte, min(whole, endSize(options)))
	endPosition := whole - int64(len(end))
	if err := f.read(ctx, end, endPosition); err != nil {
		return nil, err
	}
	if len(end) < core.TailSize {
		_, err := core.LocateIndex(end, f.size, end)
		return nil, err
	}
	tail := end[len(end)-core.TailSize:]
	begin, err := core.LocateIndex(tail, f.size, nil)
	if err != nil {
		// The beginning of the file tells what kind of damage it is.
		head := make([]byte, 64)
		if f.read(ctx, head, 0) != nil || f.read(ctx, tail, whole-core.TailSize) != nil {
			return nil, err
		}
		if _, better := core.LocateIndex(tail, f.size, head); better != nil {
			err = better
		}
		return nil, err
	}
	tailPosition := f.size - core.TailSize
	if begin >= endPosition {
		return core.OpenIndex(end[begin-endPosition:tailPosition-endPosition], begin, f.size, core.ReaderOptions(options))
	}
	// The postscript may say anything: no large read, and no memory for it, on its word alone.
	if endPosition-begin > maxTrusted {
		head := make([]byte, core.IndexHeadSize)
		if err := f.read(ctx, head, begin); err != nil {
			return nil, err
		}
		if err := core.CheckIndex(head, begin, f.size); err != nil {
			return nil, err
		}
	}
	index := make([]byte, tailPosition-begin)
	copy(index[endPosition-begin:], end)
	missing := index[:endPosition-begin]
	if err := f.readInto(ctx, missing, []core.Extent{{Position: begin, Size: len(missing)}}); err != nil {
		return nil, err
	}
	return core.OpenIndex(index, begin, f.size, core.ReaderOptions(options))
}
