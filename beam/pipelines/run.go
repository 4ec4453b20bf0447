package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/inflight"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// ErrInvalidArgument marks arguments that were found to be wrong before
// anything ran.
var ErrInvalidArgument = errors.New("invalid argument")

// invalidArgument matches ErrInvalidArgument without saying so.
type invalidArgument struct{ error }

func (e invalidArgument) Unwrap() error        { return e.error }
func (e invalidArgument) Is(target error) bool { return target == ErrInvalidArgument }

// RunError is the failure of a job. Errors of workers travel as text, so
// sentinels cannot be found in it.
type RunError struct {
	// Cause is what the failed step said, without what the runner says about
	// where in the pipeline that was.
	Cause string
	// Err is the whole error.
	Err error
	// TempDir is where temporary files may remain, or "". They may be shards that
	// have no names yet: see [Leftovers].
	TempDir string
	// Complete is set if the job failed, or was interrupted, when its shards were
	// complete and got their names: that was finished, and all of them are there.
	Complete bool
}

// Error gives the cause and what is left.
func (e *RunError) Error() string {
	s := e.Cause
	if e.Complete {
		s += " (the output is complete: it was getting its names, which was finished)"
	}
	if e.TempDir != "" {
		s += fmt.Sprintf(" (temporary files may remain in %s)", e.TempDir)
	}
	return s
}

// Unwrap gives the whole error.
func (e *RunError) Unwrap() error { return e.Err }

// Result is what a job did, as its counters say.
type Result struct {
	// Finished is false if the runner has taken the job without waiting for
	// its end (--async, --dry_run); nothing is known then but Elapsed.
	Finished bool
	Elapsed  time.Duration

	FilesRead, RecordsRead, BytesRead          int64 // bytes of the files, compressed if they are
	FilesWritten, RecordsWritten, BytesWritten int64
	// FilesFailed is how many input files were skipped.
	FilesFailed int64

	// Outputs are the names of the files written, in order, if the pipeline
	// knows them.
	Outputs []string
}

// Run builds a pipeline that writes files with the transforms of this module,
// runs it and waits for its end. The runner is a name under which its package
// registers itself: "prism", "flink", "spark", "dataflow", "universal". Beam
// ends the program if the name is unknown.
//
// An error of build is returned as it is; failures are *RunErrors. A job that
// ended without having written a file was cancelled, which is a failure too.
//
// The end of ctx ends the waiting. It ends the job too on Prism; other runners
// carry on.
func Run(ctx context.Context, runner string, build func(s beam.Scope) error) (Result, error) {
	p, s := beam.NewPipelineWithRoot()
	if err := build(s); err != nil {
		return Result{}, err
	}
	start := time.Now()
	pr, err := beam.Run(ctx, runner, p)
	result := Result{Elapsed: time.Since(start)}
	if err != nil || ctx.Err() != nil {
		// Calls of DoFns in this process still go on, and have files to remove.
		waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitTimeout)
		inflight.Wait(waiting)
		cancel()
	}
	if ctx.Err() != nil {
		// Whatever the runner made of it.
		return result, &RunError{Cause: context.Cause(ctx).Error(), Err: errors.Join(context.Cause(ctx), err)}
	}
	if err != nil {
		return result, &RunError{Cause: rootCause(err.Error()), Err: err}
	}
	sums, ok := sumCounters(pr)
	if !ok {
		return result, nil
	}
	result.Finished = true
	result.FilesRead, result.RecordsRead, result.BytesRead =
		sums[counters.FilesRead], sums[counters.RecordsRead], sums[counters.BytesRead]
	result.FilesWritten, result.RecordsWritten, result.BytesWritten =
		sums[counters.FilesWritten], sums[counters.RecordsWritten], sums[counters.BytesWritten]
	result.FilesFailed = sums[counters.FilesFailed]
	if result.FilesWritten == 0 && result.FilesFailed == 0 {
		err := errors.New("the job ended without having written a file: it was cancelled, or the runner reports no counters")
		return result, &RunError{Cause: err.Error(), Err: err}
	}
	return result, nil
}

