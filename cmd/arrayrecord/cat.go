package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newCat(a *app) *cobra.Command {
	var p printer
	var ask scanFlags
	cmd := &cobra.Command{
		Use:   "cat FILE...",
		Short: "Print all records of files, in order",
		Long: `Print all records of files, in order.

Memory stays small whatever the size of the files. At a damaged place the records
before it have been printed, the place is reported, and the exit code is 1.`,
		Example: `  arrayrecord cat train.arrayrecord | head
  arrayrecord cat 'train.arrayrecord[0:100]' --format hex
  arrayrecord cat --format json train.arrayrecord | jq .label`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := ask.open(cmd.Context(), a, args...)
			if err != nil {
				return err
			}
			defer d.Close()
			if err := p.prepare(cmd.Context(), d); err != nil {
				return err
			}
			return a.printRange(cmd.Context(), &p, d, 0, d.NumRecords())
		},
	}
	p.addFlags(cmd)
	ask.addFlags(cmd)
	return cmd
}

// printRange prints the records [begin, end).
func (a *app) printRange(ctx context.Context, p *printer, d *arrayrecord.DataSource, begin, end int) error {
	i := begin
	for record, err := range d.Scan(ctx, begin, end) {
		if err != nil {
			return err
		}
		if err := p.print(a.out, record); err != nil {
			return a.recordError(d, i, err)
		}
		i++
	}
	return nil
}

// recordError says which record of which file an error is about.
func (a *app) recordError(d *arrayrecord.DataSource, i int, err error) error {
	name, record := locate(d, i)
	return fmt.Errorf("%s: record %d: %w", name, record, err)
}

// locate gives the file that has a record of a data source, and the record's number there.
func locate(d *arrayrecord.DataSource, i int) (name string, record int) {
	for _, f := range d.Files() {
		if i < f.Take {
			return f.Name, f.Skip + i
		}
		i -= f.Take
	}
	return "", i
}
