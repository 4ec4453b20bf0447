package arrayrecordio

import (
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/recordcoder"
)

func init() {
	beam.RegisterCoder(reflect.TypeFor[Record](), encodeRecord, decodeRecord)
	register.Emitter1[Record]()
	register.Emitter1[[]byte]()
}

// Record is a record and where it is from.
type Record struct {
	File  string // name of the file, as storage.List gives it
	Index int64  // number of the record in the file, from 0
	Data  []byte
}

func encodeRecord(r Record) []byte { return recordcoder.Encode(r.File, r.Index, r.Data) }

// decodeRecord is given bytes of its own.
func decodeRecord(b []byte) (r Record, err error) {
	if r.File, r.Index, r.Data, err = recordcoder.Decode(b); err != nil {
		err = fmt.Errorf("%s: %w", caller, err)
	}
	return r, err
}
