package pipelines

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/convert"
)

// A Plan is what a pipeline would do.
type Plan struct {
	// Inputs are the files that it would read, by name, and Bytes their size.
	Inputs []PlannedInput `json:"inputs"`
	Bytes  int64          `json:"bytes"`
	// Shards is how many shards it would write, -1 if that is the runner's choice
	// or depends on the records, 0 if it converts single files.
	Shards int `json:"shards"`
	// Outputs are the names of what it would write, as far as they are known.
	Outputs []string `json:"outputs"`
	// Kept is how many inputs would be left out, as their output is there.
	Kept int `json:"kept"`
}

// A PlannedInput is a file that a pipeline would read.
type PlannedInput struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	// Output is what it would become, "" if that is not one file.
	Output string `json:"output,omitempty"`
	// Kept is set if the output is there, and would stay.
	Kept bool `json:"kept,omitempty"`
}

// MakePlan looks for what a pipeline would read and write, from where the
// program runs, and writes nothing. Errors are those that Run would meet before
// it reads a record: ErrInvalidArgument, no input, an output that is there and
// must not be replaced, inputs that have the same output. A Func has no plan.
func MakePlan(ctx context.Context, p Pipeline) (Plan, error) {
	j, err := newJob(p)
	if err != nil {
		return Plan{}, err
	}
	if j.shards == nil && j.files == nil {
		return Plan{}, errors.ErrUnsupported
	}
	plan := Plan{Inputs: []PlannedInput{}, Outputs: []string{}}
	files, err := j.sources.list(ctx, j.ranges)
	if err != nil {
		return Plan{}, err
	}
	outputs := map[string]string{}
	for _, file := range files {
		input := PlannedInput{Name: file.path(), Bytes: file.Size}
		if j.files != nil {
			if input.Output, err = j.files.of(file); err != nil {
				return Plan{}, err
			}
			if other, taken := outputs[input.Output]; taken {
				return Plan{}, fmt.Errorf("%s and %s have the same output %s", other, file.Name, input.Output)
			}
			outputs[input.Output] = file.Name
			if input.Kept, err = j.files.keeps(ctx, file, input.Output); err != nil {
				return Plan{}, err
			}
		}
		plan.Inputs = append(plan.Inputs, input)
		switch {
		case input.Kept:
			plan.Kept++
		case input.Output != "":
			plan.Outputs = append(plan.Outputs, input.Output)
		}
		if !input.Kept {
			plan.Bytes += file.Size
		}
	}
	if j.shards == nil {
		return plan, nil
	}
	if _, err := j.shards.Check(ctx); err != nil {
		return Plan{}, err
	}
	plan.Shards = -1
	switch {
	case j.shards.NumShards > 0:
		plan.Shards = j.shards.NumShards
	case j.shards.Ordered:
		plan.Shards = len(files)
	}
	if strings.ContainsRune(*j.shards.Template, 'U') { // made when the job runs
		return plan, nil
	}
	for i := range plan.Shards {
		plan.Outputs = append(plan.Outputs, j.shards.ShardName(i, plan.Shards))
	}
	return plan, nil
}

// keeps reports whether an output is there and would stay.
func (n FileNames) keeps(ctx context.Context, input found, output string) (bool, error) {
	if !n.SkipExisting {
		return false, nil
	}
	there, _, err := convert.Existing(ctx, input.Name, output)
	return there, err
}

// list gives the files, by name.
func (s Sources) list(ctx context.Context, ranges bool) ([]found, error) {
	patterns := slices.Clone(s.Input)
	for _, list := range s.InputLists {
		if err := readList(ctx, list, func(line string) { patterns = append(patterns, line) }); err != nil {
			return nil, err
		}
	}
	files := map[string]found{}
	for _, pattern := range patterns {
		matched, err := findFiles(ctx, pattern, ranges)
		if err != nil {
			return nil, err
		}
		for _, file := range matched {
			other, twice := files[file.path()]
			if !twice || file.Below < other.Below {
				files[file.path()] = file
			}
		}
	}
	all := make([]found, 0, len(files))
	for _, file := range files {
		all = append(all, file)
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.path(), b.path()) })
	return all, nil
}
