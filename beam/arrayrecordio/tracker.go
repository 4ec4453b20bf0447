package arrayrecordio

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// maxMarks is the number of intervals for which a restriction knows exactly
// where they lie in the file.
const maxMarks = 64

// chunkRange is the restriction of the sources: the chunks [Begin, End) of a
// file. It travels, hence the exported fields.
//
// Sizes come from the marks, which are offsets in bytes, from the first of
// them, of evenly spaced chunks from ScaleBegin to ScaleEnd: exact where there
// are no more than maxMarks chunks, interpolated between marks where there are
// more. Splitting leaves the scale as it is.
type chunkRange struct {
	Begin, End           int64
	ScaleBegin, ScaleEnd int64
	Marks                []int64
}

// newChunkRange makes the range [begin, end), which is not empty; size gives
// how many bytes the chunks [begin, chunk) take.
func newChunkRange(begin, end int64, size func(chunk int64) int64) chunkRange {
	r := chunkRange{Begin: begin, End: end, ScaleBegin: begin, ScaleEnd: end}
	n := min(end-begin, maxMarks)
	r.Marks = make([]int64, n+1)
	for i := int64(1); i <= n; i++ {
		r.Marks[i] = size(r.mark(i))
	}
	return r
}

// mark is the chunk of the i-th mark.
func (r chunkRange) mark(i int64) int64 {
	n := int64(len(r.Marks) - 1)
	return r.ScaleBegin + (r.ScaleEnd-r.ScaleBegin)*i/n
}

// offset is where a chunk of the scale, or its end, lies: bytes from its
// beginning.
func (r chunkRange) offset(chunk int64) float64 {
	n := int64(len(r.Marks) - 1)
	if chunk >= r.ScaleEnd {
		return float64(r.Marks[n])
	}
	// The last mark that is not behind the chunk.
	i := ((chunk-r.ScaleBegin+1)*n - 1) / (r.ScaleEnd - r.ScaleBegin)
	before, after := r.mark(i), r.mark(i+1)
	size := float64(r.Marks[i+1] - r.Marks[i])
	return float64(r.Marks[i]) + size*float64(chunk-before)/float64(after-before)
}

// size is how many bytes the chunks [begin, end) take.
func (r chunkRange) size(begin, end int64) float64 { return r.offset(end) - r.offset(begin) }

// at is the first chunk in [begin, r.End) which begins at an offset or behind
// it, or r.End.
func (r chunkRange) at(begin int64, offset float64) int64 {
	n := sort.Search(int(r.End-begin), func(i int) bool { return r.offset(begin+int64(i)) >= offset })
	return begin + int64(n)
}

// claim is the position of a tracker: the chunks [Begin, End). The tracker
// changes End to what is left of them.
type claim struct {
	Begin, End int64
}

// tracker is an sdf.RTracker of a chunkRange. Its claims are runs of chunks, so
// that small chunks do not cost one claim each; what is not claimed yet can be
// split off between any two chunks. Like all trackers it needs an
// sdf.LockRTracker around it.
type tracker struct {
	rest chunkRange
	next int64 // the first chunk that is not claimed
	err  error
}

func newTracker(rest chunkRange) *tracker { return &tracker{rest: rest, next: rest.Begin} }

// TryClaim takes a *claim. It fails when all chunks are claimed.
func (t *tracker) TryClaim(position any) bool {
	c, ok := position.(*claim)
	if !ok || c.Begin != t.next || c.End <= c.Begin {
		t.err = fmt.Errorf("claim of %v with chunk %d to come", position, t.next)
	}
	if t.err != nil || t.next >= t.rest.End {
		return false
	}
	c.End = min(c.End, t.rest.End)
	t.next = c.End
	return true
}

// GetError gives what was wrong with a claim.
func (t *tracker) GetError() error { return t.err }

// TrySplit leaves the given fraction of the bytes that are not claimed, or
// somewhat more, in the primary.
func (t *tracker) TrySplit(fraction float64) (primary, residual any, err error) {
	if math.IsNaN(fraction) {
		return nil, nil, errors.New("split at a fraction that is not a number")
	}
	fraction = min(max(fraction, 0), 1)
	at := t.rest.at(t.next, t.rest.offset(t.next)+fraction*t.rest.size(t.next, t.rest.End))
	if t.err != nil || at >= t.rest.End {
		return t.rest, nil, nil
	}
	rest := t.rest
	rest.Begin = at
	t.rest.End = at
	return t.rest, rest, nil
}

// GetProgress is in bytes of the file; a run that is claimed counts as done.
func (t *tracker) GetProgress() (done, remaining float64) {
	return t.rest.size(t.rest.Begin, t.next), t.rest.size(t.next, t.rest.End)
}

// IsDone reports that all chunks are claimed.
func (t *tracker) IsDone() bool { return t.err == nil && t.next >= t.rest.End }

// GetRestriction gives the chunkRange.
func (t *tracker) GetRestriction() any { return t.rest }

// IsBounded is always true.
func (t *tracker) IsBounded() bool { return true }
