// Package recordcopy copies records into memory that the pipeline may keep.
package recordcopy

const (
	size  = 64 << 10
	large = size / 4
)

// A Memory makes copies of records, many in one allocation. A copy that is kept
// keeps up to 64 KiB from being freed. The zero value is ready for use by one
// goroutine.
type Memory struct {
	free []byte
}

// Copy returns a copy of b that nothing else refers to: neither writing to it
// nor appending to it touches another copy.
func (s *Memory) Copy(b []byte) []byte {
	n := len(b)
	if n >= large {
		owned := make([]byte, n)
		copy(owned, b)
		return owned
	}
	if n > len(s.free) || s.free == nil {
		s.free = make([]byte, size)
	}
	owned := s.free[:n:n]
	s.free = s.free[n:]
	copy(owned, b)
	return owned
}
