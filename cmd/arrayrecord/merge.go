package main

import (
	"errors"

	"github.com/spf13/cobra"
)

const copyHelp = `Chunks are copied as they are, with their hashes verified, at the speed of the disk:
wherever --options asks for nothing else and they fit. The format wants as many
records in every chunk but the last of a file (the group size), so behind a place
where files with short last chunks meet records are compressed anew.`

func newMerge(a *app) *cobra.Command {
	var o rewriteFlags
	var anyOrder bool
	cmd := &cobra.Command{
		Use:   "merge FILE... -o FILE",
		Short: "Make one file of several",
		Long: `Make one file of several, with the records in the order of the arguments. Options
of the writer that are not given are those of the first file.

` + copyHelp + ` With --any-order the full chunks of all files
come first and are copied, and the rest is at the end.`,
		Example: `  arrayrecord merge 'train-*.arrayrecord' -o train.arrayrecord
  arrayrecord merge a.arrayrecord 'b.arrayrecord[0:1000]' -o gs://bucket/ab.arrayrecord`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return o.rewrite(ctx, a, args, func(w *rewriting) (err error) {
				spans := w.spans()
				if anyOrder {
					if spans, err = fullChunksFirst(ctx, spans, w.options.GroupSize); err != nil {
						return err
					}
				}
				return w.copyTo(ctx, []target{{o.name, spans}})
			})
		},
	}
	o.addFlags(cmd, outputUsage)
	cmd.Flags().BoolVar(&anyOrder, "any-order", false, "put the records of incomplete chunks at the end")
	return cmd
}

func newReshard(a *app) *cobra.Command {
	return newDivide(a, &cobra.Command{
		Use:   "reshard FILE... --shards N -o PREFIX",
		Short: "Spread the records of files over N files",
		Long: `Spread the records of files over N files of about as many records each, in order:
the first file gets the first ones.

` + copyHelp + ` Files begin
where a chunk does.`,
		Example: `  arrayrecord reshard 'old-*.arrayrecord' --shards 16 -o new/train`,
	}, true)
}

func newSplit(a *app) *cobra.Command {
	return newDivide(a, &cobra.Command{
		Use:   "split FILE... (--records N | --size SIZE) -o PREFIX",
		Short: "Cut files into files of a size",
		Long: `Cut files into files of at most a number of records (but at least a chunk), or of
about a size, in order.

` + copyHelp + ` Files begin
where a chunk does.`,
		Example: `  arrayrecord split train.arrayrecord --records 100000 -o part/train
  arrayrecord split train.arrayrecord --size 1G -o part/train`,
	}, false)
}

// newDivide makes the commands that divide the records of files.
func newDivide(a *app, cmd *cobra.Command, byShards bool) *cobra.Command {
	var o rewriteFlags
	var shards, records int
	var size byteSize
	cmd.Args = atLeast(1, "file name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		switch {
		case o.name == "-":
			return usagef("--output -: standard output is one file")
		case byShards && shards < 1:
			return usagef("--shards missing: a positive number")
		case !byShards && (records > 0) == (size > 0):
			return usagef("either --records or --size must be given")
		case records < 0:
			return usagef("--records %d: must be positive", records)
		}
		return o.rewrite(ctx, a, args, func(w *rewriting) error {
			spans, n := w.spans(), w.NumRecords()
			if size > 0 {
				bytes, err := storedBytes(ctx, spans)
				if err != nil {
					return err
				}
				shards = int((bytes + int64(size) - 1) / int64(size))
			}
			var cuts []int
			if records > 0 {
				for at := records; at < n; at += records {
					cuts = append(cuts, at)
				}
			} else {
				for i := 1; i < max(shards, 1); i++ {
					cuts = append(cuts, i*(n/shards)+i*(n%shards)/shards)
				}
			}
			if err := chunkStarts(ctx, spans, cuts); err != nil {
				return err
			}
			parts := cut(spans, cuts)
			if len(parts) > 99999 {
				return errors.New("these are more than 99,999 files")
			}
			var targets []target
			for i, name := range shardNames(o.name, len(parts)) {
				targets = append(targets, target{name, parts[i]})
			}
			return w.copyTo(ctx, targets)
		})
	}
	o.addFlags(cmd, prefixUsage)
	if byShards {
		cmd.Flags().IntVar(&shards, "shards", 0, "`number` of files")
	} else {
		cmd.Flags().IntVar(&records, "records", 0, "`number` of records in a file")
		cmd.Flags().Var(&size, "size", "about how large a file is, such as 512M")
		cmd.Flags().Lookup("size").DefValue = ""
	}
	return cmd
}
