package tfrecord

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Reader reads records in order. It is for one goroutine at a time.
type Reader struct {
	options     ReaderOptions
	compression Compression
	source      *source   // of the compressed stream; nil if there is none
	src         io.Reader // of the uncompressed stream
	srcErr      error     // what src ended with, io.EOF included

	// buf[pos:end] has been read from src and not been given out.
	buf      []byte
	pos, end int

	offset int64 // of buf[pos] in the uncompressed stream
	count  int   // records given out
	err    error // returned by every further call
}

// NewReader returns a Reader of the records in src. With Auto, the default, it
// reads the first 12 bytes of src to find out the compression. src is read in
// large pieces and ahead of the records given out; it is not closed.
//
// An empty src is a file without records, whatever the compression.
//
// Errors: ErrInvalidOption, or what reading from src returned.
func NewReader(src io.Reader, opts ...ReaderOption) (*Reader, error) {
	options, err := applyReaderOptions(opts)
	if err != nil {
		return nil, err
	}
	r := &Reader{options: options}
	if err := r.Reset(src); err != nil {
		return nil, err
	}
	return r, nil
}

// Reset makes r read from src from now on, with the options and the buffer that
// it has. A slice of Next or Scan is no longer valid. Errors are
// NewReader's; after one, r must be Reset again before it is used.
func (r *Reader) Reset(src io.Reader) error {
	*r = Reader{options: r.options, buf: r.buf, src: src, compression: r.options.Compression}
	if r.compression == None {
		return nil
	}
	head := make([]byte, HeaderSize)
	n, err := io.ReadFull(src, head)
	head = head[:n]
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		r.err = r.fail(fmt.Errorf("reading the input: %w", err))
		return r.err
	}
	if r.compression == Auto {
		r.compression = detect(head)
	}
	if r.compression == None || n == 0 {
		r.grow(HeaderSize)
		r.end = copy(r.buf, head)
		return nil
	}
	r.source = &source{r: io.MultiReader(bytes.NewReader(head), src)}
	compressed := bufio.NewReaderSize(r.source, int(r.options.BufferSize))
	r.src = &lateOpener{open: func() (io.Reader, error) { return newDecompressor(r.compression, compressed) }}
	return nil
}

// source remembers the error that a compressed stream was cut off with.
type source struct {
	r   io.Reader
	err error // not io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != io.EOF {
		s.err = err
	}
	return n, err
}

// lateOpener opens a reader with the first call of Read, so that an error in
// its first bytes is reported where every other one is.
type lateOpener struct {
	open   func() (io.Reader, error)
	opened io.Reader
}

func (l *lateOpener) Read(p []byte) (int, error) {
	if l.opened == nil {
		r, err := l.open()
		if err != nil {
			return 0, err
		}
		l.opened = r
	}
	return l.opened.Read(p)
}

// Next returns the next record, both of whose CRCs are right. The slice belongs
// to r: it is valid, and may be changed, until the next call of a method that
// reads, or the next turn of a loop. After the last record Next returns io.EOF.
//
// Other errors are *RecordError and, by errors.Is, ErrCorrupt, ErrTruncated,
// ErrTooLarge or what the source returned. They are final: r returns the same
// error from then on.
func (r *Reader) Next() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	record, err := r.next()
	if err == io.EOF {
		r.err = err
		return nil, err
	}
	if err != nil {
		r.err = r.fail(err)
		return nil, r.err
	}
	r.count++
	r.offset += int64(HeaderSize + len(record) + FooterSize)
	return record, nil
}

// Read is Next, but the slice returned is a new one that belongs to the caller.
func (r *Reader) Read() ([]byte, error) {
	record, err := r.Next()
	if err != nil {
		return nil, err
	}
	owned := make([]byte, len(record))
	copy(owned, record)
	return owned, nil
}

// Records returns the records that are left. The slices belong to the caller. An
// error other than io.EOF comes last, with a nil slice. A loop that was left can
// be taken up again by a new one.
func (r *Reader) Records() iter.Seq2[[]byte, error] { return all(r.Read) }

// Scan is Records, but a slice is valid until the next turn of the loop only, as
// with Next. In return it allocates nothing for a record.
func (r *Reader) Scan() iter.Seq2[[]byte, error] { return all(r.Next) }

func all(next func() ([]byte, error)) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			record, err := next()
			if err == io.EOF {
				return
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}
}

// Offset returns where the next record begins, in bytes from the beginning of
// the uncompressed stream; in a plain file this is the offset in the file.
// After io.EOF it is the stream's length, after an error it is where the record
// begins that could not be read.
func (r *Reader) Offset() int64 { return r.offset }

// NumRead returns how many records have been read; it is the number, from 0, of
// the next one.
func (r *Reader) NumRead() int { return r.count }

