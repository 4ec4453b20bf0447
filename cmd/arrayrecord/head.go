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
	n := count(10)
	cmd := &cobra.Command{
		Use:   name + " FILE...",
		Short: "Print the " + which + " records",
		Long: "Print the " + which + ` records of all files together. Nothing but these records and the
ends of the files is read.`,
		Example: example,
		Args:    atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := p.open(cmd.Context(), a, args...)
			if err != nil {
				return err
			}
			defer d.Close()
			begin, end := part(int(n), d.NumRecords())
			return a.printRange(cmd.Context(), &p, d, begin, end)
		},
	}
	cmd.Flags().VarP(&n, "records", "n", "`number` of records")
	p.addFlags(cmd)
	return cmd
}
