package arrayrecord

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/settings"
)

// A WriterOption says something about a writer: a [WriterOptions], a [Compression], or what one of
// the functions here returns. Each says only some things, in any order; two that say different
// things of the same setting are an error that matches ErrInvalidOption.
type WriterOption interface{ writerOptions() (WriterOptions, error) }

// A ReaderOption says something about a reader: a [ReaderOptions], or what one of the functions
// here returns. Each says only some things, in any order; two that say different things of the same
// setting are an error that matches ErrInvalidOption.
type ReaderOption interface{ readerOptions() (ReaderOptions, error) }

// An Option suits readers and writers.
type Option interface {
	WriterOption
	ReaderOption
}

// WriterOptions are all settings of a writer. A field that is zero is not set: the default holds,
// unless another option sets it.
type WriterOptions struct {
	// GroupSize is the number of records in a chunk, 1 by default, up to 2^31 - 1. Larger groups
	// compress better and are slower to read at random.
	GroupSize int
	// MaxParallelism is the number of threads that encode; one per processor by default.
	MaxParallelism int
	// SaturationDelayMS is how long, in milliseconds, a Write that finds all threads busy waits
	// before its own thread encodes too; 10 by default.
	SaturationDelayMS int
	// Transpose stores chunks by columns of protocol buffer fields.
	Transpose bool
	// TransposeBucketSize is how many bytes of columns are compressed together; 256 by default. In
	// text it is a real number: of sizes beyond 2^53 only those that a float64 holds are exact.
	TransposeBucketSize uint64
	// PadToBlockBoundary makes every chunk begin at a multiple of 64 KiB.
	PadToBlockBoundary bool
	// Compression is the codec and its settings; Zstd(3) by default.
	Compression Compression
	// NoOverwrite makes Create or Close fail, with an error that matches fs.ErrExist, if there is a
	// file of that name already. It concerns Create only.
	NoOverwrite bool
	// NoSync makes Close return without waiting for the disk: after a power failure there may be an
	// empty file under the name, or none. It concerns local disk only, Create and Append.
	NoSync bool
	// NoDigest leaves the digest of the chunks out of the index, by which [Verify] notices sound chunks
	// that were exchanged, or come from another version of the file. Other libraries pass over it. Files
	// without compression, and without it, are those of upstream's writer, byte for byte.
	NoDigest bool
}

// ReaderOptions are all settings of a reader. A field that is zero is not set: the default holds,
// unless another option sets it.
type ReaderOptions struct {
	// MaxParallelism is how many reads of sequential reading are under way at once, with up to twice
	// as many done or under way together, and how many threads share a batch; one per processor by
	// default.
	MaxParallelism int
	// NoReadahead makes sequential reading read when it is asked, on the calling goroutine.
	NoReadahead bool
	// ReadaheadBufferSize is how many bytes of chunks are read together in sequential reading, up to
	// 1 GiB. By default the reader chooses: 1 MiB on local disk, 4 MiB elsewhere. 1 is one chunk at
	// a time.
	ReadaheadBufferSize int64
	// ReadaheadMemory is how many bytes of decoded records sequential reading has in memory at once;
	// 64 MiB by default. A record that is larger by itself comes alone, a chunk of several in pieces
	// (one that is transposed or compressed by snappy is decoded whole for that).
	ReadaheadMemory int64
	// FooterPrefetchBytes is how many bytes at the end of a file that is not local are read in one
	// go when it is opened, up to 1 GiB; 1 MiB by default. 1 is no more than must be read, as is the
	// default with OffloadedIndex, and the only other value that goes with it.
	FooterPrefetchBytes int64
	// MaxRecordSize is the size in bytes of the largest record that is read; 2 GiB by default. A
	// larger one is an error that matches ErrTooLarge, before memory is taken for it.
	MaxRecordSize int64
	// MaxChunkSize is the same for the records of a chunk together; 4 GiB by default.
	MaxChunkSize int64
	// OffloadedIndex keeps the index in an unlinked temporary file (in $TMPDIR) that the system
	// can page out, instead of in memory.
	OffloadedIndex bool
	// Mapped maps local files to memory instead of reading them by system calls; see [WithMmap].
	Mapped bool
}

