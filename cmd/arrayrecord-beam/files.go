package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func newConvertMatching() *cobra.Command {
	c := pipelines.NewTFRecordToMatchingArrayRecord("", "")
	var input tfRecordFlags
	var failures failureFlags
	return pipeline{
		use:   "convert-matching --input PATTERN --output PREFIX",
		alias: "convert_tf_to_arrayrecord_disk_match_shards",
		short: "Convert TFRecord files into as many ArrayRecord shards",
		long: `Convert TFRecord files into as many ArrayRecord shards: the first file by name
becomes PREFIX-00000-of-NNNNN.arrayrecord and so on, with the records in their
order. The shards appear when all of them are complete.

` + patternHelp + `

` + writerOptionsHelp,
		example: `  arrayrecord-beam convert-matching --input 'train-*.tfrecord' --output out/train`,
		input:   &c.Input, inputUsage: "`pattern` of the TFRecord files",
		output: &c.Output, outputUsage: "`prefix` of the shards' names",
		addFlags: func(flags *pflag.FlagSet) {
			flags.StringVar(&c.Suffix, "suffix", c.Suffix, "`end` of the shards' names")
			addOverwrite(flags, &c.Overwrite)
			addWriterOptions(flags, &c.WriterOptions)
			input.addTo(flags)
			failures.addTo(flags)
		},
		check: func() (err error) {
			if c.Compression, err = input.parse(); err != nil {
				return err
			}
			c.Failures, err = failures.parse(c.Output)
			return err
		},
		run: func(ctx context.Context, runner string) (pipelines.Result, error) { return c.Run(ctx, runner) },
	}.command()
}

func newConvertFiles() *cobra.Command {
	c := pipelines.NewTFRecordFilesToArrayRecord("", "")
	var input tfRecordFlags
	var failures failureFlags
	return pipeline{
		use:   "convert-files --input PATTERN --output DIRECTORY",
		alias: "convert_tf_to_arrayrecord_gcs",
		short: "Convert each TFRecord file into an ArrayRecord file of the same name",
		long: `Convert each TFRecord file into an ArrayRecord file of the same name with
".arrayrecord" added, in DIRECTORY. Records keep their order. Each file is
streamed from its place to the other one, by one worker, and appears when it is
complete.

` + filesHelp + `

` + writerOptionsHelp,
		example: `  arrayrecord-beam convert-files --input 'gs://raw/train-*.tfrecord' --output gs://ready/train \
      --overwrite_extension`,
		input: &c.Input, inputUsage: "`pattern` of the TFRecord files",
		output: &c.Output.Directory, outputUsage: "`directory` of the ArrayRecord files",
		addFlags: func(flags *pflag.FlagSet) {
			addFileNames(flags, &c.Output)
			addWriterOptions(flags, &c.WriterOptions)
			input.addTo(flags)
			failures.addTo(flags)
		},
		check: func() (err error) {
			if c.Compression, err = input.parse(); err != nil {
				return err
			}
			c.Failures, err = failures.parse(c.Output.Directory)
			return err
		},
		run: func(ctx context.Context, runner string) (pipelines.Result, error) { return c.Run(ctx, runner) },
	}.command()
}

const filesHelp = `In PATTERN, * and ? stand for characters within a name and ** for any number of
directories; quote it, or the shell replaces it. It is an error if no file
matches, or if two files have the same name in different directories. PATTERN
and DIRECTORY are on local disk or begin with gs://BUCKET/.`

func newToTFRecord() *cobra.Command {
	c := pipelines.NewArrayRecordToTFRecord("", "")
	var compression string
	return pipeline{
		use:   "to-tfrecord --input PATTERN --output PREFIX",
		short: "Convert ArrayRecord files into a number of TFRecord shards",
		long: `Convert ArrayRecord files into TFRecord shards
  PREFIX-00000-of-NNNNN.tfrecord, PREFIX-00001-of-NNNNN.tfrecord, ...
in no certain order. The shards appear when all of them are complete.

` + patternHelp + `
PATTERN may also be FILE[BEGIN:END], for some of the records of a file.`,
		example: `  arrayrecord-beam to-tfrecord --input 'out/train-*.arrayrecord' --output tf/train --num_shards 8`,
		input:   &c.Input, inputUsage: "`pattern` of the ArrayRecord files",
		output: &c.Output, outputUsage: "`prefix` of the shards' names",
		addFlags: func(flags *pflag.FlagSet) {
			flags.IntVar(&c.NumShards, "num_shards", 0, "`number` of shards (default the runner's choice)")
			flags.StringVar(&c.Suffix, "suffix", c.Suffix, "`end` of the shards' names")
			addOverwrite(flags, &c.Overwrite)
			addOutputCompression(flags, &compression)
		},
		check: func() (err error) {
			c.Compression, err = tfrecord.ParseCompression(compression)
			return err
		},
		run: func(ctx context.Context, runner string) (pipelines.Result, error) { return c.Run(ctx, runner) },
	}.command()
}

