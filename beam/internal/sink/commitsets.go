package sink

import (
	"context"
	"errors"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
)

func init() {
	direct.Register3x1((*commitSetsFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[ownShardFn]())
	register.Emitter2[beam.EventTime, Shard]()
}

// commitSets commits sets that are in the windows of their records, and gives
// their shards in the same windows.
func commitSets(s beam.Scope, c Sets, ws *window.WindowingStrategy, arranged beam.PCollection) beam.PCollection {
	// FinishBundle can emit into the global window only.
	arranged = beam.WindowInto(s, window.NewGlobalWindows(), arranged)
	shards := beam.ParDo(s, &commitSetsFn{Config: c.Config}, beam.Reshuffle(s, arranged))
	if !c.Windowed {
		return shards
	}
	shards = beam.WindowInto(s, ws.Fn, shards, again(ws)...)
	if ws.Fn.Kind == window.SlidingWindows {
		shards = beam.ParDo(s, &ownShardFn{}, shards)
	}
	return shards
}

// commitSetsFn is commitFn for the sets of a bundle, which are committed side by
// side when it ends: a commit is a number of steps that wait for the storage, each
// for the one before it. Sets have nothing to do with each other, except for panes
// of a window that have the same names: they keep their order.
type commitSetsFn struct {
	Config Config

	all     []arrangement
	written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *commitSetsFn) Setup() { f.written = counters.Written() }

// StartBundle forgets what a failed bundle left, for which Beam calls nothing.
func (f *commitSetsFn) StartBundle(func(beam.EventTime, Shard)) { f.all = nil }

// ProcessElement takes all shards of a set.
func (f *commitSetsFn) ProcessElement(_ context.Context, all arrangement, _ func(beam.EventTime, Shard)) error {
	f.all = append(f.all, all)
	return nil
}

// FinishBundle commits. After an error it begins no other set, and finishes those
// that it has begun: what is not done is done when the bundle is repeated, and if it
// is not repeated there are few sets that somebody else has to finish.
func (f *commitSetsFn) FinishBundle(ctx context.Context, emit func(beam.EventTime, Shard)) error {
	byNames := map[string][]int{}
	for i, all := range f.all {
		names := all.Set.recordName(0, "")
		byNames[names] = append(byNames[names], i)
	}
	sets := make([][]Shard, len(f.all))
	errs := make([]error, len(f.all))
	g, begin := errgroup.WithContext(ctx)
	g.SetLimit(commitParallelism)
	each := max(1, commitParallelism/max(1, len(byNames)))
	for _, same := range byNames {
		g.Go(func() error {
			for _, i := range same {
				if begin.Err() != nil {
					return nil
				}
				if sets[i], errs[i] = f.Config.publish(ctx, f.all[i], each); errs[i] != nil {
					return errs[i]
				}
			}
			return nil
		})
	}
	_ = g.Wait() // errs has all of them
	if err := errors.Join(append(errs, context.Cause(ctx))...); err != nil {
		return err
	}
	for i, shards := range sets {
		count(ctx, &f.written, shards)
		for _, shard := range shards {
			emit(beam.EventTime(f.all[i].Time), shard)
		}
	}
	f.all = nil
	return nil
}

// ownShardFn drops shards from windows that are not theirs: the time of one is in
// several that slide.
type ownShardFn struct{}

// ProcessElement gives a shard on if this is its window.
func (*ownShardFn) ProcessElement(w beam.Window, shard Shard, emit func(Shard)) error {
	is, err := describe(w, typex.NoFiringPane())
	if err == nil && is.Window == shard.Window {
		emit(shard)
	}
	return err
}
