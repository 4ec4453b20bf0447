package tfrecordio

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"

	"github.com/arrayrecord/arrayrecord-go/internal/readahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// newReader reads about size bytes.
func (c readConfig) newReader(src io.Reader, size int64, compression tfrecord.Compression) (*tfrecord.Reader, error) {
	// What is asked of storage at a time is enough for a bucket, and little
	// memory when many files are read at once.
	const least, most = 64 << 10, 1 << 20
	return tfrecord.NewReader(src, tfrecord.ReaderOptions{
		Compression:   compression,
		MaxRecordSize: c.MaxRecordSize,
		BufferSize:    min(max(size, least), most),
	})
}

// open opens the file, which had a certain size when it was found.
func (p part) open(ctx context.Context) (storage.Object, error) {
	o, err := storage.Open(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	if o.Size() != p.Size {
		err := fmt.Errorf("%s: the file has changed: it has %d bytes, and had %d when it was found", p.Name, o.Size(), p.Size)
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// outcome is what reading has come to.
type outcome struct {
	compression tfrecord.Compression
	bytes       int64 // of the file; all ranges of a file add up to its size
	atEnd       bool  // the end of the file was reached
}

// read gives to use, which must copy what it keeps: each record that it can
// claim, where in the uncompressed file it begins, and how many bytes of the
// range have been read.
//
// A range ends at any offset, while one record of a plain file follows from
// another. So both sides of an offset look for the first place behind it where a
// record seems to begin, with the same search: the range behind starts reading
// there, and the range before, which knows where a record does begin, fails if
// it is another place. By induction from the beginning of the file, all ranges
// have read exactly their records if none of them fails.
func (p part) read(ctx context.Context, c readConfig, rt *sdf.LockRTracker, use func(record []byte, offset, done int64)) (_ outcome, err error) {
	rest := rt.GetRestriction().(byteRange)
	if rest.size() <= 0 {
		return outcome{}, nil
	}
	o, err := p.open(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if rest.Begin == 0 {
		return p.readFrom(ctx, c, o, 0, rt, use)
	}
	compression := p.Compression
	if compression == tfrecord.Auto {
		if compression, err = detect(ctx, o); err != nil {
			return outcome{}, err
		}
	}
	if compression != tfrecord.None || p.AsWhole {
		// All was for the range that begins with the file.
		rt.TryClaim(&claim{Offset: rest.End})
		return outcome{}, rt.GetError()
	}
	s := search{ctx: ctx, o: o, limits: c.limits()}
	begin, err := s.recordStart(rest.Begin, rest.End)
	if err != nil {
		return outcome{}, err
	}
	if begin < 0 {
		rt.TryClaim(&claim{Offset: rest.End})
		return p.outcome(rest.Begin, rt), rt.GetError()
	}
	return p.readFrom(ctx, c, o, begin, rt, use)
}

// outcome is that of a plain file's range.
func (p part) outcome(begin int64, rt *sdf.LockRTracker) outcome {
	end := rt.GetRestriction().(byteRange).End
	return outcome{compression: tfrecord.None, bytes: end - begin, atEnd: end == p.Size}
}

// readFrom is read with the offset where the first record begins.
func (p part) readFrom(ctx context.Context, c readConfig, o storage.Object, begin int64, rt *sdf.LockRTracker, use func(record []byte, offset, done int64)) (_ outcome, err error) {
	rest := rt.GetRestriction().(byteRange)
	// What a record has behind the range is not read ahead.
	ahead := max(rest.End, begin)
	in := readahead.NewReader(ctx, o, begin, ahead)
	defer func() { err = errors.Join(err, in.Close()) }()
	behind := io.NewSectionReader(storage.NewReaderAt(ctx, o), ahead, p.Size-ahead)
	counting := &countingReader{r: io.MultiReader(in, behind)}
	r, err := c.newReader(counting, rest.size(), p.Compression)
	if err != nil {
		return outcome{}, p.explain(err, begin)
	}

	asWhole := p.AsWhole || r.Compression() != tfrecord.None
	position := claim{Whole: asWhole}
	var last []byte
	for {
		offset := begin + r.Offset()
		done := offset - rest.Begin
		position.Offset = offset
		if asWhole {
			done = counting.n
			position.Offset = done
		}
		if !rt.TryClaim(&position) {
			break
		}
		record, err := r.Next()
		if err == io.EOF && asWhole {
			rt.TryClaim(&claim{Offset: p.Size, Whole: true})
			return outcome{r.Compression(), p.Size, true}, rt.GetError()
		}
		if err != nil {
			return outcome{}, p.explain(err, begin)
		}
		use(record, offset, done)
		last = record
	}
	if err := rt.GetError(); err != nil || asWhole {
		return outcome{}, err // as a whole: all of the range was split off
	}
	if last != nil {
		if err := p.checkEnd(ctx, c, o, r, begin, rt.GetRestriction().(byteRange).End, last); err != nil {
			return outcome{}, err
		}
	}
	return p.outcome(rest.Begin, rt), nil
}

// checkEnd checks that the reader of what is behind the end of a range begins
// where r, which was made at begin, has come to: behind the last record.
func (p part) checkEnd(ctx context.Context, c readConfig, o storage.Object, r *tfrecord.Reader, begin, end int64, last []byte) error {
	next := begin + r.Offset()
	want, to := next, next+1
	if next == p.Size {
		want, to = -1, next
	}
	// The search has the last record's data, which may be long, already.
	data := next - tfrecord.FooterSize - int64(len(last))
	s := search{ctx: ctx, o: o, limits: c.limits(), block: last, blockOffset: data}
	found, err := s.recordStart(end, to)
	if err != nil || found == want {
		return err
	}
	if found >= 0 {
		return fmt.Errorf("%s: the record at offset %d goes on behind offset %d, where another seems to begin: "+
			"its data has TFRecords in it; read such files as a whole, with WithSplitSize(0)", p.Name, data-tfrecord.HeaderSize, found)
	}
	// Something behind next is damaged, or it would have been found.
	for {
		_, err := r.Next()
		if err == io.EOF {
			return fmt.Errorf("%s: the file has changed while it was read", p.Name)
		}
		if err != nil {
			return p.explain(err, begin)
		}
	}
}

// explain makes an error of reading from an offset on one about the file.
func (p part) explain(err error, begin int64) error {
	failure, ok := errors.AsType[*tfrecord.RecordError](err)
	if !ok {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	moved := *failure
	moved.Offset += begin
	counted := ""
	if begin > 0 {
		counted = fmt.Sprintf("counted from the record at offset %d: ", begin)
	}
	if !failure.OfContent() { // storage has named the file
		return fmt.Errorf("%s%w", counted, &moved)
	}
	hint := ""
	if begin > 0 && errors.Is(err, tfrecord.ErrCorrupt) {
		hint = " (records that have TFRecords in their data look like that too; read such files with WithSplitSize(0))"
	}
	return fmt.Errorf("%s: %s%w%s", p.Name, counted, &moved, hint)
}

// countingReader counts the bytes that were read from r.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
