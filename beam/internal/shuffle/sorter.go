package shuffle

import "io"

// A sorter keeps records until they are sorted. It keeps its memory when it is
// emptied.
type sorter struct {
	entries []entry
	bytes   int64 // what they take
	blocks  [][]byte
	block   int // the one in use
}

const blockSize = 4 << 20

// add copies a record.
func (s *sorter) add(e entry) {
	e.data = s.copy(e.data)
	s.entries = append(s.entries, e)
	s.bytes += int64(len(e.data)) + entrySize
}

func (s *sorter) copy(data []byte) []byte {
	if len(data) > blockSize/4 {
		return append([]byte(nil), data...)
	}
	for ; s.block < len(s.blocks); s.block++ {
		if b := s.blocks[s.block]; len(b)+len(data) <= cap(b) {
			break
		}
	}
	if s.block == len(s.blocks) {
		s.blocks = append(s.blocks, make([]byte, 0, blockSize))
	}
	b := &s.blocks[s.block]
	begin := len(*b)
	*b = append(*b, data...)
	return (*b)[begin:len(*b):len(*b)]
}

func (s *sorter) reset() {
	clear(s.entries) // long records are on their own
	s.entries, s.bytes, s.block = s.entries[:0], 0, 0
	for i := range s.blocks {
		s.blocks[i] = s.blocks[i][:0]
	}
}

// countingReader counts the bytes that were read from r.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
