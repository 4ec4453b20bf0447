package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
)

func init() { dofn.Register3x1((*stageFn).ProcessElement) }

// stageFn writes the records of a bundle into temporary files, one unless a
// limit calls for more.
type stageFn struct {
	Config Config

	w       writer // nil before the first record of a file
	begun   time.Time
	written counters.Set
}

// Setup makes the metrics, which do not travel.
func (f *stageFn) Setup() { f.written = counters.Written() }

// StartBundle drops what a failed bundle left, for which Beam calls nothing.
func (f *stageFn) StartBundle(ctx context.Context, _ func(int, File)) {
	if err := f.abort(); err != nil {
		log.Warnf(ctx, "dropping the file of a failed bundle: %v", err)
	}
}

// ProcessElement writes one record.
func (f *stageFn) ProcessElement(ctx context.Context, record []byte, emit func(int, File)) error {
	if f.w == nil {
		w, err := f.Config.createTemp(ctx, f.Config.stageFormat())
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		f.w, f.begun = w, time.Now()
	}
	if err := f.w.Write(record); err != nil {
		return fmt.Errorf("writing: %w", errors.Join(err, f.abort()))
	}
	f.written.RecordSize(ctx, len(record))
	if f.Config.isFull(f.w) {
		return f.FinishBundle(ctx, emit)
	}
	return nil
}

// FinishBundle completes the file. Bundles without records have none.
func (f *stageFn) FinishBundle(ctx context.Context, emit func(int, File)) error {
	if f.w == nil {
		return nil
	}
	w := f.w
	f.w = nil
	file, err := w.Finish(ctx)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	f.written.FileTime(ctx, f.begun)
	emit(0, file)
	return nil
}

func (f *stageFn) abort() error {
	if f.w == nil {
		return nil
	}
	w := f.w
	f.w = nil
	return w.Abort()
}

// stageFormat is the format of temporary files. Those that are cut into shards
// must be ArrayRecords.
func (c Config) stageFormat() Format {
	if c.NumShards > 0 {
		return ArrayRecord
	}
	return c.Format
}

// isFull reports whether a shard has as much as it may have.
func (c Config) isFull(w writer) bool {
	records, bytes := w.Size()
	return c.MaxRecords > 0 && records >= c.MaxRecords || c.MaxBytes > 0 && bytes >= c.MaxBytes
}
