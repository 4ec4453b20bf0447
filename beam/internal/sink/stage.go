package sink

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

	out     *output
	seen    string // what was there before the first file; "" before that
	group   group
	begun   time.Time
	written counters.Set
}

// output is what a stageFn has open. When a bundle fails in another step, Beam
// drops the DoFn and calls nothing: its output is aborted when nobody can reach
// the DoFn any more.
type output struct {
	w writer // nil before the first record of a file
}

func (o *output) abort() error {
	if o.w == nil {
		return nil
	}
	w := o.w
	o.w = nil
	return w.Abort()
}

// Setup makes the metrics, which do not travel.
func (f *stageFn) Setup() {
	f.written = counters.Written()
	f.Config.Identify()
	f.out = new(output)
	runtime.AddCleanup(f, func(o *output) {
		// It may wait for what is under way, and cleanups are run by one goroutine.
		go func() { _ = o.abort() }()
	}, f.out)
}

// StartBundle drops what a failed bundle left, for which Beam calls nothing.
func (f *stageFn) StartBundle(ctx context.Context, _ func(int, File)) {
	if err := f.out.abort(); err != nil {
		log.Warnf(ctx, "dropping the file of a failed bundle: %v", err)
	}
}

// ProcessElement writes one record.
func (f *stageFn) ProcessElement(ctx context.Context, record []byte, emit func(int, File)) error {
	if f.out.w == nil {
		if err := f.open(ctx, len(record)); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	if err := f.out.w.Write(record); err != nil {
		return fmt.Errorf("writing: %w", errors.Join(err, f.out.abort()))
	}
	f.written.RecordSize(ctx, len(record))
	if f.Config.isFull(f.out.w) || f.Config.isCut() && f.group.add(len(record)) {
		return f.FinishBundle(ctx, emit)
	}
	return nil
}

func (f *stageFn) open(ctx context.Context, record int) (err error) {
	if f.seen == "" {
		if f.seen, err = f.Config.Check(ctx); err != nil {
			return err
		}
	}
	f.begun = time.Now()
	c := f.Config
	if c.isCut() {
		f.group = newGroup(record)
		c.WriterOptions = fmt.Sprintf("group_size:%d,snappy", f.group.size)
	}
	f.out.w, err = c.createTemp(ctx, c.stageFormat())
	return err
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

// isCut reports whether temporary files are for shards of another format.
func (c Config) isCut() bool { return c.Format == TFRecord && c.NumShards > 0 }

// FinishBundle completes the file. Bundles without records have none.
func (f *stageFn) FinishBundle(ctx context.Context, emit func(int, File)) error {
	if f.out.w == nil {
		return nil
	}
	w := f.out.w
	f.out.w = nil
	file, err := w.Finish(ctx)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	f.written.FileTime(ctx, f.begun)
	file.Seen = JoinNames([]string{f.seen})
	emit(0, file)
	return nil
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
