package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func newConvert() *cobra.Command {
	c := pipelines.NewTFRecordToArrayRecord("", "")
	var compression string
	var job jobFlags
	cmd := &cobra.Command{
		Use:     "convert --input PATTERN --output PREFIX",
		Aliases: []string{"convert_tf_to_arrayrecord_disk"},
		Short:   "Convert TFRecord files into ArrayRecord shards",
		Long: `Convert TFRecord files into ArrayRecord shards.

All records of all files that match PATTERN go into the shards
  PREFIX-00000-of-NNNNN.arrayrecord, PREFIX-00001-of-NNNNN.arrayrecord, ...
in no certain order. The shards appear when all of them are complete; files that
have these names are replaced. It is an error if no file matches.

In PATTERN, * and ? stand for characters within a name and ** for any number of
directories; quote it, or the shell replaces it.

WRITER_OPTIONS is a list such as "group_size:16,zstd:5". The group size is how
many records are compressed together: 1, the default, gives the fastest access to
single records, more gives smaller files. Codecs are zstd, brotli, snappy (each
but the last with a level) and uncompressed.`,
		Example: `  # eight shards
  arrayrecord-beam convert --input 'train-*.tfrecord' --output out/train --num_shards 8

  # as many shards as suit the runner, smaller than with the default options
  arrayrecord-beam convert --input 'data/**/*.tfrecord.gz' --output out/train \
      --writer_options group_size:64,zstd:9`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.Input == "" {
				return usageError{errors.New("--input missing")}
			}
			if c.Output == "" {
				return usageError{errors.New("--output missing")}
			}
			var err error
			if c.Compression, err = tfrecord.ParseCompression(compression); err != nil {
				return usageError{err}
			}
			if c.Input, err = absolute(c.Input); err != nil {
				return err
			}
			if c.Output, err = absolute(c.Output); err != nil {
				return err
			}
			runner, err := job.prepare()
			if err != nil {
				return err
			}
			stop, err := job.watch(cmd, runner)
			if err != nil {
				return err
			}
			result, err := c.Run(cmd.Context(), runner)
			stop()
			if err != nil {
				return explain(cmd.Context(), err)
			}
			return printSummary(cmd.OutOrStdout(), result)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&c.Input, "input", "", "`pattern` of the TFRecord files (required)")
	flags.StringVar(&c.Output, "output", "", "`prefix` of the shards' names (required)")
	flags.IntVar(&c.NumShards, "num_shards", 0, "`number` of shards (default the runner's choice)")
	flags.StringVar(&c.Suffix, "suffix", c.Suffix, "`end` of the shards' names")
	flags.StringVar(&c.WriterOptions, "writer_options", c.WriterOptions, "`options` of the ArrayRecord writer")
	flags.StringVar(&compression, "compression", "auto", "`kind` of compression of the input: auto, none, gzip or zlib")
	job.addTo(cmd)
	return cmd
}
