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
// With windows, a shuffle brings the records of a window and pane to one
// worker, which writes and arranges all shards of the set; then they are
// committed in the same way.
package sink

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"google.golang.org/protobuf/proto"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/bounded"
)

func init() {
	beam.RegisterType(reflect.TypeFor[File]())
	beam.RegisterType(reflect.TypeFor[marshalFn]())
	beam.RegisterFunction(fromString)
	register.Emitter2[int, File]()
	register.Iter1[[]byte]()
	register.Iter1[File]()
}

// Write writes a PCollection as config says, and returns a PCollection of Shard. The encoder, a function or DoFn for beam.ParDo, makes []byte of the
// elements, if it is not nil.
func Write(s beam.Scope, config Config, encoder any, col beam.PCollection) (beam.PCollection, error) {
	if err := config.Complete(); err != nil {
		return beam.PCollection{}, err
	}
	records, err := encode(s, encoder, col)
	if err != nil {
		return beam.PCollection{}, err
	}
	if config.Windowed {
		return writeWindows(s, config, records)
	}
	if !bounded.Is(col) {
		return beam.PCollection{}, errors.New("the input is unbounded: it needs windows, and windowed writes")
	}
	// FinishBundle can emit into the global window only.
	records = beam.WindowInto(s, window.NewGlobalWindows(), records)
	files := beam.ParDo(s, &stageFn{Config: config}, records)
	if config.NumShards > 0 {
		return Reshard(s, config, files), nil
	}
	return Commit(s, config, files), nil
}

// Reshard makes NumShards shards of ArrayRecord files, which are a PCollection
// of KV<int, File>, and returns a PCollection of Shard. The configuration must
// be complete. Files that are inputs stay as they are; none may have a name of the output.
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

// encode turns the elements into records.
func encode(s beam.Scope, encoder any, col beam.PCollection) (beam.PCollection, error) {
	if !col.IsValid() {
		return col, errors.New("invalid PCollection")
	}
	if encoder != nil {
		cols, err := beam.TryParDo(s, encoder, col)
		if err != nil {
			return col, fmt.Errorf("the encoder: %w", err)
		}
		if len(cols) != 1 || cols[0].Type().Type() != reflectx.ByteSlice {
			return col, fmt.Errorf("the encoder does not return []byte: %v", cols)
		}
		return cols[0], nil
	}
	switch t := col.Type().Type(); {
	case t == reflectx.ByteSlice:
		return col, nil
	case t == reflectx.String:
		return beam.ParDo(s, fromString, col), nil
	case t.Implements(reflect.TypeFor[proto.Message]()):
		return beam.ParDo(s, &marshalFn{}, col), nil
	}
	return col, fmt.Errorf("the input is a PCollection of %v, not of []byte, string or a protocol buffer message: it needs an encoder", col.Type())
}

func fromString(record string) []byte { return []byte(record) }

// marshalFn serializes messages of any type.
type marshalFn struct{}

// ProcessElement serializes one message, always in the same way.
func (*marshalFn) ProcessElement(_ context.Context, message beam.T) ([]byte, error) {
	record, err := proto.MarshalOptions{Deterministic: true}.Marshal(message.(proto.Message))
	if err != nil {
		return nil, fmt.Errorf("serializing %T: %w", message, err)
	}
	return record, nil
}
