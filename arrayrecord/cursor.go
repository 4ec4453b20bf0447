package arrayrecord

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// A Cursor reads the records of a Reader or a DataSource in order, from a position that can be
// moved. Chunks ahead are read and decoded meanwhile, as by Scan. It is for one goroutine at a time.
type Cursor struct {
	ctx      context.Context
	seq      sequence
	position int
	scan     *scanner // nil until the first read, and after a Seek
	err      error
}

// Cursor makes a cursor that stands before the first record. The context covers all its reading.
// Close must be called.
func (r *Reader) Cursor(ctx context.Context) *Cursor { return &Cursor{ctx: ctx, seq: r} }

// Next gives the record at the position and moves on; io.EOF at the end. The slice is valid until
// the next call of a method of the cursor.
//
// After an error every call gives it again, until Seek. Errors match io.EOF, ErrClosed, and
// otherwise are those of Reader.Records.
func (c *Cursor) Next() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.seq.closed() {
		return nil, ErrClosed
	}
	if c.scan == nil {
		c.scan = newScanner(c.ctx, c.seq, c.position, c.seq.NumRecords(), true)
	}
	record, err := c.scan.next()
	if err != nil {
		c.err = err
		return nil, err
	}
	c.position++
	return record, nil
}

// Read is Next, but the slice belongs to the caller and may be kept.
func (c *Cursor) Read() ([]byte, error) {
	record, err := c.Next()
	if err != nil {
		return nil, err
	}
	if len(record) == 0 {
		return []byte{}, nil
	}
	return bytes.Clone(record), nil
}

// Position is the number of the record that is read next.
func (c *Cursor) Position() int { return c.position }

// Seek moves to record i; the number of records is the end. Nothing is read. Errors match
// ErrOutOfRange, and leave the cursor where it is, or ErrClosed.
func (c *Cursor) Seek(i int) error {
	if c.err == ErrClosed || c.seq.closed() {
		return ErrClosed
	}
	if n := c.seq.NumRecords(); i < 0 || i > n {
		return fmt.Errorf("%w: seek to record %d of %d", ErrOutOfRange, i, n)
	}
	c.position = i
	if c.err = nil; c.scan != nil && !c.scan.seek(i) {
		c.scan.stop()
		c.scan = nil
	}
	return nil
}

// Close ends the reading ahead and gives its memory back; later calls give ErrClosed. The Reader or
// DataSource stays open.
func (c *Cursor) Close() error {
	if c.scan != nil {
		c.scan.stop()
		c.scan = nil
	}
	c.err = ErrClosed
	return nil
}

var _ io.Closer = (*Cursor)(nil)
