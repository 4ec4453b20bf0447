// Command arrayrecord is for people who have ArrayRecord files: it shows what they are and what
// their records hold, and makes and changes them.
//
//	arrayrecord info train-00000-of-00002.arrayrecord
//	arrayrecord get --format example train-00000-of-00002.arrayrecord 0 7 -1
//	arrayrecord cat --format raw train-00000-of-00002.arrayrecord > records
//
// docs/cli.md has a page about it.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	_ "github.com/arrayrecord/arrayrecord-go/storage/gcs" // gs://
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, standardOutput(), os.Stderr))
}

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNo          = 3
	exitInterrupted = 130
)

const exitCodesHelp = `Exit codes:
  0    done
  1    something could not be done, or a file is damaged
  2    the command line is wrong
  3    done, and the answer is no: diff found differences, grep found nothing,
       repair could not save all records
  130  interrupted`

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errNo is the answer no, which has been given already.
var errNo = errors.New("no")

// run is the command as a function; it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, out: bufio.NewWriterSize(stdout, 64<<10), err: stderr, screen: lookAt(stdout)}
	defer a.close()
	root := newRoot(a)
	root.SetArgs(protectNumbers(root, args))
	root.SetIn(stdin)
	root.SetOut(a.out)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if flushErr := a.out.Flush(); flushErr != nil && (err == nil || errors.Is(err, errNo)) {
		err = flushErr
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNo):
		return exitNo
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		fmt.Fprintln(stderr, "arrayrecord: interrupted")
		return exitInterrupted
	}
	for _, line := range a.describe(err) {
		fmt.Fprintf(stderr, "arrayrecord: %s\n", line)
	}
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(stderr, "Try '%s --help'.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

const (
	lookGroup   = "look"
	changeGroup = "change"
	makeGroup   = "make"
	careGroup   = "care"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "arrayrecord",
		Short: "Look into ArrayRecord files, make them and change them",
		Long: `Look into ArrayRecord files, make them and change them.

An ArrayRecord file is a sequence of records, numbered from 0, that can be read
by number: records are compressed in groups, and an index at the end of the file
says where each group is.

` + pathsHelp + `

` + exitCodesHelp,
		Example: `  arrayrecord info train.arrayrecord
  arrayrecord get train.arrayrecord 0 7 -1 --format example
  arrayrecord cat 'gs://bucket/train-*.arrayrecord' | head`,
		Version: version(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return usagef("unknown command %q; is it %q?", args[0], near[0])
			}
			return usagef("unknown command %q", args[0])
		},
		// A bare call shows the help and is not what anybody wanted.
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.ErrOrStderr())
			_ = cmd.Help()
			return usagef("no command given")
		},
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate("arrayrecord {{.Version}}\n")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages |", fmt.Sprintf(".FlagUsagesWrapped %d |", a.screen.width)))
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: lookGroup, Title: "Look:"},
		&cobra.Group{ID: makeGroup, Title: "Make:"},
		&cobra.Group{ID: changeGroup, Title: "Change:"},
		&cobra.Group{ID: careGroup, Title: "Care:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, cmd := range commands {
			cmd.GroupID = group
			cmd.DisableFlagsInUseLine = true
			root.AddCommand(cmd)
		}
	}
	add(lookGroup, newInfo(a), newLs(a), newCat(a), newHead(a), newTail(a), newGet(a), newSample(a), newGrep(a),
		newStats(a), newSchema(a), newDiff(a), newView(a))
	add(makeGroup, newPack(a), newUnpack(a))
	add(changeGroup, newMerge(a), newSplit(a), newReshard(a), newRecompress(a), newShuffle(a), newFilter(a))
	add(careGroup, newVerify(a), newRepair(a), newAppend(a), newClean(a), newBench(a))
	root.AddCommand(newVersion(a), newMan())
	return root
}

// atLeast is cobra.MinimumNArgs with an error that says what is missing.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("%s missing", what)
		}
		return nil
	}
}
