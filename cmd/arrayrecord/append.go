package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newAppend(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "append FILE FROM...",
		Short: "Add the records of files to the end of a file",
		Long: `Add all records of other files, in order, to the end of FILE, which is on local
disk and complete. What it has is not written again.

FILE is what it was until all is done, also if something fails. If the command is
killed it opens as it was, or 'arrayrecord repair' brings back all that it had; the
next append removes what was left. Objects in a bucket cannot be changed: make one
more file instead.`,
		Example: `  arrayrecord append train.arrayrecord more.arrayrecord
  arrayrecord append train.arrayrecord 'gs://bucket/new-*.arrayrecord'`,
		Args: atLeast(2, "file name"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			if err := checkName(args[0]); err != nil {
				return err
			}
			from, err := a.open(ctx, args[1:]...)
			if err != nil {
				return err
			}
			defer from.Close()
			w, err := arrayrecord.Append(ctx, args[0])
			if err != nil {
				return err
			}
			for record, err := range from.Scan(ctx, 0, from.NumRecords()) {
				if err == nil {
					err = w.Write(record)
				}
				if err != nil {
					return errors.Join(err, w.Abort())
				}
			}
			return w.Close()
		},
	}
}
