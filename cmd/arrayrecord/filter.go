package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func newFilter(a *app) *cobra.Command {
	var o rewriteFlags
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
			if err := m.compile(args[0]); err != nil {
				return err
			}
			return o.rewrite(ctx, a, args[1:], func(w *rewriting) error {
				found := 0
				if err := o.write(ctx, a, w.options, func(s *sink) error {
					return w.filter(ctx, &m, func(record []byte) error {
						found++
						return s.Write(record)
					})
				}); err != nil {
					return err
				}
				return a.say("%s of %s", formatCount(found), plural(w.NumRecords(), "record"))
			})
		},
	}
	m.addFlags(cmd)
	o.addFlags(cmd, outputUsage)
	o.addShards(cmd)
	return cmd
}

// filter emits the records that match.
func (w *rewriting) filter(ctx context.Context, m *matcher, emit func(record []byte) error) error {
	p := w.a.newStatus("records", int64(w.NumRecords()))
	defer p.close()
	i := 0
	for record, err := range w.Scan(ctx, 0, w.NumRecords()) {
		if err != nil {
			return err
		}
		matches, err := m.match(record)
		if err != nil {
			return w.a.recordError(w.DataSource, i, err)
		}
		if matches {
			if err := emit(record); err != nil {
				return err
			}
		}
		i++
		p.add(1)
	}
	return nil
}

// say tells a person at a terminal what has been done.
func (a *app) say(format string, args ...any) error {
	if !lookAt(a.err).terminal {
		return nil
	}
	_, err := fmt.Fprintf(a.err, format+"\n", args...)
	return err
}
