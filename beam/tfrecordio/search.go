package tfrecordio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// limits bound the search for records.
type limits struct {
	// maxRecord is the longest record that there can be.
	maxRecord uint64
	// checkRange is how much behind a supposed beginning must be records too.
	checkRange int64
	// checkData is the longest record whose data is looked at for that.
	checkData int64
	// block is how much is read at a time, at least a header.
	block int64
}

// checkRange is the limit of that name.
const checkRange = 256 << 10

func (c readConfig) limits() limits {
	return limits{
		maxRecord:  uint64(c.MaxRecordSize),
		checkRange: c.CheckRange,
		checkData:  1 << 20,
		block:      512 << 10,
	}
}

// search looks for records in a file.
type search struct {
	ctx    context.Context
	o      storage.Object
	limits limits

	block       []byte // of the file, from blockOffset on
	blockOffset int64
}

// bytes gives n bytes of the file, which must have them. They are valid until
// the next call.
func (s *search) bytes(offset, n int64) ([]byte, error) {
	begin := offset - s.blockOffset
	if begin < 0 || begin+n > int64(len(s.block)) {
		size := min(max(n, s.limits.block), s.o.Size()-offset)
		if int64(cap(s.block)) < size {
			s.block = make([]byte, size)
		}
		s.block, s.blockOffset, begin = s.block[:size], offset, 0
		if got, err := s.o.ReadAt(s.ctx, s.block, offset); got < len(s.block) {
			s.block = nil
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("%s: looking for a record at offset %d: %w", s.o.Name(), offset, err)
		}
	}
	return s.block[begin : begin+n], nil
}

// recordStart gives the first offset in [from, to) where a record seems to
// begin, or -1. Whether one does depends on the file and the limits alone, so
// that everyone finds the same.
//
// It can be wrong only where a record's data contains records, at least
// checkRange of them, and where a file is damaged; see part.read for how that is
// noticed.
func (s *search) recordStart(from, to int64) (int64, error) {
	size := s.o.Size()
	const manyDead = 1 << 16
	dead := map[int64]bool{} // what begins there leads to no record
	for from < to {
		block, err := s.bytes(from, min(s.limits.block, size-from))
		if err != nil {
			return -1, err
		}
		next := from + max(int64(len(block))-tfrecord.HeaderSize+1, 1)
		for i := range min(next, to) - from {
			offset := from + i
			if _, ok := s.header(block[i:], offset); !ok || dead[offset] {
				continue
			}
			if len(dead) > manyDead {
				maps.DeleteFunc(dead, func(o int64, _ bool) bool { return o < offset })
			}
			if ok, err := s.check(offset, dead); ok || err != nil {
				return offset, err
			}
			// The check may have read something else into the block.
			next = offset + 1
			break
		}
		from = next
	}
	return -1, nil
}

// header gives the size of the whole record that begins at an offset, with b
// there; false if none begins, or one that is too long.
func (s *search) header(b []byte, offset int64) (int64, bool) {
	const frame = tfrecord.HeaderSize + tfrecord.FooterSize
	room := s.o.Size() - offset - frame
	if len(b) < tfrecord.HeaderSize || room < 0 {
		return 0, false
	}
	// Most places are ruled out without a checksum.
	if length := binary.LittleEndian.Uint64(b); length > s.limits.maxRecord || length > uint64(room) {
		return 0, false
	}
	length, ok := tfrecord.ParseHeader(b)
	return frame + int64(length), ok
}

// check reports whether records follow each other from start on, as far as
// checkRange and a further header, or to the end of the file. If not, it adds
// the offsets where it thought records to begin to the dead ones.
func (s *search) check(start int64, dead map[int64]bool) (bool, error) {
	var path []int64
	for offset := start; offset < s.o.Size(); {
		near := offset-start < s.limits.checkRange
		ok, size, err := s.record(offset, near)
		if err != nil {
			return false, err
		}
		path = append(path, offset)
		if !ok || dead[offset] {
			for _, p := range path {
				dead[p] = true
			}
			return false, nil
		}
		if !near {
			break
		}
		offset += size
	}
	return true, nil
}

// record reports whether a record begins at an offset, and its size. Data is
// looked at only if that is asked for, and not in long records.
func (s *search) record(offset int64, data bool) (ok bool, size int64, err error) {
	if s.o.Size()-offset < tfrecord.HeaderSize {
		return false, 0, nil
	}
	b, err := s.bytes(offset, tfrecord.HeaderSize)
	if err != nil {
		return false, 0, err
	}
	size, ok = s.header(b, offset)
	if !ok || !data || size > s.limits.checkData {
		return ok, size, nil
	}
	if b, err = s.bytes(offset, size); err != nil {
		return false, 0, err
	}
	end := size - tfrecord.FooterSize
	return tfrecord.CheckData(b[tfrecord.HeaderSize:end], b[end:]), size, nil
}

// seemsToHoldRecords reports whether a search could take what is in a record for
// records of the file.
func (c readConfig) seemsToHoldRecords(ctx context.Context, record []byte) bool {
	s := search{ctx: ctx, o: inMemory(record), limits: c.limits(), block: record}
	found, err := s.recordStart(0, int64(len(record)))
	return found >= 0 || err != nil
}

// inMemory is an object of which the search has all content already.
type inMemory []byte

func (inMemory) Name() string { return "a record" }

func (m inMemory) Size() int64 { return int64(len(m)) }

func (m inMemory) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return bytes.NewReader(m).ReadAt(p, off)
}

func (inMemory) Close() error { return nil }
