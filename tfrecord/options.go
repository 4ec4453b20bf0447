package tfrecord

import (
	"compress/flate"
	"fmt"
	"math"
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

// A ReaderOption changes what NewReader makes.
type ReaderOption interface {
	applyReader(*readerConfig) error
}

// A WriterOption changes what NewWriter makes.
type WriterOption interface {
	applyWriter(*writerConfig) error
}

// An Option is for both.
type Option interface {
	ReaderOption
	WriterOption
}

type readerConfig struct {
	compression   Compression
	maxRecordSize uint64
	bufferSize    int
}

type writerConfig struct {
	compression Compression
	level       int
}

type readerOption func(*readerConfig) error

func (o readerOption) applyReader(c *readerConfig) error { return o(c) }

type writerOption func(*writerConfig) error

func (o writerOption) applyWriter(c *writerConfig) error { return o(c) }

type compressionOption Compression

func (o compressionOption) check() (Compression, error) {
	c := Compression(o)
	if c < Auto || c > Zlib {
		return c, fmt.Errorf("tfrecord: %w: %v", ErrInvalidOption, c)
	}
	return c, nil
}

func (o compressionOption) applyReader(c *readerConfig) (err error) {
	c.compression, err = o.check()
	return err
}

func (o compressionOption) applyWriter(c *writerConfig) (err error) {
	c.compression, err = o.check()
	return err
}

// WithCompression says how the file is compressed. The default is Auto for a
// Reader and None for a Writer.
func WithCompression(c Compression) Option { return compressionOption(c) }

// WithMaxRecordSize sets the longest record a Reader accepts, in bytes of data;
// a longer one is ErrTooLarge. The default is DefaultMaxRecordSize. Whatever
// the limit, a Reader allocates no more than about twice the bytes that the
// input did deliver.
func WithMaxRecordSize(n int) ReaderOption {
	return readerOption(func(c *readerConfig) error {
		if n < 0 {
			return fmt.Errorf("tfrecord: %w: negative record size limit %d", ErrInvalidOption, n)
		}
		c.maxRecordSize = min(uint64(n), maxRecordSize)
		return nil
	})
}

// WithBufferSize sets how many bytes a Reader asks its source for at a time;
// longer records make its buffer grow. The default is 64 KiB, the least is 16
// bytes.
func WithBufferSize(n int) ReaderOption {
	return readerOption(func(c *readerConfig) error {
		if n < minBufferSize {
			return fmt.Errorf("tfrecord: %w: buffer size %d is less than %d", ErrInvalidOption, n, minBufferSize)
		}
		c.bufferSize = n
		return nil
	})
}

// WithLevel sets the compression level of a Writer, from -2 to 9 as in package
// compress/flate. The default is flate.DefaultCompression. It has no effect on
// a plain file.
func WithLevel(level int) WriterOption {
	return writerOption(func(c *writerConfig) error {
		if level < flate.HuffmanOnly || level > flate.BestCompression {
			return fmt.Errorf("tfrecord: %w: compression level %d is not in [%d, %d]",
				ErrInvalidOption, level, flate.HuffmanOnly, flate.BestCompression)
		}
		c.level = level
		return nil
	})
}
