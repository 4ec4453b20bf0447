package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/spf13/pflag"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

const tfdsHelp = `With --tfds the output is a dataset as TensorFlow Datasets has it, and PREFIX the
directory for datasets:
  PREFIX/NAME/VERSION/NAME-SPLIT.array_record-00000-of-NNNNN, ...
with dataset_info.json and features.json, which a second job writes that reads all
shards of the version. The records must be tf.Examples.`

// tfdsFlags make a dataset of the output.
type tfdsFlags struct {
	name, split, version string
}

func (f *tfdsFlags) addTo(flags *pflag.FlagSet) {
	d := pipelines.NewTFDS("", "")
	flags.StringVar(&f.name, "tfds", "", "make a dataset of this `name` for TensorFlow Datasets")
	flags.StringVar(&f.split, "tfds_split", d.Split, "`name` of the split that --tfds makes")
	flags.StringVar(&f.version, "tfds_version", d.Version, "`version` of the dataset that --tfds makes")
}

// apply changes the names of the shards to those of a dataset.
func (f *tfdsFlags) apply(output, suffix *string) (d pipelines.TFDS, err error) {
	if f.name == "" {
		return d, nil
	}
	if *jobopts.Async {
		return d, errors.New("--tfds needs the end of the job: not with --async")
	}
	d = pipelines.NewTFDS(*output, f.name)
	d.Split, d.Version = f.split, f.version
	*suffix = ""
	*output, err = d.Prefix()
	return d, err
}

// describe describes the dataset when the job has written its shards.
func (f *tfdsFlags) describe(ctx context.Context, runner string, d pipelines.TFDS, result pipelines.Result, err error) (pipelines.Result, error) {
	if f.name == "" || err != nil || !result.Finished {
		return result, err
	}
	described, err := d.Run(ctx, runner)
	if err != nil {
		return result, fmt.Errorf("the shards are complete; describing them as a dataset failed: %w", err)
	}
	result.Elapsed += described.Elapsed
	return result, nil
}
