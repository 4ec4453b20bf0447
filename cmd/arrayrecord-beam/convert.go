package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// What the help of several commands explains.
const (
	patternHelp = `In PATTERN, * and ? stand for characters within a name and ** for any number of
directories; quote it, or the shell replaces it. It is an error if no file
matches. PATTERN and PREFIX are on local disk or begin with gs://BUCKET/.`
	writerOptionsHelp = `WRITER_OPTIONS is a list such as "group_size:16,zstd:5". The group size is how
many records are compressed together: 1, the default, gives the fastest access to
single records, more gives smaller files. Codecs are zstd, brotli, snappy (each
but the last with a level) and uncompressed.`
)

func newConvert() *cobra.Command {
	c := pipelines.NewTFRecordToArrayRecord("", "")
	var input tfRecordFlags
	var failures failureFlags
	var shuffle shuffleFlags
	var dataset tfdsFlags
	var described pipelines.TFDS
	return pipeline{
		use:   "convert --input PATTERN --output PREFIX",
		alias: "convert_tf_to_arrayrecord_disk",
		short: "Convert TFRecord files into a number of ArrayRecord shards",
		long: `Convert TFRecord files into ArrayRecord shards.

All records of all files that match PATTERN go into the shards
  PREFIX-00000-of-NNNNN.arrayrecord, PREFIX-00001-of-NNNNN.arrayrecord, ...
in no certain order. The shards appear when all of them are complete. If there are
shards of these names already, with whatever NNNNN, --overwrite says what becomes
of them.

` + shuffleHelp + `

` + tfdsHelp + `

` + patternHelp + `

` + writerOptionsHelp,
		example: `  # eight shards
  arrayrecord-beam convert --input 'train-*.tfrecord' --output out/train --num_shards 8

  # as many shards as suit the runner, smaller than with the default options
  arrayrecord-beam convert --input 'data/**/*.tfrecord.gz' --output out/train \
      --writer_options group_size:64,zstd:9

  # in a random order, the same one each time
  arrayrecord-beam convert --input 'train-*.tfrecord' --output shuffled/train --num_shards 8 \
      --shuffle --seed 42

  # for TensorFlow Datasets: tfds.load("digits", data_dir="datasets")
  arrayrecord-beam convert --input 'train-*.tfrecord' --output datasets --tfds digits --num_shards 8`,
		input: &c.Input, inputUsage: "`pattern` of the TFRecord files",
		output: &c.Output, outputUsage: "`prefix` of the shards' names",
		addFlags: func(flags *pflag.FlagSet) {
			flags.IntVar(&c.NumShards, "num_shards", 0, "`number` of shards (default the runner's choice)")
			flags.StringVar(&c.Suffix, "suffix", c.Suffix, "`end` of the shards' names")
			addOverwrite(flags, &c.Overwrite)
			addWriterOptions(flags, &c.WriterOptions)
			input.addTo(flags)
			failures.addTo(flags)
			shuffle.addTo(flags)
			dataset.addTo(flags)
		},
		check: func() (err error) {
			if c.Compression, err = input.parse(); err != nil {
				return err
			}
			if c.Failures, err = failures.parse(c.Output); err != nil {
				return err
			}
			if described, err = dataset.apply(&c.Output, &c.Suffix); err != nil {
				return err
			}
			return shuffle.check()
		},
		run: func(ctx context.Context, runner string) (result pipelines.Result, err error) {
			if shuffle.on {
				result, err = shuffle.convert(ctx, runner, c)
			} else {
				result, err = c.Run(ctx, runner)
			}
			return dataset.describe(ctx, runner, described, result, err)
		},
	}.command()
}

