package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/flink"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/spark"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal"
	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

// jobFlags say where and how a pipeline runs.
type jobFlags struct {
	runner   string
	logLevel string
	progress string
	summary  string
}

// addTo adds them, and those of Beam, to a command that has its own already.
func (j *jobFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&j.runner, "runner", "prism", "`name` of the runner: prism (also DirectRunner), flink, spark, dataflow or universal")
	flags.StringVar(&j.logLevel, "log_level", "",
		"`level` of what is logged: off, error, warn, info or debug (default off with prism, else warn)")
	flags.StringVar(&j.progress, "progress", "auto",
		"how to `show` what is done on standard error: auto (a bar on a terminal, else plain), plain\n(a line every 10 seconds) or none")
	flags.StringVar(&j.summary, "summary", "text", "`form` of the summary on standard output: text or json")
	addBeamFlags(flags)
	flags.SetNormalizeFunc(dashes)
}

// check looks for what is wrong with the flags, and returns the runner's name.
func (j *jobFlags) check() (string, error) {
	runner := pipelines.RunnerName(j.runner)
	if !pipelines.KnownRunner(j.runner) {
		return "", usageError{fmt.Errorf("unknown runner %q: it is prism, flink, spark, dataflow or universal", j.runner)}
	}
	switch j.level() {
	case "off", "error", "warn", "info", "debug":
	default:
		return "", usageError{fmt.Errorf("unknown log level %q: it is off, error, warn, info or debug", j.logLevel)}
	}
	if j.summary != "text" && j.summary != "json" {
		return "", usageError{fmt.Errorf("unknown summary %q: it is text or json", j.summary)}
	}
	if *jobopts.Async && runner == "prism" && *jobopts.Endpoint == "" {
		return "", usageError{errors.New("--async: a job of prism in this process would end with it; --endpoint names another one")}
	}
	return runner, nil
}

// level is what is logged.
func (j *jobFlags) level() string {
	switch {
	case j.logLevel != "":
		return strings.ToLower(j.logLevel)
	case pipelines.RunnerName(j.runner) == "prism":
		// It tells everything about each failure, many times; its errors are
		// reported at the end.
		return "off"
	}
	// Others may end the program with a word in the log only.
	return "warn"
}

// prepare makes Beam ready to run a pipeline.
func (j *jobFlags) prepare(cmd *cobra.Command) error {
	if *jobopts.WorkerBinary == "" {
		// Beam would build one, and without cgo.
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this program, to send it to workers: %w", err)
		}
		*jobopts.WorkerBinary = self
	}
	if !flag.Parsed() {
		// All are set already, but Beam wants to see it done.
		if err := flag.CommandLine.Parse(nil); err != nil {
			return err
		}
	}
	level := j.level()
	if level != "off" {
		log.LogLevel = level
	}
	beam.Init()
	if level == "off" {
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	pipelines.RegisterRunner("dataflow", dataflow{cmd.ErrOrStderr()}.run)
	return nil
}

// useTempDir has temporary files be in a directory of their own until it is
// removed: Beam leaves an empty one there for each job.
func useTempDir() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "arrayrecord-beam-")
	if err != nil {
		return nil, err
	}
	before, wasSet := os.LookupEnv("TMPDIR")
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return nil, err
	}
	return func() {
		_ = os.RemoveAll(dir) // nobody needs it, and the job is done
		if wasSet {
			_ = os.Setenv("TMPDIR", before)
		} else {
			_ = os.Unsetenv("TMPDIR")
		}
	}, nil
}

// remote gives the address of the job service of another process that runs the
// job, "" if there is none.
func (j *jobFlags) remote(cmd *cobra.Command, runner string) string {
	// Prism in this process sets the variable as well.
	if cmd.Flags().Changed("endpoint") && runner != "dataflow" {
		return *jobopts.Endpoint
	}
	return ""
}

// nameJob makes sure that the job has a name of its own, by which it is found.
func nameJob() {
	if *jobopts.JobName == "" {
		*jobopts.JobName = "arrayrecord-beam-" + strings.ToLower(rand.Text()[:10])
	}
}

// cancelTimeout bounds how long an interrupt waits for a job service.
const cancelTimeout = 10 * time.Second

// cancel ends the job of an interrupted command if another process runs it, and
// says what becomes of it. Beam itself only ends the waiting.
func (j *jobFlags) cancel(cmd *cobra.Command, runner string) (said string) {
	endpoint := j.remote(cmd, runner)
	if endpoint == "" {
		return ""
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(cmd.Context()), cancelTimeout)
	defer stop()
	status, err := pipelines.CancelJob(ctx, endpoint, *jobopts.JobName)
	switch {
	case err != nil:
		return fmt.Sprintf("; the job %s may go on: %v", *jobopts.JobName, err)
	case status.ID == "":
		return "; no job was submitted"
	}
	return "; job " + status.ID + " is " + status.State
}

// interruption is the end of a command by a signal.
type interruption struct{ error }

func (e interruption) Unwrap() error { return e.error }

// interrupted is the error of a run that a signal has ended. said is what became
// of a job in another process.
func interrupted(err error, said string) error {
	if failure, ok := errors.AsType[*pipelines.RunError](err); ok {
		explained := *failure
		explained.Cause = "interrupted" + said
		if goesOn, ok := errors.AsType[jobGoesOn](err); ok {
			explained.Cause += "; " + goesOn.Error()
		}
		err = &explained
	}
	return interruption{err}
}

// explain puts the error of a run into the words of the command line.
func explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w; see --overwrite", err)
	case strings.Contains(err.Error(), "this is an ArrayRecord file"): // errors of workers are text
		return fmt.Errorf("%w; reshard makes other shards of such files, to-tfrecord makes TFRecords of them", err)
	}
	return err
}