// WithDefaults returns the options with the defaults in place of what is not set, except for
// MaxParallelism, whose default depends on the machine.
func (o WriterOptions) WithDefaults() WriterOptions {
	settings.SetDefault(&o.GroupSize, 1)
	settings.SetDefault(&o.SaturationDelayMS, 10)
	settings.SetDefault(&o.TransposeBucketSize, 256)
	settings.SetDefault(&o.Compression, Zstd(3))
	return o
}

// WithDefaults returns the options with the defaults in place of what is not set, except for
// MaxParallelism and ReadaheadBufferSize, whose defaults depend on the machine and the storage.
func (o ReaderOptions) WithDefaults() ReaderOptions {
	settings.SetDefault(&o.ReadaheadMemory, 64<<20)
	if o.OffloadedIndex {
		settings.SetDefault(&o.FooterPrefetchBytes, 1)
	}
	settings.SetDefault(&o.FooterPrefetchBytes, 1<<20)
	settings.SetDefault(&o.MaxRecordSize, 2<<30)
	settings.SetDefault(&o.MaxChunkSize, 4<<30)
	return o
}

// Compression is a codec with its settings, such as Zstd(9) or Brotli(0).WithWindowLog(22). It can
// be compared, and passed as a WriterOption. The zero value is not set, which means Zstd(3).
type Compression struct {
	codec     byte // 0 if not set
	level     int
	windowLog int // 0: left to the codec
}

// The window of zstd where nothing is said: frames of large chunks would otherwise want more memory
// than small readers have.
const zstdWindowLog = 20

// Zstd compresses by zstd. Levels are -131072 to 22; 3 is the default of this package, 0 is zstd's
// own. The window is 2^20 bytes unless WithWindowLog says something else, 10 to 31.
func Zstd(level int) Compression { return Compression{core.Zstd, level, zstdWindowLog} }

// Brotli compresses by brotli. Levels are 0 to 11; 6 is what an option string means that names
// none. WithWindowLog may say 10 to 30; otherwise brotli chooses.
func Brotli(level int) Compression { return Compression{core.Brotli, level, 0} }

// Snappy compresses by snappy. Levels are 1, the usual one, and 2, which is denser and slower where
// the snappy library has it. There is no window to choose.
func Snappy(level int) Compression { return Compression{core.Snappy, level, 0} }

// Uncompressed stores records as they are.
func Uncompressed() Compression { return Compression{codec: core.Uncompressed} }

// WithWindowLog returns the compression with another window size, 2^n bytes; 0 is the default
// again. What the codec does not have is an error when a writer is made.
func (c Compression) WithWindowLog(n int) Compression {
	settings.SetDefault(&c, Zstd(3))
	c.windowLog = n
	if c.codec == core.Zstd {
		settings.SetDefault(&c.windowLog, zstdWindowLog)
	}
	return c
}

// String gives the options of an option string that set the compression, such as
// "brotli:0,window_log:22".
func (c Compression) String() string {
	settings.SetDefault(&c, Zstd(3))
	window := c.windowLog
	var codec string
	switch c.codec {
	case core.Uncompressed:
		codec = "uncompressed"
	case core.Snappy:
		codec = fmt.Sprintf("snappy:%d", c.level)
	case core.Brotli:
		codec = fmt.Sprintf("brotli:%d", c.level)
	default:
		codec = fmt.Sprintf("zstd:%d", c.level)
		if window == zstdWindowLog {
			window = 0
		}
	}
	return joinOptions(codec, intOption("window_log", window))
}

// MarshalText gives the text of String, and nothing for a compression that is not set.
func (c Compression) MarshalText() ([]byte, error) {
	if c == (Compression{}) {
		return nil, nil
	}
	return []byte(c.String()), nil
}

// UnmarshalText takes the compression from an option string that says nothing else. Errors match
// ErrInvalidOption.
func (c *Compression) UnmarshalText(text []byte) error {
	o, err := ParseWriterOptions(string(text))
	if err != nil {
		return err
	}
	if o != (WriterOptions{Compression: o.Compression}) {
		return fmt.Errorf("%w: %q is not a compression", ErrInvalidOption, text)
	}
	*c = o.Compression
	return nil
}

