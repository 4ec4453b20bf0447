package arrayrecord

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"
)

// use calls fn with the open reader of the file that holds record i, and the record's number there.
func (d *DataSource) use(ctx context.Context, i int, fn func(r *Reader, i int) error) error {
	if err := d.check(i); err != nil {
		return err
	}
	s := d.files
	i += d.begin
	f := s.fileOf(i)
	r, err := s.cache.acquire(ctx, f)
	if err != nil {
		return err
	}
	defer s.cache.release(f)
	return fn(r, s.instructions[f].Skip+i-s.starts[f])
}

// Get reads one record. The slice belongs to the caller.
//
// Errors are those of opening the file and of Reader.Get.
func (d *DataSource) Get(ctx context.Context, i int) (record []byte, err error) {
	err = d.use(ctx, i, func(r *Reader, i int) error {
		record, err = r.Get(ctx, i)
		return err
	})
	return record, err
}

// AppendRecord appends one record to dst and returns the longer slice, as append does. Where dst
// has room nothing is allocated for the record.
//
// Errors are those of Get; dst is returned with them as it was.
func (d *DataSource) AppendRecord(ctx context.Context, dst []byte, i int) ([]byte, error) {
	err := d.use(ctx, i, func(r *Reader, i int) (err error) {
		dst, err = r.AppendRecord(ctx, dst, i)
		return err
	})
	return dst, err
}

// ReadIndices reads any records in any order; numbers may repeat. Record k of the result is record
// indices[k]. Each file that is concerned gets one batch, and several files are read at once. The
// slices belong to the caller, some share memory.
//
// If one record cannot be read the whole call fails. Errors match ErrOutOfRange (before anything
// is read) and ErrClosed, are the context's, or those of opening and reading the files.
func (d *DataSource) ReadIndices(ctx context.Context, indices []int) ([][]byte, error) {
	return takeRecords(func(b *Batch) error { return d.readBatch(ctx, b, indices, true) })
}

// ReadBatch is ReadIndices into memory that is used again; see Reader.ReadBatch.
func (d *DataSource) ReadBatch(ctx context.Context, b *Batch, indices []int) error {
	return d.readBatch(ctx, b, indices, false)
}

// A part of a batch is the records of one file.
type part struct {
	batch   Batch
	file    int
	indices []int // in the file
	places  []int // in the batch
}

func (d *DataSource) readBatch(ctx context.Context, b *Batch, indices []int, keep bool) (err error) {
	b.records = sized(b.records, len(indices))
	defer func() {
		if err != nil {
			b.clear()
		}
	}()
	for _, i := range indices {
		if err := d.check(i); err != nil {
			return err
		}
	}
	s := d.files
	parts := b.parts[:0]
	partOf := map[int]int{} // by file
	for k, i := range indices {
		i += d.begin
		f := s.fileOf(i)
		n, known := partOf[f]
		if !known {
			n = len(parts)
			partOf[f] = n
			if n < cap(parts) {
				parts = parts[:n+1] // with the memory that it had
			} else {
				parts = append(parts, part{})
			}
			p := &parts[n]
			p.file, p.indices, p.places = f, p.indices[:0], p.places[:0]
		}
		p := &parts[n]
		p.indices = append(p.indices, s.instructions[f].Skip+i-s.starts[f])
		p.places = append(p.places, k)
	}
	b.parts = parts
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.options.parallelism)
	for n := range parts {
		p := &parts[n]
		g.Go(func() error {
			r, err := s.cache.acquire(ctx, p.file)
			if err != nil {
				return err
			}
			defer s.cache.release(p.file)
			if err := r.readBatch(ctx, &p.batch, p.indices, keep); err != nil {
				return err
			}
			for k, record := range p.batch.records {
				b.records[p.places[k]] = record
			}
			return nil
		})
	}
	return g.Wait()
}

// Records iterates over all records in order, with chunks ahead being read and decoded meanwhile,
// those of the next file too. Memory is bounded as for Reader.Records. The slices belong to the
// caller and may be kept. An error ends the iteration, as its last value; errors are those of
// opening the files and of Reader.Records. No file stays open for the loop's sake: inside of it the
// data source may be used.
func (d *DataSource) Records(ctx context.Context) iter.Seq2[[]byte, error] {
	return d.Range(ctx, 0, d.NumRecords())
}

// Range is Records for the records [begin, end). A range that is not within the data source gives
// an error that matches ErrOutOfRange.
func (d *DataSource) Range(ctx context.Context, begin, end int) iter.Seq2[[]byte, error] {
	return scan(ctx, d, begin, end, false)
}

// Scan is Range at its fastest: a record is valid until the next turn of the loop only, and its
// memory is used again.
func (d *DataSource) Scan(ctx context.Context, begin, end int) iter.Seq2[[]byte, error] {
	return scan(ctx, d, begin, end, true)
}

// ForEach calls fn for every record; see Reader.ForEach.
func (d *DataSource) ForEach(ctx context.Context, fn func(i int, record []byte) error) error {
	return forEach(ctx, d, fn)
}

// Cursor makes a cursor that stands before the first record; see Reader.Cursor.
func (d *DataSource) Cursor(ctx context.Context) *Cursor { return &Cursor{ctx: ctx, seq: d} }

func (d *DataSource) planGroup(ctx context.Context, g *group, begin, end int) error {
	s := d.files
	f := s.fileOf(d.begin + begin)
	r, err := d.lend(ctx, f)
	if err != nil {
		return err
	}
	defer d.giveBack(f)
	// What these numbers are more than those of the file.
	skip := s.starts[f] - s.instructions[f].Skip - d.begin
	end = min(end, s.starts[f+1]-d.begin)
	if err := r.planGroup(ctx, g, begin-skip, end-skip); err != nil {
		return err
	}
	g.seq, g.file, g.skip = d, f, skip
	g.begin, g.at, g.end = begin, begin, g.end+skip
	return nil
}

func (d *DataSource) lend(ctx context.Context, file int) (*Reader, error) {
	return d.files.cache.acquire(ctx, file)
}
func (d *DataSource) giveBack(file int)    { d.files.cache.release(file) }
func (d *DataSource) closed() bool         { return d.files.cache.isClosed() }
func (d *DataSource) readahead() readahead { return d.files.ahead }

func (d *DataSource) rangeError(begin, end int) error {
	return fmt.Errorf("%w: records [%d, %d) of %d", ErrOutOfRange, begin, end, d.NumRecords())
}
