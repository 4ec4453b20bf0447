package core

// #cgo noescape ar_survey
// #cgo nocallback ar_survey
// #include "arrayrecord.h"
import "C"

import (
	"os"
	"runtime"
	"unsafe"
)

// CanSurvey is whether the core finds chunks without the index.
const CanSurvey = C.AR_CAN_SURVEY

// A Fault is what is wrong with a piece of a file.
type Fault uint32

// What can be wrong; see ar_fault.
const (
	FaultNone        Fault = C.AR_FAULT_NONE
	FaultBlockHeader Fault = C.AR_FAULT_BLOCK_HEADER
	FaultChunkHeader Fault = C.AR_FAULT_CHUNK_HEADER
	FaultData        Fault = C.AR_FAULT_DATA
	FaultRecords     Fault = C.AR_FAULT_RECORDS
	FaultCutOff      Fault = C.AR_FAULT_CUT_OFF
	FaultOutOfPlace  Fault = C.AR_FAULT_OUT_OF_PLACE
	FaultUnknownType Fault = C.AR_FAULT_UNKNOWN_TYPE
	FaultTooLarge    Fault = C.AR_FAULT_TOO_LARGE
)

// A Piece is a chunk, or a damaged place. It is laid out as ar_piece.
type Piece struct {
	Begin, End  int64
	Digest      uint64 // what a chunk adds to that of the file
	NumRecords  int
	DecodedSize uint64
	Type        uint32 // 'r', 't', 's', 'm', 'p'; 0 if nothing tells
	Fault       Fault
	FaultAt     int64
}

var _ [unsafe.Sizeof(Piece{}) - unsafe.Sizeof(C.ar_piece{})]byte // must be the same
var _ [unsafe.Sizeof(C.ar_piece{}) - unsafe.Sizeof(Piece{})]byte

func piecesPtr(pieces []Piece) *C.ar_piece {
	return (*C.ar_piece)(unsafe.Pointer(unsafe.SliceData(pieces)))
}

// A Surveyor looks at the chunks of a file, in parts that may be looked at at the same time.
type Surveyor struct {
	Index   *Reader // or nil
	Options ReaderOptions
	Decode  bool // all records
	Size    int64
}

// Survey looks at the chunks from position on, where data begins, that begin before until, and
// gives how many are in pieces now. If that ended because data did, need is up to where it must
// reach for the next one; else 0. data is overwritten up to the end of the last piece.
func (s *Surveyor) Survey(data []byte, position, until int64, pieces []Piece) (n int, need int64, err error) {
	options, err := s.Options.c()
	if err != nil {
		return 0, 0, err
	}
	surveyed := C.ar_survey_range{
		position: C.uint64_t(position), until: C.uint64_t(until), file_size: C.uint64_t(s.Size),
	}
	if s.Decode {
		surveyed.decode = 1
	}
	var index *C.ar_reader
	if s.Index != nil {
		index = s.Index.h
	}
	var found C.size_t
	var more C.uint64_t
	var e C.ar_error
	if C.ar_survey(bytesPtr(data), C.size_t(len(data)), &surveyed, index, &options, piecesPtr(pieces),
		C.size_t(len(pieces)), &found, &more, &e) != C.AR_OK {
		return 0, 0, newError(e)
	}
	return int(found), int64(more), nil
}

// BlockHeaderSize is the size of a block header.
const BlockHeaderSize = C.AR_BLOCK_HEADER_SIZE

// SurveyBegin tells by the block header at position where the first chunk begins there or later.
func SurveyBegin(header []byte, position int64) (int64, error) {
	var begin C.uint64_t
	var e C.ar_error
	if C.ar_survey_begin(bytesPtr(header), C.size_t(len(header)), C.uint64_t(position), &begin, &e) != C.AR_OK {
		return 0, newError(e)
	}
	return int64(begin), nil
}

// Chunks fills pieces with what the index has of the chunks from begin on.
func (r *Reader) Chunks(begin int, pieces []Piece) error {
	var e C.ar_error
	if C.ar_reader_chunks(r.h, C.uint64_t(begin), C.uint64_t(begin+len(pieces)), piecesPtr(pieces), &e) != C.AR_OK {
		return newError(e)
	}
	return nil
}

// Digest is the sum of the digests of all chunks that the file was written with; false if it does
// not have that.
func (r *Reader) Digest() (digest uint64, ok bool) {
	var d C.uint64_t
	ok = C.ar_reader_digest(r.h, &d, nil) == C.AR_OK
	return uint64(d), ok
}

// OpenChunks opens a reader of chunks that were found in a file instead of its index. It has a
// descriptor of f of its own; without f, it reads bytes that it is given.
func OpenChunks(f *os.File, chunks []Piece, o ReaderOptions) (*Reader, error) {
	options, err := o.c()
	if err != nil {
		return nil, err
	}
	fd := -1
	if f != nil {
		fd = int(f.Fd())
		defer runtime.KeepAlive(f)
	}
	var h *C.ar_reader
	var e C.ar_error
	if C.ar_reader_open_chunks(C.int(fd), piecesPtr(chunks), C.size_t(len(chunks)), &options, &h, &e) != C.AR_OK {
		return nil, newError(e)
	}
	return &Reader{h}, nil
}