// ParseWriterOptions parses an option string such as "group_size:256,brotli:9", in the grammar of
// docs/format.md section 8: that of the other ArrayRecord libraries, and keys of this one. Options
// that the string leaves open, and those it sets to "auto" or "false", are not set. Errors match
// ErrInvalidOption.
func ParseWriterOptions(s string) (WriterOptions, error) {
	var o WriterOptions
	own := []ownOption{{key: "no_overwrite", flag: &o.NoOverwrite}, {key: "no_sync", flag: &o.NoSync},
		{key: "no_digest", flag: &o.NoDigest}}
	parsed, err := parseOptions(s, own, core.ParseWriterOptions)
	if err != nil {
		return WriterOptions{}, err
	}
	o.Transpose = parsed.Transpose
	o.PadToBlockBoundary = parsed.PadToBlockBoundary
	// The core gives defaults, which must not contradict other options.
	if sets(s, "group_size") {
		o.GroupSize = parsed.GroupSize
	}
	if sets(s, "max_parallelism") {
		o.MaxParallelism = parsed.MaxParallelism
	}
	if sets(s, "saturation_delay_ms") {
		o.SaturationDelayMS = parsed.SaturationDelayMS
	}
	if sets(s, "transpose_bucket_size") {
		o.TransposeBucketSize = parsed.TransposeBucketSize
	}
	if sets(s, "uncompressed") || sets(s, "brotli") || sets(s, "zstd") || sets(s, "snappy") || sets(s, "window_log") {
		o.Compression = Compression{codec: parsed.Codec, level: parsed.Level}.WithWindowLog(parsed.WindowLog)
	}
	return o, nil
}

// ParseReaderOptions parses an option string such as "readahead_buffer_size:16M,max_parallelism:2",
// in the grammar of docs/format.md section 8: that of the other ArrayRecord libraries, and keys of
// this one. Options that the string leaves open, and those it sets to "auto" or "false", are not
// set; "max_parallelism:0" is NoReadahead with a MaxParallelism of 1, and the other sizes of 0 are
// 1 in the struct. Errors match ErrInvalidOption.
func ParseReaderOptions(s string) (ReaderOptions, error) {
	var o ReaderOptions
	own := []ownOption{
		{key: "no_readahead", flag: &o.NoReadahead}, {key: "mapped", flag: &o.Mapped},
		{key: "readahead_memory", bytes: &o.ReadaheadMemory}, {key: "max_record_size", bytes: &o.MaxRecordSize},
		{key: "max_chunk_size", bytes: &o.MaxChunkSize},
	}
	parsed, err := parseOptions(s, own, core.ParseReaderOptions)
	if err != nil {
		return ReaderOptions{}, err
	}
	o.MaxParallelism = parsed.MaxParallelism
	o.NoReadahead = o.NoReadahead || parsed.NoReadahead
	o.ReadaheadBufferSize = parsed.ReadaheadBufferSize
	o.FooterPrefetchBytes = parsed.FooterPrefetchBytes
	o.OffloadedIndex = parsed.OffloadedIndex
	return o, nil
}

// An ownOption is a key of option strings that other libraries do not know, for a flag or for a
// number of bytes.
type ownOption struct {
	key   string
	flag  *bool
	bytes *int64
}

// set takes a value; false if it is none.
func (o ownOption) set(value string) bool {
	if o.flag != nil {
		*o.flag = value != "false"
		return value == "" || value == "true" || value == "false"
	}
	number := strings.TrimRight(value, "BkKMGTPE")
	suffix := value[len(number):]
	if len(suffix) > 1 {
		return false
	}
	shift := 10 * max(0, strings.Index("BKMGTPE", strings.ToUpper(suffix)))
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt64>>shift {
		return false
	}
	*o.bytes = n << shift
	return true
}

func (o ownOption) values() string {
	if o.flag != nil {
		return "(empty), true, false"
	}
	return "integers with optional suffix [BkKMGTPE], in the range [1..9223372036854775807]"
}

// sets reports whether an option string sets an option to something.
func sets(s, option string) bool {
	for piece := range strings.SplitSeq(s, ",") {
		if key, value, _ := strings.Cut(piece, ":"); key == option {
			return value != "auto"
		}
	}
	return false
}

