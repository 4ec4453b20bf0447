package main

import (
	"flag"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	_ "github.com/arrayrecord/arrayrecord-go/storage/gcs" // gs://
)

// A pipelineCommand says of a pipeline what its flags do not.
type pipelineCommand struct {
	name, alias string // alias is what upstream calls it
	args        string // the flags that are needed
	short, long string
	example     string
}

// cobra makes the command.
func (c pipelineCommand) cobra() *cobra.Command {
	p, err := pipelines.New(c.name)
	if err != nil {
		panic(err) // the names are those of package pipelines
	}
	var job jobFlags
	cmd := &cobra.Command{
		Use:     strings.TrimSpace(c.name + " " + c.args),
		Short:   c.short,
		Long:    c.long,
		Example: c.example,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return job.run(cmd, p) },
	}
	if c.alias != "" {
		cmd.Aliases = []string{c.alias}
	}
	own := flag.NewFlagSet("", flag.ContinueOnError)
	p.AddFlags(own)
	flags := cmd.Flags()
	flags.SortFlags = false
	own.VisitAll(func(f *flag.Flag) { flags.AddFlag(asPflag(f)) })
	job.addTo(cmd)
	return cmd
}

// run runs the pipeline of a command whose flags have been parsed.
func (j *jobFlags) run(cmd *cobra.Command, p pipelines.Pipeline) error {
	runner, err := j.check()
	if err != nil {
		return err
	}
	if isDryRun() {
		plan, err := pipelines.MakePlan(cmd.Context(), p)
		if err != nil {
			return explain(err)
		}
		if err := j.printPlan(cmd.OutOrStdout(), plan); err != nil || runner != "dataflow" {
			return err
		}
	}
	if err := j.prepare(cmd); err != nil {
		return err
	}
	removeTempDir, err := useTempDir()
	if err != nil {
		return err
	}
	defer removeTempDir()
	if j.remote(cmd, runner) != "" {
		nameJob()
	}
	stop, err := j.watch(cmd, runner)
	if err != nil {
		return err
	}
	result, err := pipelines.Run(cmd.Context(), runner, p)
	stop()
	if err != nil {
		if cmd.Context().Err() != nil {
			return interrupted(err, j.cancel(cmd, runner))
		}
		return explain(err)
	}
	if isDryRun() {
		return nil
	}
	return j.printResult(cmd.OutOrStdout(), result)
}
