package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
)

func init() { direct.Register3x1((*copyFn).ProcessElement) }

// copyFn makes one shard, still under a temporary name.
type copyFn struct {
	Config Config

	read   counters.Set
	copied counters.Copied
}

// Setup makes the run known, and the counters, which do not travel.
func (f *copyFn) Setup() {
	f.Config.Identify()
	f.read, f.copied = counters.Read(), counters.Copies()
}

// ProcessElement makes the shard that a plan describes.
func (f *copyFn) ProcessElement(ctx context.Context, plan shardPlan, emit func(int, File)) error {
	var copied int64
	file, err := f.Config.makePlanned(ctx, plan, func(file File, begin, end int64) {
		f.count(ctx, file, begin, end)
		copied += end - begin
		f.copied.Add(ctx, end-begin)
	})
	if err != nil {
		return fmt.Errorf("making a shard: %w", err)
	}
	f.copied.Add(ctx, max(file.Records-copied, 0)) // if it is a temporary file as it was
	emit(0, file)
	return nil
}

// count counts records [begin, end) of a file as read if it is an input. Shares
// of its bytes add up to all of them.
func (f *copyFn) count(ctx context.Context, file File, begin, end int64) {
	if !file.Input || begin == end {
		return
	}
	files, bytes := int64(0), file.bytesBefore(end)-file.bytesBefore(begin)
	if end == file.Records {
		files = 1
	}
	f.read.Add(ctx, files, end-begin, bytes)
}

// bytesBefore is about how many bytes of a file come before a record.
func (f File) bytesBefore(record int64) int64 {
	if record == f.Records {
		return f.Bytes
	}
	return int64(float64(f.Bytes) * float64(record) / float64(f.Records))
}

// onRead is told which records of a file have been read.
type onRead func(file File, begin, end int64)

// uncounted is for files that are none of the inputs.
func uncounted(File, int64, int64) {}

// makePlanned makes a shard, which may be a temporary file already.
func (c Config) makePlanned(ctx context.Context, plan shardPlan, read onRead) (File, error) {
	file, ok := plan.wholeFile()
	if !ok || c.Format != ArrayRecord || file.Input {
		c.WriterOptions, c.GroupSize = plan.WriterOptions, plan.GroupSize
		var err error
		file, err = c.makeShard(ctx, plan.Pieces, read)
		if errors.Is(err, fs.ErrNotExist) && !plan.hasInput() {
			// Its temporary files are gone when an earlier attempt has come to its
			// end. The commit knows of that: it follows the record, or fails as this
			// file is not there.
			log.Warnf(ctx, "a shard cannot be made again: %v", err)
			file, err = File{Name: c.NewTempName()}, nil
		}
		if err != nil {
			return File{}, err
		}
	}
	file.Shard, file.Count, file.Seen, file.TempDirs = plan.Shard, plan.Count, plan.Seen, plan.TempDirs
	return file, nil
}

// hasInput reports whether anything is copied from files that are not temporary.
func (p shardPlan) hasInput() bool {
	return slices.ContainsFunc(p.Pieces, func(p piece) bool { return p.File.Input })
}

// wholeFile returns the temporary file that already is the shard.
func (p shardPlan) wholeFile() (File, bool) {
	if len(p.Pieces) != 1 {
		return File{}, false
	}
	only := p.Pieces[0]
	return only.File, only.Begin == 0 && only.End == only.File.Records
}

// makeShard writes the pieces into a new temporary file.
func (c Config) makeShard(ctx context.Context, pieces []piece, read onRead) (File, error) {
	w, err := c.createTemp(ctx, c.Format)
	if err != nil {
		return File{}, err
	}
	// A short chunk ends a file: full chunks have to go first.
	for _, do := range []func(context.Context, writer, piece, onRead) error{c.copyChunks, c.copyRest} {
		for _, p := range pieces {
			if err := do(ctx, w, p, read); err != nil {
				return File{}, errors.Join(err, w.Abort())
			}
		}
	}
	return w.Finish(ctx)
}

// fullChunks gives the full chunks within the piece, none if they cannot be
// copied.
func (c Config) fullChunks(p piece) (begin, end int64) {
	begin = (p.Begin + c.GroupSize - 1) / c.GroupSize
	if c.Format != ArrayRecord || p.File.Decode {
		return begin, begin
	}
	return begin, max(begin, p.End/c.GroupSize)
}

// copyChunks copies the full chunks of a piece.
func (c Config) copyChunks(ctx context.Context, w writer, p piece, read onRead) error {
	begin, end := c.fullChunks(p)
	if begin == end {
		return nil
	}
	r, err := openPart(ctx, p.File)
	if err != nil {
		return err
	}
	out := w.(*arrayRecordWriter)
	// In steps, so that one sees how it goes on.
	_, size := r.ChunkExtent(int(begin), int(end))
	step := max(1, copyStep*(end-begin)/max(1, int64(size)))
	for at := begin; at < end && err == nil; at += step {
		next := min(at+step, end)
		if err = out.CopyChunks(ctx, r, int(at), int(next)); err == nil {
			read(p.File, at*c.GroupSize, next*c.GroupSize)
		}
	}
	return errors.Join(err, r.Close())
}

// copyStep is about how many bytes of chunks are copied before they are counted.
const copyStep = 64 << 20

// copyRest writes the records of a piece that copyChunks left.
func (c Config) copyRest(ctx context.Context, w writer, p piece, read onRead) error {
	begin, end := c.fullChunks(p)
	head := min(begin*c.GroupSize, p.End)
	tail := min(max(end*c.GroupSize, head), p.End)
	if p.Begin == head && tail == p.End {
		return nil
	}
	r, err := openPart(ctx, p.File)
	if err != nil {
		return err
	}
	err = errors.Join(writeRange(ctx, w, r, p.Begin, head), writeRange(ctx, w, r, tail, p.End), r.Close())
	if err == nil {
		read(p.File, p.Begin, head)
		read(p.File, tail, p.End)
	}
	return err
}

func writeRange(ctx context.Context, w writer, r *arrayrecord.Reader, begin, end int64) error {
	if begin == end {
		return nil
	}
	for record, err := range r.Scan(ctx, int(begin), int(end)) {
		if err != nil {
			return err
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	return nil
}

func openPart(ctx context.Context, file File) (*arrayrecord.Reader, error) {
	// Several shards are made at once: each is to have little in memory.
	r, err := arrayrecord.Open(ctx, file.Name, arrayrecord.ReaderOptions{MaxParallelism: 2, ReadaheadMemory: 8 << 20})
	if err != nil {
		return nil, err
	}
	if n := int64(r.NumRecords()); n != file.Records {
		r.Close()
		return nil, fmt.Errorf("%s has %d records, not %d as before", file.Name, n, file.Records)
	}
	return r, nil
}
