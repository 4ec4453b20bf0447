package tfrecordio

import (
	"encoding/binary"
	"errors"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

func init() { beam.RegisterCoder(reflect.TypeFor[Record](), encodeRecord, decodeRecord) }

// Record is a record and where it is from.
type Record struct {
	File string // name of the file, as storage.List gives it
	// Offset is where the record begins: bytes from the beginning of the file, or
	// of its content if it is compressed.
	Offset int64
	Data   []byte
}

// encodeRecord puts length and name, offset and data one after the other.
func encodeRecord(r Record) []byte {
	b := make([]byte, 0, 2*binary.MaxVarintLen64+len(r.File)+len(r.Data))
	b = binary.AppendUvarint(b, uint64(len(r.File)))
	b = append(b, r.File...)
	b = binary.AppendVarint(b, r.Offset)
	return append(b, r.Data...)
}

var errBadRecord = errors.New("tfrecordio: these bytes are no encoded Record")

// decodeRecord is given bytes of its own.
func decodeRecord(b []byte) (Record, error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return Record{}, errBadRecord
	}
	name, b := string(b[n:n+int(length)]), b[n+int(length):]
	offset, n := binary.Varint(b)
	if n <= 0 {
		return Record{}, errBadRecord
	}
	return Record{File: name, Offset: offset, Data: b[n:]}, nil
}
