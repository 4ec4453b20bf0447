package tfrecord

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

const (
	// HeaderSize is the number of bytes before a record's data: its length and
	// the length's CRC.
	HeaderSize = 12

	// FooterSize is the number of bytes behind a record's data: the data's CRC.
	FooterSize = 4

	lengthSize = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC returns the checksum of p as the format stores it.
func maskedCRC(p []byte) uint32 {
	const delta = 0xa282ead8
	return bits.RotateLeft32(crc32.Checksum(p, castagnoli), -15) + delta
}

// ParseHeader returns the data length that a record header at the beginning of
// b states. It reports false if b is shorter than HeaderSize or the header's
// CRC is wrong. It reads HeaderSize bytes of b and allocates nothing.
//
// It is cheap enough to be tried at every offset by a program that looks for a
// record boundary in the middle of a file. One in four billion places passes
// by chance, so such a program should also check that the length is plausible
// and the data's CRC right, with CheckData. A record whose data is itself a
// TFRecord file contains true headers, which no check can tell apart.
func ParseHeader(b []byte) (length uint64, ok bool) {
	if len(b) < HeaderSize {
		return 0, false
	}
	ok = binary.LittleEndian.Uint32(b[lengthSize:]) == maskedCRC(b[:lengthSize])
	return binary.LittleEndian.Uint64(b), ok
}

// CheckData reports whether footer, the FooterSize bytes behind a record's
// data, holds the data's CRC.
func CheckData(data, footer []byte) bool {
	return len(footer) >= FooterSize && binary.LittleEndian.Uint32(footer) == maskedCRC(data)
}

func putHeader(b []byte, length int) {
	binary.LittleEndian.PutUint64(b, uint64(length))
	binary.LittleEndian.PutUint32(b[lengthSize:], maskedCRC(b[:lengthSize]))
}

func putFooter(b, data []byte) {
	binary.LittleEndian.PutUint32(b, maskedCRC(data))
}
