package dofns

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	direct.Register2x1((*nameFn).ProcessElement)
	direct.Register5x1((*uniqueFn).ProcessElement)
	register.Emitter2[string, string]()
	register.Iter1[string]()
	beam.RegisterFunction(swap)
	beam.RegisterFunction(dropInput)
	beam.RegisterFunction(same)
}

// NameOutputs gives each file, a PCollection of string, the name of its output
// below a directory or bucket: a PCollection of KV<string, string> as
// TFRecordFileToArrayRecord and ArrayRecordFileToTFRecord take it. The name is
// that of [OutputName].
//
// Options: WithOverwriteExtension, WithFilePathSuffix.
//
// NameOutputs panics if an argument makes no sense; TryNameOutputs returns the
// error instead.
func NameOutputs(s beam.Scope, path string, files beam.PCollection, opts ...Option) beam.PCollection {
	return beam.Must(TryNameOutputs(s, path, files, opts...))
}

// TryNameOutputs is NameOutputs with an error instead of a panic. The error
// matches ErrInvalidOption, or errors.ErrUnsupported if nothing serves the
// path's scheme.
func TryNameOutputs(s beam.Scope, path string, files beam.PCollection, opts ...Option) (beam.PCollection, error) {
	o, err := newOptions(opts, overwriteExtension|filePathSuffix)
	if err == nil {
		err = o.setPath(path)
	}
	if err == nil {
		err = checkType("files", files, stringType)
	}
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("dofns: %w", err)
	}
	return beam.ParDo(s.Scope("dofns.NameOutputs"), &nameFn{Config: o.config}, files), nil
}

// OutputName gives the name that an input's output has: the last segment of the
// input's name, without its extension if options say so, and the suffix, below
// path. What stands before the last segment does not count: a/x and b/x have
// the same output.
//
// Options: WithOverwriteExtension, WithFilePathSuffix. Errors match
// ErrInvalidOption, or say that the input's name has no last segment.
func OutputName(path, input string, opts ...Option) (string, error) {
	o, err := newOptions(opts, overwriteExtension|filePathSuffix)
	if err == nil {
		err = o.setPath(path)
	}
	var name string
	if err == nil {
		name, err = o.outputName(input)
	}
	if err != nil {
		return "", fmt.Errorf("dofns: %w", err)
	}
	return name, nil
}

func (c config) outputName(input string) (string, error) {
	_, base := storage.Split(input)
	if base == "" {
		return "", fmt.Errorf("%q has no name of which an output's could be made", input)
	}
	if c.OverwriteExtension {
		// A dot at the beginning marks a hidden file.
		if dot := strings.LastIndexByte(base, '.'); dot > 0 && strings.Trim(base[:dot], ".") != "" {
			base = base[:dot]
		}
	}
	return storage.Join(c.Path, base+c.FilePathSuffix), nil
}

// nameFn names outputs.
type nameFn struct {
	Config config
}

// ProcessElement gives the input and its output.
func (f *nameFn) ProcessElement(input string, emit func(string, string)) error {
	output, err := f.Config.outputName(input)
	if err != nil {
		return fmt.Errorf("dofns: %w", err)
	}
	emit(input, output)
	return nil
}

// unique gives the pairs of an input and an output, which are KV<string,
// string>, back in the same order of the two, each once. Inputs that have the
// same output are failures; consequence says what that means.
func unique(s beam.Scope, o options, consequence string, pairs beam.PCollection) (good, failed beam.PCollection) {
	byOutput := beam.GroupByKey(s, beam.ParDo(s, swap, pairs))
	return beam.ParDo2(s, &uniqueFn{Config: o.config, Consequence: consequence}, byOutput)
}

// swap makes the output the key.
func swap(input, output string) (string, string) { return output, input }

// uniqueFn finds inputs that have the same output.
type uniqueFn struct {
	Config      config
	Consequence string

	written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *uniqueFn) Setup() { f.written = counters.Written() }

// ProcessElement is called with all inputs of an output.
func (f *uniqueFn) ProcessElement(ctx context.Context, output string, next func(*string) bool, emit func(string, string), fail func(DeadLetter)) error {
	var inputs []string
	for input := ""; next(&input); {
		inputs = append(inputs, input)
	}
	slices.Sort(inputs)
	inputs = slices.Compact(inputs)
	if len(inputs) == 1 {
		emit(inputs[0], output)
		return nil
	}
	err := fmt.Errorf("%s have the same output %s: %s", enumerate(inputs), output, f.Consequence)
	for _, input := range inputs {
		if err := f.Config.failure(ctx, &f.written, DeadLetter{Element: input, Output: output}, err, fail); err != nil {
			return err
		}
	}
	return nil
}

// enumerate names some of several inputs.
func enumerate(inputs []string) string {
	const named = 3
	if n := len(inputs); n > named {
		return fmt.Sprintf("%s and %d more", strings.Join(inputs[:named], ", "), n-named)
	}
	return strings.Join(inputs, ", ")
}

// settle gives the names of outputs in a stage of their own. Prism wastes a
// processor on a stage whose output nobody takes, as long as it runs.
func settle(s beam.Scope, names beam.PCollection) beam.PCollection {
	return beam.ParDo(s, same, beam.Reshuffle(s, names))
}

func same(name string) string { return name }

// dropInput gives the output of a pair.
func dropInput(_, output string) string { return output }

// failure decides what becomes of an error: an error of the DoFn, or an element,
// which is counted.
func (c config) failure(ctx context.Context, count *counters.Set, letter DeadLetter, err error, fail func(DeadLetter)) error {
	if !c.DeadLetters || ctx.Err() != nil {
		return fmt.Errorf("dofns: converting %s: %w", letter.Element, err)
	}
	letter.Error = err.Error()
	count.Failed(ctx)
	fail(letter)
	return nil
}