func newToTFRecordFiles() *cobra.Command {
	c := pipelines.NewArrayRecordFilesToTFRecord("", "")
	var compression string
	var failures failureFlags
	return pipeline{
		use:   "to-tfrecord-files --input PATTERN --output DIRECTORY",
		short: "Convert each ArrayRecord file into a TFRecord file of the same name",
		long: `Convert each ArrayRecord file into a TFRecord file of the same name with
".tfrecord" added, in DIRECTORY. Records keep their order. Each file is streamed
from its place to the other one, by one worker, and appears when it is complete.

` + filesHelp,
		example: `  arrayrecord-beam to-tfrecord-files --input 'out/*.arrayrecord' --output tf --overwrite_extension`,
		input:   &c.Input, inputUsage: "`pattern` of the ArrayRecord files",
		output: &c.Output.Directory, outputUsage: "`directory` of the TFRecord files",
		addFlags: func(flags *pflag.FlagSet) {
			addFileNames(flags, &c.Output)
			addOutputCompression(flags, &compression)
			failures.addTo(flags)
		},
		check: func() (err error) {
			if c.Compression, err = tfrecord.ParseCompression(compression); err != nil {
				return err
			}
			c.Failures, err = failures.parse(c.Output.Directory)
			return err
		},
		run: func(ctx context.Context, runner string) (pipelines.Result, error) { return c.Run(ctx, runner) },
	}.command()
}

func addFileNames(flags *pflag.FlagSet, names *pipelines.FileNames) {
	flags.StringVar(&names.Suffix, "file_path_suffix", names.Suffix, "`end` of the files' names")
	flags.BoolVar(&names.OverwriteExtension, "overwrite_extension", false, "put it in the place of the input's extension")
}

func addOutputCompression(flags *pflag.FlagSet, compression *string) {
	flags.StringVar(compression, "compression", "none", "`kind` of compression of the output: none, gzip or zlib")
}

func newExampleTFRecord() *cobra.Command {
	e := pipelines.NewExampleToTFRecord("")
	return pipeline{
		use:   "example-tfrecord --output PREFIX",
		alias: "example_to_tfrecord",
		short: "Write some examples as TFRecords, to try the other commands on",
		long: `Write a few tf.train.Examples about people and movies as TFRecord shards
  PREFIX-00000-of-NNNNN.tfrecord, ...`,
		example: `  arrayrecord-beam example-tfrecord --output /tmp/movies --num_shards 2`,
		output:  &e.Output, outputUsage: "`prefix` of the shards' names",
		addFlags: func(flags *pflag.FlagSet) {
			flags.IntVar(&e.NumShards, "num_shards", e.NumShards, "`number` of shards")
			flags.StringVar(&e.Suffix, "suffix", e.Suffix, "`end` of the shards' names")
			addOverwrite(flags, &e.Overwrite)
		},
		run: func(ctx context.Context, runner string) (pipelines.Result, error) { return e.Run(ctx, runner) },
	}.command()
}

func newExampleArrayRecord() *cobra.Command {
	e := pipelines.NewExampleToArrayRecord("")
	return pipeline{
		use:   "example-arrayrecord --output PREFIX",
		alias: "example_to_arrayrecord",
		short: "Write some examples as ArrayRecords",
		long: `Write a few tf.train.Examples about people and movies as ArrayRecord shards
  PREFIX-00000-of-NNNNN.arrayrecord, ...

` + writerOptionsHelp,
		example: `  arrayrecord-beam example-arrayrecord --output /tmp/movies`,
		output:  &e.Output, outputUsage: "`prefix` of the shards' names",
		addFlags: func(flags *pflag.FlagSet) {
			flags.IntVar(&e.NumShards, "num_shards", e.NumShards, "`number` of shards")
			flags.StringVar(&e.Suffix, "suffix", e.Suffix, "`end` of the shards' names")
			addOverwrite(flags, &e.Overwrite)
			addWriterOptions(flags, &e.WriterOptions)
		},
		run: func(ctx context.Context, runner string) (pipelines.Result, error) { return e.Run(ctx, runner) },
	}.command()
}
