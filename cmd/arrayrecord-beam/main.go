// Command arrayrecord-beam makes ArrayRecord files with Apache Beam, on Beam's
// embedded runner Prism or on a cluster.
//
//	arrayrecord-beam convert --input 'train-*.tfrecord' --output out/train --num_shards 8
//
// The command convert may be left out.
//
// It exits with 0 if all went well, 1 if a pipeline failed, 2 if the command
// line was wrong, 130 if it was interrupted. On a runner's workers it runs as the worker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	_ "github.com/arrayrecord/arrayrecord-go/internal/anyuser" // before Beam looks for the user
)

func main() {
	if isWorker(os.Args[1:]) {
		endWithParent()
		flag.Parse()
		beam.Init() // does not return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is the command as a function; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	if len(args) > 0 && isPipelineFlag(args[0]) {
		args = append([]string{"convert"}, args...)
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "arrayrecord-beam: %v\n", err)
	if errors.As(err, new(interruption)) {
		return 130
	}
	if errors.As(err, new(usageError)) || errors.Is(err, pipelines.ErrInvalidArgument) {
		fmt.Fprintf(stderr, "Try '%s --help'.\n", cmd.CommandPath())
		return 2
	}
	return 1
}

// isPipelineFlag reports whether a command line that begins with arg has left
// out the command: it is the most common one then.
func isPipelineFlag(arg string) bool {
	return strings.HasPrefix(arg, "-") && arg != "-h" && arg != "--help"
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "arrayrecord-beam",
		Short: "Make and convert ArrayRecord files with Apache Beam",
		Long: `Make and convert ArrayRecord files with Apache Beam.

Each command is one pipeline, and says what it reads and writes. It runs in this process, on Beam's runner Prism,
unless --runner names another; this program then sends itself to the workers.
'arrayrecord-beam runners' shows how. Without a command, convert is meant.`,
		Example: `  arrayrecord-beam convert --input 'train-*.tfrecord' --output out/train --num_shards 8`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return nil
		},
		// A bare call shows the help and is not what anybody wanted.
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.ErrOrStderr())
			_ = cmd.Help()
			return usageError{errors.New("no command given")}
		},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 100"))
	for _, c := range pipelineCommands {
		root.AddCommand(c.cobra())
	}
	root.AddCommand(newLeftovers(), newRunners(), newFlags())
	return root
}

// noArgs is cobra.NoArgs as a usageError.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", args[0])}
	}
	return nil
}
