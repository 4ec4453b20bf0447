// Package convert turns one file into one file, record by record and in order:
// TFRecord into ArrayRecord and back.
//
// Files are in any place that package storage knows. Memory is bounded whatever
// their size. The output appears under its name when it is complete; after an
// error there is nothing of it, and what had the name before is untouched.
// Converting once more gives the same file.
package convert

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/inflight"
	"github.com/arrayrecord/arrayrecord-go/internal/readahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// Stats is what a conversion did.
type Stats struct {
	Records int64
	// Sizes of the files, in bytes.
	BytesRead, BytesWritten int64
}

// Observer is told how a conversion goes on, by the goroutine that called it.
// Each function may be nil.
type Observer struct {
	// Record is told the size of every record, in bytes.
	Record func(size int)
	// Progress is told now and then how many records and how many bytes of the
	// input have been read since the last time.
	Progress func(records, bytes int64)
}

// Progress is reported, and the context looked at, after that much.
const (
	stepRecords = 1024
	stepBytes   = 4 << 20
)

// progress is a conversion under way.
type progress struct {
	ctx      context.Context
	input    string
	observer Observer
	// position gives how many bytes of the input have been read so far.
	position func() int64

	stats   Stats
	records int64 // since the last report
	bytes   int   // of records, since the last report
}

// record counts a record.
func (p *progress) record(size int) error {
	if p.observer.Record != nil {
		p.observer.Record(size)
	}
	p.records++
	p.bytes += size
	if p.records < stepRecords && p.bytes < stepBytes {
		return nil
	}
	p.report(p.position())
	if p.ctx.Err() != nil {
		return fmt.Errorf("%s: %w", p.input, context.Cause(p.ctx))
	}
	return nil
}

func (p *progress) report(position int64) {
	if p.observer.Progress != nil {
		p.observer.Progress(p.records, position-p.stats.BytesRead)
	}
	p.stats.Records += p.records
	p.stats.BytesRead = position
	p.records, p.bytes = 0, 0
}

// A TFRecordInput says how to read TFRecord files. The zero value finds out the
// compression.
type TFRecordInput struct {
	Compression tfrecord.Compression
	// MaxRecordSize is the longest record accepted, in bytes; 0 is
	// tfrecord.DefaultMaxRecordSize.
	MaxRecordSize int64
}

// tfRecordSource is an open TFRecord file.
type tfRecordSource struct {
	*tfrecord.Reader
	read  *countingReader
	close func() error
}

// position gives how many bytes of the file have been read.
func (s tfRecordSource) position() int64 { return s.read.n }

func (o TFRecordInput) open(ctx context.Context, name string) (tfRecordSource, error) {
	file, err := storage.Open(ctx, name)
	if err != nil {
		return tfRecordSource{}, err
	}
	ahead := readahead.NewReader(ctx, file, 0, file.Size())
	closeAll := func() error { return errors.Join(ahead.Close(), file.Close()) }
	read := &countingReader{r: ahead}
	// As much as is read from local disk at a time.
	r, err := tfrecord.NewReader(read, tfrecord.ReaderOptions{
		Compression:   o.Compression,
		MaxRecordSize: o.MaxRecordSize,
		BufferSize:    1 << 20,
	})
	if err != nil {
		return tfRecordSource{}, errors.Join(nameInput(name, err), closeAll())
	}
	return tfRecordSource{r, read, closeAll}, nil
}

// Verify reads a TFRecord file to its end. Errors are those of
// TFRecordToArrayRecord.
func (o TFRecordInput) Verify(ctx context.Context, name string, observer Observer) (err error) {
	src, err := o.open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	p := &progress{ctx: ctx, input: name, observer: observer, position: src.position}
	for record, err := range src.Scan() {
		if err != nil {
			return nameInput(name, err)
		}
		if err := p.record(len(record)); err != nil {
			return err
		}
	}
	p.report(src.position())
	return nil
}

