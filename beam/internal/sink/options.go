package sink

import (
	"errors"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// Options are what a user of Write can say.
type Options struct {
	Config Config // of each set of shards

	// Windowed asks for a set for each window and pane.
	Windowed bool
	// MaxOpenFiles is how many temporary files of sets a worker has open, 0 for the
	// default.
	MaxOpenFiles int

	// Encoder makes []byte of elements, nil for []byte, strings and messages.
	Encoder any
	// Destination gives the destination of an element. ByKey says that elements
	// are KV<string, T> instead, whose key it is.
	Destination any
	ByKey       bool
	// Sharding gives the shard, of NumShards, of an element.
	Sharding any
	// Naming is a func(Set) Naming.
	Naming any

	// Failures gets the elements that cannot be written, Shards the shards, when
	// the transform is made.
	Failures, Shards *beam.PCollection
}

// An Option changes what Write does.
type Option func(*Options)

// hasDestinations reports whether each record chooses where it goes.
func (o Options) hasDestinations() bool { return o.Destination != nil || o.ByKey }

// sets checks everything that does not depend on the input.
func (o Options) sets() (Sets, error) {
	sets := Sets{
		Config: o.Config, Windowed: o.Windowed, Destinations: o.hasDestinations(), Sharded: o.Sharding != nil,
		MaxOpenFiles: o.MaxOpenFiles,
	}
	if o.Destination != nil && o.ByKey {
		return sets, errors.New("destinations by a function and by key exclude each other")
	}
	if o.Sharding != nil && o.Config.NumShards == 0 {
		return sets, errors.New("a sharding function needs a number of shards")
	}
	if o.Naming != nil && !sets.many() {
		return sets, errors.New("a naming function is for the sets of windows or destinations: without them there is one, of one prefix")
	}
	if o.Naming != nil {
		var err error
		sets.Naming, err = checkFunction("the naming function", o.Naming, []reflect.Type{reflect.TypeFor[Set]()}, reflect.TypeFor[Naming]())
		if err != nil {
			return sets, err
		}
	}
	return sets, sets.Complete()
}
