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
	ReadaheadBufferSize         int64
	MaxParallelism              int
	ReadaheadMemory             int64
	FooterPrefetchBytes         int64
	MaxRecordSize, MaxChunkSize int64
	NoReadahead                 bool
	OffloadedIndex              bool
	Mapped                      bool
}

// ParseWriterOptions parses an option string.
func ParseWriterOptions(s string) (WriterOptions, error) {
	out := C.ar_writer_options{struct_size: C.sizeof_ar_writer_options}
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
		struct_size:           C.sizeof_ar_writer_options,
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
	out := C.ar_reader_options{struct_size: C.sizeof_ar_reader_options}
	var e C.ar_error
	p, n := text(s)
	if C.ar_reader_options_parse(p, n, &out, &e) != C.AR_OK {
		return ReaderOptions{}, newError(e)
	}
	return ReaderOptions{
		ReadaheadBufferSize: int64(out.readahead_buffer_size),
		MaxParallelism:      int(out.max_parallelism),
		NoReadahead:         out.no_readahead != 0,
		OffloadedIndex:      out.offloaded_index != 0,
	}, nil
}

func (o ReaderOptions) c() (C.ar_reader_options, error) {
	return C.ar_reader_options{
		struct_size:           C.sizeof_ar_reader_options,
		readahead_buffer_size: C.uint64_t(o.ReadaheadBufferSize),
		max_parallelism:       C.uint32_t(o.MaxParallelism),
		max_record_size:       C.uint64_t(o.MaxRecordSize),
		max_chunk_size:        C.uint64_t(o.MaxChunkSize),
		no_readahead:          flag(o.NoReadahead),
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
