package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// repairInfo is what repair prints with --json.
type repairInfo struct {
	verifyInfo
	Output string `json:"output"`
	Saved  int    `json:"saved"` // records
	Lost   *int   `json:"lost"`  // null: some, and nothing tells how many
}

func newRepair(a *app) *cobra.Command {
	var asJSON bool
	var options arrayrecord.RepairOptions
	cmd := &cobra.Command{
		Use:   "repair IN OUT",
		Short: "Save what can be read from a damaged file",
		Long: `Make a file of all records that can be read from a damaged one: one whose writer
died (its temporary file, too), that was cut off, or that has damaged chunks or a
damaged index. Sound chunks are copied as they are.

What is lost is printed: its bytes, and the records by the numbers that they had.
IN is never changed; that OUT is the same file, also through links, is an error.`,
		Example: `  arrayrecord repair broken.arrayrecord saved.arrayrecord
  arrayrecord repair .arrayrecord-ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp saved.arrayrecord`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("it takes two names, IN and OUT")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				if err := checkName(name); err != nil {
					return err
				}
			}
			bar := a.progress()
			defer bar.clear()
			options.Progress = bar.of(args[0])
			report, err := arrayrecord.Repair(cmd.Context(), args[0], args[1], options)
			bar.clear()
			if err != nil {
				return err
			}
			lost, all := report.Lost()
			if asJSON {
				info := repairInfo{verifyInfo: infoOf(report, args[0]), Output: args[1], Saved: report.Records}
				if all {
					info.Lost = &lost
				}
				err = a.printJSON(info)
			} else {
				err = a.printRepair(report, args[1])
			}
			if err != nil {
				return err
			}
			if lost > 0 || !all {
				return errNo
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	cmd.Flags().BoolVar(&options.NoOverwrite, "no-overwrite", false, "refuse to replace a file called OUT")
	cmd.Long += `

The exit code is 0 if all records were saved, 3 if some are lost, and 1 if there is
no output.`
	return cmd
}

func (a *app) printRepair(r *arrayrecord.Report, out string) error {
	lost, all := r.Lost()
	what := "nothing lost"
	switch {
	case !all && lost > 0:
		what = fmt.Sprintf("%s lost, and others that nothing tells the number of", formatCount(lost))
	case !all:
		what = "others lost, nothing tells how many"
	case lost > 0:
		what = formatCount(lost) + " lost"
	}
	fmt.Fprintf(a.out, "%s: %s records saved, %s\n", out, formatCount(r.Records), what)
	for _, d := range r.Damage {
		fmt.Fprintf(a.out, "  %s\n", d)
	}
	return a.out.Flush()
}
