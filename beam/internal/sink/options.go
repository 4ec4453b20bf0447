package sink

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Options are what a user of Write can say. Config travels to the workers.
type Options struct {
	Config Config

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

// Complete checks everything that does not depend on the input.
func (o *Options) Complete() error {
	if o.Destination != nil && o.ByKey {
		return errors.New("destinations by a function and by key exclude each other")
	}
	if o.Sharding != nil && o.Config.NumShards == 0 {
		return errors.New("a sharding function needs a number of shards")
	}
	if o.Naming != nil {
		f, err := checkFunction("the naming function", o.Naming, []reflect.Type{reflect.TypeFor[Set]()}, reflect.TypeFor[Naming]())
		if err != nil {
			return err
		}
		o.Config.Naming = f
	}
	o.Config.Destinations = o.hasDestinations()
	o.Config.Sharded = o.Sharding != nil
	return o.Config.Complete()
}

// A Set is what belongs together of an output: the shards of one destination,
// window and pane.
type Set struct {
	// Destination is "" if there are none.
	Destination string
	// Window and Pane are as the letters W and P of a template give them; ""
	// without windowed writes.
	Window, Pane string
}

// A Naming says how the names of the shards of a set are made. What is "" is as
// the options say, which for the prefix is what they say with the destination
// behind it.
type Naming struct {
	Prefix   string
	Template string
	Suffix   string
}

// name applies the naming function to a set.
func (c Config) name(ctx context.Context, s shardSet) (shardSet, error) {
	if c.Naming == nil {
		return s, c.checkSet(s)
	}
	naming, err := call[Naming](ctx, c.Naming, Set{Destination: s.Destination, Window: s.Pane.Window, Pane: s.Pane.Pane})
	if err != nil {
		return s, fmt.Errorf("the naming function: %w", err)
	}
	if naming.Prefix != "" {
		s.Prefix = naming.Prefix
	}
	if naming.Template != "" {
		s.Template = naming.Template
	}
	if naming.Suffix != "" {
		s.Suffix = naming.Suffix
	}
	return s, c.checkSet(s)
}

// checkSet makes sure that names that were made of data are such that the shards
// can be put there.
func (c Config) checkSet(s shardSet) error {
	if err := checkPrefix(s.Prefix); err != nil {
		return err
	}
	if storage.Scheme(s.Prefix) != storage.Scheme(c.Prefix) {
		return fmt.Errorf("%s is not in the place of the output %s, where the temporary files are", s.Prefix, c.Prefix)
	}
	if strings.Contains(s.Suffix, "/") {
		return fmt.Errorf("the suffix %q contains a slash", s.Suffix)
	}
	return c.checkTemplate(s.Template)
}
