// Package sourcetest tests the sources of Beam pipelines, which are splittable
// DoFns: whatever a runner splits, and whenever it does, every record must come
// out exactly once.
//
//	func TestSplits(t *testing.T) {
//		err := sourcetest.Test(t.Context(), func() sourcetest.Source[file, byteRange, []byte] { return &readFn{} }, f)
//		if err != nil {
//			t.Fatal(err)
//		}
//	}
package sourcetest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
)

// Source is a splittable DoFn that turns an element E into records T, with
// restrictions R. Beam allows other signatures of these methods: a type that
// calls them makes them fit. A source may have the methods Setup() and
// FinishBundle(func(T)) too.
type Source[E, R, T any] interface {
	CreateInitialRestriction(E) R
	SplitRestriction(E, R) []R
	RestrictionSize(E, R) float64
	CreateTracker(R) *sdf.LockRTracker
	ProcessElement(context.Context, *sdf.LockRTracker, E, func(T)) error
}

// Test reads an element of a source in many ways, and returns an error if not
// every way gives the records that reading it at once gives, each exactly once
// and in any order. The ways are
//
//   - the parts that SplitRestriction makes
//   - splits before the first record and at each record (at 64 of them if there
//     are more), at fractions from 0 to 1
//   - splits at random, of residuals too, again and again
//   - splits by another goroutine while records are read
//
// In each, sizes of restrictions must add up, progress must not change with a
// split, a split at fraction 0 must leave nothing to claim, restrictions must
// pass through their coders, and trackers must be done at the end.
//
// newSource makes a new instance for each reading. Records are compared by how
// %#v prints them. The element should have some ten to a hundred records: the
// time grows with the square of their number. The error tells how the records
// were split; what newSource's methods return is wrapped.
func Test[E, R, T any](ctx context.Context, newSource func() Source[E, R, T], element E) error {
	c := checker[E, R, T]{ctx: ctx, newSource: newSource, element: element}
	first := c.instance().CreateInitialRestriction(element)
	whole, _, err := c.read(first, func(int, *sdf.LockRTracker) (*R, error) { return nil, nil })
	if err != nil {
		return fmt.Errorf("reading at once: %w", err)
	}
	c.want = whole
	c.total = c.instance().RestrictionSize(element, first)
	for _, check := range []func(R) error{c.initialSplits, c.everySplit, c.randomSplits, c.concurrentSplits} {
		if err := check(first); err != nil {
			return err
		}
	}
	return nil
}

type checker[E, R, T any] struct {
	ctx       context.Context
	newSource func() Source[E, R, T]
	element   E
	want      []string
	total     float64
}

func (c *checker[E, R, T]) instance() Source[E, R, T] {
	s := c.newSource()
	if s, ok := s.(interface{ Setup() }); ok {
		s.Setup()
	}
	return s
}

// read reads a restriction. It calls split, which may give a residual, before
// the first record, with 0, and at the n-th, with n.
func (c *checker[E, R, T]) read(r R, split func(n int, rt *sdf.LockRTracker) (*R, error)) (records []string, residuals []R, err error) {
	if r, err = travel(r); err != nil {
		return nil, nil, err
	}
	s := c.instance()
	rt := s.CreateTracker(r)
	var splitErr error
	try := func(n int) {
		residual, err := split(n, rt)
		if residual != nil {
			residuals = append(residuals, *residual)
		}
		if err != nil && splitErr == nil {
			splitErr = err
		}
	}
	try(0)
	emit := func(record T) {
		records = append(records, fmt.Sprintf("%#v", record))
		try(len(records))
	}
	err = s.ProcessElement(c.ctx, rt, c.element, emit)
	if s, ok := s.(interface{ FinishBundle(func(T)) }); ok {
		s.FinishBundle(emit)
	}
	switch {
	case err != nil:
		return nil, nil, err
	case rt.GetError() != nil:
		return nil, nil, rt.GetError()
	case splitErr != nil:
		return nil, nil, splitErr
	case !rt.IsDone():
		return nil, nil, fmt.Errorf("ProcessElement has returned, and its tracker with %+v is not done", rt.GetRestriction())
	}
	return records, residuals, nil
}

