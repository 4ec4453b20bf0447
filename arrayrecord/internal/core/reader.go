package core

// #include "arrayrecord.h"
import "C"

import (
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

// OpenFile opens a reader on a local file, which must stay open until the reader is freed.
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

// ChunkRun is the end of the shortest run of chunks from chunk on that spans size bytes.
func (r *Reader) ChunkRun(chunk int, size int64) int {
	return int(C.ar_reader_chunk_run(r.h, C.uint64_t(chunk), C.uint64_t(size)))
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

// Get reads one record of a local file into dst and gives its size; if that is more than
// len(dst), nothing has been read.
func (r *Reader) Get(record int, dst []byte) (int, error) {
	var size C.size_t
	var e C.ar_error
	code := C.ar_reader_get(r.h, C.uint64_t(record), bytesPtr(dst), C.size_t(len(dst)), &size, &e)
	if code != C.AR_OK && code != C.AR_BUFFER_TOO_SMALL {
		return 0, newError(e)
	}
	return int(size), nil
}

// ReadRange reads records from begin up to end, or as many as dst has room for, from a local file.
// Record begin+i is dst[offsets[i]:offsets[i+1]]; offsets has end-begin+1 elements. It gives the
// number of records read and what those of the next chunk take, if they did not fit. The records
// are good also if there is an error.
func (r *Reader) ReadRange(begin, end int, dst []byte, offsets []int) (n, sizeOfNext int, err error) {
	var numRead C.uint64_t
	var next C.size_t
	var e C.ar_error
	if C.ar_reader_read_range(r.h, C.uint64_t(begin), C.uint64_t(end), bytesPtr(dst), C.size_t(len(dst)),
		numbersPtr(offsets), &numRead, &next, &e) != C.AR_OK {
		err = newError(e)
	}
	return int(numRead), int(next), err
}

// ReadSorted is ReadRange for records by number; numbers may repeat but not decrease.
func (r *Reader) ReadSorted(records []int, dst []byte, offsets []int) (n, sizeOfNext int, err error) {
	var numRead C.uint64_t
	var next C.size_t
	var e C.ar_error
	if C.ar_reader_read_sorted(r.h, numbersPtr(records), C.size_t(len(records)), bytesPtr(dst), C.size_t(len(dst)),
		numbersPtr(offsets), &numRead, &next, &e) != C.AR_OK {
		err = newError(e)
	}
	return int(numRead), int(next), err
}

// numbersPtr passes record numbers and offsets: int and uint64 have the same size and, for numbers
// that are not negative, the same meaning; negative ones become too large.
func numbersPtr(s []int) *C.uint64_t {
	return (*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(s)))
}

// Plan is a read of many records: plan, Load or LoadBytes, Decode, Free. One goroutine at a time.
type Plan struct {
	h      *C.ar_plan
	n      int
	pinner runtime.Pinner
}

// PlanRange plans to read the records [begin, end).
func (r *Reader) PlanRange(begin, end int) (*Plan, error) {
	var h *C.ar_plan
	var e C.ar_error
	if C.ar_plan_range(r.h, C.uint64_t(begin), C.uint64_t(end), &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Plan{h: h, n: end - begin}, nil
}

// PlanIndices plans to read any records in any order.
func (r *Reader) PlanIndices(records []int) (*Plan, error) {
	var h *C.ar_plan
	var e C.ar_error
	if C.ar_plan_indices(r.h, numbersPtr(records), C.size_t(len(records)), &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Plan{h: h, n: len(records)}, nil
}

var _ [unsafe.Sizeof(int(0)) - unsafe.Sizeof(uint64(0))]byte // int must have 64 bits

// NumRecords is the number of records asked for.
func (p *Plan) NumRecords() int { return p.n }

// Extents gives the file ranges that LoadBytes wants, with those at most maxGap bytes apart made
// one.
func (p *Plan) Extents(maxGap int) []Extent {
	var n C.size_t
	first := C.ar_plan_extents(p.h, C.uint64_t(maxGap), &n)
	extents := make([]Extent, int(n))
	for i, e := range unsafe.Slice(first, int(n)) {
		extents[i] = Extent{int64(e.position), int(e.size)}
	}
	return extents
}

// Load reads and verifies the chunks of a local file on up to parallelism threads (0: all).
func (p *Plan) Load(parallelism int) error {
	var e C.ar_error
	if C.ar_plan_load(p.h, C.uint32_t(parallelism), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// LoadBytes verifies the chunks in data, the bytes of all extents one after the other. The plan
// uses and overwrites data until it is freed.
func (p *Plan) LoadBytes(data []byte, parallelism int) error {
	if len(data) > 0 {
		p.pinner.Pin(unsafe.SliceData(data))
	}
	var e C.ar_error
	if C.ar_plan_load_bytes(p.h, bytesPtr(data), C.size_t(len(data)), C.uint32_t(parallelism), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// DecodedSize is the sum of the sizes of the records, after loading.
func (p *Plan) DecodedSize() int { return int(C.ar_plan_decoded_size(p.h)) }

// Decode stores the records in dst, which has DecodedSize bytes, and NumRecords()+1 offsets.
func (p *Plan) Decode(dst []byte, offsets []int, parallelism int) error {
	var e C.ar_error
	if C.ar_plan_decode(p.h, bytesPtr(dst), C.size_t(len(dst)),
		numbersPtr(offsets), C.uint32_t(parallelism), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// Free releases the plan.
func (p *Plan) Free() {
	C.ar_plan_free(p.h)
	p.pinner.Unpin()
}

// MetadataExtent says where a metadata chunk lies, if there is one; its size is 0 if there is no
// room for one.
func (r *Reader) MetadataExtent() Extent {
	var extent C.ar_extent
	C.ar_reader_metadata_extent(r.h, &extent)
	return Extent{int64(extent.position), int(extent.size)}
}

// DecodeMetadata decodes the bytes of MetadataExtent; false if they are not metadata.
func DecodeMetadata(data []byte) ([]byte, bool, error) {
	var dst []byte
	for {
		var size C.size_t
		var e C.ar_error
		switch C.ar_metadata_decode(bytesPtr(data), C.size_t(len(data)), bytesPtr(dst), C.size_t(len(dst)), &size, &e) {
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
