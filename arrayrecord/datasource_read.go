package arrayrecord

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"
)

// Get reads one record. The slice belongs to the caller.
//
// Errors match ErrOutOfRange and ErrClosed, or are those of opening and reading the file.
func (d *DataSource) Get(ctx context.Context, i int) ([]byte, error) {
	if err := d.check(i); err != nil {
		return nil, err
	}
	s := d.files
	i += d.begin
	f := s.fileOf(i)
	r, err := s.cache.acquire(ctx, f)
	if err != nil {
		return nil, err
	}
	defer s.cache.release(f)
	return r.get(ctx, s.instructions[f].Skip+i-s.starts[f])
}

// GetMany reads any records in any order; numbers may repeat. Record k of the result is record
// indices[k]. Each file that is concerned gets one batch, and several files are read at once.
//
// If one record cannot be read the whole call fails. Errors match ErrOutOfRange (before anything
// is read) and ErrClosed, are the context's, or those of opening and reading the files.
func (d *DataSource) GetMany(ctx context.Context, indices []int) ([][]byte, error) {
	for _, i := range indices {
		if err := d.check(i); err != nil {
			return nil, err
		}
	}
	s := d.files
	type batch struct{ records, positions []int }
	batches := map[int]*batch{}
	for k, i := range indices {
		i += d.begin
		f := s.fileOf(i)
		b := batches[f]
		if b == nil {
			b = &batch{}
			batches[f] = b
		}
		b.records = append(b.records, s.instructions[f].Skip+i-s.starts[f])
		b.positions = append(b.positions, k)
	}
	records := make([][]byte, len(indices))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.options.parallelism)
	for f, b := range batches {
		g.Go(func() error {
			r, err := s.cache.acquire(ctx, f)
			if err != nil {
				return err
			}
			defer s.cache.release(f)
			got, err := r.ReadIndices(ctx, b.records)
			for k, record := range got {
				records[b.positions[k]] = record
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return records, nil
}

// Records iterates over all records in order. Chunks ahead are read meanwhile, and so is the end of
// the next file. The slices belong to the caller. An error ends the iteration, as its last value;
// errors are those of GetMany.
func (d *DataSource) Records(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s := d.files
		for i := d.begin; i < d.end; {
			f := s.fileOf(i)
			end := min(d.end, s.starts[f+1])
			if !s.recordsOfFile(ctx, f, i-s.starts[f], end-s.starts[f], end < d.end, yield) {
				return
			}
			i = end
		}
	}
}

// recordsOfFile yields records [begin, end) of what a file contributes; false to stop.
func (s *sourceFiles) recordsOfFile(ctx context.Context, f, begin, end int, more bool, yield func([]byte, error) bool) bool {
	r, err := s.cache.acquire(ctx, f)
	if err != nil {
		yield(nil, err)
		return false
	}
	defer s.cache.release(f)
	if more {
		ahead, cancel := context.WithCancel(ctx)
		defer cancel()
		go s.cache.prefetch(ahead, s.fileOf(s.starts[f+1]))
	}
	skip := s.instructions[f].Skip
	for record, err := range r.RecordRange(ctx, skip+begin, skip+end) {
		if !yield(record, err) || err != nil {
			return false
		}
	}
	return true
}

// Sample reads the records of a sampler's steps; see [Sampler].
func (d *DataSource) Sample(ctx context.Context, s *Sampler, steps []int) ([][]byte, error) {
	keys := make([]int, len(steps))
	for k, step := range steps {
		key, err := s.Key(step)
		if err != nil {
			return nil, err
		}
		keys[k] = key
	}
	if s.NumRecords() != d.Len() {
		return nil, fmt.Errorf("%w: a sampler for %d records with a data source of %d", ErrInvalidOption, s.NumRecords(), d.Len())
	}
	return d.GetMany(ctx, keys)
}