// travel is what becomes of a restriction between workers.
func travel[R any](r R) (R, error) {
	var b bytes.Buffer
	t := reflect.TypeFor[R]()
	if err := beam.NewElementEncoder(t).Encode(r, &b); err != nil {
		return r, fmt.Errorf("encoding %+v: %w", r, err)
	}
	there, err := beam.NewElementDecoder(t).Decode(&b)
	if err != nil {
		return r, fmt.Errorf("decoding %+v: %w", r, err)
	}
	if !reflect.DeepEqual(any(r), there) {
		return r, fmt.Errorf("the coder makes %+v of %+v", there, r)
	}
	return there.(R), nil
}

// initialSplits reads the parts of SplitRestriction.
func (c *checker[E, R, T]) initialSplits(first R) error {
	parts := c.instance().SplitRestriction(c.element, first)
	if err := c.sizes(c.total, parts...); err != nil {
		return fmt.Errorf("SplitRestriction: %w", err)
	}
	records, err := c.readAll(parts)
	if err != nil {
		return fmt.Errorf("SplitRestriction: %w", err)
	}
	return c.compare(records, "SplitRestriction into %+v", parts)
}

// readAll reads restrictions as they are.
func (c *checker[E, R, T]) readAll(rs []R) (records []string, err error) {
	for _, r := range rs {
		more, _, err := c.read(r, func(int, *sdf.LockRTracker) (*R, error) { return nil, nil })
		if err != nil {
			return nil, fmt.Errorf("%+v: %w", r, err)
		}
		records = append(records, more...)
	}
	return records, nil
}

var fractions = []float64{0, 0.01, 0.25, 0.5, 0.75, 0.99, 1}

// everySplit splits once, at each record and fraction.
func (c *checker[E, R, T]) everySplit(first R) error {
	const most = 64
	step := max(len(c.want)/most, 1)
	for at := 0; at <= len(c.want); at += step {
		for _, fraction := range fractions {
			how := fmt.Sprintf("split at record %d of %d, fraction %v", at, len(c.want), fraction)
			records, residuals, err := c.read(first, func(n int, rt *sdf.LockRTracker) (*R, error) {
				if n != at {
					return nil, nil
				}
				return c.split(rt, fraction)
			})
			if err != nil {
				return fmt.Errorf("%s: %w", how, err)
			}
			rest, err := c.readAll(residuals)
			if err != nil {
				return fmt.Errorf("%s: residual %w", how, err)
			}
			if err := c.compare(append(records, rest...), "%s, residual %+v", how, residuals); err != nil {
				return err
			}
		}
	}
	return nil
}

// randomSplits splits whatever there is, at random.
func (c *checker[E, R, T]) randomSplits(first R) error {
	const rounds = 20
	for round := range uint64(rounds) {
		random := rand.New(rand.NewPCG(round, 0))
		left := 4*len(c.want) + 10
		var all []string
		for rest := []R{first}; len(rest) > 0; {
			r := rest[0]
			records, residuals, err := c.read(r, func(_ int, rt *sdf.LockRTracker) (*R, error) {
				if left == 0 || random.IntN(3) > 0 {
					return nil, nil
				}
				left--
				return c.split(rt, random.Float64())
			})
			if err != nil {
				return fmt.Errorf("random splits, round %d: %+v: %w", round, r, err)
			}
			rest = append(rest[1:], residuals...)
			all = append(all, records...)
		}
		if err := c.compare(all, "random splits, round %d", round); err != nil {
			return err
		}
	}
	return nil
}

