package pipelines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/lines"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() { direct.Register4x1((*listOutputsFn).ProcessElement) }

// outputList is a file by which the last step of a job tells the program that
// waits for it what was written: a name in each line, as JSON. It is in a
// directory for temporary files beside the output, where leftovers are looked
// for.
type outputList string

func newOutputList(dir string) outputList {
	return outputList(storage.Join(dir, ".temp-outputs-"+string(sink.NewRunID()), "outputs.jsonl"))
}

// add adds the step to a pipeline.
func (o outputList) add(s beam.Scope, names beam.PCollection) {
	once := beam.AddFixedKey(s, beam.Impulse(s))
	beam.ParDo0(s, &listOutputsFn{Name: string(o)}, beam.CoGroupByKey(s, once, beam.AddFixedKey(s, names)))
}

// take reads the list and removes it. Where workers have other disks than this
// program there is none.
func (o outputList) take(ctx context.Context) (names []string, err error) {
	var parseErr error
	err = readList(ctx, string(o), func(line string) {
		var name string
		parseErr = errors.Join(parseErr, json.Unmarshal([]byte(line), &name))
		names = append(names, name)
	})
	slices.Sort(names)
	return names, errors.Join(err, parseErr, o.remove(ctx))
}

func (o outputList) remove(ctx context.Context) error {
	dir, _ := storage.Split(string(o))
	return storage.RemoveAll(ctx, dir)
}

// listOutputsFn writes the list.
type listOutputsFn struct {
	Name string
}

// ProcessElement is called once, with all names.
func (f *listOutputsFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*string) bool) error {
	var all []string
	for name := ""; next(&name); {
		text, err := json.Marshal(name)
		if err != nil {
			return err
		}
		all = append(all, string(text))
	}
	if err := lines.Write(ctx, f.Name, all); err != nil {
		return fmt.Errorf("listing the outputs: %w", err)
	}
	return nil
}
