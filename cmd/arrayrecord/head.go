package main

import (
	"github.com/spf13/cobra"
)

func newHead(a *app) *cobra.Command {
	return newEnd(a, "head", "first", func(n, all int) (int, int) { return 0, min(n, all) },
		`  arrayrecord head train.arrayrecord
  arrayrecord head -n 3 --format json 'gs://bucket/train-*.arrayrecord'`)
}

func newTail(a *app) *cobra.Command {
	return newEnd(a, "tail", "last", func(n, all int) (int, int) { return all - min(n, all), all },
		`  arrayrecord tail train.arrayrecord
  arrayrecord tail -n 3 --format json 'gs://bucket/train-*.arrayrecord'`)
}

// newEnd makes a command that prints n records at one end of all.
func newEnd(a *app, name, which string, part func(n, all int) (begin, end int), example string) *cobra.Command {
	var p printer
	var n int
	cmd := &cobra.Command{
		Use:   name + " FILE...",
		Short: "Print the " + which + " records",
		Long: "Print the " + which + ` records of all files together. Nothing but these records and the
ends of the files is read.`,
		Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			if n < 0 {
				return usagef("-n %d: must not be negative", n)
			}
			return atLeast(1, "file name")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := a.open(cmd.Context(), args...)
			if err != nil {
				return err
			}
			defer d.Close()
			if err := p.prepare(cmd.Context(), d); err != nil {
				return err
			}
			begin, end := part(n, d.NumRecords())
			return a.printRange(cmd.Context(), &p, d, begin, end)
		},
	}
	cmd.Flags().IntVarP(&n, "records", "n", 10, "`number` of records")
	p.addFlags(cmd)
	return cmd
}
