// Package pipelines has complete conversions to ArrayRecord files: as
// transforms to be part of a larger pipeline, and as whole jobs.
//
//	c := pipelines.NewTFRecordToArrayRecord("data/train-*.tfrecord", "out/train")
//	c.NumShards = 8
//	result, err := c.Run(ctx, "prism")
//
// A program that runs pipelines imports the runner's package for its side
// effect, parses its flags and calls beam.Init before:
//
//	import _ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
//
//	func main() {
//		flag.Parse()
//		beam.Init()
//		...
//
// Everything here can be used by several goroutines at once, as far as the
// runner allows; Prism's package does not.
package pipelines
