package tfrecord

import (
	"compress/flate"
	"fmt"
	"math"

	"github.com/arrayrecord/arrayrecord-go/internal/settings"
)

const (
	// DefaultMaxRecordSize is the longest record a Reader accepts unless told
	// otherwise, in bytes. It is the longest that a serialized protocol buffer
	// message, such as a tf.train.Example, can be.
	DefaultMaxRecordSize = math.MaxInt32

	// A record, its header and its footer must be countable in an int.
	maxRecordSize = math.MaxInt - HeaderSize - FooterSize

	defaultBufferSize = 64 << 10
	minBufferSize     = HeaderSize + FooterSize
)

// A ReaderOption says something about a Reader: a ReaderOptions, or what one of
// the functions here returns. Each says only some things, in any order; two that
// say different things of the same setting are an error that is
// ErrInvalidOption.
type ReaderOption interface{ readerOptions() ReaderOptions }

// A WriterOption says something about a Writer: a WriterOptions, or what one of
// the functions here returns. Each says only some things, in any order; two that
// say different things of the same setting are an error that is
// ErrInvalidOption.
type WriterOption interface{ writerOptions() WriterOptions }

// An Option is for both.
type Option interface {
	ReaderOption
	WriterOption
}

// ReaderOptions are all settings of a Reader. A field that is zero is not set:
// the default holds, unless another option sets it.
type ReaderOptions struct {
	// Compression says how the file is compressed. The default, Auto, finds out.
	Compression Compression
	// MaxRecordSize is the longest record a Reader accepts, in bytes of data; a
	// longer one is ErrTooLarge. The default is DefaultMaxRecordSize. Whatever
	// the limit, a Reader allocates no more than about twice the bytes that the
	// input did deliver.
	MaxRecordSize int64
	// BufferSize is how many bytes a Reader asks its source for at a time; longer
	// records make its buffer grow. The default is 64 KiB, the least is 16 bytes.
	BufferSize int64
}

// WriterOptions are all settings of a Writer. A field that is zero is not set:
// the default holds, unless another option sets it.
type WriterOptions struct {
	// Compression is that of the file: None, Gzip or Zlib. The default, Auto, is
	// None.
	Compression Compression
	// Level is the compression level, as in package compress/flate: 1, the
	// fastest, to 9, the densest; -2 is Huffman coding alone; the default, also
	// as -1, is that of package flate. It has no effect on a plain file.
	Level int
}

func (o ReaderOptions) readerOptions() ReaderOptions { return o }

func (o WriterOptions) writerOptions() WriterOptions { return o }

type compressionOption Compression

func (o compressionOption) readerOptions() ReaderOptions {
	return ReaderOptions{Compression: Compression(o)}
}

func (o compressionOption) writerOptions() WriterOptions {
	return WriterOptions{Compression: Compression(o)}
}

// WithCompression says how the file is compressed. The default, Auto, finds out
// for a Reader and is None for a Writer.
func WithCompression(c Compression) Option { return compressionOption(c) }

// WithMaxRecordSize sets MaxRecordSize, in bytes.
func WithMaxRecordSize(n int64) ReaderOption { return ReaderOptions{MaxRecordSize: n} }

// WithBufferSize sets BufferSize, in bytes.
func WithBufferSize(n int64) ReaderOption { return ReaderOptions{BufferSize: n} }

// WithLevel sets the compression level of a Writer.
func WithLevel(level int) WriterOption { return WriterOptions{Level: level} }

func invalidOption(format string, args ...any) error {
	return fmt.Errorf("tfrecord: %w: %w", ErrInvalidOption, fmt.Errorf(format, args...))
}

func (c Compression) check() error {
	if c < Auto || c > Zstd {
		return invalidOption("%v", c)
	}
	return nil
}

// applyReaderOptions gives the options with defaults in place of what is not set.
func applyReaderOptions(opts []ReaderOption) (ReaderOptions, error) {
	var o ReaderOptions
	for _, opt := range opts {
		if err := settings.Add(&o, opt.readerOptions()); err != nil {
			return o, invalidOption("%w", err)
		}
	}
	settings.SetDefault(&o.MaxRecordSize, DefaultMaxRecordSize)
	settings.SetDefault(&o.BufferSize, defaultBufferSize)
	if o.MaxRecordSize < 0 {
		return o, invalidOption("negative record size limit %d", o.MaxRecordSize)
	}
	o.MaxRecordSize = min(o.MaxRecordSize, maxRecordSize)
	if o.BufferSize < minBufferSize || o.BufferSize > math.MaxInt {
		return o, invalidOption("buffer size %d is not in [%d, %d]", o.BufferSize, minBufferSize, math.MaxInt)
	}
	return o, o.Compression.check()
}

// applyWriterOptions gives the options with defaults in place of what is not set.
func applyWriterOptions(opts []WriterOption) (WriterOptions, error) {
	var o WriterOptions
	for _, opt := range opts {
		if err := settings.Add(&o, opt.writerOptions()); err != nil {
			return o, invalidOption("%w", err)
		}
	}
	settings.SetDefault(&o.Compression, None)
	settings.SetDefault(&o.Level, flate.DefaultCompression)
	if o.Level < flate.HuffmanOnly || o.Level > flate.BestCompression {
		return o, invalidOption("compression level %d is not in [%d, %d]", o.Level, flate.HuffmanOnly, flate.BestCompression)
	}
	if o.Compression == Bzip2 || o.Compression == Zstd {
		return o, invalidOption("%v files are read only", o.Compression)
	}
	return o, o.Compression.check()
}
