package shuffle

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// shard is a range of the order of all records.
type shard struct {
	Number             int
	FirstCell, EndCell int64
	Skip, Records      int64 // records of the first cell that are before it, and its own
	Layout             layout
	Runs               string // the file that lists the runs; "" if there are none
}

// parallel is how many files are read at a time.
const parallel = 16

// planFn cuts the order into shards.
type planFn struct {
	Config Config
}

// Setup makes the run known.
func (f *planFn) Setup() { f.Config.Sink.Identify() }

// ProcessElement is called with all runs, once unless repeated. It need not be
// the same ones then: what is in a shard does not depend on them.
func (f *planFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*run) bool, emit func(shard)) error {
	shards, err := f.plan(ctx, collect(next))
	if err != nil {
		return fmt.Errorf("planning the shuffle: %w", err)
	}
	for _, s := range shards {
		emit(s)
	}
	return nil
}

func (f *planFn) plan(ctx context.Context, runs []run) ([]shard, error) {
	if len(runs) == 0 {
		seen, err := f.Config.Sink.Check(ctx)
		l := f.Config.layout(0, f.Config.Sink.WriterOptions, seen)
		return cut(l, make([]int64, l.Cells)), err
	}
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.Name, b.Name) })
	name := f.Config.Sink.NewTempName()
	counts, err := countCells(ctx, runs)
	if errors.Is(err, fs.ErrNotExist) {
		// As in mergeFn, which does not find the list of runs then.
		log.Warnf(ctx, "the shuffle cannot be planned again: %v", err)
		counts = make([]int64, runs[0].Layout.Cells)
	} else if err != nil {
		return nil, err
	} else if err := writeJSON(ctx, name, runs); err != nil {
		return nil, err
	}
	shards := cut(runs[0].Layout, counts)
	for i := range shards {
		shards[i].Runs = name
	}
	return shards, nil
}

// countCells adds up how many records the cells have.
func countCells(ctx context.Context, runs []run) ([]int64, error) {
	cells := runs[0].Layout.Cells
	counts := make([]int64, cells)
	results := make(chan []boundary)
	var g errgroup.Group
	g.Go(func() error {
		defer close(results)
		readers, ctx := errgroup.WithContext(ctx)
		readers.SetLimit(parallel)
		for _, r := range runs {
			readers.Go(func() error {
				table, err := r.boundaries(ctx, 0, cells)
				if err != nil {
					return err
				}
				results <- table
				return nil
			})
		}
		return readers.Wait()
	})
	for table := range results {
		for i := range counts {
			counts[i] += table[i+1].count - table[i].count
		}
	}
	return counts, g.Wait()
}

// cut makes even shards of all records.
func cut(l layout, counts []int64) []shard {
	var total int64
	for _, n := range counts {
		total += n
	}
	size, larger := total/int64(l.Shards), total%int64(l.Shards)
	shards := make([]shard, l.Shards)
	var cell, before int64 // records in the cells before
	for i := range shards {
		n := int64(i)
		begin, end := n*size+min(n, larger), (n+1)*size+min(n+1, larger)
		for cell < int64(len(counts))-1 && before+counts[cell] <= begin {
			before += counts[cell]
			cell++
		}
		s := shard{Number: i, FirstCell: cell, EndCell: cell, Skip: begin - before, Records: end - begin, Layout: l}
		for at := before; at < end; s.EndCell++ {
			at += counts[s.EndCell]
		}
		shards[i] = s
	}
	return shards
}

func writeJSON(ctx context.Context, name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	out, err := storage.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}

func readJSON(ctx context.Context, name string, v any) error {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.NewSectionReader(storage.NewReaderAt(ctx, o), 0, o.Size()))
	if err := errors.Join(err, o.Close()); err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
