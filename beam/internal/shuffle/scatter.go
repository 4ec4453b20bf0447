package shuffle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/inflight"
	"github.com/arrayrecord/arrayrecord-go/internal/readahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// scatterFn makes runs of the records of a range of a file.
type scatterFn struct {
	Config Config

	sorter        sorter
	read, written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *scatterFn) Setup() {
	f.read, f.written = counters.Read(), counters.Written()
	f.Config.Sink.Identify()
}

// ProcessElement reads one range.
func (f *scatterFn) ProcessElement(ctx context.Context, t task, emit func(int, run), fail func(dofns.DeadLetter)) error {
	defer inflight.Begin()()
	begun := time.Now()
	runs, err := f.scatter(ctx, t)
	f.sorter = sorter{} // runners keep DoFns
	if err != nil {
		for _, r := range runs {
			err = errors.Join(err, storage.Remove(ctx, r.Name))
		}
		letter, err := f.Config.skip(ctx, t.Input.Name, err)
		if err == nil {
			f.read.Failed(ctx)
			fail(letter)
		}
		return err
	}
	f.read.FileTime(ctx, begun)
	for _, r := range runs {
		emit(0, r)
	}
	return nil
}

// scatter returns the runs that it has made also with an error.
func (f *scatterFn) scatter(ctx context.Context, t task) (runs []run, err error) {
	f.sorter.reset()
	var records, bytes, counted int64
	count := func(done int64) {
		f.read.Add(ctx, 0, records, done-counted)
		records, bytes, counted = 0, 0, done
	}
	spill := func() error {
		r, err := writeRun(ctx, f.Config.Sink.NewTempName(), t.Layout, f.sorter.entries)
		if err != nil {
			return fmt.Errorf("%w: %w", errTemporary, err)
		}
		runs = append(runs, r)
		f.sorter.reset()
		return nil
	}
	done, err := f.Config.scan(ctx, t, func(number int64, data []byte, done int64) error {
		f.read.RecordSize(ctx, len(data))
		records++
		bytes += int64(len(data))
		if records == 1024 || bytes >= 4<<20 {
			count(done)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		p := place{uint64(t.File), uint64(number)}
		f.sorter.add(entry{key: p.key(f.Config.Seed), place: p, data: data})
		if f.sorter.bytes < f.Config.Memory {
			return nil
		}
		return spill()
	})
	if err == nil && len(f.sorter.entries) > 0 {
		err = spill()
	}
	if err != nil {
		return runs, err
	}
	count(done)
	if t.last() {
		f.read.Add(ctx, 1, 0, 0)
	}
	return runs, nil
}

// scan gives the records of a task, which use must copy, and how many bytes of
// the file have been read.
func (c Config) scan(ctx context.Context, t task, use func(number int64, data []byte, done int64) error) (done int64, err error) {
	if t.Input.ArrayRecord {
		return c.scanArrayRecord(ctx, t, use)
	}
	return c.scanTFRecord(ctx, t.Input, use)
}

func (c Config) scanArrayRecord(ctx context.Context, t task, use func(number int64, data []byte, done int64) error) (done int64, err error) {
	r, err := arrayrecord.Open(ctx, t.Input.Name)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if n := int64(r.NumRecords()); n != t.Input.Records || r.Size() != t.Input.Size {
		return 0, fmt.Errorf("%s: the file has changed: it has %d records in %d bytes, and had %d in %d when it was found",
			t.Input.Name, n, r.Size(), t.Input.Records, t.Input.Size)
	}
	if t.Begin == t.End {
		return r.Size(), nil
	}
	first := t.Begin / t.Input.GroupSize
	number := t.Begin
	for data, err := range r.Scan(ctx, int(t.Begin), int(t.End)) {
		if err != nil {
			return done, err
		}
		if number%t.Input.GroupSize == 0 {
			_, done = r.ChunkExtent(int(first), int(number/t.Input.GroupSize+1))
		}
		if err := use(number, data, done); err != nil {
			return done, err
		}
		number++
	}
	if t.last() { // and what is no chunk
		_, chunks := r.ChunkExtent(0, r.NumChunks())
		done += r.Size() - chunks
	}
	return done, nil
}

func (c Config) scanTFRecord(ctx context.Context, in input, use func(number int64, data []byte, done int64) error) (done int64, err error) {
	o, err := storage.Open(ctx, in.Name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if o.Size() != in.Size {
		return 0, fmt.Errorf("%s: the file has changed: it has %d bytes, and had %d when it was found", in.Name, o.Size(), in.Size)
	}
	ahead := readahead.NewReader(ctx, o, 0, o.Size())
	defer func() { err = errors.Join(err, ahead.Close()) }()
	src := &countingReader{r: ahead}
	r, err := tfrecord.NewReader(src, tfrecord.ReaderOptions{Compression: c.Compression, BufferSize: 1 << 20})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", in.Name, err)
	}
	var number int64
	for data, err := range r.Scan() {
		if err != nil {
			return 0, fmt.Errorf("%s: %w", in.Name, err)
		}
		if err := use(number, data, src.n); err != nil {
			return 0, err
		}
		number++
	}
	return src.n, nil
}
