package core

// #include "arrayrecord.h"
import "C"

import "math"

// Codecs, as a chunk's first byte has them, but for Uncompressed.
const (
	Uncompressed = byte(C.AR_UNCOMPRESSED)
	Brotli       = byte(C.AR_BROTLI)
	Zstd         = byte(C.AR_ZSTD)
	Snappy       = byte(C.AR_SNAPPY)
)

// WriterOptions mirrors ar_writer_options, as far as it concerns the content of files: 0 is the
// default in every field. Where there is a Codec, Level is meant, also if it is 0. NoDigest is no
// part of option strings.
type WriterOptions struct {
	GroupSize           int
	MaxParallelism      int
	SaturationDelayMS   int
	Transpose           bool
	TransposeBucketSize uint64
	PadToBlockBoundary  bool
	Codec               byte
	Level               int
	WindowLog           int
	NoDigest            bool
}

// ReaderOptions mirrors ar_reader_options: 0 is the default in every field.
type ReaderOptions struct {
	MaxParallelism      int
	NoReadahead         bool
	ReadaheadBufferSize int64
	ReadaheadMemory     int64
	FooterPrefetchBytes int64
	MaxRecordSize       int64
	MaxChunkSize        int64
	OffloadedIndex      bool
	Mapped              bool
}

// ParseWriterOptions parses an option string. All fields are set, to their defaults where the
// string says nothing.
func ParseWriterOptions(s string) (WriterOptions, error) {
	out := C.ar_writer_options{struct_size: C.sizeof_ar_writer_options}
	var e C.ar_error
	p, n := text(s)
	if C.ar_writer_options_parse(p, n, &out, &e) != C.AR_OK {
		return WriterOptions{}, newError(e)
	}
	level := int(out.level)
	if out.level == C.AR_LEVEL_0 {
		level = 0
	}
	return WriterOptions{
		GroupSize:           int(out.group_size),
		MaxParallelism:      int(out.max_parallelism),
		SaturationDelayMS:   int(out.saturation_delay_ms),
		Transpose:           out.transpose != 0,
		TransposeBucketSize: uint64(out.transpose_bucket_size),
		PadToBlockBoundary:  out.pad_to_block_boundary != 0,
		Codec:               byte(out.compression),
		Level:               level,
		WindowLog:           int(out.window_log),
	}, nil
}

// Check says what is wrong with the options.
func (o WriterOptions) Check() error {
	in, err := o.c()
	if err != nil {
		return err
	}
	var e C.ar_error
	if C.ar_writer_options_check(&in, &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// Format gives the full option string, as it is recorded in files.
func (o WriterOptions) Format() (string, error) {
	in, err := o.c()
	if err != nil {
		return "", err
	}
	var buffer [512]C.char
	var e C.ar_error
	if C.ar_writer_options_format(&in, &buffer[0], C.size_t(len(buffer)), &e) != C.AR_OK {
		return "", newError(e)
	}
	return C.GoString(&buffer[0]), nil
}

func (o WriterOptions) c() (C.ar_writer_options, error) {
	if err := checkFit("group_size", o.GroupSize, 0, math.MaxInt32); err != nil {
		return C.ar_writer_options{}, err
	}
	if err := checkFit("max_parallelism", o.MaxParallelism, 0, math.MaxInt32); err != nil {
		return C.ar_writer_options{}, err
	}
	if err := checkFit("saturation_delay_ms", o.SaturationDelayMS, 0, math.MaxInt32); err != nil {
		return C.ar_writer_options{}, err
	}
	if err := checkFit("level", o.Level, math.MinInt32+1, math.MaxInt32); err != nil {
		return C.ar_writer_options{}, err
	}
	if err := checkFit("window_log", o.WindowLog, 0, math.MaxInt32); err != nil {
		return C.ar_writer_options{}, err
	}
	level := C.int32_t(o.Level)
	if o.Codec != 0 && o.Level == 0 {
		level = C.AR_LEVEL_0
	}
	return C.ar_writer_options{
		struct_size:           C.sizeof_ar_writer_options,
		group_size:            C.uint32_t(o.GroupSize),
		max_parallelism:       C.uint32_t(o.MaxParallelism),
		saturation_delay_ms:   C.uint32_t(o.SaturationDelayMS),
		transpose:             flag(o.Transpose),
		transpose_bucket_size: C.uint64_t(o.TransposeBucketSize),
		pad_to_block_boundary: flag(o.PadToBlockBoundary),
		compression:           C.ar_compression(o.Codec),
		level:                 level,
		window_log:            C.int32_t(o.WindowLog),
		no_digest:             flag(o.NoDigest),
	}, nil
}

// ParseReaderOptions parses an option string. What it says nothing about is 0, the default.
func ParseReaderOptions(s string) (ReaderOptions, error) {
	out := C.ar_reader_options{struct_size: C.sizeof_ar_reader_options}
	var e C.ar_error
	p, n := text(s)
	if C.ar_reader_options_parse(p, n, &out, &e) != C.AR_OK {
		return ReaderOptions{}, newError(e)
	}
	return ReaderOptions{
		MaxParallelism:      int(out.max_parallelism),
		NoReadahead:         out.no_readahead != 0,
		ReadaheadBufferSize: int64(out.readahead_buffer_size),
		FooterPrefetchBytes: int64(out.footer_prefetch_bytes),
		OffloadedIndex:      out.offloaded_index != 0,
	}, nil
}

// Check says what is wrong with the options.
func (o ReaderOptions) Check() error {
	in, err := o.c()
	if err != nil {
		return err
	}
	var e C.ar_error
	if C.ar_reader_options_check(&in, &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

func (o ReaderOptions) c() (C.ar_reader_options, error) {
	if err := checkFit("max_parallelism", o.MaxParallelism, 0, math.MaxInt32); err != nil {
		return C.ar_reader_options{}, err
	}
	for _, size := range []struct {
		key   string
		bytes int64
	}{
		{"readahead_buffer_size", o.ReadaheadBufferSize}, {"readahead_memory", o.ReadaheadMemory},
		{"footer_prefetch_bytes", o.FooterPrefetchBytes}, {"max_record_size", o.MaxRecordSize},
		{"max_chunk_size", o.MaxChunkSize},
	} {
		if err := checkFit(size.key, size.bytes, 0, math.MaxInt64); err != nil {
			return C.ar_reader_options{}, err
		}
	}
	return C.ar_reader_options{
		struct_size:           C.sizeof_ar_reader_options,
		max_parallelism:       C.uint32_t(o.MaxParallelism),
		readahead_buffer_size: C.uint64_t(o.ReadaheadBufferSize),
		readahead_memory:      C.uint64_t(o.ReadaheadMemory),
		footer_prefetch_bytes: C.uint64_t(o.FooterPrefetchBytes),
		max_record_size:       C.uint64_t(o.MaxRecordSize),
		max_chunk_size:        C.uint64_t(o.MaxChunkSize),
		no_readahead:          flag(o.NoReadahead),
		offloaded_index:       flag(o.OffloadedIndex),
		mapped:                flag(o.Mapped),
	}, nil
}

// checkFit refuses what the narrower fields of C would turn into something valid.
func checkFit[T int | int64](key string, value, least, most T) error {
	if value >= least && value <= most {
		return nil
	}
	return invalidValue(key, int(value))
}

func flag(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}
