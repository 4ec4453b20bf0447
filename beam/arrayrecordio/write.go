package arrayrecordio

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterType(reflect.TypeFor[tempFile]())
	register.Emitter2[int, tempFile]()
	register.Iter1[[]byte]()
	register.Iter1[tempFile]()
}

// Write writes a PCollection of []byte into ArrayRecord files whose names begin
// with prefix, and returns their names as a PCollection of string, once all of
// them are complete. The package comment says how.
//
// The input must be bounded; its windows are ignored. If it is empty there is
// one empty shard, or as many as asked for.
//
// Write panics if the input or an option makes no sense, as Beam's own
// transforms do; TryWrite returns the error instead.
func Write(s beam.Scope, prefix string, col beam.PCollection, opts ...WriteOption) beam.PCollection {
	return beam.Must(TryWrite(s, prefix, col, opts...))
}

// TryWrite is Write with an error instead of a panic. The error matches
// arrayrecord.ErrInvalidOption for wrong writer options, and
// errors.ErrUnsupported if nothing serves the prefix's scheme.
func TryWrite(s beam.Scope, prefix string, col beam.PCollection, opts ...WriteOption) (beam.PCollection, error) {
	config, err := newWriteConfig(prefix, opts)
	if err == nil {
		err = checkInput(col)
	}
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("arrayrecordio: write: %w", err)
	}
	s = s.Scope("arrayrecordio.Write")
	// FinishBundle can emit into the global window only.
	col = beam.WindowInto(s, window.NewGlobalWindows(), col)
	files := beam.ParDo(s, &stageFn{Config: config}, col)
	if config.NumShards > 0 {
		plans := beam.ParDo(s, &planFn{Config: config}, gather(s, files))
		files = beam.ParDo(s, &copyFn{Config: config}, beam.Reshuffle(s, plans))
	}
	arranged := beam.ParDo(s, &arrangeFn{Config: config, Settle: settleTime}, gather(s, files))
	return beam.ParDo(s, &commitFn{Config: config}, beam.Reshuffle(s, arranged)), nil
}

// gather brings all temporary files into one call of a DoFn, which is made even
// if there are none. It is not a side input, which not every runner has for Go.
func gather(s beam.Scope, files beam.PCollection) beam.PCollection {
	once := beam.AddFixedKey(s, beam.Impulse(s))
	return beam.CoGroupByKey(s, once, files)
}

func checkInput(col beam.PCollection) error {
	if !col.IsValid() {
		return errors.New("invalid PCollection")
	}
	if t := col.Type().Type(); t != reflectx.ByteSlice {
		return fmt.Errorf("the input is a PCollection of %v, not of []byte", col.Type())
	}
	// Beam gives no better access to this.
	if strings.HasSuffix(col.String(), ":unbounded}") {
		return errors.New("the input is unbounded: a file would never be complete")
	}
	return nil
}