func newReshard() *cobra.Command {
	r := pipelines.NewReshard("", "", 0)
	var shuffle shuffleFlags
	var dataset tfdsFlags
	var described pipelines.TFDS
	return pipeline{
		use:   "reshard --input PATTERN --output PREFIX --num_shards N",
		short: "Make another number of shards of ArrayRecord files",
		long: `Make another number of shards of ArrayRecord files, at the speed of the disk:
compressed chunks are copied as they are.

The shards have the records in the order of the names of the files; those few
that have to be compressed again, as they are in a chunk that two shards share or
that is too short, are at the end of a shard. With --writer_options everything is
compressed again.

` + shuffleHelp + `

` + tfdsHelp + `

The input must not have names of the output: PATTERN would match both afterwards.

` + patternHelp,
		example: `  arrayrecord-beam reshard --input 'out/train-*.arrayrecord' --output resharded/train --num_shards 100`,
		input:   &r.Input, inputUsage: "`pattern` of the ArrayRecord files",
		output: &r.Output, outputUsage: "`prefix` of the shards' names",
		addFlags: func(flags *pflag.FlagSet) {
			flags.IntVar(&r.NumShards, "num_shards", 0, "`number` of shards (required)")
			flags.StringVar(&r.Suffix, "suffix", r.Suffix, "`end` of the shards' names")
			addOverwrite(flags, &r.Overwrite)
			flags.StringVar(&r.WriterOptions, "writer_options", "", "`options` of the ArrayRecord writer (default those of the input)")
			shuffle.addTo(flags)
			dataset.addTo(flags)
		},
		check: func() (err error) {
			if described, err = dataset.apply(&r.Output, &r.Suffix); err != nil {
				return err
			}
			return shuffle.check()
		},
		run: func(ctx context.Context, runner string) (result pipelines.Result, err error) {
			if shuffle.on {
				result, err = shuffle.reshard(ctx, runner, r)
			} else {
				result, err = r.Run(ctx, runner)
			}
			return dataset.describe(ctx, runner, described, result, err)
		},
	}.command()
}

// addOverwrite adds the flag of the policy for overwriting.
func addOverwrite(flags *pflag.FlagSet, o *arrayrecordio.Overwrite) {
	flags.Var((*overwriteFlag)(o), "overwrite", "`what` to do if there are shards of this output: refuse (the default), replace them all\nwhen the new ones are complete, or keep_newer: replace those from before the start")
}

// overwriteFlag is an Overwrite as the value of a flag.
type overwriteFlag arrayrecordio.Overwrite

var overwrites = map[string]arrayrecordio.Overwrite{
	"refuse": arrayrecordio.Refuse, "replace": arrayrecordio.Replace, "keep_newer": arrayrecordio.KeepNewer,
}

func (f *overwriteFlag) String() string {
	for name, o := range overwrites {
		if o == arrayrecordio.Overwrite(*f) {
			return name
		}
	}
	return ""
}

func (f *overwriteFlag) Set(s string) error {
	o, ok := overwrites[strings.ReplaceAll(strings.ToLower(s), "-", "_")]
	if !ok {
		return errors.New("it is refuse, replace or keep_newer")
	}
	*f = overwriteFlag(o)
	return nil
}

func (f *overwriteFlag) Type() string { return "string" }

func addWriterOptions(flags *pflag.FlagSet, options *string) {
	flags.StringVar(options, "writer_options", *options, "`options` of the ArrayRecord writer")
}

// tfRecordFlags say how TFRecord files are read.
type tfRecordFlags struct {
	compression string
}

func (f *tfRecordFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.compression, "compression", "auto", "`kind` of compression of the input: auto, none, gzip, zlib, bzip2 or zstd")
}

func (f *tfRecordFlags) parse() (tfrecord.Compression, error) {
	return tfrecord.ParseCompression(f.compression)
}

// failureFlags say what becomes of input files that cannot be converted.
type failureFlags struct {
	onError     string
	deadLetters string
}

func (f *failureFlags) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.onError, "on_error", "fail", "`what` to do with a file that cannot be converted: fail, or skip it")
	flags.StringVar(&f.deadLetters, "dead_letters", "", "`file` for the names and errors of skipped files, as JSON lines\n(default OUTPUT.failed.jsonl)")
}

func (f *failureFlags) parse(output string) (pipelines.Failures, error) {
	switch f.onError {
	case "fail":
		if f.deadLetters != "" {
			return pipelines.Failures{}, errors.New("--dead_letters needs --on_error=skip")
		}
		return pipelines.Failures{}, nil
	case "skip":
	default:
		return pipelines.Failures{}, fmt.Errorf("unknown --on_error %q: it is fail or skip", f.onError)
	}
	name, err := absolute(cmp.Or(f.deadLetters, output+".failed.jsonl"))
	return pipelines.Failures{Skip: true, DeadLetters: name}, err
}
