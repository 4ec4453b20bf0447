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
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/dataflow"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/flink"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/spark"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal"
	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// runners are the names that --runner knows, by those that Beam uses in Java
// and Python too.
var runners = map[string]string{
	"prism": "prism", "prismrunner": "prism",
	"universal": "universal", "portable": "universal", "portablerunner": "universal",
	"flink": "flink", "flinkrunner": "flink",
	"spark": "spark", "sparkrunner": "spark",
	"dataflow": "dataflow", "dataflowrunner": "dataflow",
}

// jobFlags say where and how a pipeline runs.
type jobFlags struct {
	runner   string
	logLevel string
	progress string
	quiet    bool // nothing is logged; known after prepare
}

// addTo adds them, and those of Beam, to a command that has its own already.
func (j *jobFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&j.runner, "runner", "prism", "`name` of the runner: prism, flink, spark, dataflow or universal")
	flags.StringVar(&j.logLevel, "log_level", "",
		"`level` of what is logged: off, error, warn, info or debug (default off with prism, else warn)")
	flags.StringVar(&j.progress, "progress", "auto",
		"how to `show` what is done on standard error: auto (a bar on a terminal, else plain), plain\n(a line every 10 seconds) or none")
	addBeamFlags(flags)
	flags.SetNormalizeFunc(dashes)
}

// prepare makes Beam ready to run a pipeline, and returns the runner's name.
func (j *jobFlags) prepare() (string, error) {
	runner, ok := runners[strings.ToLower(j.runner)]
	if !ok {
		return "", usageError{fmt.Errorf("unknown runner %q: it is prism, flink, spark, dataflow or universal", j.runner)}
	}
	level := strings.ToLower(j.logLevel)
	if level == "" {
		// Prism tells everything about each failure, many times; its errors are
		// reported at the end. Other runners may end the program with a word in
		// the log only.
		level = "warn"
		if runner == "prism" {
			level = "off"
		}
	}
	switch level {
	case "off", "error", "warn", "info", "debug":
	default:
		return "", usageError{fmt.Errorf("unknown log level %q: it is off, error, warn, info or debug", j.logLevel)}
	}
	if *jobopts.Async && runner == "prism" && *jobopts.Endpoint == "" {
		return "", usageError{errors.New("--async: a job of prism in this process would end with it; --endpoint names another one")}
	}
	if *jobopts.WorkerBinary == "" {
		// Beam would build one, and without cgo.
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("finding this program, to send it to workers: %w", err)
		}
		*jobopts.WorkerBinary = self
	}
	if !flag.Parsed() {
		// All are set already, but Beam wants to see it done.
		if err := flag.CommandLine.Parse(nil); err != nil {
			return "", err
		}
	}
	if level != "off" {
		log.LogLevel = level
	}
	beam.Init()
	if j.quiet = level == "off"; j.quiet {
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	return runner, nil
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

// absolute makes a local name independent of the working directory, which a
// worker may not share.
func absolute(name string) (string, error) {
	if name == "" || storage.Scheme(name) != "" || filepath.IsAbs(name) {
		return name, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	// Not filepath.Abs: it would remove a slash at the end, which is an error
	// worth reporting.
	return strings.TrimRight(dir, "/") + "/" + name, nil
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
	if cmd.Context().Err() == nil {
		return ""
	}
	if runner == "dataflow" {
		return "; a job that was submitted goes on: cancel it on its page, or with gcloud dataflow jobs cancel"
	}
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

// explain puts the error of a run into the words of the command line. said is
// what became of a job in another process.
func explain(ctx context.Context, err error, said string) error {
	failure, ok := errors.AsType[*pipelines.RunError](err)
	if !ok {
		return err
	}
	explained := *failure
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		explained.Cause = "interrupted" + said
	case errors.Is(err, fs.ErrExist):
		explained.Cause += "; see --overwrite"
	}
	return &explained
}
