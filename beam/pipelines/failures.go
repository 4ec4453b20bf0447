package pipelines

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/lines"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	beam.RegisterType(reflect.TypeFor[gateFn]()) // called once
	beam.RegisterType(reflect.TypeFor[loss]())
	beam.RegisterType(reflect.TypeFor[losses]())
	beam.RegisterFunction(fileLost)
	register.Iter1[[]byte]()
	register.Iter1[string]()
	register.Iter1[loss]()
	register.Emitter1[loss]()
	register.Emitter1[losses]()
}

// Failures says what becomes of input that cannot be converted: missing rights,
// damage, an unfinished copy. The zero value makes it fail the job.
type Failures struct {
	// Skip leaves out what cannot be converted, and goes on: TFRecord files and
	// files that are converted one to one as a whole, of other ArrayRecord files
	// the damaged chunks. The result counts both. A job that could convert nothing
	// fails.
	Skip bool
	// DeadLetters is the file that says what was left out and why, as JSON lines
	// of dofns.DeadLetter. It is written when there is something to say, in any
	// place that package storage knows. "" is the output with ".failed.jsonl".
	DeadLetters string
	// Max is how much may be left out, files and chunks together, before the job
	// fails; 0 is no limit. Nothing of an output of shards appears then.
	Max int
}

func (f *Failures) addFlags(flags *flag.FlagSet) {
	flags.Var(onErrorFlag{&f.Skip}, "on_error", "`what` to do with input that cannot be converted: fail (the default), or skip it")
	flags.StringVar(&f.DeadLetters, "dead_letters", f.DeadLetters, "`file` for what was skipped and why, as JSON lines (default OUTPUT.failed.jsonl)")
	flags.IntVar(&f.Max, "max_failures", f.Max, "fail if more than `n` files or chunks would be skipped")
}

// onErrorFlag is Failures.Skip as a flag.
type onErrorFlag struct{ skip *bool }

// String gives what is done.
func (f onErrorFlag) String() string {
	if f.skip != nil && *f.skip {
		return "skip"
	}
	return "fail"
}

// Set sets it.
func (f onErrorFlag) Set(what string) error {
	if what != "fail" && what != "skip" {
		return errors.New("it is fail or skip")
	}
	*f.skip = what == "skip"
	return nil
}

// check checks the fields and fills in the name for the output.
func (f Failures) check(output string) (Failures, error) {
	if !f.Skip && (f.DeadLetters != "" || f.Max != 0) {
		return f, errors.New("--dead_letters and --max_failures need --on_error=skip")
	}
	if f.Max < 0 {
		return f, errors.New("--max_failures is negative")
	}
	if !f.Skip {
		return f, nil
	}
	name, err := absolute(cmp.Or(f.DeadLetters, strings.TrimRight(output, "/")+".failed.jsonl"))
	if err != nil {
		return f, err
	}
	if _, base := storage.Split(name); base == "" {
		return f, fmt.Errorf("--dead_letters: %q is not the name of a file", name)
	}
	f.DeadLetters = name
	_, err = storage.For(name)
	return f, err
}

// A loss is a file, or a chunk of one, that is left out.
type loss struct {
	Letter dofns.DeadLetter
	Chunk  bool
}

func fileLost(letter dofns.DeadLetter) loss { return loss{Letter: letter} }

// losses says how much was left out. It is no counter: runners lose some of these.
type losses struct {
	Files  int64 `json:"files"`
	Chunks int64 `json:"chunks"`
}

// gate lets what is good pass, a PCollection of string, when all of it and all
// that is lost, a PCollection of loss, are known and the job may go on. sum is a
// PCollection of one losses.
func (f Failures) gate(s beam.Scope, good, lost beam.PCollection) (passed, sum beam.PCollection) {
	once := beam.AddFixedKey(s, beam.Impulse(s))
	return beam.ParDo2(s, &gateFn{Failures: f}, beam.CoGroupByKey(s, once, beam.AddFixedKey(s, good), beam.AddFixedKey(s, lost)))
}

// gateFn writes the dead letters, and ends the job if there are too many.
type gateFn struct {
	Failures Failures
}

// ProcessElement is called once, with everything.
func (f *gateFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, good func(*string) bool, lost func(*loss) bool, emit func(string), count func(losses)) error {
	var letters []string
	var sum losses
	for l := (loss{}); lost(&l); l = (loss{}) {
		if l.Chunk {
			sum.Chunks++
		} else {
			sum.Files++
		}
		text, err := json.Marshal(l.Letter)
		if err != nil {
			return err
		}
		letters = append(letters, string(text))
	}
	if len(letters) > 0 {
		slices.Sort(letters)
		if err := lines.Write(ctx, f.Failures.DeadLetters, letters); err != nil {
			return fmt.Errorf("dead letters: %w", err)
		}
	}
	if limit := f.Failures.Max; limit > 0 && len(letters) > limit {
		return fmt.Errorf("%d failures are more than the %d that are allowed: %s has them", len(letters), limit, f.Failures.DeadLetters)
	}
	var n int
	for item := ""; good(&item); n++ {
		emit(item)
	}
	if n == 0 && len(letters) > 0 {
		return fmt.Errorf("nothing could be converted: %s has the %d failures", f.Failures.DeadLetters, len(letters))
	}
	count(sum)
	return nil
}
