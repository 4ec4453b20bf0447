// Package recordcoder encodes records with where they come from, for Beam's coders.
package recordcoder

import (
	"encoding/binary"
	"errors"
)

// Encode puts the length of the name, the name, the place and the data one after
// the other.
func Encode(file string, place int64, data []byte) []byte {
	b := make([]byte, 0, 2*binary.MaxVarintLen64+len(file)+len(data))
	b = binary.AppendUvarint(b, uint64(len(file)))
	b = append(b, file...)
	b = binary.AppendVarint(b, place)
	return append(b, data...)
}

var errBad = errors.New("these bytes are no encoded record")

// Decode is the inverse of Encode. The data is part of b.
func Decode(b []byte) (file string, place int64, data []byte, err error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return "", 0, nil, errBad
	}
	file, b = string(b[n:n+int(length)]), b[n+int(length):]
	place, n = binary.Varint(b)
	if n <= 0 {
		return "", 0, nil, errBad
	}
	return file, place, b[n:], nil
}
