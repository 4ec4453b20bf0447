package sink

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tempFile is a temporary file that records are being written to.
type tempFile struct {
	w     writer
	group group
	begun time.Time
}

// group is the last group of records of a file that is to be cut.
type group struct {
	size           int // how many records it may have
	records, bytes int
}

func newGroup(firstRecord int) group {
	return group{size: max(1, min(cutGroupRecords, cutGroupBytes/max(1, firstRecord)))}
}

// add counts a record, and reports whether the file is to end here: its records
// have got much longer than was to be expected.
func (g *group) add(record int) (ends bool) {
	if g.records == g.size {
		g.records, g.bytes = 0, 0
	}
	g.records++
	g.bytes += record
	return g.size > 1 && g.bytes > cutGroupLongest
}

// beginTemp begins a temporary file, whose first record has the length given.
func (c Config) beginTemp(ctx context.Context, firstRecord int) (*tempFile, error) {
	f := &tempFile{begun: time.Now()}
	if c.isCut() {
		f.group = newGroup(firstRecord)
		c.WriterOptions = fmt.Sprintf("group_size:%d,snappy", f.group.size)
	}
	var err error
	f.w, err = c.createTemp(ctx, c.stageFormat())
	return f, err
}

// write writes a record, and reports whether it is to be the last. After an error
// nothing is left of the file.
func (f *tempFile) write(c *Config, record []byte) (ends bool, err error) {
	if err := f.w.Write(record); err != nil {
		return false, errors.Join(err, f.w.Abort())
	}
	return c.isFull(f.w) || c.isCut() && f.group.add(len(record)), nil
}

// isCut reports whether temporary files are for shards of another format.
func (c *Config) isCut() bool { return c.Format == TFRecord && c.isPlanned() }

// isPlanned reports whether shards are made of temporary files. Else these are
// the shards.
func (c *Config) isPlanned() bool { return c.NumShards > 0 || c.ShardSize > 0 }

// stageFormat is the format of temporary files. Those that are cut into shards
// must be ArrayRecords.
func (c *Config) stageFormat() Format {
	if c.isPlanned() {
		return ArrayRecord
	}
	return c.Format
}

// isFull reports whether a shard has as much as it may have.
func (c *Config) isFull(w writer) bool {
	if c.MaxRecords == 0 && c.MaxBytes == 0 {
		return false
	}
	records, bytes := w.Size()
	return c.MaxRecords > 0 && records >= c.MaxRecords || c.MaxBytes > 0 && bytes >= c.MaxBytes
}
