package shuffle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/inflight"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

// mergeFn makes one shard, still under a temporary name.
type mergeFn struct {
	Config Config
}

// Setup makes the run known.
func (f *mergeFn) Setup() { f.Config.Sink.Identify() }

// ProcessElement makes the shard.
func (f *mergeFn) ProcessElement(ctx context.Context, s shard, emit func(int, sink.File)) error {
	defer inflight.Begin()()
	file, err := f.merge(ctx, s)
	if errors.Is(err, fs.ErrNotExist) {
		// Its runs are gone when an earlier attempt has come to its end. The commit
		// knows of that: it follows the record, or fails as this file is not there.
		log.Warnf(ctx, "a shard cannot be made again: %v", err)
		file, err = sink.File{Name: f.Config.Sink.NewTempName(), Shard: s.Number, Records: s.Records, Seen: sink.JoinNames([]string{s.Layout.Seen})}, nil
	}
	if err != nil {
		return fmt.Errorf("shuffling: shard %d: %w", s.Number, err)
	}
	emit(0, file)
	return nil
}

func (f *mergeFn) merge(ctx context.Context, s shard) (file sink.File, err error) {
	var runs []run
	if s.Runs != "" {
		if err := readJSON(ctx, s.Runs, &runs); err != nil {
			return file, err
		}
	}
	w, err := arrayrecord.Create(ctx, f.Config.Sink.NewTempName(), arrayrecord.WithWriterOptions(s.Layout.WriterOptions))
	if err != nil {
		return file, err
	}
	if err := f.writeShard(ctx, w, s, runs); err != nil {
		return file, errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return file, err
	}
	// Only the runs know where they are.
	var temporary []string
	for _, r := range runs[:min(len(runs), 1)] {
		temporary = append(temporary, r.Name)
	}
	if s.Runs != "" {
		temporary = append(temporary, s.Runs)
	}
	return sink.File{
		Name: w.Name(), Shard: s.Number, Records: s.Records, Bytes: w.Size(),
		Seen: sink.JoinNames([]string{s.Layout.Seen}), TempDirs: directories(temporary...),
	}, nil
}

// writeShard writes the records of a shard, as many cells at a time as have no
// more bytes than fit into memory.
func (f *mergeFn) writeShard(ctx context.Context, w *arrayrecord.Writer, s shard, runs []run) error {
	if s.Records == 0 {
		return nil
	}
	parts, err := findParts(ctx, runs, s)
	if err != nil {
		return err
	}
	skip, rest := s.Skip, s.Records
	cells := int(s.EndCell - s.FirstCell)
	for begin := 0; begin < cells; {
		end := begin + 1
		for end < cells && weight(parts, begin, end+1) <= f.Config.Memory {
			end++
		}
		entries, err := loadCells(ctx, parts, f.Config.Seed, begin, end)
		if err != nil {
			return err
		}
		slices.SortFunc(entries, compare)
		entries = entries[skip:]
		skip = 0
		for _, e := range entries[:min(rest, int64(len(entries)))] {
			if err := w.Write(e.data); err != nil {
				return err
			}
			rest--
		}
		begin = end
		// Else the collector lets the next ones come beside these.
		runtime.GC()
	}
	if rest > 0 {
		return fmt.Errorf("%d records are missing", rest)
	}
	return nil
}

// part is what a shard needs of a run. It is not kept open: there may be more runs
// than a process may have open files.
type part struct {
	run
	cells []boundary // where the shard's cells begin
}

func findParts(ctx context.Context, runs []run, s shard) ([]part, error) {
	parts := make([]part, len(runs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, r := range runs {
		g.Go(func() error {
			cells, err := r.boundaries(ctx, s.FirstCell, s.EndCell)
			parts[i] = part{r, cells}
			return err
		})
	}
	return parts, g.Wait()
}

// weight is how much memory cells take.
func weight(parts []part, begin, end int) (bytes int64) {
	for _, p := range parts {
		from, to := p.cells[begin], p.cells[end]
		bytes += to.offset - from.offset + entrySize*(to.count-from.count)
	}
	return bytes
}

// loadCells reads cells out of all runs.
func loadCells(ctx context.Context, parts []part, seed uint64, begin, end int) ([]entry, error) {
	loaded := make([][]entry, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i, p := range parts {
		if p.cells[begin] == p.cells[end] {
			continue
		}
		g.Go(func() (err error) {
			loaded[i], err = p.load(ctx, seed, p.cells[begin], p.cells[end])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(loaded...), nil
}
