package core

// #include "arrayrecord.h"
import "C"

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"unsafe"
)

// TailSize is the size of the block at the end of a file that says where the index is.
const TailSize = C.AR_TAIL_SIZE

func invalidValue(name string, value int) error {
	return &Error{Code: InvalidArgument, Position: -1, Chunk: -1, Record: -1,
		Message: "Option " + name + ": invalid value: " + strconv.Itoa(value)}
}

// Reader is an open file's index, and the file if it is a local one. Its methods may be called by
// many goroutines at once, but not after Free.
type Reader struct {
	h *C.ar_reader
}

// OpenFile opens a reader on a local file, with a descriptor of its own: f may be closed.
func OpenFile(f *os.File, o ReaderOptions) (*Reader, error) {
	options, err := o.c()
	if err != nil {
		return nil, err
	}
	var h *C.ar_reader
	var e C.ar_error
	if C.ar_reader_open_fd(C.int(f.Fd()), &options, &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Reader{h}, nil
}

// IndexHeadSize is how many bytes of the index CheckIndex wants.
const IndexHeadSize = C.AR_INDEX_HEAD_SIZE

// CheckIndex checks by its first bytes whether an index can be there that ends where the tail begins.
func CheckIndex(head []byte, begin, fileSize int64) error {
	var e C.ar_error
	if C.ar_index_check(bytesPtr(head), C.size_t(len(head)), C.uint64_t(begin), C.uint64_t(fileSize), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// LocateIndex finds where the index of a file begins from its last TailSize bytes, which are
// overwritten. head is the beginning of the file, or nil.
func LocateIndex(tail []byte, fileSize int64, head []byte) (int64, error) {
	var begin C.uint64_t
	var e C.ar_error
	if C.ar_index_locate(bytesPtr(tail), C.size_t(len(tail)), C.uint64_t(fileSize), bytesPtr(head),
		C.size_t(len(head)), &begin, &e) != C.AR_OK {
		return 0, newError(e)
	}
	return int64(begin), nil
}

// OpenIndex opens a reader from the bytes between the beginning of the index and the tail, which
// are overwritten.
func OpenIndex(index []byte, begin, fileSize int64, o ReaderOptions) (*Reader, error) {
	options, err := o.c()
	if err != nil {
		return nil, err
	}
	var h *C.ar_reader
	var e C.ar_error
	if C.ar_reader_open_index(bytesPtr(index), C.size_t(len(index)), C.uint64_t(begin),
		C.uint64_t(fileSize), &options, &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Reader{h}, nil
}

// Free releases the reader.
func (r *Reader) Free() { C.ar_reader_free(r.h) }

// NumRecords is the number of records in the file.
func (r *Reader) NumRecords() int { return int(C.ar_reader_num_records(r.h)) }

// GroupSize is the number of records in the first chunk.
func (r *Reader) GroupSize() int { return int(C.ar_reader_record_group_size(r.h)) }

// ClaimedSize is the sum of the sizes of all records as the index has it, at most `most`. Nothing
// has checked it.
func (r *Reader) ClaimedSize(most int) int {
	return int(min(uint64(C.ar_reader_claimed_size(r.h)), uint64(most)))
}

// NumChunks is the number of data chunks.
func (r *Reader) NumChunks() int { return int(C.ar_reader_num_chunks(r.h)) }

// WriterOptions is the option string recorded in the file, if there is one.
func (r *Reader) WriterOptions() (string, bool) {
	var n C.size_t
	p := C.ar_reader_writer_options(r.h, &n)
	if p == nil {
		return "", false
	}
	return string(unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n))), true
}

// FirstRecord is the number of a chunk's first record; for chunk = NumChunks, NumRecords.
func (r *Reader) FirstRecord(chunk int) int {
	return int(C.ar_reader_chunk_first_record(r.h, C.uint64_t(chunk)))
}

// IndexSize is the memory that the index takes, in bytes.
func (r *Reader) IndexSize() int { return int(C.ar_reader_index_size(r.h)) }

// ChunkOf is the chunk that holds a record, which must be below NumRecords.
func (r *Reader) ChunkOf(record int) int {
	return int(C.ar_reader_chunk_of_record(r.h, C.uint64_t(record)))
}

// Extent is a range of a file.
type Extent struct {
	Position int64
	Size     int
}

// ChunkExtent says where the chunks [begin, end) lie.
func (r *Reader) ChunkExtent(begin, end int) (Extent, error) {
	var extent C.ar_extent
	var e C.ar_error
	if C.ar_reader_chunk_extent(r.h, C.uint64_t(begin), C.uint64_t(end), &extent, &e) != C.AR_OK {
		return Extent{}, newError(e)
	}
	return Extent{int64(extent.position), int(extent.size)}, nil
}

// A Run is records of chunks side by side.
type Run struct {
	Begin, End int // records
	Extent     Extent
	Claimed    int // bytes that the records take, as the index has it
}

// Run is the longest run of chunks, from the one that holds a record on, that takes at most
// fileBytes of the file and has records of at most decodedBytes together, but one chunk at least.
func (r *Reader) Run(record, fileBytes, decodedBytes int) Run {
	var run C.ar_run
	C.ar_reader_run(r.h, C.uint64_t(record), C.uint64_t(fileBytes), C.uint64_t(decodedBytes), &run)
	return Run{
		Begin:   int(run.begin),
		End:     int(run.end),
		Extent:  Extent{int64(run.extent.position), int(run.extent.size)},
		Claimed: int(min(uint64(run.claimed_size), math.MaxInt)),
	}
}

// Get reads one record of a local file into dst and gives its size; if that is more than len(dst),
// nothing has been read, and it may be more than the record takes.
func (r *Reader) Get(record int, dst []byte) (int, error) {
	var size C.size_t
	var e C.ar_error
	code := C.ar_reader_get(r.h, C.uint64_t(record), bytesPtr(dst), C.size_t(len(dst)), &size, &e)
	if code != C.AR_OK && code != C.AR_BUFFER_TOO_SMALL {
		return 0, newError(e)
	}
	return int(size), nil
}

// numbersPtr passes record numbers and offsets: int and uint64 have the same size and, for numbers
// that are not negative, the same meaning; negative ones become too large.
func numbersPtr(s []int) *C.uint64_t {
	return (*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(s)))
}

var _ [unsafe.Sizeof(int(0)) - unsafe.Sizeof(uint64(0))]byte // int must have 64 bits

// A Read goes through records in increasing order. The zero Read is ready for Range or Sorted, which
// can be called again; its memory is used again then. One goroutine at a time. The Reader must not
// be freed before the last call of Next or Extents. A Read that is dropped, as by a sync.Pool, is
// freed some time.
type Read struct {
	h       *C.ar_read
	cleanup runtime.Cleanup
	data    *pinned
}

// pinned is bytes that the core refers to between calls.
type pinned struct{ runtime.Pinner }

// Range has the read begin anew, with the records [begin, end) of r.
func (d *Read) Range(r *Reader, begin, end int) error {
	d.unpin()
	var e C.ar_error
	var code C.ar_code
	if d.h == nil {
		code = C.ar_read_range(r.h, C.uint64_t(begin), C.uint64_t(end), &d.h, &e)
		d.own()
	} else {
		code = C.ar_read_reset_range(d.h, r.h, C.uint64_t(begin), C.uint64_t(end), &e)
	}
	if code != C.AR_OK {
		return newError(e)
	}
	return nil
}

// Sorted is Range for records by number; numbers may repeat but not decrease.
func (d *Read) Sorted(r *Reader, records []int) error {
	d.unpin()
	var e C.ar_error
	var code C.ar_code
	if d.h == nil {
		code = C.ar_read_sorted(r.h, numbersPtr(records), C.size_t(len(records)), &d.h, &e)
		d.own()
	} else {
		code = C.ar_read_reset_sorted(d.h, r.h, numbersPtr(records), C.size_t(len(records)), &e)
	}
	if code != C.AR_OK {
		return newError(e)
	}
	return nil
}

func (d *Read) own() {
	if d.h != nil {
		d.cleanup = runtime.AddCleanup(d, func(h *C.ar_read) { C.ar_read_free(h) }, d.h)
	}
}

// Room is what records take that did not fit.
type Room struct {
	Record int // the next one
	Chunk  int // the next ones, those wanted of one chunk, together
}

// Next reads the next records, one fewer than offsets has elements at most, and as many as dst has
// room for. Record i of them is dst[offsets[i]:offsets[i+1]]. It gives their number, 0 after the
// last, and what the next ones take if they did not fit. The records are good also if there is an
// error.
func (d *Read) Next(dst []byte, offsets []int) (n int, room Room, err error) {
	var numRead C.size_t
	var r C.ar_room
	var e C.ar_error
	if C.ar_read_next(d.h, bytesPtr(dst), C.size_t(len(dst)), C.size_t(len(offsets)-1), numbersPtr(offsets),
		&numRead, &r, &e) != C.AR_OK {
		err = newError(e)
	}
	return int(numRead), Room{int(r.record), int(r.chunk)}, err
}

// Extents gives the file ranges that SetBytes wants, with those at most maxGap bytes apart made one.
func (d *Read) Extents(maxGap int) []Extent {
	var n C.size_t
	first := C.ar_read_extents(d.h, C.uint64_t(maxGap), &n)
	extents := make([]Extent, int(n))
	for i, e := range unsafe.Slice(first, int(n)) {
		extents[i] = Extent{int64(e.position), int(e.size)}
	}
	return extents
}

// SetBytes has the read take data, the bytes of all extents one after the other, instead of a file.
// It uses and overwrites data until it begins anew or is freed.
func (d *Read) SetBytes(data []byte) error {
	d.unpin()
	d.data = new(pinned)
	if len(data) > 0 {
		d.data.Pin(unsafe.SliceData(data))
	}
	var e C.ar_error
	if C.ar_read_set_bytes(d.h, bytesPtr(data), C.size_t(len(data)), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

func (d *Read) unpin() {
	if d.data != nil {
		d.data.Unpin()
		d.data = nil
	}
}

// Free releases the read, which is a zero Read then.
func (d *Read) Free() {
	d.cleanup.Stop()
	C.ar_read_free(d.h)
	d.h = nil
	d.unpin()
}

// MetadataExtent says where a metadata chunk lies, if there is one; its size is 0 if there is no
// room for one.
func (r *Reader) MetadataExtent() Extent {
	var extent C.ar_extent
	C.ar_reader_metadata_extent(r.h, &extent)
	return Extent{int64(extent.position), int(extent.size)}
}

// Metadata gives the metadata of the file, from the bytes of MetadataExtent unless it is a local one;
// false if there are none.
func (r *Reader) Metadata(data []byte) ([]byte, bool, error) {
	var dst []byte
	for {
		var size C.size_t
		var e C.ar_error
		switch C.ar_reader_metadata(r.h, bytesPtr(data), C.size_t(len(data)), bytesPtr(dst), C.size_t(len(dst)), &size, &e) {
		case C.AR_OK:
			return dst[:int(size)], true, nil
		case C.AR_NOT_FOUND:
			return nil, false, nil
		case C.AR_BUFFER_TOO_SMALL:
			dst = make([]byte, int(size))
		default:
			return nil, false, newError(e)
		}
	}
}

// HasBytes reports whether the read was given bytes.
func (d *Read) HasBytes() bool { return d.data != nil }