// TFRecordToArrayRecord converts the TFRecord file input into the ArrayRecord
// file output, written with an option string as arrayrecord.ParseWriterOptions
// knows it.
//
// Errors name the file. They match those of packages tfrecord, arrayrecord and
// storage, or are the context's.
func TFRecordToArrayRecord(ctx context.Context, input, output string, in TFRecordInput, writerOptions string, observer Observer) (stats Stats, err error) {
	if err := checkNames(input, output); err != nil {
		return stats, err
	}
	src, err := in.open(ctx, input)
	if err != nil {
		return stats, err
	}
	defer func() { err = errors.Join(err, src.close()) }()

	defer inflight.Begin()()
	w, err := arrayrecord.Create(ctx, output, arrayrecord.WithWriterOptions(writerOptions))
	if err != nil {
		return stats, err
	}
	p := &progress{ctx: ctx, input: input, observer: observer, position: src.position}
	if err := copyTFRecords(p, src.Reader, w); err != nil {
		return p.stats, errors.Join(err, w.Abort())
	}
	p.report(src.position())
	if err := w.Close(); err != nil {
		return p.stats, err
	}
	p.stats.BytesWritten = w.Size()
	return p.stats, nil
}

func copyTFRecords(p *progress, r *tfrecord.Reader, w *arrayrecord.Writer) error {
	for record, err := range r.Scan() {
		if err != nil {
			return nameInput(p.input, err)
		}
		if err := w.Write(record); err != nil {
			return err
		}
		if err := p.record(len(record)); err != nil {
			return err
		}
	}
	return nil
}

// nameInput puts the file's name before an error of tfrecord, unless storage has
// done so.
func nameInput(name string, err error) error {
	if at, ok := errors.AsType[*tfrecord.RecordError](err); ok && !at.OfContent() {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// ArrayRecordToTFRecord converts the ArrayRecord file input into the TFRecord
// file output. Options are those of tfrecord.NewWriter.
//
// Errors name the file. They match those of packages arrayrecord, tfrecord and
// storage, or are the context's.
func ArrayRecordToTFRecord(ctx context.Context, input, output string, observer Observer, opts ...tfrecord.WriterOption) (stats Stats, err error) {
	if err := checkNames(input, output); err != nil {
		return stats, err
	}
	r, err := arrayrecord.Open(ctx, input)
	if err != nil {
		return stats, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()

	defer inflight.Begin()()
	u, err := storage.Create(ctx, output, storage.CreateOptions{})
	if err != nil {
		return stats, err
	}
	dst := &countingWriter{w: u}
	p := &progress{ctx: ctx, input: input, observer: observer}
	if err := copyArrayRecords(p, r, dst, opts); err != nil {
		return p.stats, errors.Join(err, u.Abort())
	}
	p.report(r.Size())
	if err := u.Commit(); err != nil {
		return p.stats, err
	}
	p.stats.BytesWritten = dst.n
	return p.stats, nil
}

func copyArrayRecords(p *progress, r *arrayrecord.Reader, dst io.Writer, opts []tfrecord.WriterOption) error {
	w, err := tfrecord.NewWriter(dst, opts...)
	if err != nil {
		return err
	}
	p.position = func() int64 {
		// Where the chunk of the last record ends.
		chunk := (w.NumRecords() - 1) / r.RecordGroupSize()
		offset, size := r.ChunkExtent(chunk, chunk+1)
		return offset + size
	}
	for record, err := range r.Scan(p.ctx, 0, r.NumRecords()) {
		if err != nil {
			return err
		}
		if err := w.Write(record); err != nil {
			return err
		}
		if err := p.record(len(record)); err != nil {
			return err
		}
	}
	return w.Close()
}

func checkNames(input, output string) error {
	if input == output {
		return fmt.Errorf("%s: the output would replace its input", input)
	}
	return nil
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

// countingWriter counts the bytes that were written to w.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
