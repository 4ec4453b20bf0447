package core

// #include "arrayrecord.h"
import "C"

// Compression types, as a chunk's first byte has them.
const (
	Uncompressed = int(C.AR_UNCOMPRESSED)
	Brotli       = int(C.AR_BROTLI)
	Zstd         = int(C.AR_ZSTD)
	Snappy       = int(C.AR_SNAPPY)
)

// AutoReadahead leaves the readahead size to the reader.
const AutoReadahead = -1

// WriterOptions mirrors ar_writer_options.
type WriterOptions struct {
	GroupSize           int
	MaxParallelism      int // 0: one per processor
	SaturationDelayMS   int
	Transpose           bool
	TransposeBucketSize uint64
	PadToBlockBoundary  bool
	Compression         int
	Level               int
	WindowLog           int // 0: not set
}

// ReaderOptions mirrors ar_reader_options.
type ReaderOptions struct {
	ReadaheadBufferSize int64 // AutoReadahead: chosen by the reader
	MaxParallelism      int   // -1: one per processor
	OffloadedIndex      bool
	Mapped              bool
}

// ParseWriterOptions parses an option string.
func ParseWriterOptions(s string) (WriterOptions, error) {
	var out C.ar_writer_options
	var e C.ar_error
	p, n := text(s)
	if C.ar_writer_options_parse(p, n, &out, &e) != C.AR_OK {
		return WriterOptions{}, newError(e)
	}
	return WriterOptions{
		GroupSize:           int(out.group_size),
		MaxParallelism:      int(out.max_parallelism),
		SaturationDelayMS:   int(out.saturation_delay_ms),
		Transpose:           out.transpose != 0,
		TransposeBucketSize: uint64(out.transpose_bucket_size),
		PadToBlockBoundary:  out.pad_to_block_boundary != 0,
		Compression:         int(out.compression),
		Level:               int(out.level),
		WindowLog:           int(out.window_log),
	}, nil
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
	// The C struct is narrower; what does not fit must not wrap around to something valid.
	const maxInt32 = 1<<31 - 1
	for _, v := range []struct {
		name  string
		value int
	}{
		{"group_size", o.GroupSize}, {"max_parallelism", o.MaxParallelism},
		{"saturation_delay_ms", o.SaturationDelayMS}, {"level", o.Level}, {"window_log", o.WindowLog},
	} {
		if v.value > maxInt32 || v.value < -maxInt32 || (v.value < 0 && v.name != "level") {
			return C.ar_writer_options{}, invalidValue(v.name, v.value)
		}
	}
	return C.ar_writer_options{
		group_size:            C.uint32_t(o.GroupSize),
		max_parallelism:       C.uint32_t(o.MaxParallelism),
		saturation_delay_ms:   C.uint32_t(o.SaturationDelayMS),
		transpose:             flag(o.Transpose),
		transpose_bucket_size: C.uint64_t(o.TransposeBucketSize),
		pad_to_block_boundary: flag(o.PadToBlockBoundary),
		compression:           C.ar_compression(o.Compression),
		level:                 C.int32_t(o.Level),
		window_log:            C.int32_t(o.WindowLog),
	}, nil
}

// ParseReaderOptions parses an option string.
func ParseReaderOptions(s string) (ReaderOptions, error) {
	var out C.ar_reader_options
	var e C.ar_error
	p, n := text(s)
	if C.ar_reader_options_parse(p, n, &out, &e) != C.AR_OK {
		return ReaderOptions{}, newError(e)
	}
	return ReaderOptions{
		ReadaheadBufferSize: number(out.readahead_buffer_size),
		MaxParallelism:      int(out.max_parallelism),
		OffloadedIndex:      out.offloaded_index != 0,
	}, nil
}

func (o ReaderOptions) c() (C.ar_reader_options, error) {
	const maxInt32 = 1<<31 - 1
	if o.MaxParallelism > maxInt32 || o.MaxParallelism < -1 {
		return C.ar_reader_options{}, invalidValue("max_parallelism", o.MaxParallelism)
	}
	readahead := C.uint64_t(C.AR_NONE)
	if o.ReadaheadBufferSize >= 0 {
		readahead = C.uint64_t(o.ReadaheadBufferSize)
	} else if o.ReadaheadBufferSize != AutoReadahead {
		return C.ar_reader_options{}, invalidValue("readahead_buffer_size", int(o.ReadaheadBufferSize))
	}
	return C.ar_reader_options{
		readahead_buffer_size: readahead,
		max_parallelism:       C.int32_t(o.MaxParallelism),
		offloaded_index:       flag(o.OffloadedIndex),
		mapped:                flag(o.Mapped),
	}, nil
}

func flag(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}
