package arrayrecord

import (
	"fmt"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// Compression is the codec of a file's chunks (docs/format.md section 3).
type Compression int

// The codecs of the format.
const (
	Uncompressed = Compression(core.Uncompressed)
	Brotli       = Compression(core.Brotli)
	Zstd         = Compression(core.Zstd)
	Snappy       = Compression(core.Snappy)
)

func (c Compression) String() string {
	switch c {
	case Uncompressed:
		return "uncompressed"
	case Brotli:
		return "brotli"
	case Zstd:
		return "zstd"
	case Snappy:
		return "snappy"
	}
	return fmt.Sprintf("Compression(%d)", int(c))
}

// WriterOptions are all settings of a writer. Get a valid set from [ParseWriterOptions].
type WriterOptions struct {
	// GroupSize is the number of records in a chunk, 1 by default. Larger groups compress better
	// and are slower to read at random.
	GroupSize int
	// MaxParallelism is the number of threads that encode; 0, the default, is one per processor.
	MaxParallelism int
	// SaturationDelayMS is how long, in milliseconds, a Write that finds all threads busy waits
	// before its own thread encodes too; 10 by default.
	SaturationDelayMS int
	// Transpose stores chunks by columns of protocol buffer fields.
	Transpose bool
	// TransposeBucketSize is how many bytes of columns are compressed together; 256 by default.
	TransposeBucketSize uint64
	// PadToBlockBoundary makes every chunk begin at a multiple of 64 KiB.
	PadToBlockBoundary bool
	// Compression is the codec, Zstd by default.
	Compression Compression
	// Level is the codec's level: brotli 0 to 11 (default 6), zstd -131072 to 22 (default 3).
	Level int
	// WindowLog is the logarithm of the window size in bytes: brotli 10 to 30, zstd 10 to 31
	// (default 20); 0 leaves it to the codec.
	WindowLog int
	// NoOverwrite makes Create or Close fail, with an error that matches fs.ErrExist, if there is a file of
	// that name already. It concerns Create only, and is not part of option strings.
	NoOverwrite bool
}

// ParseWriterOptions parses an option string such as "group_size:256,brotli:9", in the grammar
// of docs/format.md section 8, which is that of the other ArrayRecord libraries. The empty string
// gives the defaults. Errors match ErrInvalidOption.
func ParseWriterOptions(s string) (WriterOptions, error) {
	o, err := core.ParseWriterOptions(s)
	if err != nil {
		return WriterOptions{}, fileError("", err)
	}
	return WriterOptions{
		GroupSize:           o.GroupSize,
		MaxParallelism:      o.MaxParallelism,
		SaturationDelayMS:   o.SaturationDelayMS,
		Transpose:           o.Transpose,
		TransposeBucketSize: o.TransposeBucketSize,
		PadToBlockBoundary:  o.PadToBlockBoundary,
		Compression:         Compression(o.Compression),
		Level:               o.Level,
		WindowLog:           o.WindowLog,
	}, nil
}

// String gives the full option string as it is recorded in files, or what is wrong with the
// options.
func (o WriterOptions) String() string {
	s, err := o.core().Format()
	if err != nil {
		return fileError("", err).Error()
	}
	return s
}

func (o WriterOptions) core() core.WriterOptions {
	return core.WriterOptions{
		GroupSize:           o.GroupSize,
		MaxParallelism:      o.MaxParallelism,
		SaturationDelayMS:   o.SaturationDelayMS,
		Transpose:           o.Transpose,
		TransposeBucketSize: o.TransposeBucketSize,
		PadToBlockBoundary:  o.PadToBlockBoundary,
		Compression:         int(o.Compression),
		Level:               o.Level,
		WindowLog:           o.WindowLog,
	}
}

// AutoReadahead leaves the readahead size to the reader.
const AutoReadahead = 0

// ReaderOptions are all settings of a reader. Get a valid set from [ParseReaderOptions].
type ReaderOptions struct {
	ReadaheadBufferSize         int64
	MaxParallelism              int
	ReadaheadMemory             int64
	FooterPrefetchBytes         int64
	MaxRecordSize, MaxChunkSize int64
	NoReadahead                 bool
	OffloadedIndex              bool
	Mapped                      bool
}

func (o ReaderOptions) core() core.ReaderOptions { return core.ReaderOptions(o) }

// ParseReaderOptions parses an option string such as "readahead_buffer_size:16M,max_parallelism:2",
// in the grammar of docs/format.md section 8. The empty string gives the defaults. Errors match
// ErrInvalidOption.
func ParseReaderOptions(s string) (ReaderOptions, error) {
	o, err := core.ParseReaderOptions(s)
	if err != nil {
		return ReaderOptions{}, fileError("", err)
	}
	return ReaderOptions(o), nil
}

// A WriterOption sets options of a writer. Later options win.
type WriterOption interface{ applyWriter(*WriterOptions) error }

// A ReaderOption sets options of a reader. Later options win.
type ReaderOption interface{ applyReader(*ReaderOptions) error }

// An Option suits readers and writers.
type Option interface {
	WriterOption
	ReaderOption
}

type writerOption func(*WriterOptions) error

func (f writerOption) applyWriter(o *WriterOptions) error { return f(o) }

type readerOption func(*ReaderOptions) error

func (f readerOption) applyReader(o *ReaderOptions) error { return f(o) }

type parallelism int

func (p parallelism) applyWriter(o *WriterOptions) error {
	o.MaxParallelism = int(p)
	return nil
}

func (p parallelism) applyReader(o *ReaderOptions) error {
	o.MaxParallelism = int(p)
	return nil
}

// WithMaxParallelism sets MaxParallelism of a reader or a writer.
func WithMaxParallelism(n int) Option { return parallelism(n) }

// WithWriterOptions sets all writer options from an option string; see [ParseWriterOptions].
func WithWriterOptions(s string) WriterOption {
	return writerOption(func(o *WriterOptions) error {
		parsed, err := ParseWriterOptions(s)
		if err == nil {
			parsed.NoOverwrite = o.NoOverwrite
			*o = parsed
		}
		return err
	})
}

// WithGroupSize sets the number of records in a chunk.
func WithGroupSize(n int) WriterOption {
	return writerOption(func(o *WriterOptions) error {
		o.GroupSize = n
		return nil
	})
}

// WithZstd compresses by zstd. Levels are -131072 to 22; 3 is the default of this package.
func WithZstd(level int) WriterOption { return withCompression(Zstd, level, 20) }

// WithBrotli compresses by brotli. Levels are 0 to 11.
func WithBrotli(level int) WriterOption { return withCompression(Brotli, level, 0) }

// WithSnappy compresses by snappy.
func WithSnappy() WriterOption { return withCompression(Snappy, 1, 0) }

// WithoutCompression stores records as they are.
func WithoutCompression() WriterOption { return withCompression(Uncompressed, 0, 0) }

func withCompression(c Compression, level, windowLog int) WriterOption {
	return writerOption(func(o *WriterOptions) error {
		o.Compression, o.Level, o.WindowLog = c, level, windowLog
		return nil
	})
}

// WithWindowLog sets the logarithm of the codec's window size. Give it after the codec.
func WithWindowLog(n int) WriterOption {
	return writerOption(func(o *WriterOptions) error {
		o.WindowLog = n
		return nil
	})
}

// WithPadToBlockBoundary makes every chunk begin at a multiple of 64 KiB.
func WithPadToBlockBoundary() WriterOption {
	return writerOption(func(o *WriterOptions) error {
		o.PadToBlockBoundary = true
		return nil
	})
}

// WithNoOverwrite makes Create or Close fail, with an error that matches fs.ErrExist, if there is a file of
// that name already.
func WithNoOverwrite() WriterOption {
	return writerOption(func(o *WriterOptions) error {
		o.NoOverwrite = true
		return nil
	})
}

// WithReaderOptions sets all reader options from an option string; see [ParseReaderOptions].
func WithReaderOptions(s string) ReaderOption {
	return readerOption(func(o *ReaderOptions) error {
		parsed, err := ParseReaderOptions(s)
		if err == nil {
			parsed.Mapped = o.Mapped
			*o = parsed
		}
		return err
	})
}

// WithReadahead sets ReadaheadBufferSize, in bytes.
func WithReadahead(bytes int64) ReaderOption {
	return readerOption(func(o *ReaderOptions) error {
		o.ReadaheadBufferSize = bytes
		return nil
	})
}

// WithOffloadedIndex keeps the index in a temporary file instead of in memory.
func WithOffloadedIndex() ReaderOption {
	return readerOption(func(o *ReaderOptions) error {
		o.OffloadedIndex = true
		return nil
	})
}

// WithMmap maps local files to memory, which makes single reads and batches of small records that
// are not compressed about twice as fast; other storage is read as ever. A file that somebody makes
// shorter meanwhile gives errors that match ErrCorrupt, as without this. For that the first such
// reader installs a handler of SIGBUS, which passes on all signals that are not its own.
func WithMmap() ReaderOption {
	return readerOption(func(o *ReaderOptions) error {
		o.Mapped = true
		return nil
	})
}

func applyWriterOptions(opts []WriterOption) (WriterOptions, error) {
	o, err := ParseWriterOptions("")
	for i := 0; err == nil && i < len(opts); i++ {
		err = opts[i].applyWriter(&o)
	}
	return o, err
}

func applyReaderOptions(opts []ReaderOption) (ReaderOptions, error) {
	o, err := ParseReaderOptions("")
	for i := 0; err == nil && i < len(opts); i++ {
		err = opts[i].applyReader(&o)
	}
	return o, err
}
