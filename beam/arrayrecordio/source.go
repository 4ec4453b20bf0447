package arrayrecordio

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/recordcopy"
)

func init() {
	direct.Register4x1((*readFn).ProcessElement)
	direct.Register4x1((*readRecordsFn).ProcessElement)
}

// readFn gives the records of units.
type readFn struct{ source }

func newReadFn(c readConfig) any { return &readFn{source{Config: c}} }

// ProcessElement reads the chunks that the tracker lets it claim.
func (f *readFn) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, u unit, emit func([]byte)) error {
	var memory recordcopy.Memory
	return f.read(ctx, rt, u.File, func(_ int64, data []byte) { emit(memory.Copy(data)) })
}

// FinishBundle closes what the bundle has opened.
func (f *readFn) FinishBundle(func([]byte)) { f.close() }

// readRecordsFn is readFn with where each record comes from.
type readRecordsFn struct{ source }

func newReadRecordsFn(c readConfig) any { return &readRecordsFn{source{Config: c}} }

// ProcessElement reads the chunks that the tracker lets it claim.
func (f *readRecordsFn) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, u unit, emit func(Record)) error {
	var memory recordcopy.Memory
	return f.read(ctx, rt, u.File, func(index int64, data []byte) {
		emit(Record{File: u.File.Name, Index: index, Data: memory.Copy(data)})
	})
}

// FinishBundle closes what the bundle has opened.
func (f *readRecordsFn) FinishBundle(func(Record)) { f.close() }

// source is what the splittable DoFns have in common.
type source struct {
	Config readConfig

	counters counters.Set
	// The file read last, which is likely to be wanted again in this bundle.
	// After a failed bundle, for which Beam calls nothing, the collector gets
	// it together with the DoFn.
	last *arrayrecord.Reader
}

// Setup makes the counters, which do not travel.
func (f *source) Setup() { f.counters = counters.Read() }

// CreateInitialRestriction is the whole unit.
func (f *source) CreateInitialRestriction(u unit) chunkRange { return u.Chunks }

// SplitRestriction leaves it whole: units have been made, and spread over the
// workers, before.
func (f *source) SplitRestriction(_ unit, r chunkRange) []chunkRange { return []chunkRange{r} }

// RestrictionSize is in bytes of the file.
func (f *source) RestrictionSize(_ unit, r chunkRange) float64 { return r.size(r.Begin, r.End) }

// CreateTracker makes the tracker that the runner and ProcessElement share.
func (f *source) CreateTracker(r chunkRange) *sdf.LockRTracker {
	return sdf.NewLockRTracker(newTracker(r))
}

// open opens a file, or gives the last one if it is the same.
func (f *source) open(ctx context.Context, file fileFacts) (*arrayrecord.Reader, error) {
	if f.last != nil && f.last.Name() == file.Name && file.check(f.last) == nil {
		return f.last, nil
	}
	f.close()
	r, err := f.Config.open(ctx, file)
	f.last = r
	return r, err
}

func (f *source) close() {
	if f.last != nil {
		f.last.Close()
		f.last = nil
	}
}

// read gives the records of what it can claim to use, which must copy them.
func (f *source) read(ctx context.Context, rt *sdf.LockRTracker, file fileFacts, use func(index int64, data []byte)) error {
	rest := rt.GetRestriction().(chunkRange)
	if rest.Begin >= rest.End {
		return nil
	}
	defer f.counters.FileTime(ctx, time.Now())
	r, err := f.open(ctx, file)
	if err != nil {
		return fmt.Errorf("%s: %w", caller, err)
	}

	longest := f.Config.LongestRun
	runs := runs{r: r, rt: rt, begin: rest.Begin, next: rest.Begin, limit: rest.End, longest: longest, size: min(firstRun, longest)}
	var records int64
	count := func() {
		if runs.begin == runs.next {
			return
		}
		files := int64(0)
		_, size := r.ChunkExtent(int(runs.begin), int(runs.next))
		if runs.next == file.EndChunk {
			files = 1
			size += indexSize(r)
		}
		f.counters.Add(ctx, files, records, size)
		records = 0
	}
	// Chunks that are split off while this reads are read ahead in vain.
	first, _ := r.ChunkRecords(int(rest.Begin))
	_, end := r.ChunkRecords(int(rest.End - 1))
	index := max(int64(first), file.FirstRecord)
	for data, err := range r.Scan(ctx, int(index), min(end, int(file.EndRecord))) {
		for index >= runs.endRecord {
			count()
			if !runs.claim() {
				return rt.GetError()
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", caller, err)
		}
		use(index, data)
		f.counters.RecordSize(ctx, len(data))
		index++
		records++
	}
	for { // the last run, and chunks without records
		count()
		if !runs.claim() {
			return rt.GetError()
		}
	}
}

const (
	firstRun   = 64 << 10 // bytes
	longestRun = 1 << 20
	// A run that takes less time is followed by one twice as long, up to the
	// longest; one that takes more by one half as long, as a run that is
	// claimed cannot be split.
	quick = 50 * time.Millisecond
	slow  = 500 * time.Millisecond
)

// runs claims runs of chunks.
type runs struct {
	r           *arrayrecord.Reader
	rt          *sdf.LockRTracker
	begin, next int64 // the current run, and what comes next
	limit       int64 // where there is nothing to claim any more
	endRecord   int64 // the first record behind the current run
	size        int64 // of the next run, in bytes
	longest     int64
	claimed     time.Time
}

// claim moves to the next run; false if there is none.
func (s *runs) claim() bool {
	now := time.Now()
	if s.begin < s.next {
		switch took := now.Sub(s.claimed); {
		case took < quick:
			s.size = min(2*s.size, s.longest)
		case took > slow:
			s.size = max(s.size/2, 1)
		}
	}
	c := claim{Begin: s.next, End: s.next + 1}
	if s.next < s.limit {
		c.End = runEnd(s.r, s.next, s.limit, s.size)
	}
	if !s.rt.TryClaim(&c) {
		return false
	}
	s.begin, s.next, s.claimed = c.Begin, c.End, now
	_, end := s.r.ChunkRecords(int(c.End - 1))
	s.endRecord = int64(end)
	return true
}
