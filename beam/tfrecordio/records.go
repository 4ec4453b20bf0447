package tfrecordio

import (
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/recordcoder"
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

func encodeRecord(r Record) []byte { return recordcoder.Encode(r.File, r.Offset, r.Data) }

// decodeRecord is given bytes of its own.
func decodeRecord(b []byte) (r Record, err error) {
	if r.File, r.Offset, r.Data, err = recordcoder.Decode(b); err != nil {
		err = fmt.Errorf("%s: %w", caller, err)
	}
	return r, err
}
