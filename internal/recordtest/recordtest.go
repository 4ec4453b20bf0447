// Package recordtest has what tests of several packages do with records.
package recordtest

import (
	"context"
	"iter"
)

// Records is what a Reader and a DataSource have in common for All and Range.
type Records interface {
	NumRecords() int
	Range(ctx context.Context, begin, end int) iter.Seq2[[]byte, error]
}

// All gives all records, or the first error.
func All(ctx context.Context, r Records) ([][]byte, error) { return Range(ctx, r, 0, r.NumRecords()) }

// Range gives the records [begin, end), or the first error.
func Range(ctx context.Context, r Records, begin, end int) ([][]byte, error) {
	var records [][]byte
	for record, err := range r.Range(ctx, begin, end) {
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}
