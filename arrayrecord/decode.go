package arrayrecord

import (
	"fmt"
	"iter"
)

// Decode gives records as values: those of Scan, of a Reader or a DataSource, say, through a function
// that makes a value of a record. It ends at the first error, of the records or of decode, whose
// error is wrapped with the record's place in the sequence, from 0.
//
//	for example, err := range arrayrecord.Decode(r.Scan(ctx, 0, r.NumRecords()), tfexample.Decode) {
//	for movie, err := range arrayrecord.Decode(d.Scan(ctx, 0, 100), protorecord.Unmarshal[*pb.Movie]) {
//
// Where the records are lent for the iteration only, as those of Scan are, decode must not keep its
// argument.
func Decode[T any](records iter.Seq2[[]byte, error], decode func(record []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		i := 0
		for record, err := range records {
			if err != nil {
				yield(none, err)
				return
			}
			value, err := decode(record)
			if err != nil {
				yield(none, fmt.Errorf("arrayrecord: record %d of the sequence: %w", i, err))
				return
			}
			if !yield(value, nil) {
				return
			}
			i++
		}
	}
}
