package tfrecord

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Compression is how a whole file is compressed.
type Compression int

const (
	// Auto lets a Reader find out. It is a Reader's default, and no compression
	// for a Writer.
	Auto Compression = iota
	// None is a plain file. It is a Writer's default.
	None
	// Gzip is one gzip member or several after each other.
	Gzip
	// Zlib is one zlib stream or several after each other.
	Zlib
	// Bzip2 is one bzip2 stream or several after each other. It is read only.
	Bzip2
	// Zstd is one frame of Zstandard or several after each other, without
	// dictionaries. It is read only, with windows of at most 8 MiB: what zstd makes
	// without --ultra or --long.
	Zstd
)

var compressionNames = [...]string{Auto: "auto", None: "none", Gzip: "gzip", Zlib: "zlib", Bzip2: "bzip2", Zstd: "zstd"}

// String returns "auto", "none", "gzip", "zlib", "bzip2" or "zstd".
func (c Compression) String() string {
	if c < 0 || int(c) >= len(compressionNames) {
		return fmt.Sprintf("Compression(%d)", int(c))
	}
	return compressionNames[c]
}

// ParseCompression is the inverse of String. For any other name it returns an
// error that is ErrInvalidOption.
func ParseCompression(name string) (Compression, error) {
	for c, n := range compressionNames {
		if n == name {
			return Compression(c), nil
		}
	}
	return Auto, fmt.Errorf("tfrecord: %w: unknown compression %q (known: auto, none, gzip, zlib, bzip2, zstd)", ErrInvalidOption, name)
}

// detect tells the compression of a file that begins with head, which has
// HeaderSize bytes or is the whole file.
//
// The length of a plain file's first record may begin with the very bytes that
// mark gzip or zlib (a record of 40056 bytes does), so the record header's CRC
// is asked first. Only a damaged file can be taken for what it is not, and that
// ends in an error whichever way it is read.
func detect(head []byte) Compression {
	if _, ok := ParseHeader(head); ok {
		return None
	}
	const deflate = 8
	switch {
	case len(head) >= 3 && head[0] == 0x1f && head[1] == 0x8b && head[2] == deflate:
		return Gzip
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) >= 4 && '1' <= head[3] && head[3] <= '9':
		return Bzip2
	case isZstdMagic(head):
		return Zstd
	case len(head) >= 2 && isZlibHeader(binary.BigEndian.Uint16(head)):
		return Zlib
	}
	return None
}

// isZstdMagic knows the four bytes that begin a frame, or one to be skipped.
func isZstdMagic(head []byte) bool {
	const frame, skippable = 0xfd2fb528, 0x184d2a50
	if len(head) < 4 {
		return false
	}
	magic := binary.LittleEndian.Uint32(head)
	return magic == frame || magic&^0xf == skippable
}

// isZlibHeader knows the two bytes that begin a zlib stream: method deflate, a
// window of at most 32 KiB, no preset dictionary, and a check that makes the
// whole divisible by 31.
func isZlibHeader(h uint16) bool {
	const (
		method     = 0x0f00
		deflate    = 0x0800
		maxWindow  = 0x7000
		window     = 0xf000
		dictionary = 0x0020
	)
	return h&method == deflate && h&window <= maxWindow && h&dictionary == 0 && h%31 == 0
}

// maxZstdWindow is what every decoder should support (RFC 8878), and no encoder
// exceed. The memory is taken as soon as a frame claims to need it.
const maxZstdWindow = 8 << 20

// newDecompressor returns a reader of the content of src, which is not at its
// end. The reader returns io.EOF only when src is.
func newDecompressor(c Compression, src *bufio.Reader) (io.Reader, error) {
	switch c {
	case Gzip:
		return gzip.NewReader(src)
	case Bzip2:
		return bzip2.NewReader(src), nil
	case Zstd:
		// Without goroutines, so that a Reader may be dropped.
		return zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	}
	z, err := zlib.NewReader(src)
	if err != nil {
		return nil, err
	}
	return &zlibStreams{src: src, stream: z}, nil
}

// zlibStreams reads zlib streams that follow each other. A single zlib reader
// would end at the first one's end and leave the rest unread without a word.
type zlibStreams struct {
	src    *bufio.Reader
	stream io.ReadCloser
}

func (z *zlibStreams) Read(p []byte) (int, error) {
	for {
		n, err := z.stream.Read(p)
		if n > 0 && err == io.EOF {
			err = nil // comes again with the next call
		}
		if n > 0 || err != io.EOF {
			return n, err
		}
		if _, err := z.src.Peek(1); err != nil {
			return 0, err
		}
		if err := z.stream.(zlib.Resetter).Reset(z.src, nil); err != nil {
			return 0, err
		}
	}
}

// compressor is what gzip and zlib writers have in common.
type compressor interface {
	io.WriteCloser
	Flush() error
}

// newCompressor returns nil for no compression. The options have been checked.
func newCompressor(c Compression, level int, dst io.Writer) (compressor, error) {
	switch c {
	case Gzip:
		return gzip.NewWriterLevel(dst, level)
	case Zlib:
		return zlib.NewWriterLevel(dst, level)
	}
	return nil, nil
}
