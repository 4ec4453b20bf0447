package arrayrecord

import (
	"context"
	"fmt"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// groups is what a Writer must know of its chunks to do the work of CopyChunks where the core cannot.
type groups struct {
	size  int
	ended bool // by a chunk that is shorter
}

func groupsOf(o WriterOptions) groups { return groups{size: o.WithDefaults().GroupSize} }

// copyRecords copies the data chunks [begin, end) of r by decoding and encoding them again, under the
// rules of chunks that are copied as they are. The caller holds r's guard.
func (w *Writer) copyRecords(ctx context.Context, r *Reader, begin, end int) error {
	if begin == end {
		return nil
	}
	if w.groups.ended || w.records%w.groups.size != 0 {
		return w.refuse("chunks can only be copied to the end of a group")
	}
	first, last := r.firstRecord(begin), r.firstRecord(end)
	short := (last-1)%r.groupSize + 1 // records in the last chunk
	if end-begin > 1 && r.groupSize != w.groups.size || short > w.groups.size || end < r.numChunks && short != w.groups.size {
		return w.refuse(fmt.Sprintf("chunks of %d records cannot be copied to a file with groups of %d", r.groupSize, w.groups.size))
	}
	for first < last {
		if ctx.Err() != nil {
			return r.error(ahead.ContextError(ctx))
		}
		// All of a step, or nothing.
		step := min(last, r.run(first, copyBytes, copyBytes).End)
		var records [][]byte
		for record, err := range r.Range(ctx, first, step) {
			if err != nil {
				return err
			}
			records = append(records, record)
		}
		for _, record := range records {
			if err := w.Write(record); err != nil {
				return err
			}
		}
		first = step
	}
	w.groups.ended = short < w.groups.size
	return nil
}
