package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const runnersHelp = `A pipeline runs where --runner says. CONVERT stands for a whole command such as
  arrayrecord-beam convert --input '/data/*.tfrecord' --output /data/out/train

prism (default): Beam's own runner, in this process. Nothing to install. It holds
  in memory what crosses a shuffle; these pipelines shuffle names, not records.
    CONVERT

Flink, Spark: a job server of Beam takes the pipeline. Workers must see the files
  under the same names.
  Everything on this machine, the workers in this process:
    CONVERT --runner=flink --endpoint=localhost:8099 --environment_type=LOOPBACK
  Workers in Beam's container, which this program is sent to:
    CONVERT --runner=flink --endpoint=HOST:8099 --environment_type=DOCKER
  Worker pools that run already ("boot --worker_pool" of Beam's Go container):
    CONVERT --runner=spark --endpoint=HOST:8099 --environment_type=EXTERNAL \
            --environment_config=localhost:50000

dataflow: Google's service.
    CONVERT --runner=dataflow --project=ID --region=REGION \
            --staging_location=gs://BUCKET/staging

universal: any other runner with a job service of Beam, at --endpoint.

While a pipeline runs, its progress is shown as far as it is known here: all of it
for workers in this process, what the workers report for a separate Prism, the
job's state for Flink and Spark, and nothing for Dataflow, whose own pages show it.

Workers run this very program: they need its kind of processor, and it must be
linked statically (make build) to run in a container. --worker_binary names
another one.
`

func newRunners() *cobra.Command {
	return &cobra.Command{
		Use:   "runners",
		Short: "Show how to run a pipeline on Prism, Flink, Spark and Dataflow",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), runnersHelp)
			return err
		},
	}
}
