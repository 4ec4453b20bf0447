package tfrecordio

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/recordcopy"
)

func init() {
	direct.Register4x1((*readFn).ProcessElement)
	direct.Register4x1((*readNamedFn).ProcessElement)
	direct.Register4x1((*readRecordsFn).ProcessElement)
}

// readFn gives the records of parts.
type readFn struct{ source }

func newReadFn(c readConfig) any { return &readFn{source{Config: c}} }

// ProcessElement reads the records that the tracker lets it claim.
func (f *readFn) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, p part, emit func([]byte)) error {
	var memory recordcopy.Memory
	return f.read(ctx, rt, p, func(record []byte, _ int64) { emit(memory.Copy(record)) })
}

// readNamedFn is readFn with the name of the file beside each record.
type readNamedFn struct{ source }

func newReadNamedFn(c readConfig) any { return &readNamedFn{source{Config: c}} }

// ProcessElement reads the records that the tracker lets it claim.
func (f *readNamedFn) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, p part, emit func(string, []byte)) error {
	var memory recordcopy.Memory
	return f.read(ctx, rt, p, func(record []byte, _ int64) { emit(p.Name, memory.Copy(record)) })
}

// readRecordsFn is readFn with where each record comes from.
type readRecordsFn struct{ source }

func newReadRecordsFn(c readConfig) any { return &readRecordsFn{source{Config: c}} }

// ProcessElement reads the records that the tracker lets it claim.
func (f *readRecordsFn) ProcessElement(ctx context.Context, rt *sdf.LockRTracker, p part, emit func(Record)) error {
	var memory recordcopy.Memory
	return f.read(ctx, rt, p, func(record []byte, offset int64) {
		emit(Record{File: p.Name, Offset: offset, Data: memory.Copy(record)})
	})
}

// source is what the splittable DoFns have in common.
type source struct {
	Config readConfig

	counters counters.Set
}

// Setup makes the counters, which do not travel.
func (f *source) Setup() { f.counters = counters.Read() }

// CreateInitialRestriction is the whole part.
func (f *source) CreateInitialRestriction(p part) byteRange { return p.Range }

// SplitRestriction leaves it whole: parts have been made, and spread over the
// workers, before.
func (f *source) SplitRestriction(_ part, r byteRange) []byteRange { return []byteRange{r} }

// RestrictionSize is in bytes of the file.
func (f *source) RestrictionSize(_ part, r byteRange) float64 { return float64(r.size()) }

// CreateTracker makes the tracker that the runner and ProcessElement share.
func (f *source) CreateTracker(r byteRange) *sdf.LockRTracker {
	return sdf.NewLockRTracker(newTracker(r))
}

// The counters are brought up to date after that much.
const (
	countRecords = 1024
	countBytes   = 4 << 20
)

// read gives the records that it can claim to use, which must copy them, and
// counts.
func (f *source) read(ctx context.Context, rt *sdf.LockRTracker, p part, use func(record []byte, offset int64)) error {
	defer f.counters.FileTime(ctx, time.Now())
	var records, size, counted int64
	done, err := p.read(ctx, f.Config, rt, func(record []byte, offset, done int64) {
		use(record, offset)
		f.counters.RecordSize(ctx, len(record))
		records++
		size += int64(len(record))
		if records == countRecords || size >= countBytes {
			f.counters.Add(ctx, 0, records, done-counted)
			records, size, counted = 0, 0, done
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", caller, err)
	}
	files := int64(0)
	if done.atEnd {
		files = 1
	}
	f.counters.Add(ctx, files, records, done.bytes-counted)
	return nil
}
