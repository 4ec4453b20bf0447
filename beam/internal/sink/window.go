package sink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
)

func init() { beam.RegisterType(reflect.TypeFor[windowFn]()) }

// writeWindows writes a set of shards for each window and pane.
func writeWindows(s beam.Scope, config Config, records beam.PCollection) (beam.PCollection, error) {
	// One worker sees all of a set, and so can give it its names at once.
	groups, err := beam.TryGroupByKey(s, beam.AddFixedKey(s, records))
	if err != nil {
		return groups, err
	}
	arranged := beam.ParDo(s, &windowFn{Config: config}, groups)
	return beam.ParDo(s, &commitFn{Config: config}, beam.Reshuffle(s, arranged)), nil
}

// windowFn writes all shards of a window and pane, still under temporary names.
type windowFn struct {
	Config Config

	written counters.Set
}

// Setup makes the metrics, which do not travel.
func (f *windowFn) Setup() {
	f.written = counters.Written()
	f.Config.Identify()
}

// ProcessElement is called with all records of a window and pane.
func (f *windowFn) ProcessElement(ctx context.Context, info typex.PaneInfo, w beam.Window, _ int, next func(*[]byte) bool, emit func(arrangement)) error {
	p, err := describe(w, info)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	c := f.Config.of(p)
	set := c.set(p)
	seen, err := c.check(ctx, set)
	if err != nil {
		return fmt.Errorf("writing window %s, %s: %w", p.Window, p.Pane, err)
	}
	begun := time.Now()
	files, err := c.writeSet(ctx, func(record *[]byte) bool {
		if !next(record) {
			return false
		}
		f.written.RecordSize(ctx, len(*record))
		return true
	})
	if err != nil {
		return fmt.Errorf("writing window %s, %s: %w", p.Window, p.Pane, err)
	}
	for i := range files {
		f.written.FileTime(ctx, begun)
		files[i].Seen = JoinNames([]string{seen})
	}
	emit(c.arrange(set, files, files))
	return nil
}

// of gives the set of a window and pane a directory of its own for temporary
// files, the same one in each attempt: the one that succeeds removes it. The
// letter U must differ between sets, and so is made from the same.
func (c Config) of(p pane) Config {
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(p.Window+" "+p.Pane)))[:16]
	c.Run += RunID("-" + id)
	c.Unique = string(c.Run)
	return c
}

// writeSet writes records into as many files as the set has shards: one after
// the other if there is a limit on their size, else in turns.
func (c Config) writeSet(ctx context.Context, next func(*[]byte) bool) (files []File, err error) {
	set := make([]writer, max(c.NumShards, 1))
	defer func() {
		for _, w := range set {
			if w != nil {
				err = errors.Join(err, w.Abort())
			}
		}
	}()
	finish := func(i int) error {
		w := set[i]
		set[i] = nil
		file, err := w.Finish(ctx)
		files = append(files, file)
		return err
	}
	for i := range set {
		if set[i], err = c.createTemp(ctx, c.Format); err != nil {
			return nil, err
		}
	}
	var record []byte
	for i := 0; next(&record); i = (i + 1) % len(set) {
		// The set has one file if there is a limit.
		if c.isFull(set[i]) {
			if err := finish(i); err != nil {
				return nil, err
			}
			if set[i], err = c.createTemp(ctx, c.Format); err != nil {
				return nil, err
			}
		}
		if err := set[i].Write(record); err != nil {
			return nil, err
		}
	}
	for i := range set {
		if err := finish(i); err != nil {
			return nil, err
		}
	}
	return files, nil
}
