package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

func newClean(a *app) *cobra.Command {
	opts := storage.StaleOptions{}
	cmd := &cobra.Command{
		Use:   "clean DIR...",
		Short: "Remove temporary files that killed writers have left",
		Long: `Remove temporary files that killed writers have left in directories and below
them, and print their names.

Only files called ".arrayrecord-", 26 characters of A to Z and 2 to 7, and
".tmp" are touched, and none that a process is still writing: it holds a lock.
Some network file systems do not tell one machine of the locks of another; files
that were written to lately stay anyway. On Linux most file systems know files
without names, and there is nothing to clean.`,
		Example: `  arrayrecord clean --dry-run /data
  arrayrecord clean --older-than 1h /data/train /data/test`,
		Args: func(cmd *cobra.Command, args []string) error {
			if opts.OlderThan < 0 {
				return usagef("--older-than %v: must not be negative", opts.OlderThan)
			}
			return atLeast(1, "directory")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var failures []error
			for _, dir := range args {
				if err := checkName(dir); err != nil {
					return err
				}
				stale, err := storage.RemoveStale(cmd.Context(), dir, opts)
				if err != nil {
					failures = append(failures, err)
				}
				for _, info := range stale {
					if _, err := fmt.Fprintln(a.out, info.Name); err != nil {
						return err
					}
				}
			}
			return errors.Join(failures...)
		},
	}
	cmd.Flags().DurationVar(&opts.OlderThan, "older-than", 24*time.Hour, "spare files that were written to less than this ago")
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "only print the names")
	return cmd
}