// runShards runs a pipeline that writes shards as the configuration says, and
// ends the write when the job has ended.
func runShards(ctx context.Context, runner, input string, config sink.Config, build func(s beam.Scope, config sink.Config) (beam.PCollection, error)) (Result, error) {
	config.Run = sink.NewRunID()
	if err := config.Complete(); err != nil {
		return Result{}, invalidArgument{err}
	}
	if err := checkPlaces(runner, input, config.Prefix); err != nil {
		return Result{}, err
	}
	// The workers look again, and may see more.
	if sharesFiles(runner, config.Prefix) {
		if _, err := config.Check(ctx); errors.Is(err, fs.ErrExist) {
			return Result{}, &RunError{Cause: err.Error(), Err: err}
		}
	}
	result, err := Run(ctx, runner, func(s beam.Scope) error {
		_, err := build(s, config)
		return err
	})
	if err != nil {
		return result, endFailed(ctx, runner, config, err)
	}
	if !result.Finished {
		return result, nil
	}
	// What stays of it is in nobody's way.
	_, _ = config.End(ctx, true)
	n := int(result.FilesWritten)
	for i := range n {
		result.Outputs = append(result.Outputs, config.ShardName(i, n))
	}
	return result, nil
}

// sumCounters adds the counters of all steps; it reports false for a job that
// nobody waited for.
func sumCounters(pr beam.PipelineResult) (sums map[string]int64, ok bool) {
	if pr == nil {
		return nil, false
	}
	// The portable runners' result of a job that was not waited for panics.
	defer func() {
		if recover() != nil {
			sums, ok = nil, false
		}
	}()
	sums = map[string]int64{}
	results := pr.Metrics()
	for _, c := range results.Query(func(r metrics.SingleResult) bool {
		return r.Namespace() == counters.Namespace
	}).Counters() {
		sums[c.Name()] += c.Result()
	}
	return sums, true
}

// Beam puts the error of a DoFn behind a description of the whole stage, which
// some runners wrap and repeat.
var doFnFailed = regexp.MustCompile(`(?m)^\s*DoFn\[.*\] failed:$`)

func rootCause(text string) string {
	if at := doFnFailed.FindAllStringIndex(text, -1); at != nil {
		if cause := strings.TrimSpace(text[at[len(at)-1][1]:]); cause != "" {
			return cause
		}
	}
	return text
}

// endFailed ends the write of a failed run where it is certain that no worker
// goes on with it: Prism ends a job whose first bundle failed or whose driver is
// gone. A job of another runner may still be running.
func endFailed(ctx context.Context, runner string, config sink.Config, err error) error {
	failure, ok := errors.AsType[*RunError](err)
	if !ok {
		return err
	}
	interrupted := ctx.Err() != nil
	// The end of ctx may be what it failed by.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	temp := config.RunDir()
	if !isPrism(runner) {
		if interrupted || !isEmpty(ctx, temp) {
			failure.TempDir = temp
		}
		return err
	}
	finished, endErr := config.End(ctx, false)
	failure.Complete = finished
	if endErr != nil {
		failure.TempDir = temp
		failure.Err = errors.Join(failure.Err, endErr)
	}
	return err
}

// waitTimeout bounds the time for which a failure waits for work that is to stop.
const waitTimeout = 30 * time.Second

// endTimeout bounds the time for which a failure is held back. What has to be
// done is to rename the shards that have no name yet.
const endTimeout = 10 * time.Minute

// isEmpty reports whether there is certainly nothing in a directory.
func isEmpty(ctx context.Context, dir string) bool {
	for _, pattern := range []string{"*", ".*"} {
		if infos, err := storage.List(ctx, storage.Join(dir, pattern)); err != nil || len(infos) > 0 {
			return false
		}
	}
	return true
}
