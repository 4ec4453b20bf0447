package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newGet(a *app) *cobra.Command {
	var p printer
	cmd := &cobra.Command{
		Use:   "get FILE NUMBER...",
		Short: "Print records by number",
		Long: `Print records by number, in the order given.

Records are numbered from 0; negative numbers count from the end, -1 being the last
record. BEGIN:END stands for the records from BEGIN up to but without END; either
may be left out. FILE may be several, as a pattern or a directory: their records are
numbered together, in the order of the names.`,
		Example: `  arrayrecord get train.arrayrecord 0 99 7
  arrayrecord get train.arrayrecord 10:13 -1 --format example`,
		Annotations: map[string]string{takesNumbers: "yes"},
		Args:        atLeast(2, "file name or record number"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := p.open(cmd.Context(), a, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			var parts []part
			for _, arg := range args[1:] {
				one, err := parsePart(strings.ReplaceAll(arg, minus, "-"), d.NumRecords())
				if err != nil {
					return err
				}
				parts = append(parts, one)
			}
			return a.printParts(cmd.Context(), &p, d, parts)
		},
	}
	p.addFlags(cmd)
	return cmd
}

// part is the records [begin, end).
type part struct{ begin, end int }

// readTogether is how many single records are read at once.
const readTogether = 16

// printParts prints records in the order of the parts. Single ones that follow each other are read
// together, a few at a time.
func (a *app) printParts(ctx context.Context, p *printer, d *arrayrecord.DataSource, parts []part) error {
	for len(parts) > 0 {
		var single []int
		for _, one := range parts {
			if one.end-one.begin != 1 || len(single) == readTogether {
				break
			}
			single = append(single, one.begin)
		}
		if len(single) == 0 {
			if err := a.printRange(ctx, p, d, parts[0].begin, parts[0].end); err != nil {
				return err
			}
			parts = parts[1:]
			continue
		}
		records, err := d.ReadIndices(ctx, single)
		if err != nil {
			return err
		}
		for i, record := range records {
			if err := p.print(a.out, record); err != nil {
				return a.recordError(d, single[i], err)
			}
		}
		parts = parts[len(single):]
	}
	return nil
}

// parsePart gives the records that an argument stands for among n.
func parsePart(arg string, n int) (part, error) {
	number := func(s string, missing int) (int, error) {
		if s == "" {
			return missing, nil
		}
		i, err := strconv.Atoi(s)
		if err != nil {
			return 0, usagef("%q is not a record number", arg)
		}
		if i < 0 {
			i += n
		}
		return i, nil
	}
	first, last, isRange := strings.Cut(arg, ":")
	if !isRange {
		if arg == "" {
			return part{}, usagef("%q is not a record number", arg)
		}
		i, err := number(arg, 0)
		if err == nil && (i < 0 || i >= n) {
			err = fmt.Errorf("%w: record %s of %d", arrayrecord.ErrOutOfRange, arg, n)
		}
		return part{i, i + 1}, err
	}
	begin, err := number(first, 0)
	if err != nil {
		return part{}, err
	}
	end, err := number(last, n)
	if err != nil {
		return part{}, err
	}
	if begin < 0 || begin > end || end > n {
		return part{}, fmt.Errorf("%w: records %s of %d", arrayrecord.ErrOutOfRange, arg, n)
	}
	return part{begin, end}, nil
}