// concurrentSplits splits from another goroutine, as a runner does.
func (c *checker[E, R, T]) concurrentSplits(first R) error {
	const rounds = 5
	for range rounds {
		var all []string
		for rest := []R{first}; len(rest) > 0; {
			r := rest[0]
			rest = rest[1:]
			var splitting sync.WaitGroup
			var failed error
			stop := make(chan struct{})
			records, _, err := c.read(r, func(n int, rt *sdf.LockRTracker) (*R, error) {
				if n == 0 {
					splitting.Go(func() {
						// The claims are still going on: only the split itself is one step.
						for splits := 0; splits < len(c.want) && failed == nil; splits++ {
							select {
							case <-stop:
								return
							default:
							}
							_, residual, err := rt.TrySplit(0.7)
							if residual != nil {
								rest = append(rest, residual.(R))
							}
							failed = err
							rt.GetProgress()
							runtime.Gosched()
						}
					})
				}
				runtime.Gosched()
				return nil, nil
			})
			close(stop)
			splitting.Wait()
			if err == nil {
				err = failed
			}
			if err != nil {
				return fmt.Errorf("concurrent splits: %+v: %w", r, err)
			}
			all = append(all, records...)
		}
		if err := c.compare(all, "concurrent splits"); err != nil {
			return err
		}
	}
	return nil
}

// split splits what a tracker has left, and checks what the split says.
func (c *checker[E, R, T]) split(rt *sdf.LockRTracker, fraction float64) (*R, error) {
	before := c.size(rt.GetRestriction().(R))
	done, remaining := rt.GetProgress()
	p, r, err := rt.TrySplit(fraction)
	if err != nil {
		return nil, fmt.Errorf("TrySplit(%v): %w", fraction, err)
	}
	primary := rt.GetRestriction()
	if !reflect.DeepEqual(p, primary) {
		return nil, fmt.Errorf("TrySplit(%v) gives the primary %+v, and the tracker has %+v", fraction, p, primary)
	}
	nowDone, nowRemaining := rt.GetProgress()
	if !about(done, nowDone, before) {
		return nil, fmt.Errorf("TrySplit(%v) changes what is done from %v to %v", fraction, done, nowDone)
	}
	if r == nil {
		return nil, c.sizes(before, primary.(R))
	}
	residual := r.(R)
	if nowRemaining < fraction*remaining && !about(nowRemaining, fraction*remaining, before) {
		return &residual, fmt.Errorf("TrySplit(%v) leaves %v of %v in the primary", fraction, nowRemaining, remaining)
	}
	if fraction == 0 && !rt.IsDone() {
		return &residual, fmt.Errorf("the tracker is not done after TrySplit(0), with %+v", primary)
	}
	return &residual, c.sizes(before, primary.(R), residual)
}

func (c *checker[E, R, T]) size(r R) float64 { return c.newSource().RestrictionSize(c.element, r) }

// sizes checks that the sizes of parts add up.
func (c *checker[E, R, T]) sizes(whole float64, parts ...R) error {
	var sum float64
	for _, p := range parts {
		size := c.size(p)
		if size < 0 || math.IsNaN(size) {
			return fmt.Errorf("the size of %+v is %v", p, size)
		}
		sum += size
	}
	if !about(sum, whole, whole) {
		return fmt.Errorf("the sizes of %+v add up to %v, not to %v", parts, sum, whole)
	}
	return nil
}

func about(a, b, scale float64) bool { return math.Abs(a-b) <= 1e-6*max(math.Abs(scale), 1) }

// compare finds records that are missing or too many.
func (c *checker[E, R, T]) compare(got []string, format string, args ...any) error {
	balance := map[string]int{}
	for _, r := range c.want {
		balance[r]--
	}
	for _, r := range got {
		balance[r]++
	}
	var lost, extra int
	var example string
	for r, n := range balance {
		lost += max(-n, 0)
		extra += max(n, 0)
		if n != 0 && (example == "" || r < example) {
			example = r
		}
	}
	if lost+extra == 0 {
		return nil
	}
	const long = 80
	if len(example) > long {
		example = example[:long] + "..."
	}
	return fmt.Errorf("%s: %d of %d records are lost, %d come too often, such as %s",
		fmt.Sprintf(format, args...), lost, len(c.want), extra, example)
}
