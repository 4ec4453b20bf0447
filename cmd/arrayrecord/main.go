// Command arrayrecord looks into ArrayRecord files: what they are, and what their records hold.
//
//	arrayrecord info train-00000-of-00002.arrayrecord
//	arrayrecord get --format example train-00000-of-00002.arrayrecord 0 7 -1
//	arrayrecord cat --format raw train-00000-of-00002.arrayrecord > records
//
// It exits with 0 if all went well, 1 if something could not be done, 2 if the command line was
// wrong.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], standardOutput(), os.Stderr))
}

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run is the command as a function; it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := bufio.NewWriterSize(stdout, 64<<10)
	root := newRoot(out)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if flushErr := out.Flush(); err == nil && flushErr != nil {
		err = flushErr
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "arrayrecord: %v\n", err)
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(stderr, "Try '%s --help'.\n", cmd.CommandPath())
		return 2
	}
	return 1
}

func newRoot(out *bufio.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "arrayrecord",
		Short: "Look into ArrayRecord files",
		Long: `Look into ArrayRecord files: what they are, and what their records hold.

An ArrayRecord file is a sequence of records, numbered from 0, that can be read
by number: records are compressed in groups, and an index at the end of the file
says where each group is.`,
		Example: `  arrayrecord info train.arrayrecord
  arrayrecord get --format example train.arrayrecord 0 7 -1
  arrayrecord cat train.arrayrecord | head`,
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
	root.AddCommand(newInfo(out), newCat(out), newGet(out), newClean(out))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	return root
}

// atLeast is cobra.MinimumNArgs with an error that says what is missing.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usageError{fmt.Errorf("%s missing", what)}
		}
		return nil
	}
}
