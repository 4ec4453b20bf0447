package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

// leftovers is the command of that name.
type leftovers struct {
	finish, remove, unfinished bool
	olderThan                  time.Duration
}

func newLeftovers() *cobra.Command {
	var l leftovers
	cmd := &cobra.Command{
		Use:   "leftovers DIRECTORY...",
		Short: "List, finish or remove what killed jobs have left",
		Long: `List what jobs have left in directories of outputs that were killed: temporary
files, unfinished uploads, and records of writes. A job that was killed while its
shards got their names can be finished, as all of them are complete.

A job that runs has the same files. --finish does it no harm; --remove does, and
so leaves what has changed in the last --older_than.`,
		Example: `  arrayrecord-beam leftovers gs://ready/train
  arrayrecord-beam leftovers --finish --remove out`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("no directory given")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return l.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&l.finish, "finish", false, "give shards their names that were about to get them")
	flags.BoolVar(&l.remove, "remove", false, "remove the rest, except for what a write needs that can be finished")
	flags.BoolVar(&l.unfinished, "unfinished", false, "remove that too: the write is lost then")
	flags.DurationVar(&l.olderThan, "older_than", 24*time.Hour, "remove only what has not changed for this `time`")
	flags.SetNormalizeFunc(dashes)
	return cmd
}

func (l leftovers) run(cmd *cobra.Command, dirs []string) error {
	if l.unfinished && !l.remove {
		return usageError{errors.New("--unfinished needs --remove")}
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, dir := range dirs {
		dir = cmp.Or(strings.TrimRight(dir, "/"), "/")
		if l.finish {
			if err := l.finishIn(cmd, w, dir); err != nil {
				return errors.Join(err, w.Flush())
			}
		}
		// Looked for again: what was finished needs no temporary files any more.
		found, err := pipelines.Leftovers(cmd.Context(), dir)
		if err != nil {
			return err
		}
		for _, f := range found {
			what := "left"
			if l.remove && time.Since(f.Changed) >= l.olderThan && (l.unfinished || !f.Needed()) {
				if err := f.Remove(cmd.Context()); err != nil {
					return errors.Join(err, w.Flush())
				}
				what = "removed"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s old\n", what, f.Name, describeLeftover(f), formatBytes(f.Bytes), time.Since(f.Changed).Round(time.Second))
		}
	}
	return w.Flush()
}

func (l leftovers) finishIn(cmd *cobra.Command, w *tabwriter.Writer, dir string) error {
	found, err := pipelines.Leftovers(cmd.Context(), dir)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !f.Open {
			continue
		}
		if err := f.Finish(cmd.Context()); err != nil {
			return err
		}
		fmt.Fprintf(w, "finished\t%s\t%s\t\t\n", f.Name, plural(int64(f.Shards), "shard"))
	}
	return nil
}

func describeLeftover(f pipelines.Leftover) string {
	switch {
	case f.Open:
		return fmt.Sprintf("%d of %s without a name: --finish names them", f.Pending, plural(int64(f.Shards), "shard"))
	case f.NeededBy != "":
		return plural(int64(f.Files), "file") + ", needed by " + f.NeededBy
	case f.Shards > 0:
		return "record of " + plural(int64(f.Shards), "shard")
	}
	return plural(int64(f.Files), "file")
}
