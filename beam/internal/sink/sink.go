// Package sink writes PCollections into sharded files. It is the write side of
// arrayrecordio and tfrecordio, whose package comments describe what users see.
//
//	 bundle 0   bundle 1   bundle 2        stage: records are written where
//	    |          |          |            they are, into temporary files
//	 temp A     temp B     temp C
//	    \          |          /
//	     names and counts only             cross a shuffle
//	               |
//	             plan                      with a fixed number of shards:
//	  /                     \              even ranges of records
//	copy                  copy             each shard by a worker of its own
//	  \                     /
//	            arrange                    which file is which shard
//	               |
//	            commit                     all shards get their names
//
// Any of these steps may be done again, by others at the same time, or by one
// that was thought dead. What keeps that from doing harm is in type committer
// (commit.go), type record (record.go) and docs/beam.md.
//
// With windows, destinations chosen by records, or shards chosen by a function,
// there are many sets of shards. Records are written where they are all the same;
// a shuffle brings the names of a set's files to one worker, which makes its
// shards; then each set is committed in the same way. See sets.go.
package sink

import (
	"errors"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/bounded"
)

func init() {
	beam.RegisterType(reflect.TypeFor[File]())
	register.Emitter2[int, File]()
	register.Iter1[[]byte]()
	register.Iter1[File]()
}

// Write writes a PCollection as the options say, and returns a PCollection of
// Shard.
func Write(s beam.Scope, o Options, col beam.PCollection) (beam.PCollection, error) {
	sets, err := o.sets()
	if err != nil {
		return beam.PCollection{}, err
	}
	if !col.IsValid() {
		return beam.PCollection{}, errors.New("invalid PCollection")
	}
	if !o.Windowed && !bounded.Is(col) {
		return beam.PCollection{}, errors.New("the input is unbounded: it needs windows, and windowed writes")
	}
	records, failures, err := o.records(s, col, sets.many())
	if err != nil {
		return beam.PCollection{}, err
	}
	var shards beam.PCollection
	if sets.many() {
		shards, err = writeSets(s, sets, records)
	} else {
		shards = writeOne(s, sets.Config, records)
	}
	if err != nil {
		return beam.PCollection{}, err
	}
	if o.Failures != nil {
		*o.Failures = failures
	}
	if o.Shards != nil {
		*o.Shards = shards
	}
	return shards, nil
}

// writeOne writes one set of shards.
func writeOne(s beam.Scope, config Config, records beam.PCollection) beam.PCollection {
	// FinishBundle can emit into the global window only.
	records = beam.WindowInto(s, window.NewGlobalWindows(), records)
	files := beam.ParDo(s, &stageFn{Config: config}, records)
	if config.isPlanned() {
		return Reshard(s, config, files)
	}
	return Commit(s, config, files)
}

// Reshard makes NumShards shards of ArrayRecord files, which are a PCollection
// of KV<int, File>, and returns a PCollection of Shard. The configuration must
// be complete. Files that are inputs stay as they are; none may have a name of the
// output.
func Reshard(s beam.Scope, config Config, files beam.PCollection) beam.PCollection {
	plans := beam.ParDo(s, &planFn{Config: config}, gather(s, files))
	return Commit(s, config, beam.ParDo(s, &copyFn{Config: config}, beam.Reshuffle(s, plans)))
}

// Commit makes shards of complete temporary files, which are a PCollection of
// KV<int, File>, and returns a PCollection of Shard. The configuration must be
// complete.
func Commit(s beam.Scope, config Config, files beam.PCollection) beam.PCollection {
	arranged := beam.ParDo(s, &arrangeFn{Config: config}, gather(s, files))
	return beam.ParDo(s, &commitFn{Config: config}, beam.Reshuffle(s, arranged))
}

// gather brings all temporary files into one call of a DoFn, which is made even
// if there are none. It is not a side input, which not every runner has for Go.
func gather(s beam.Scope, files beam.PCollection) beam.PCollection {
	once := beam.AddFixedKey(s, beam.Impulse(s))
	return beam.CoGroupByKey(s, once, files)
}
