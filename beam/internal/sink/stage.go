package sink

import (
	"context"
	"fmt"
	"runtime"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
)

func init() { direct.Register3x1((*stageFn).ProcessElement) }

// stageFn writes the records of a bundle into temporary files, one unless a
// limit calls for more.
type stageFn struct {
	Config Config

	out     *output
	seen    string // what was there before the first file; "" before that
	written counters.Set
}

// output is what a stageFn has open. When a bundle fails in another step, Beam
// drops the DoFn and calls nothing: its output is aborted when nobody can reach
// the DoFn any more.
type output struct {
	file *tempFile // nil before the first record of a file
}

func (o *output) abort() error {
	if o.file == nil {
		return nil
	}
	w := o.file.w
	o.file = nil
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
	if f.out.file == nil {
		if err := f.open(ctx, len(record)); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	ends, err := f.out.file.write(&f.Config, record)
	if err != nil {
		f.out.file = nil
		return fmt.Errorf("writing: %w", err)
	}
	f.written.RecordSize(ctx, len(record))
	if ends {
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
	file, err := f.Config.beginTemp(ctx, record)
	if err != nil {
		return err
	}
	f.out.file = file
	return nil
}

// FinishBundle completes the file. Bundles without records have none.
func (f *stageFn) FinishBundle(ctx context.Context, emit func(int, File)) error {
	done := f.out.file
	if done == nil {
		return nil
	}
	f.out.file = nil
	file, err := done.w.Finish(ctx)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	f.written.FileTime(ctx, done.begun)
	file.Seen = JoinNames([]string{f.seen})
	emit(0, file)
	return nil
}