// parseOptions has upstream parse all of s but for the own options, which are set.
func parseOptions[T any](s string, own []ownOption, upstream func(string) (T, error)) (parsed T, err error) {
	var none T
	isOwn := func(key string) bool {
		return slices.ContainsFunc(own, func(o ownOption) bool { return o.key == key })
	}
	var theirs strings.Builder
	for piece := range strings.SplitSeq(s, ",") {
		if key, _, _ := strings.Cut(piece, ":"); !isOwn(key) {
			theirs.WriteString(piece + ",")
		}
	}
	if parsed, err = upstream(strings.TrimSuffix(theirs.String(), ",")); err != nil {
		var e *core.Error
		if errors.As(err, &e) && strings.HasPrefix(e.Message, "Unknown option ") {
			for i, o := range own {
				e.Message += []string{"; of this library: ", ", "}[min(i, 1)] + o.key
			}
		}
		return none, fileError("", err)
	}
	for _, o := range own {
		value, times := "", 0
		for piece := range strings.SplitSeq(s, ",") {
			if key, v, _ := strings.Cut(piece, ":"); key == o.key {
				value = v
				times++
			}
		}
		if times > 1 {
			return none, fmt.Errorf("%w: Option %s is present more than once", ErrInvalidOption, o.key)
		}
		if times == 1 && !o.set(value) {
			return none, fmt.Errorf("%w: Option %s: invalid value: %s, valid values: %s", ErrInvalidOption, o.key,
				cmp.Or(value, "(empty)"), o.values())
		}
	}
	return parsed, nil
}

// String gives an option string that parses to equal options. It is empty if nothing is set.
func (o WriterOptions) String() string {
	compression := ""
	if o.Compression != (Compression{}) {
		compression = o.Compression.String()
	}
	return joinOptions(
		intOption("group_size", o.GroupSize),
		intOption("max_parallelism", o.MaxParallelism),
		intOption("saturation_delay_ms", o.SaturationDelayMS),
		boolOption("transpose", o.Transpose),
		intOption("transpose_bucket_size", o.TransposeBucketSize),
		boolOption("pad_to_block_boundary", o.PadToBlockBoundary),
		compression,
		boolOption("no_overwrite", o.NoOverwrite),
		boolOption("no_sync", o.NoSync),
		boolOption("no_digest", o.NoDigest),
	)
}

// Recorded gives the option string that files have which are written with these options
// (docs/format.md section 6.7): all that concerns their content, defaults included. Errors match
// ErrInvalidOption.
func (o WriterOptions) Recorded() (string, error) {
	s, err := o.core().Format()
	if err != nil {
		return "", fileError("", err)
	}
	return s, nil
}

// String gives an option string that parses to equal options. It is empty if nothing is set.
func (o ReaderOptions) String() string {
	parallelism, noReadahead := intOption("max_parallelism", o.MaxParallelism), boolOption("no_readahead", o.NoReadahead)
	if o.NoReadahead && o.MaxParallelism == 1 { // in the words of the other libraries
		parallelism, noReadahead = "max_parallelism:0", ""
	}
	index := ""
	if o.OffloadedIndex {
		index = "index_storage_option:offloaded"
	}
	return joinOptions(
		parallelism,
		noReadahead,
		sizeOption("readahead_buffer_size", o.ReadaheadBufferSize),
		intOption("readahead_memory", o.ReadaheadMemory),
		index,
		sizeOption("footer_prefetch_bytes", o.FooterPrefetchBytes),
		intOption("max_record_size", o.MaxRecordSize),
		intOption("max_chunk_size", o.MaxChunkSize),
		boolOption("mapped", o.Mapped),
	)
}

// joinOptions leaves out what is empty.
func joinOptions(options ...string) string {
	return strings.Join(slices.DeleteFunc(options, func(s string) bool { return s == "" }), ",")
}

func intOption[T int | int64 | uint64](key string, n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", key, n)
}

// sizeOption is for the sizes of which option strings have 0 for what is 1 in the struct.
func sizeOption(key string, n int64) string {
	if n == 1 {
		return key + ":0"
	}
	return intOption(key, n)
}