// Compression returns how the input is compressed: what WithCompression said
// or, with Auto, what was found.
func (r *Reader) Compression() Compression { return r.compression }

func (r *Reader) fail(err error) error {
	return &RecordError{Record: r.count, Offset: r.offset, Compression: r.compression, Err: err}
}

// next returns the next record and leaves pos behind it.
func (r *Reader) next() ([]byte, error) {
	got, err := r.fill(HeaderSize)
	if err != nil {
		return nil, err
	}
	if got == 0 {
		return nil, io.EOF
	}
	if got < HeaderSize {
		return nil, truncated("the input ends after %d of %d header bytes", got, HeaderSize)
	}
	length, ok := ParseHeader(r.buf[r.pos:])
	if !ok {
		return nil, r.wrongLength()
	}
	if length > uint64(r.options.MaxRecordSize) {
		return nil, &fault{
			sentinel: ErrTooLarge,
			detail:   fmt.Sprintf("%d bytes, the limit is %d", length, r.options.MaxRecordSize),
		}
	}
	size := HeaderSize + int(length) + FooterSize
	got, err = r.fill(size)
	if err != nil {
		return nil, err
	}
	if got < size {
		return nil, truncated("the input ends after %d of %d bytes", got, size)
	}
	data := r.buf[r.pos+HeaderSize : r.pos+size-FooterSize : r.pos+size-FooterSize]
	if !CheckData(data, r.buf[r.pos+size-FooterSize:r.pos+size]) {
		return nil, corrupt("wrong CRC of the record's data (%d bytes)", length)
	}
	r.pos += size
	return data, nil
}

// riegeliFile is how Riegeli files begin, and so ArrayRecord files.
const riegeliFile = "\x83\xaf\x70\xd1\x0d\x88\x4a\x3f"

// wrongLength is the error for a header whose CRC is wrong. A plain reader of a
// compressed file gets it for the first record, and is told so.
func (r *Reader) wrongLength() error {
	if r.offset == 0 && string(r.buf[r.pos:r.pos+len(riegeliFile)]) == riegeliFile {
		return corrupt("this is an ArrayRecord file")
	}
	if r.offset == 0 && r.compression == None {
		if c := detect(r.buf[r.pos : r.pos+HeaderSize]); c != None {
			return corrupt("wrong CRC of the record's length (the input looks like a %v stream)", c)
		}
	}
	return corrupt("wrong CRC of the record's length")
}

// fill makes buf[pos:] hold at least n bytes, or all that are left if they are
// fewer, and returns how many of the n it holds. An error is one that hides
// whether there would have been more.
func (r *Reader) fill(n int) (int, error) {
	for r.end-r.pos < n {
		if r.srcErr != nil {
			if r.srcErr == io.EOF {
				return r.end - r.pos, nil
			}
			return 0, r.explain(r.srcErr)
		}
		r.makeRoom(n)
		r.readMore()
	}
	return n, nil
}

// readMore reads once from src. It is called with room in buf.
func (r *Reader) readMore() {
	const maxEmptyReads = 100
	for range maxEmptyReads {
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		r.srcErr = err
		if n > 0 || err != nil {
			return
		}
	}
	r.srcErr = io.ErrNoProgress
}

// makeRoom makes room behind end for a record of n bytes that begins at pos, or
// for a part of it. The buffer grows only once it is full, and at most to twice
// its size, so that a length which is a lie costs no more memory than the input
// has bytes.
func (r *Reader) makeRoom(n int) {
	if r.pos == r.end {
		r.pos, r.end = 0, 0
	}
	if len(r.buf)-r.pos >= n && r.end < len(r.buf) {
		return
	}
	if r.pos > 0 {
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.pos = 0
	}
	if r.end == len(r.buf) {
		r.grow(n)
	}
}

// grow gives buf a larger array: the size set by the options at first, then at
// most twice as much as before and no more than n asks for.
func (r *Reader) grow(n int) {
	size := int(r.options.BufferSize)
	if len(r.buf) >= size {
		size = n
		if len(r.buf) < n/2 {
			size = 2 * len(r.buf)
		}
	}
	if size > len(r.buf) {
		buf := make([]byte, size)
		copy(buf, r.buf[:r.end])
		r.buf = buf
	}
}

// explain adds what an error of the source means.
func (r *Reader) explain(err error) error {
	what := "input"
	if r.compression != None {
		what = r.compression.String() + " stream"
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return truncated("the %s is not complete", what)
	case r.source != nil && r.source.err == nil && !errors.Is(err, io.ErrNoProgress): // it was read, and makes no sense
		return &fault{sentinel: ErrCorrupt, cause: err, detail: "invalid " + what}
	}
	return fmt.Errorf("reading the %s: %w", what, err)
}
