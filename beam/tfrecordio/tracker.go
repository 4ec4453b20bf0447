package tfrecordio

import (
	"errors"
	"fmt"
	"math"
)

// byteRange is the restriction of the source: the records that begin at the
// offsets [Begin, End) of a file. Records of a compressed file count as
// beginning at 0. It travels, hence the exported fields.
type byteRange struct {
	Begin, End int64
}

func (r byteRange) size() int64 { return r.End - r.Begin }

// claim is the position of a tracker.
type claim struct {
	// Offset is where a record begins; with Whole, how far the file was read.
	Offset int64
	// Whole claims all of the range at once: nothing can be split off from then
	// on, and further claims succeed.
	Whole bool
}

// tracker is an sdf.RTracker of a byteRange. It can be split at any offset
// behind the record that was claimed last: which records begin there is for the
// readers of both parts to find out. Like all trackers it needs an
// sdf.LockRTracker around it.
type tracker struct {
	rest  byteRange
	next  int64 // the first offset that is not claimed
	whole bool
	err   error
}

func newTracker(rest byteRange) *tracker { return &tracker{rest: rest, next: rest.Begin} }

// TryClaim takes a *claim. It fails when all offsets are claimed.
func (t *tracker) TryClaim(position any) bool {
	c, ok := position.(*claim)
	if !ok || !c.Whole && (c.Offset < t.next || t.whole) {
		t.err = fmt.Errorf("claim of %v with offset %d to come", position, t.next)
	}
	if t.err != nil {
		return false
	}
	if c.Whole {
		t.whole = t.whole || t.next < t.rest.End
		t.next = max(t.next, min(c.Offset, t.rest.End))
		return t.whole
	}
	if c.Offset >= t.rest.End {
		t.next = t.rest.End
		return false
	}
	t.next = c.Offset + 1
	return true
}

// GetError gives what was wrong with a claim.
func (t *tracker) GetError() error { return t.err }

// TrySplit leaves the given fraction of the bytes that are not claimed in the
// primary.
func (t *tracker) TrySplit(fraction float64) (primary, residual any, err error) {
	if math.IsNaN(fraction) {
		return nil, nil, errors.New("split at a fraction that is not a number")
	}
	fraction = min(max(fraction, 0), 1)
	at := t.next + int64(math.Ceil(fraction*float64(t.rest.End-t.next)))
	if t.whole || t.err != nil || at >= t.rest.End {
		return t.rest, nil, nil
	}
	rest := byteRange{at, t.rest.End}
	t.rest.End = at
	return t.rest, rest, nil
}

// GetProgress is in bytes of the file.
func (t *tracker) GetProgress() (done, remaining float64) {
	return float64(t.next - t.rest.Begin), float64(t.rest.End - t.next)
}

// IsDone reports that all offsets are claimed.
func (t *tracker) IsDone() bool { return t.err == nil && t.next >= t.rest.End }

// GetRestriction gives the byteRange.
func (t *tracker) GetRestriction() any { return t.rest }

// IsBounded is always true.
func (t *tracker) IsBounded() bool { return true }
