package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newFilter(a *app) *cobra.Command {
	var o outputFlags
	var m matcher
	cmd := &cobra.Command{
		Use:   "filter PATTERN FILE... -o FILE",
		Short: "Write the records that match a regular expression to a file",
		Long: `Write the records that match a regular expression to a file, in their order. Options
of the writer that are not given are those of the first file.

` + patternHelp,
		Example: `  arrayrecord filter '^(3|7)$' --field label train.arrayrecord -o some.arrayrecord
  arrayrecord filter -v '^$' all.arrayrecord -o not-empty.arrayrecord`,
		Args: atLeast(2, "pattern or file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := o.check(); err != nil {
				return err
			}
			if err := m.compile(args[0]); err != nil {
				return err
			}
			d, err := a.open(ctx, args[1:]...)
			if err != nil {
				return err
			}
			defer d.Close()
			w, err := newRewriting(ctx, a, &o, d)
			if err != nil {
				return err
			}
			s, err := o.sink(ctx, a, w.options)
			if err != nil {
				return err
			}
			defer s.abort()
			p := a.newStatus("records", int64(d.NumRecords()))
			defer p.close()
			i := 0
			for record, err := range d.Scan(ctx, 0, d.NumRecords()) {
				if err != nil {
					return err
				}
				matches, err := m.match(record)
				if err != nil {
					return a.recordError(d, i, err)
				}
				if matches {
					if err := s.Write(record); err != nil {
						return err
					}
				}
				i++
				p.add(1)
			}
			if err := s.commit(ctx); err != nil {
				return err
			}
			p.close()
			return a.say("%s of %s", formatCount(s.records), plural(i, "record"))
		},
	}
	m.addFlags(cmd)
	o.addFlags(cmd, outputUsage)
	o.addShards(cmd)
	return cmd
}

// say tells a person at a terminal what has been done.
func (a *app) say(format string, args ...any) error {
	if !lookAt(a.err).terminal {
		return nil
	}
	_, err := fmt.Fprintf(a.err, format+"\n", args...)
	return err
}
