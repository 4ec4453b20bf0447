package sourcetest

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"github.com/stretchr/testify/require"
)

type span struct{ Begin, End int }

type half struct{ Begin, end int }

func init() {
	beam.RegisterType(reflect.TypeFor[span]())
	beam.RegisterType(reflect.TypeFor[half]())
}

// flaws are what is wrong with a source.
type flaws struct {
	ignoresClaim, losesAtSplit, doublesAtSplit, losesAtStart, wrongSize, notDone, wrongPrimary, splitFails, readFails,
	losesAtSplitRestriction, forgetsFraction, movesDone bool
}

// numbers is a source of the numbers of a span.
type numbers struct{ flaws }

func (n *numbers) CreateInitialRestriction(length int) span { return span{0, length} }

func (n *numbers) SplitRestriction(_ int, r span) []span {
	at := (r.Begin + r.End) / 2
	if n.losesAtSplitRestriction {
		return []span{{r.Begin, at}, {at, at}, {at + 1, r.End}, {0, 1}}[:3]
	}
	return []span{{r.Begin, at}, {at, r.End}}
}

func (n *numbers) RestrictionSize(_ int, r span) float64 {
	if n.wrongSize {
		return float64(r.End-r.Begin) + 1
	}
	return float64(r.End - r.Begin)
}

func (n *numbers) CreateTracker(r span) *sdf.LockRTracker {
	return sdf.NewLockRTracker(&spanTracker{flaws: n.flaws, rest: r, next: r.Begin})
}

func (n *numbers) ProcessElement(_ context.Context, rt *sdf.LockRTracker, _ int, emit func(int)) error {
	if n.readFails {
		return errBroken
	}
	r := rt.GetRestriction().(span)
	if n.losesAtStart && r.Begin > 0 {
		rt.TryClaim(r.Begin)
		r.Begin++
	}
	for i := r.Begin; rt.TryClaim(i) || n.ignoresClaim && i < r.End; i++ {
		emit(i)
	}
	return nil
}

var errBroken = errors.New("broken")

type spanTracker struct {
	flaws
	rest span
	next int
}

func (t *spanTracker) TryClaim(p any) bool {
	if p.(int) >= t.rest.End {
		return false
	}
	t.next = p.(int) + 1
	return true
}

func (t *spanTracker) GetError() error { return nil }

func (t *spanTracker) TrySplit(fraction float64) (any, any, error) {
	if t.splitFails {
		return nil, nil, errBroken
	}
	at := t.next + int(fraction*float64(t.rest.End-t.next)+0.999999)
	if t.forgetsFraction {
		at = t.next
	}
	if at >= t.rest.End {
		return t.rest, nil, nil
	}
	residual := span{at, t.rest.End}
	switch {
	case t.losesAtSplit:
		residual.Begin++
	case t.doublesAtSplit:
		residual.Begin = max(residual.Begin-1, 0)
	}
	t.rest.End = at
	primary := t.rest
	if t.wrongPrimary {
		primary.End++
	}
	if t.movesDone {
		t.rest.Begin--
	}
	return primary, residual, nil
}

func (t *spanTracker) GetProgress() (float64, float64) {
	return float64(t.next - t.rest.Begin), float64(t.rest.End - t.next)
}

func (t *spanTracker) IsDone() bool {
	return !t.notDone && t.next >= t.rest.End
}

func (t *spanTracker) GetRestriction() any { return t.rest }

func test(t *testing.T, f flaws, length int) error {
	return Test(t.Context(), func() Source[int, span, int] { return &numbers{flaws: f} }, length)
}

func TestGoodSource(t *testing.T) {
	for _, length := range []int{0, 1, 2, 30, 200} {
		require.NoError(t, test(t, flaws{}, length))
	}
}

// Whatever a source can do wrong is found, and said.
func TestFlawsAreFound(t *testing.T) {
	for says, f := range map[string]flaws{
		"come too often":                    {ignoresClaim: true},
		"add up to":                         {losesAtSplit: true},
		"not to":                            {doublesAtSplit: true},
		"records are lost":                  {losesAtStart: true},
		"SplitRestriction: the sizes":       {wrongSize: true},
		"SplitRestriction: ":                {losesAtSplitRestriction: true},
		"is not done":                       {notDone: true},
		"gives the primary":                 {wrongPrimary: true},
		"TrySplit(0): broken":               {splitFails: true},
		"reading at once: broken":           {readFails: true},
		"in the primary":                    {forgetsFraction: true},
		"gives the primary {Begin:0 End:0}": {movesDone: true},
	} {
		err := test(t, f, 20)
		require.ErrorContains(t, err, says)
	}
}

// halves has a restriction of which a part is lost on the way.
type halves struct{ numbers }

func (h *halves) CreateInitialRestriction(length int) half { return half{0, length} }
func (h *halves) SplitRestriction(_ int, r half) []half    { return []half{r} }
func (h *halves) RestrictionSize(_ int, r half) float64    { return float64(r.end - r.Begin) }
func (h *halves) CreateTracker(r half) *sdf.LockRTracker {
	return h.numbers.CreateTracker(span{r.Begin, r.end})
}

func TestRestrictionThatDoesNotTravel(t *testing.T) {
	err := Test(t.Context(), func() Source[int, half, int] { return &halves{} }, 20)
	require.ErrorContains(t, err, "coder")
}
