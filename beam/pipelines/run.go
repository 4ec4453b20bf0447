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
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/inflight"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// RunError is the failure of a job. Errors of workers travel as text, so
// sentinels cannot be found in it.
type RunError struct {
	// Cause is what the failed step said, without what the runner says about
	// where in the pipeline that was.
	Cause string
	// Err is the whole error.
	Err error
	// TempDir is where temporary files may remain, or "": a directory of the run, or
	// the one of the output if single files are converted. They may be shards that
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

// Result is what a job did.
type Result struct {
	// Finished is false if the runner has taken the job without waiting for
	// its end (--async, --dry_run); nothing is known then but JobID and Elapsed.
	Finished bool `json:"finished"`
	// JobID is what the runner calls the job, "" if it does not say.
	JobID   string        `json:"job_id,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns"`

	// Reported is set if the pipeline's last step has reported what follows up to
	// Outputs. It has not for a Func, and where workers write to disks that this
	// program does not see: then these are counters.
	Reported bool `json:"reported"`
	// FilesFailed is how many input files were left out, and ChunksFailed how
	// many chunks of others; DeadLetters is the file that says which, "" if
	// nothing was.
	FilesFailed  int64  `json:"files_failed"`
	ChunksFailed int64  `json:"chunks_failed"`
	DeadLetters  string `json:"dead_letters,omitempty"`
	FilesWritten int64  `json:"files_written"`
	// Outputs are the names of the files written, in order; nil if that is not
	// reported.
	Outputs []string `json:"outputs"`

	// RecordsWritten and BytesWritten are reported too if shards are written, and
	// counters for files of their own. Bytes are those of the files, compressed if
	// they are.
	RecordsWritten int64 `json:"records_written"`
	BytesWritten   int64 `json:"bytes_written"`

	// What is left are counters, which are 0 where the runner has none. They are
	// for information: work that was repeated may count twice, and Prism loses some
	// if the first two bundles of a step end at once.
	FilesRead   int64 `json:"files_read"`
	RecordsRead int64 `json:"records_read"`
	BytesRead   int64 `json:"bytes_read"`
	// FilesKept is how many input files were left out as their output was there.
	FilesKept int64 `json:"files_kept"`
}

// take makes what a job has reported part of its result.
func (r *Result) take(reported report, j job) {
	r.Reported = true
	r.FilesFailed, r.ChunksFailed = reported.Losses.Files, reported.Losses.Chunks
	r.Outputs = make([]string, len(reported.Shards))
	var records, bytes int64
	for i, shard := range reported.Shards {
		r.Outputs[i] = shard.Name
		records += shard.Records
		bytes += shard.Bytes
	}
	r.FilesWritten = int64(len(r.Outputs))
	if j.shards != nil {
		r.RecordsWritten, r.BytesWritten = records, bytes
	}
}

// Run runs a pipeline and waits for its end. The runner is a name under which
// its package registers itself, or one of those that Beam has in other
// languages; see [RunnerName]. Beam ends the program if the name is unknown.
//
// The error matches ErrInvalidArgument if the pipeline makes no sense, and is a
// *RunError if the job failed or was cancelled. It has succeeded if the runner
// says so, whatever was written. After a failure on Prism temporary files of
// shards are removed.
//
// The end of ctx ends the waiting. It ends the job too on Prism; other runners
// carry on.
func Run(ctx context.Context, runner string, p Pipeline) (Result, error) {
	runner = RunnerName(runner)
	j, err := newJob(p)
	if err != nil {
		return Result{}, err
	}
	if err := j.checkPlaces(runner); err != nil {
		return Result{}, err
	}
	if j.dataset != nil && !awaitsEnd() {
		return Result{}, invalidArgument{errors.New("a dataset is described after the end of the job, which is not waited for")}
	}
	if j.shards != nil {
		j.shards.Run = sink.NewRunID()
		// The workers look again, and may see more.
		if sharesFiles(runner, j.shards.Prefix) {
			if _, err := j.shards.Check(ctx); errors.Is(err, fs.ErrExist) {
				return Result{}, &RunError{Cause: err.Error(), Err: err}
			}
		}
	}
	pipeline, s := beam.NewPipelineWithRoot()
	w, err := j.add(s)
	if err != nil {
		return Result{}, err
	}
	var file reportFile
	if dir := j.reportDir(); dir != "" && awaitsEnd() {
		file = newReportFile(dir)
		file.add(s, j, w)
	}
	result, err := execute(ctx, runner, pipeline)
	if err != nil {
		if file != "" && isPrism(runner) {
			// Nobody else knows its name, and nobody asks for it.
			_ = file.remove(context.WithoutCancel(ctx))
		}
		switch {
		case j.shards != nil:
			err = endFailed(ctx, runner, *j.shards, err)
		case j.files != nil && !isPrism(runner):
			// There is none of Prism: calls in this process have come to their end.
			err = nameLeftovers(ctx, j.files.Directory, err)
		}
		return result, err
	}
	if !result.Finished {
		return result, nil
	}
	if file != "" {
		reported, err := file.take(ctx)
		switch {
		case err == nil:
			result.take(reported, j)
		case j.failures.Skip && (sharesFiles(runner, string(file)) || !errors.Is(err, fs.ErrNotExist)):
			// What was left out must not go unsaid.
			return result, &RunError{Cause: "the job has succeeded, but what it did is not known: " + err.Error(), Err: err}
		}
	}
	if result.FilesFailed+result.ChunksFailed > 0 {
		result.DeadLetters = j.failures.DeadLetters
	}
	if j.shards != nil {
		// What stays of it is in nobody's way.
		_, _ = j.shards.End(ctx, true)
	}
	if j.dataset != nil {
		described, err := Run(ctx, runner, j.dataset)
		if err != nil {
			return result, fmt.Errorf("the shards are complete; describing them as a dataset failed: %w", err)
		}
		result.Elapsed += described.Elapsed
	}
	return result, nil
}

// reportDir is where the report goes, "" if there is none.
func (j job) reportDir() string {
	switch {
	case j.shards != nil:
		return j.shards.TempDir
	case j.files != nil:
		return j.files.Directory
	}
	return ""
}

// execute has Beam run a pipeline, and reports what the runner knows of it.
func execute(ctx context.Context, runner string, p *beam.Pipeline) (Result, error) {
	defaultStaging(runner)
	start := time.Now()
	pr, err := submit(ctx, runner, p)
	result := Result{Elapsed: time.Since(start)}
	result.JobID = jobID(pr)
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
	if err := checkState(ctx, runner, result.JobID); err != nil {
		return result, &RunError{Cause: err.Error(), Err: err}
	}
	result.Finished = true
	result.FilesRead, result.RecordsRead, result.BytesRead =
		sums[counters.FilesRead], sums[counters.RecordsRead], sums[counters.BytesRead]
	result.FilesWritten, result.RecordsWritten, result.BytesWritten =
		sums[counters.FilesWritten], sums[counters.RecordsWritten], sums[counters.BytesWritten]
	result.FilesFailed, result.ChunksFailed, result.FilesKept =
		sums[counters.FilesFailed], sums[counters.ChunksFailed], sums[counters.FilesKept]
	return result, nil
}

// submit is beam.Run for runners that do not look at their context: it returns
// soon after its end.
func submit(ctx context.Context, runner string, p *beam.Pipeline) (beam.PipelineResult, error) {
	type outcome struct {
		pr  beam.PipelineResult
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		run := registered(runner)
		if run == nil {
			run = func(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
				return beam.Run(ctx, runner, p)
			}
		}
		pr, err := run(ctx, p)
		done <- outcome{pr, err}
	}()
	select {
	case o := <-done:
		return o.pr, o.err
	case <-ctx.Done():
	}
	patience := 5 * time.Second
	if isPrism(runner) {
		patience = waitTimeout // it ends the job
	}
	select {
	case o := <-done:
		return o.pr, o.err
	case <-time.After(patience):
		return nil, context.Cause(ctx)
	}
}

// checkState makes an error of a job that has ended without having come to its
// end: Beam takes one that was cancelled for a success. Only a registered runner
// can tell that of Dataflow.
func checkState(ctx context.Context, runner, id string) error {
	if id == "" || *jobopts.Endpoint == "" || runner == "dataflow" {
		return nil
	}
	state, err := askState(ctx, *jobopts.Endpoint, id)
	switch {
	case err != nil, state == "DONE", state == "RUNNING", state == "STARTING":
		// A service that is gone, or late, has told Beam that the job is done.
		return nil
	}
	return fmt.Errorf("job %s has ended before its time: it is %s", id, state)
}

// jobID gives what the runner calls the job. The results of jobs that were not
// submitted panic.
func jobID(pr beam.PipelineResult) (id string) {
	defer func() { _ = recover() }()
	return pr.JobID()
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

// nameLeftovers has the error of a conversion of single files name their directory
// if there is something unfinished in it, or may be.
func nameLeftovers(ctx context.Context, dir string, err error) error {
	failure, ok := errors.AsType[*RunError](err)
	if !ok {
		return err
	}
	left, lookErr := Leftovers(context.WithoutCancel(ctx), dir)
	if ctx.Err() != nil || lookErr != nil || len(left) > 0 {
		failure.TempDir = dir
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
