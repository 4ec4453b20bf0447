package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	_ "github.com/arrayrecord/arrayrecord-go/storage/gcs" // gs://
)

// A pipeline is what differs between commands that run one.
type pipeline struct {
	use, alias  string // alias is what upstream calls it
	short, long string
	example     string
	input       *string // nil: it has none
	inputUsage  string
	output      *string
	outputUsage string
	addFlags    func(*pflag.FlagSet)
	check       func() error // of its own flags; may be nil
	run         func(ctx context.Context, runner string) (pipelines.Result, error)
}

// command makes the command of a pipeline.
func (p pipeline) command() *cobra.Command {
	var job jobFlags
	cmd := &cobra.Command{
		Use:     p.use,
		Short:   p.short,
		Long:    p.long,
		Example: p.example,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.checkNames(); err != nil {
				return err
			}
			if p.check != nil {
				if err := p.check(); err != nil {
					return usageError{err}
				}
			}
			runner, err := job.prepare()
			if err != nil {
				return err
			}
			removeTempDir, err := useTempDir()
			if err != nil {
				return err
			}
			defer removeTempDir()
			if job.remote(cmd, runner) != "" {
				nameJob()
			}
			stop, err := job.watch(cmd, runner)
			if err != nil {
				return err
			}
			result, err := p.run(cmd.Context(), runner)
			stop()
			if err != nil {
				return explain(cmd.Context(), err, job.cancel(cmd, runner))
			}
			return printSummary(cmd.OutOrStdout(), result)
		},
	}
	if p.alias != "" {
		cmd.Aliases = []string{p.alias}
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	if p.input != nil {
		flags.StringVar(p.input, "input", "", p.inputUsage+" (required)")
	}
	flags.StringVar(p.output, "output", "", p.outputUsage+" (required)")
	if p.addFlags != nil {
		p.addFlags(flags)
	}
	job.addTo(cmd)
	return cmd
}

// checkNames asks for the names that are needed, and makes them absolute.
func (p pipeline) checkNames() (err error) {
	if p.input != nil {
		if *p.input == "" {
			return usageError{errors.New("--input missing")}
		}
		if *p.input, err = absolute(*p.input); err != nil {
			return err
		}
	}
	if *p.output == "" {
		return usageError{errors.New("--output missing")}
	}
	*p.output, err = absolute(*p.output)
	return err
}
