package shuffle

import (
	"cmp"
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// A place is where in the input a record is: the number of the file, in the order
// of their names, and of the record in it.
type place struct{ file, record uint64 }

// key gives a record its position among all. Those of other seeds have nothing
// to do with it.
func (p place) key(seed uint64) uint64 {
	var b [24]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	binary.LittleEndian.PutUint64(b[8:], p.file)
	binary.LittleEndian.PutUint64(b[16:], p.record)
	return xxhash.Sum64(b[:])
}

// cellOf cuts all keys into even ranges.
func cellOf(key uint64, cells int64) int64 {
	cell, _ := bits.Mul64(key, uint64(cells))
	return int64(cell)
}

// entry is a record in memory.
type entry struct {
	key uint64
	place
	data []byte
}

// entrySize is what an entry takes in addition to its data.
const entrySize = 64

// compare gives the order of the output. Keys may be the same by chance.
func compare(a, b entry) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
}
