package main

import (
	"bufio"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newCat(out *bufio.Writer) *cobra.Command {
	f := format("text")
	cmd := &cobra.Command{
		Use:   "cat FILE...",
		Short: "Print all records of files, in order",
		Long: `Print all records of files, in order.

Memory stays small whatever the size of the files. At a damaged place the records
before it have been printed, the place is reported, and the exit code is 1.`,
		Example: `  arrayrecord cat train.arrayrecord | head
  arrayrecord cat --format example train.arrayrecord | jq .label`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range args {
				if err := printAll(cmd.Context(), out, name, f); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().VarP(&f, "format", "f", formatHelp)
	return cmd
}

func printAll(ctx context.Context, out *bufio.Writer, name string, f format) error {
	r, err := arrayrecord.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	i := 0
	for record, err := range r.Scan(ctx, 0, r.NumRecords()) {
		if err != nil {
			return err
		}
		if err := f.print(out, record); err != nil {
			return fmt.Errorf("%s: record %d: %w", name, i, err)
		}
		i++
	}
	return nil
}
