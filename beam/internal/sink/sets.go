package sink

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window/trigger"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
)

func init() {
	direct.Register4x1((*ownWindowFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[arrangeSetFn]())
	beam.RegisterType(reflect.TypeFor[writeSetFn]())
}

// Sets says what many sets of shards are to be. It travels to the workers.
type Sets struct {
	Config // of each set, but for what follows

	Windowed     bool              // a set for each window and pane
	Destinations bool              // a set for each destination
	Sharded      bool              // temporary files know their shard
	Naming       *beam.EncodedFunc // a func(Set) Naming, or nil
	MaxOpenFiles int               // temporary files of sets that a worker has open

	// Flat: temporary files have no directory, as nobody would know when to remove
	// it. Set by writeSets.
	Flat bool
}

// DefaultMaxOpenFiles is how many temporary files of sets a worker has open. At 8
// MiB each in a bucket they take 128 MiB.
const DefaultMaxOpenFiles = 16

// many reports whether there may be more than one set of shards.
func (sets *Sets) many() bool { return sets.Windowed || sets.Destinations || sets.Sharded }

// Complete checks everything and fills in what is left open.
func (sets *Sets) Complete() error {
	if err := checkNumber(int64(sets.MaxOpenFiles), "open files"); err != nil {
		return err
	}
	if sets.MaxOpenFiles == 0 {
		sets.MaxOpenFiles = DefaultMaxOpenFiles
	}
	if sets.many() {
		sets.oneShard()
	}
	prefix := sets.Prefix
	if sets.Destinations {
		prefix += "destination" // which may be all of the last part of the name
	}
	return sets.complete(prefix, sets.Windowed)
}

// writeSets writes a set of shards for each destination, window and pane, of
// records with the keys of their parts.
func writeSets(s beam.Scope, c Sets, records beam.PCollection) (beam.PCollection, error) {
	strategy := window.DefaultWindowingStrategy()
	if c.Windowed {
		strategy = records.WindowingStrategy()
	}
	if why := needsRecords(strategy); why == "" {
		c.Flat = hasPanes(strategy)
		// FinishBundle can emit into the global window only.
		global := beam.WindowInto(s, window.NewGlobalWindows(), records)
		files := beam.ParDo(s, &stageSetsFn{Sets: c}, global)
		if c.Windowed {
			files = windowAgain(s, strategy, files)
		}
		return commitSets(s, c, strategy, beam.ParDo(s, &arrangeSetFn{Sets: c}, beam.GroupByKey(s, files))), nil
	} else if c.Sharded {
		return beam.PCollection{}, fmt.Errorf("a sharding function does not go with %s", why)
	}
	// A session is not to be had from a time again.
	arranged := beam.ParDo(s, &writeSetFn{Sets: c}, beam.GroupByKey(s, records))
	return beam.ParDo(s, &commitFn{Config: c.Config}, beam.Reshuffle(s, arranged)), nil
}

// needsRecords says why windows and panes can only be made of records, not of
// the files that these were written to; "" if they need not.
func needsRecords(ws *window.WindowingStrategy) string {
	switch {
	case ws.Fn.Kind == window.Sessions:
		return "sessions, whose windows depend on all their records"
	case hasPanes(ws) && ws.AccumulationMode == window.Accumulating:
		return "panes that accumulate, which have the same records again"
	case countsElements(ws.Trigger):
		return "a trigger that counts elements"
	}
	return ""
}

// hasPanes reports whether a window may have more than one pane.
func hasPanes(ws *window.WindowingStrategy) bool {
	switch ws.Trigger.(type) {
	case nil, trigger.DefaultTrigger, *trigger.DefaultTrigger, *trigger.NeverTrigger:
		return ws.AllowedLateness > 0
	}
	return true
}

// countsElements reports whether a trigger tells several elements from one.
func countsElements(t trigger.Trigger) bool {
	var parts []trigger.Trigger
	switch t := t.(type) {
	case *trigger.AfterCountTrigger:
		return t.ElementCount() > 1
	case *trigger.RepeatTrigger:
		parts = append(parts, t.SubTrigger())
	case *trigger.AfterEndOfWindowTrigger:
		parts = append(parts, t.Early(), t.Late())
	case *trigger.AfterAnyTrigger:
		parts = t.SubTriggers()
	case *trigger.AfterAllTrigger:
		parts = t.SubTriggers()
	case *trigger.AfterEachTrigger:
		parts = t.Subtriggers()
	case *trigger.OrFinallyTrigger:
		parts = append(parts, t.Main(), t.Finally())
	}
	for _, part := range parts {
		if countsElements(part) {
			return true
		}
	}
	return false
}

// windowAgain puts files into the windows of their records, by their times.
func windowAgain(s beam.Scope, ws *window.WindowingStrategy, files beam.PCollection) beam.PCollection {
	files = beam.WindowInto(s, ws.Fn, files, again(ws)...)
	if ws.Fn.Kind == window.SlidingWindows {
		files = beam.ParDo(s, &ownWindowFn{}, files)
	}
	return files
}

// again are the options of a strategy.
func again(ws *window.WindowingStrategy) []beam.WindowIntoOption {
	opts := []beam.WindowIntoOption{
		beam.AllowedLateness(time.Duration(ws.AllowedLateness) * time.Millisecond),
		beam.PanesDiscard(),
	}
	if ws.Trigger != nil {
		opts = append(opts, beam.Trigger(ws.Trigger))
	}
	return opts
}

// ownWindowFn drops files from windows that are not theirs: the time of one is in
// several that slide.
type ownWindowFn struct{}

// ProcessElement gives a file on if this is its window.
func (*ownWindowFn) ProcessElement(w beam.Window, key string, file File, emit func(string, File)) error {
	is, err := newWindow(w)
	if err != nil {
		return err
	}
	p, err := parsePart(key)
	if err == nil && p.Window == is {
		emit(key, file)
	}
	return err
}

// arrangeSetFn makes the shards of a set of the files that its records were
// written to, still under temporary names. A shuffle follows, as it does on
// arrangeFn.
type arrangeSetFn struct {
	Sets Sets
}

// Setup makes the run known.
func (f *arrangeSetFn) Setup() { f.Sets.Identify() }

// ProcessElement is called with all files of a destination, window and pane. A
// pane may have none, which then has no shards.
func (f *arrangeSetFn) ProcessElement(ctx context.Context, info typex.PaneInfo, w beam.Window, key string, next func(*File) bool, emit func(arrangement)) error {
	files := collect(next)
	if len(files) == 0 {
		return nil
	}
	c, set, err := f.Sets.setOf(ctx, key, info, w)
	if err != nil {
		return fmt.Errorf("arranging the shards: %w", err)
	}
	all, err := f.Sets.makeSet(ctx, c, set, files)
	if err != nil {
		return fmt.Errorf("making the shards of %s: %w", set, err)
	}
	all.Time = int64(w.MaxTimestamp())
	emit(all)
	return nil
}

// writeSetFn makes the shards of a set of its records.
type writeSetFn struct {
	Sets Sets

	written counters.Set
}

// Setup makes the metrics, which do not travel.
func (f *writeSetFn) Setup() {
	f.written = counters.Written()
	f.Sets.Identify()
}

// ProcessElement is called with all records of a destination, window and pane.
func (f *writeSetFn) ProcessElement(ctx context.Context, info typex.PaneInfo, w beam.Window, key string, next func(*[]byte) bool, emit func(arrangement)) (err error) {
	c, set, err := f.Sets.setOf(ctx, key, info, w)
	if err != nil {
		return fmt.Errorf("arranging the shards: %w", err)
	}
	s := staging{all: f.Sets}
	defer func() { err = errors.Join(err, s.clear()) }()
	one := &stagedSet{config: c}
	s.sets = map[string]*stagedSet{"": one}
	for record := []byte(nil); next(&record); record = nil {
		if err := s.add(ctx, one, record); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		f.written.RecordSize(ctx, len(record))
	}
	if err := s.finish(ctx); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	var files []File
	for _, done := range one.done {
		f.written.FileTime(ctx, done.file.begun)
		files = append(files, done.File)
	}
	if len(files) == 0 {
		return nil
	}
	all, err := f.Sets.makeSet(ctx, c, set, files)
	if err != nil {
		return fmt.Errorf("making the shards of %s: %w", set, err)
	}
	emit(all)
	return nil
}

// setOf gives the set of a destination, window and pane, and the configuration
// that makes it.
func (sets Sets) setOf(ctx context.Context, key string, info typex.PaneInfo, w beam.Window) (Config, shardSet, error) {
	part, err := parsePart(key)
	if err != nil {
		return sets.Config, shardSet{}, err
	}
	var p pane
	if sets.Windowed {
		if p, err = describe(w, info); err != nil {
			return sets.Config, shardSet{}, err
		}
	}
	of := sets.of(part.Destination, p)
	set := of.set(p)
	set.Destination = part.Destination
	if sets.Destinations {
		set.Prefix += part.Destination
	}
	set, err = sets.name(ctx, set)
	return of, set, err
}

// of gives the set of a destination, window and pane a directory of its own for
// temporary files, the same one in each attempt: the one that succeeds removes it.
// The letter U must differ between sets, and so is made from the same.
func (c Config) of(destination string, p pane) Config {
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(destination+"\x00"+p.Window+" "+p.Pane)))[:16]
	c.Run += RunID("-" + id)
	c.Unique = string(c.Run)
	return c
}

// job is the run that this is a part of.
func (r record) job() string {
	job, _, _ := strings.Cut(r.Run, "-")
	return job
}

// otherSet reports an error if a list has the record of another set of the same
// job: their shards would take each other's place. That panes of a window do is
// asked for by a template without P.
func (r record) otherSet(list []entry) error {
	for _, e := range list {
		if e.record == nil || e.record.job() != r.job() {
			continue
		}
		if o := e.record.Set; o.Destination != r.Set.Destination || o.Pane.Window != r.Set.Pane.Window {
			return fmt.Errorf("%s has the same names as %s: %w", r.Set, o, fs.ErrExist)
		}
	}
	return nil
}
