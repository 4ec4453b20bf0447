package main

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Beam and its runners define flags of package flag and read them there. They
// are made known to a command's flags here, and set through package flag, which
// is where Beam looks for those that were set.

// goFlag is a flag of package flag as one of a command.
type goFlag struct{ *flag.Flag }

func (f goFlag) String() string     { return f.Value.String() }
func (f goFlag) Set(s string) error { return flag.Set(f.Name, s) }

func (f goFlag) Type() string {
	if f.isBool() {
		return "bool"
	}
	return "string"
}

func (f goFlag) isBool() bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// shownFlags are those of Beam's flags that the help of a pipeline explains.
var shownFlags = map[string]string{
	"endpoint":           "address `host:port` of the runner's job service",
	"environment_type":   "`kind` of workers: DOCKER, PROCESS, EXTERNAL or LOOPBACK",
	"environment_config": "image, command or address of the workers, as their kind asks for",
	"worker_binary":      "`program` that the workers run (default this one)",
	"parallelism":        "how much a Flink job does in parallel, if `n` > 0",
	"job_name":           "`name` of the job",
	"async":              "do not wait for the end of the job",
}

// workerFlags are for a worker alone.
var workerFlags = []string{"worker", "id", "options", "logging_endpoint", "control_endpoint", "semi_persist_dir"}

// beamFlags gives the flags of Beam and its runners.
func beamFlags() []*flag.Flag {
	var flags []*flag.Flag
	flag.VisitAll(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") && !slices.Contains(workerFlags, f.Name) {
			flags = append(flags, f)
		}
	})
	return flags
}

// addBeamFlags adds them to a command whose own flags are there already.
func addBeamFlags(flags *pflag.FlagSet) {
	for _, f := range beamFlags() {
		if flags.Lookup(f.Name) != nil {
			continue
		}
		usage, shown := shownFlags[f.Name]
		added := flags.VarPF(goFlag{f}, f.Name, "", cmp.Or(usage, f.Usage))
		added.Hidden = !shown
		added.DefValue = "" // of no use to a reader
		if (goFlag{f}).isBool() {
			added.NoOptDefVal = "true"
		}
	}
}

// dashes lets --num-shards be written for --num_shards.
func dashes(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}

// newFlags lists what the help of the pipelines leaves out.
func newFlags() *cobra.Command {
	return &cobra.Command{
		Use:   "flags",
		Short: "List all flags of Beam and its runners",
		Long: `List all flags of Beam and its runners. Every pipeline accepts them; most are for
Dataflow.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			for _, f := range beamFlags() {
				name, usage := flag.UnquoteUsage(f)
				usage = strings.ReplaceAll(usage, "\n", "\n      ")
				if _, err := fmt.Fprintf(out, "  --%s\n      %s\n", strings.TrimSpace(f.Name+" "+name), usage); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
