package arrayrecordio

import (
	"encoding/binary"
	"errors"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterCoder(reflect.TypeFor[Record](), encodeRecord, decodeRecord)
	beam.RegisterType(reflect.TypeFor[Failure]())
	register.Emitter1[Failure]()
	register.Emitter1[Record]()
	register.Emitter1[[]byte]()
}

// Record is a record and where it is from.
type Record struct {
	File  string // name of the file, as storage.List gives it
	Index int64  // number of the record in the file, from 0
	Data  []byte
}

// encodeRecord puts length and name, index and data one after the other.
func encodeRecord(r Record) []byte {
	b := make([]byte, 0, 2*binary.MaxVarintLen64+len(r.File)+len(r.Data))
	b = binary.AppendUvarint(b, uint64(len(r.File)))
	b = append(b, r.File...)
	b = binary.AppendVarint(b, r.Index)
	return append(b, r.Data...)
}

var errBadRecord = errors.New("arrayrecordio: these bytes are no encoded Record")

// decodeRecord is given bytes of its own.
func decodeRecord(b []byte) (Record, error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)-n) {
		return Record{}, errBadRecord
	}
	name, b := string(b[n:n+int(length)]), b[n+int(length):]
	index, n := binary.Varint(b)
	if n <= 0 {
		return Record{}, errBadRecord
	}
	return Record{File: name, Index: index, Data: b[n:]}, nil
}
