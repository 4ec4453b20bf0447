package arrayrecord

import (
	"context"
	"fmt"
)

// A DamageKind says what part of a file is damaged.
type DamageKind string

// What can be damaged.
const (
	DamagedSignature   DamageKind = "signature"         // the first 64 bytes
	DamagedBlockHeader DamageKind = "block header"      // costs no record: only a search for chunks needs it
	DamagedChunkHeader DamageKind = "chunk header"      // nothing tells what was there, unless the index does
	DamagedData        DamageKind = "chunk data"        // the hash of the data is wrong
	DamagedRecords     DamageKind = "records"           // the hash is right, but the data cannot be decoded
	DamagedCutOff      DamageKind = "cut off"           // the end of the file is missing
	DamagedIndex       DamageKind = "index"             // it cannot be read, or says something else than the chunks
	DamagedPostscript  DamageKind = "postscript"        // the last 64 KiB, which say where the index is
	DamagedTrailing    DamageKind = "trailing bytes"    // behind the end, no part of the file
	DamagedForeign     DamageKind = "foreign chunk"     // of a kind or at a place that no writer makes
	DamagedTooLarge    DamageKind = "too large"         // over MaxRecordSize or MaxChunkSize; not looked at
	DamagedUnfinished  DamageKind = "unfinished append" // the file opens as it was before it
	DamagedOptions     DamageKind = "options"           // the recorded options do not fit the file
	DamagedDigest      DamageKind = "digest"            // all chunks are sound, but not those, there, that were written
)

// Damage is one damaged place of a file.
type Damage struct {
	Kind DamageKind
	// Offset and End are the bytes [Offset, End) of the file that it concerns.
	Offset, End int64
	// Chunk is the number of the first data chunk in it, or -1 where there is none, or nothing
	// tells which.
	Chunk int
	// FirstRecord is the number, in the undamaged file, of the first record that it costs; -1 where
	// it costs none, or nothing tells the number.
	FirstRecord int
	// LostRecords is how many records it costs, or -1 if nothing tells.
	LostRecords int
	// Reason says what was found.
	Reason string
}

// String describes the damage in one line.
func (d Damage) String() string {
	return fmt.Sprintf("bytes %d to %d: %s: %s; %s", d.Offset, d.End, d.Kind, d.Reason, d.records())
}

func (d Damage) records() string {
	switch {
	case d.LostRecords < 0:
		return "records lost, nothing tells how many"
	case d.LostRecords == 0:
		return "no record lost"
	case d.FirstRecord < 0:
		return fmt.Sprintf("%d records lost", d.LostRecords)
	case d.LostRecords == 1:
		return fmt.Sprintf("record %d lost", d.FirstRecord)
	default:
		return fmt.Sprintf("records %d to %d lost", d.FirstRecord, d.FirstRecord+d.LostRecords-1)
	}
}

// A Report is what was found in a file.
type Report struct {
	File string
	Size int64
	// Records and Chunks are the numbers of records and data chunks that can be read.
	Records, Chunks int
	// Damage is empty for a sound file. It is in the order of the file, but for damage that concerns
	// all of it, which comes last.
	Damage []Damage
}

// Sound reports whether there is no damage.
func (r *Report) Sound() bool { return len(r.Damage) == 0 }

// Lost is the number of records that are known to be lost; false if there are others, of which
// nothing tells how many they are.
func (r *Report) Lost() (n int, all bool) {
	all = true
	for _, d := range r.Damage {
		n += max(d.LostRecords, 0)
		all = all && d.LostRecords >= 0
	}
	return n, all
}

// Verify reads a whole file and checks everything in it: the signature, block headers, both hashes of
// every chunk, that all records can be decoded, their numbers and sizes, the index against the
// chunks, padding, the postscript, the options recorded. It works on several threads
// ([ReaderOptions].MaxParallelism), at the speed of reading.
//
// Damage is no error: the report tells of it. Errors match fs.ErrNotExist, ErrNotArrayRecord (there
// is nothing of such a file in it), ErrUnsupported, ErrInvalidOption, the context's error, or are
// those of the storage. progress, which may be nil, is called now and then with the number of bytes
// that are done, by one goroutine at a time.
func Verify(ctx context.Context, name string, progress func(done, size int64), opts ...ReaderOption) (*Report, error) {
	s, err := openSuspect(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	defer s.close()
	found, err := inspect(ctx, s, progress, false)
	if err != nil {
		return nil, err
	}
	defer found.free()
	return found.report(), nil
}
