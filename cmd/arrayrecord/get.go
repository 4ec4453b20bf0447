package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newGet(out *bufio.Writer) *cobra.Command {
	f := format("text")
	cmd := &cobra.Command{
		Use:   "get FILE NUMBER...",
		Short: "Print records by number",
		Long: `Print records by number, in the order given.

Records are numbered from 0; negative numbers count from the end, -1 being the last
record (flags must come before them). BEGIN:END stands for the records from BEGIN
up to but without END; either may be left out.`,
		Example: `  arrayrecord get train.arrayrecord 0 99 7
  arrayrecord get --format example train.arrayrecord 10:13 -1`,
		// Flags end at the first argument, so that -1 is a number.
		Args: atLeast(2, "file name or record number"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := arrayrecord.Open(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer r.Close()
			var indices []int
			for _, arg := range args[1:] {
				if indices, err = appendIndices(indices, arg, r.NumRecords()); err != nil {
					return err
				}
			}
			records, err := r.ReadIndices(cmd.Context(), indices)
			if err != nil {
				return err
			}
			for i, record := range records {
				if err := f.print(out, record); err != nil {
					return fmt.Errorf("%s: record %d: %w", args[0], indices[i], err)
				}
			}
			return nil
		},
	}
	cmd.Flags().VarP(&f, "format", "f", formatHelp)
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// appendIndices appends the record numbers that an argument stands for in a file of n records.
func appendIndices(indices []int, arg string, n int) ([]int, error) {
	number := func(s string, missing int) (int, error) {
		if s == "" {
			return missing, nil
		}
		i, err := strconv.Atoi(s)
		if err != nil {
			return 0, usageError{fmt.Errorf("%q is not a record number", arg)}
		}
		if i < 0 {
			i += n
		}
		return i, nil
	}
	first, last, isRange := strings.Cut(arg, ":")
	if !isRange {
		if arg == "" {
			return nil, usageError{fmt.Errorf("%q is not a record number", arg)}
		}
		i, err := number(arg, 0)
		if err == nil && (i < 0 || i >= n) {
			err = fmt.Errorf("%w: record %s of %d", arrayrecord.ErrOutOfRange, arg, n)
		}
		return append(indices, i), err
	}
	begin, err := number(first, 0)
	if err != nil {
		return nil, err
	}
	end, err := number(last, n)
	if err != nil {
		return nil, err
	}
	if begin < 0 || begin > end || end > n {
		return nil, fmt.Errorf("%w: records %s of %d", arrayrecord.ErrOutOfRange, arg, n)
	}
	for i := begin; i < end; i++ {
		indices = append(indices, i)
	}
	return indices, nil
}
