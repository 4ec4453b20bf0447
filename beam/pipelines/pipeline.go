package pipelines

import (
	"errors"
	"flag"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

// A Pipeline is what [Run] runs: one of the types of this package, whose
// functions New... give one with defaults, or a [Func].
type Pipeline interface {
	// AddFlags adds the flags that the pipeline's command has in
	// arrayrecord-beam. Parsing them changes the pipeline; the defaults are the
	// values that it has now.
	AddFlags(flags *flag.FlagSet)

	// job checks the fields.
	job() (job, error)
}

// A job is what a Pipeline is to do, checked.
type job struct {
	scope   string // its name in the graph
	sources Sources
	ranges  bool // patterns may end in a range of records
	// shards are what is written, nil for the conversions of single files, which
	// have files, and for a Func.
	shards   *sink.Config
	files    *FileNames
	place    string // of the output, if it is neither
	dataset  *TFDS  // is described when the shards are there
	failures Failures
	// build adds it to a pipeline.
	build func(s beam.Scope, j job) (written, error)
}

// written is what a job's steps give. A Func has none of it.
type written struct {
	files  beam.PCollection // of sink.Shard, or of string for conversions of single files
	losses beam.PCollection // of one losses, if something may be lost
}

// Build adds a pipeline to another one, and returns the names of the files that
// it writes as a PCollection of string: all shards when all of them are
// complete, single files each when it is. It is not for a Func. The error
// matches ErrInvalidArgument.
func Build(s beam.Scope, p Pipeline) (beam.PCollection, error) {
	j, err := newJob(p)
	if err != nil {
		return beam.PCollection{}, err
	}
	w, err := j.add(s)
	if err == nil && j.shards != nil {
		return sink.Names(s, w.files), nil
	}
	return w.files, err
}

// withInput says what is read.
func (j job) withInput(sources Sources, ranges bool, failures Failures) (job, error) {
	var err error
	if j.sources, err = sources.check(ranges); err != nil {
		return j, err
	}
	j.ranges = ranges
	j.failures, err = failures.check(j.output())
	return j, err
}

// output is what the names of what is written begin with.
func (j job) output() string {
	switch {
	case j.shards != nil:
		return j.shards.Prefix
	case j.files != nil:
		return j.files.Directory
	}
	return j.place
}

func newJob(p Pipeline) (job, error) {
	j, err := p.job()
	if err != nil {
		return j, invalidArgument{err}
	}
	if j.shards != nil {
		if err := j.shards.Complete(); err != nil {
			return j, invalidArgument{err}
		}
	}
	return j, nil
}

func (j job) add(s beam.Scope) (written, error) {
	if j.scope != "" {
		s = s.Scope(j.scope)
	}
	w, err := j.build(s, j)
	if err != nil {
		return written{}, invalidArgument{err}
	}
	return w, nil
}

// A Func is a Pipeline of one's own: it adds the steps. Its result has no
// Outputs.
type Func func(s beam.Scope) error

// AddFlags adds none.
func (f Func) AddFlags(*flag.FlagSet) {}

func (f Func) job() (job, error) {
	return job{build: func(s beam.Scope, _ job) (written, error) { return written{}, f(s) }}, nil
}

// ErrInvalidArgument marks arguments that were found to be wrong before
// anything ran.
var ErrInvalidArgument = errors.New("invalid argument")

// invalidArgument matches ErrInvalidArgument without saying so.
type invalidArgument struct{ error }

func (e invalidArgument) Unwrap() error        { return e.error }
func (e invalidArgument) Is(target error) bool { return target == ErrInvalidArgument }