func boolOption(key string, on bool) string {
	if !on {
		return ""
	}
	return key + ":true"
}

func (o WriterOptions) writerOptions() (WriterOptions, error) { return o, nil }

func (o ReaderOptions) readerOptions() (ReaderOptions, error) { return o, nil }

func (c Compression) writerOptions() (WriterOptions, error) {
	return WriterOptions{Compression: c}, nil
}

type writerOptionsText string

func (s writerOptionsText) writerOptions() (WriterOptions, error) {
	return ParseWriterOptions(string(s))
}

// WithWriterOptions takes options from an option string; see [ParseWriterOptions].
func WithWriterOptions(s string) WriterOption { return writerOptionsText(s) }

type readerOptionsText string

func (s readerOptionsText) readerOptions() (ReaderOptions, error) {
	return ParseReaderOptions(string(s))
}

// WithReaderOptions takes options from an option string; see [ParseReaderOptions].
func WithReaderOptions(s string) ReaderOption { return readerOptionsText(s) }

type maxParallelism int

func (n maxParallelism) writerOptions() (WriterOptions, error) {
	return WriterOptions{MaxParallelism: int(n)}, nil
}

func (n maxParallelism) readerOptions() (ReaderOptions, error) {
	return ReaderOptions{MaxParallelism: int(n)}, nil
}

// WithMaxParallelism sets MaxParallelism, the number of threads of a reader or a writer; 0 is the
// default, one per processor.
func WithMaxParallelism(n int) Option { return maxParallelism(n) }

// WithGroupSize sets the number of records in a chunk; 0 is the default, 1.
func WithGroupSize(n int) WriterOption { return WriterOptions{GroupSize: n} }

// WithNoOverwrite makes Create or Close fail, with an error that matches fs.ErrExist, if there is a
// file of that name already.
func WithNoOverwrite() WriterOption { return WriterOptions{NoOverwrite: true} }

// WithMmap maps local files to memory, which makes single reads and batches of small records that
// are not compressed about twice as fast; other storage is read as ever. A file that somebody makes
// shorter meanwhile gives errors that match ErrCorrupt, as without this. For that the first such
// reader installs a handler of SIGBUS, which passes on all signals that are not its own.
func WithMmap() ReaderOption { return ReaderOptions{Mapped: true} }

func applyWriterOptions(opts []WriterOption) (WriterOptions, error) {
	var o WriterOptions
	for _, opt := range opts {
		more, err := opt.writerOptions()
		if err != nil {
			return WriterOptions{}, err
		}
		if err := settings.Add(&o, more); err != nil {
			return WriterOptions{}, fmt.Errorf("%w: %w", ErrInvalidOption, err)
		}
	}
	if err := o.core().Check(); err != nil {
		return WriterOptions{}, fileError("", err)
	}
	return o, nil
}

func applyReaderOptions(opts []ReaderOption) (ReaderOptions, error) {
	var o ReaderOptions
	for _, opt := range opts {
		more, err := opt.readerOptions()
		if err != nil {
			return ReaderOptions{}, err
		}
		if err := settings.Add(&o, more); err != nil {
			return ReaderOptions{}, fmt.Errorf("%w: %w", ErrInvalidOption, err)
		}
	}
	if err := core.ReaderOptions(o).Check(); err != nil {
		return ReaderOptions{}, fileError("", err)
	}
	return o, nil
}

// threads is how many share the work of one call.
func (o ReaderOptions) threads() int {
	if o.MaxParallelism == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return o.MaxParallelism
}

func (o WriterOptions) core() core.WriterOptions {
	return core.WriterOptions{
		GroupSize:           o.GroupSize,
		MaxParallelism:      o.MaxParallelism,
		SaturationDelayMS:   o.SaturationDelayMS,
		Transpose:           o.Transpose,
		TransposeBucketSize: o.TransposeBucketSize,
		PadToBlockBoundary:  o.PadToBlockBoundary,
		Codec:               o.Compression.codec,
		Level:               o.Compression.level,
		WindowLog:           o.Compression.windowLog,
		NoDigest:            o.NoDigest,
	}
}
