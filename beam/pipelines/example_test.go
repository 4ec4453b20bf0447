package pipelines_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

// A program of its own imports the runner's package, and calls flag.Parse and
// beam.Init before.
func ExampleTFRecordToArrayRecord() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	c := pipelines.NewTFRecordToArrayRecord("../../testdata/digits-*.tfrecord", filepath.Join(dir, "digits"))
	c.NumShards = 2
	c.WriterOptions = "group_size:16,zstd"
	result, err := pipelines.Run(context.Background(), "prism", c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.FilesRead, "files with", result.RecordsRead, "records")
	for _, name := range result.Outputs {
		fmt.Println(filepath.Base(name))
	}
	// Output:
	// 3 files with 1797 records
	// digits-00000-of-00002.arrayrecord
	// digits-00001-of-00002.arrayrecord
}
