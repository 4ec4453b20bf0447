package main

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// difference is a place where two data sets differ.
type difference struct {
	A     *int `json:"a"` // record number, null if it is not there
	B     *int `json:"b"`
	SizeA int  `json:"size_a,omitempty"`
	SizeB int  `json:"size_b,omitempty"`
	Byte  *int `json:"byte,omitempty"` // first one that differs
}

type diffResult struct {
	RecordsA    int          `json:"records_a"`
	RecordsB    int          `json:"records_b"`
	Different   int          `json:"different"`
	Differences []difference `json:"differences"` // the first ones
	most        int
}

func (r *diffResult) add(d difference) {
	r.Different++
	if len(r.Differences) < r.most {
		r.Differences = append(r.Differences, d)
	}
}

func newDiff(a *app) *cobra.Command {
	var ask scanFlags
	var asSets, asJSON bool
	most := count(10)
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare the records of two data sets",
		Long: `Compare the records of two data sets, each a file, a pattern or a directory, and
print the first differences. How the files are compressed, grouped and split does
not matter.

Records are compared in order. With --sets their order does not matter either: those
that one of the two has more often are printed; they are compared by 128 bits of
their SHA-256, kept in temporary files (in $TMPDIR) of 24 bytes a record.

The exit code is 3 if the data sets differ.`,
		Example: `  arrayrecord diff old.arrayrecord new.arrayrecord
  arrayrecord diff --sets 'shards/train-*.arrayrecord' train.arrayrecord`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("two data sets are expected")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			one, err := a.open(ctx, args[0])
			if err != nil {
				return err
			}
			defer one.Close()
			two, err := a.open(ctx, args[1])
			if err != nil {
				return err
			}
			defer two.Close()
			if err := ask.check(ctx, a, one, two); err != nil {
				return err
			}
			r := diffResult{RecordsA: one.NumRecords(), RecordsB: two.NumRecords(), Differences: []difference{}, most: int(most)}
			if asSets {
				err = diffSets(ctx, one, two, &r)
			} else {
				err = diffOrdered(ctx, one, two, &r)
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(r)
			} else {
				err = a.printDiff(r, asSets)
			}
			if err == nil && r.Different > 0 {
				err = errNo
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asSets, "sets", false, "whatever the order of the records")
	cmd.Flags().VarP(&most, "differences", "n", "`number` of differences to print")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	ask.addFlags(cmd)
	return cmd
}

func diffOrdered(ctx context.Context, one, two *arrayrecord.DataSource, r *diffResult) error {
	nextA, stopA := iter.Pull2(one.Scan(ctx, 0, one.NumRecords()))
	defer stopA()
	nextB, stopB := iter.Pull2(two.Scan(ctx, 0, two.NumRecords()))
	defer stopB()
	for i := 0; ; i++ {
		a, errA, okA := nextA()
		b, errB, okB := nextB()
		if errA != nil {
			return errA
		}
		if errB != nil {
			return errB
		}
		number := i
		switch {
		case !okA && !okB:
			return nil
		case !okB:
			r.add(difference{A: &number, SizeA: len(a)})
		case !okA:
			r.add(difference{B: &number, SizeB: len(b)})
		case !bytes.Equal(a, b):
			at := 0
			for at < len(a) && at < len(b) && a[at] == b[at] {
				at++
			}
			r.add(difference{A: &number, B: &number, SizeA: len(a), SizeB: len(b), Byte: &at})
		}
	}
}

func (a *app) printDiff(r diffResult, asSets bool) error {
	for _, d := range r.Differences {
		switch {
		case d.B == nil:
			fmt.Fprintf(a.out, "%s record %d is in A only%s\n", a.screen.paint(red, "-"), *d.A, ofSize(d.SizeA, asSets))
		case d.A == nil:
			fmt.Fprintf(a.out, "%s record %d is in B only%s\n", a.screen.paint(green, "+"), *d.B, ofSize(d.SizeB, asSets))
		default:
			fmt.Fprintf(a.out, "%s record %d differs from byte %d on (%d and %d bytes)\n", a.screen.paint(blue, "~"), *d.A, *d.Byte, d.SizeA, d.SizeB)
		}
	}
	if rest := r.Different - len(r.Differences); rest > 0 && len(r.Differences) > 0 {
		fmt.Fprintf(a.out, "and %s\n", plural(rest, "more difference"))
	}
	answer := "equal"
	if r.Different > 0 {
		answer = plural(r.Different, "difference")
	}
	_, err := fmt.Fprintf(a.out, "A has %s, B %s: %s\n", plural(r.RecordsA, "record"), formatCount(r.RecordsB), answer)
	return err
}

func ofSize(size int, asSets bool) string {
	if asSets {
		return ""
	}
	return fmt.Sprintf(" (%d bytes)", size)
}
