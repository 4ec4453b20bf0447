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

// asPflag makes a flag of package flag one of a command. Setting it goes through
// package flag if it is one of Beam's.
func asPflag(f *flag.Flag) *pflag.Flag {
	added := pflag.PFlagFromGoFlag(f)
	// Upstream's names, and ours, are long: -n is none.
	added.Shorthand = ""
	switch added.DefValue {
	case "0", "false", "auto", "none", "fail", "refuse": // of no use to a reader, or said in the text
		added.DefValue = ""
	}
	return added
}

// goFlag is a flag of package flag that is set there.
type goFlag struct{ *flag.Flag }

// String gives its value.
func (f goFlag) String() string { return f.Value.String() }

// Set sets it.
func (f goFlag) Set(s string) error { return flag.Set(f.Name, s) }

// Type says what its value is.
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
	"dry_run":            "print what would be read and written; with Dataflow and --log_level=info, the job too",
	"project":            "`ID` of the Google Cloud project, for Dataflow",
	"region":             "`name` of the region, for Dataflow",
	"temp_location":      "gs:// `directory` for Dataflow's temporary files",
	"staging_location":   "gs:// `directory` for the program that is sent to Dataflow (default temp_location)",
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
