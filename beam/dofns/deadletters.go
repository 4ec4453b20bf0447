package dofns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/bounded"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/deadletter"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/lines"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	beam.RegisterType(reflect.TypeFor[encodeFn]())
	direct.Register5x1((*writeFn).ProcessElement)
}

// DeadLetter is a file, the key of a group of records, or an element that an
// encoder was given, of which no output could be made: Element, the Output that it
// would have had, if that is known, and the Error.
type DeadLetter = deadletter.DeadLetter

// WriteDeadLetters writes what went wrong into one file, as JSON objects with
// one on each line, sorted. It returns the file's name, as a PCollection of
// string, once it is complete. If nothing went wrong, no file is made; one that
// has the name already stays as it is, and the PCollection is empty.
//
// The dead letters are any number of bounded PCollections: of [DeadLetter], of
// the failures of a source, or of any other type that package encoding/json
// encodes. All of them together must fit into memory.
//
// WriteDeadLetters panics if an argument makes no sense, as Beam's own
// transforms do; TryWriteDeadLetters returns the error instead.
func WriteDeadLetters(s beam.Scope, path string, failed ...beam.PCollection) beam.PCollection {
	return beam.Must(TryWriteDeadLetters(s, path, failed...))
}

// TryWriteDeadLetters is WriteDeadLetters with an error instead of a panic. The
// error matches errors.ErrUnsupported if nothing serves the path's scheme.
func TryWriteDeadLetters(s beam.Scope, path string, failed ...beam.PCollection) (beam.PCollection, error) {
	if err := checkDeadLetters(path, failed); err != nil {
		return beam.PCollection{}, fmt.Errorf("dofns: dead letters: %w", err)
	}
	s = s.Scope("dofns.WriteDeadLetters")
	lines := make([]beam.PCollection, len(failed))
	for i, col := range failed {
		lines[i] = beam.ParDo(s, &encodeFn{}, beam.WindowInto(s, window.NewGlobalWindows(), col))
	}
	once := beam.AddFixedKey(s, beam.Impulse(s))
	keyed := beam.AddFixedKey(s, beam.Flatten(s, lines...))
	return beam.ParDo(s, &writeFn{Path: path}, beam.CoGroupByKey(s, once, keyed)), nil
}

func checkDeadLetters(path string, failed []beam.PCollection) error {
	if _, base := storage.Split(path); base == "" {
		return fmt.Errorf("%q is not the name of a file", path)
	}
	if _, err := storage.For(path); err != nil {
		return err
	}
	if len(failed) == 0 {
		return errors.New("no PCollection given")
	}
	for _, col := range failed {
		if !col.IsValid() {
			return errors.New("invalid PCollection")
		}
		if !bounded.Is(col) {
			return errors.New("an unbounded PCollection: there is no end to write the file at")
		}
		if typex.IsComposite(col.Type().Type()) {
			return fmt.Errorf("a PCollection of %v has no JSON", col.Type())
		}
	}
	return nil
}

// encodeFn makes lines of elements of any type.
type encodeFn struct{}

// ProcessElement makes one line.
func (*encodeFn) ProcessElement(element beam.T) ([]byte, error) {
	line, err := json.Marshal(element)
	if err != nil {
		return nil, fmt.Errorf("dofns: dead letters: %w", err)
	}
	return line, nil
}

// writeFn writes the lines.
type writeFn struct {
	Path string
}

// ProcessElement is called once, with all lines.
func (f *writeFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*[]byte) bool, emit func(string)) error {
	var letters []string
	for line := []byte(nil); next(&line); {
		letters = append(letters, string(line))
	}
	if len(letters) == 0 {
		return nil
	}
	slices.Sort(letters)
	if err := lines.Write(ctx, f.Path, letters); err != nil {
		return fmt.Errorf("dofns: dead letters: %w", err)
	}
	emit(f.Path)
	return nil
}
