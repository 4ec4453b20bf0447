package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
)

func init() {
	direct.Register4x1((*stageSetsFn).ProcessElement)
	register.Emitter3[beam.EventTime, string, File]()
}

// A bundle with records of many sets holds them in memory, and gives a set a
// file when it has openBytes of them, as long as there are places for files.
// When it holds holdBytes in all, the set with most of them gets a file, if need
// be in the place of the one that was not written to for longest.
const (
	openBytes = 256 << 10
	holdBytes = 32 << 20
	// What a record takes beside its bytes.
	heldRecord = 48
)

// stageSetsFn writes the records of a bundle into temporary files, those of each
// set into files of their own. It is called in the global window, as files are
// completed at the end of a bundle, which has no other; each file goes on with a
// time of the window of its records.
type stageSetsFn struct {
	Sets Sets

	out     *staging
	written counters.Set
}

// staging is what a bundle has written and not given away.
type staging struct {
	all    Sets
	sets   map[string]*stagedSet
	held   int // bytes of records that are in no file
	clock  int // of uses
	places places
}

// stagedSet is the part of a set, or of one of its shards, that comes from one
// bundle.
type stagedSet struct {
	part   part
	config Config
	file   *tempFile // nil if none is open
	held   [][]byte  // nil while there is a file
	bytes  int       // that held takes
	used   int
	done   []doneFile
}

type doneFile struct {
	file *tempFile
	File
}

func (s *staging) set(key string) (*stagedSet, error) {
	if set := s.sets[key]; set != nil {
		return set, nil
	}
	p, err := parsePart(key)
	if err != nil {
		return nil, err
	}
	set := &stagedSet{part: p, config: s.all.of(p.Destination, pane{Window: p.Window.String()})}
	set.config.flat = s.all.Flat
	s.sets[key] = set
	return set, nil
}

// add takes a record.
func (s *staging) add(ctx context.Context, set *stagedSet, record []byte) error {
	s.clock++
	set.used = s.clock
	if set.file != nil {
		return s.write(ctx, set, record)
	}
	set.held = append(set.held, record)
	set.bytes += len(record) + heldRecord
	s.held += len(record) + heldRecord
	limit := s.all.MaxOpenFiles
	switch {
	case set.bytes >= openBytes && s.places.take(limit):
		return s.begin(ctx, set)
	case s.held < holdBytes:
		return nil
	}
	most := slices.MaxFunc(slices.Collect(maps.Values(s.sets)), func(a, b *stagedSet) int { return cmp.Compare(a.bytes, b.bytes) })
	if !s.places.take(limit) {
		open := slices.DeleteFunc(slices.Collect(maps.Values(s.sets)), func(set *stagedSet) bool { return set.file == nil })
		oldest := slices.MinFunc(open, func(a, b *stagedSet) int { return cmp.Compare(a.used, b.used) })
		if err := oldest.finish(ctx); err != nil {
			return err
		}
	}
	return s.begin(ctx, most)
}

// begin writes what a set holds into a file, which stays open. There is a place
// for it.
func (s *staging) begin(ctx context.Context, set *stagedSet) error {
	s.held -= set.bytes
	if err := set.writeHeld(ctx); err != nil {
		return err
	}
	if set.file == nil { // it was full with the last record
		s.places.giveBack(1)
	}
	return nil
}

func (s *staging) write(ctx context.Context, set *stagedSet, record []byte) error {
	if err := set.write(ctx, record); err != nil {
		return err
	}
	if set.file == nil {
		s.places.giveBack(1)
	}
	return nil
}

// write writes a record, and finishes the file if it is to be its last.
func (set *stagedSet) write(ctx context.Context, record []byte) error {
	if set.file == nil {
		file, err := set.config.beginTemp(ctx, len(record))
		if err != nil {
			return err
		}
		set.file = file
	}
	ends, err := set.file.write(&set.config, record)
	if err != nil {
		set.file = nil
		return err
	}
	if ends {
		return set.finish(ctx)
	}
	return nil
}

func (set *stagedSet) writeHeld(ctx context.Context) error {
	held := set.held
	set.held, set.bytes = nil, 0
	for _, record := range held {
		if err := set.write(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// finish completes the file that is open.
func (set *stagedSet) finish(ctx context.Context) error {
	done := set.file
	set.file = nil
	file, err := done.w.Finish(ctx)
	if err != nil {
		return err
	}
	file.Shard = set.part.Shard
	set.done = append(set.done, doneFile{done, file})
	return nil
}

// finish completes all files, as many at a time as there are places.
func (s *staging) finish(ctx context.Context) error {
	sets := slices.SortedFunc(maps.Values(s.sets), func(a, b *stagedSet) int {
		// Open files first: what is held may have to wait for their places.
		return cmp.Compare(btoi(b.file != nil), btoi(a.file != nil))
	})
	for int(s.places.n) < len(sets) && s.places.take(s.all.MaxOpenFiles) {
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, int(s.places.n)))
	for _, set := range sets {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := set.writeHeld(ctx); err != nil || set.file == nil {
				return err
			}
			return set.finish(ctx)
		})
	}
	return g.Wait()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// clear drops whatever there is.
func (s *staging) clear() error {
	var errs []error
	for _, set := range s.sets {
		if set.file != nil {
			errs = append(errs, set.file.w.Abort())
		}
	}
	s.sets, s.held = map[string]*stagedSet{}, 0
	s.places.giveBack(s.places.n)
	return errors.Join(errs...)
}

// Setup makes the metrics, which do not travel.
func (f *stageSetsFn) Setup() {
	f.written = counters.Written()
	f.Sets.Identify()
	f.out = &staging{all: f.Sets, sets: map[string]*stagedSet{}}
	runtime.AddCleanup(f, func(s *staging) { go func() { _ = s.clear() }() }, f.out) // see stageFn
}

// StartBundle drops what a failed bundle left, for which Beam calls nothing.
func (f *stageSetsFn) StartBundle(ctx context.Context, _ func(beam.EventTime, string, File)) {
	if err := f.out.clear(); err != nil {
		log.Warnf(ctx, "dropping the files of a failed bundle: %v", err)
	}
}

// ProcessElement takes one record of the part of a set that the key names.
func (f *stageSetsFn) ProcessElement(ctx context.Context, key string, record []byte, _ func(beam.EventTime, string, File)) error {
	set, err := f.out.set(key)
	if err == nil {
		err = f.out.add(ctx, set, record)
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	f.written.RecordSize(ctx, len(record))
	return nil
}

// FinishBundle completes the files, and gives all of them away.
func (f *stageSetsFn) FinishBundle(ctx context.Context, emit func(beam.EventTime, string, File)) error {
	err := f.out.finish(ctx)
	if err == nil {
		for _, key := range slices.Sorted(maps.Keys(f.out.sets)) {
			set := f.out.sets[key]
			for _, done := range set.done {
				f.written.FileTime(ctx, done.file.begun)
				emit(set.part.Window.maxTimestamp(), set.part.group(), done.File)
			}
		}
	}
	if err = errors.Join(err, f.out.clear()); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
