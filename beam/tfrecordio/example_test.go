package tfrecordio_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// makeFiles writes files of two records each into a new directory.
func makeFiles(names ...string) (dir string) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			log.Fatal(err)
		}
		compression := tfrecord.None
		if strings.HasSuffix(name, ".gz") {
			compression = tfrecord.Gzip
		}
		w, err := tfrecord.NewWriter(file, tfrecord.WithCompression(compression))
		if err != nil {
			log.Fatal(err)
		}
		for i := range 2 {
			if err := w.Write(fmt.Appendf(nil, "record %d of %s", i, name)); err != nil {
				log.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			log.Fatal(err)
		}
		if err := file.Close(); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}

func printRecord(record []byte) { fmt.Println(string(record)) }

func printNamed(name string, record []byte) {
	fmt.Printf("%s: %s\n", filepath.Base(name), record)
}

func printFailure(f arrayrecordio.DeadLetter) {
	fmt.Println("failed:", filepath.Base(f.Element))
}

func init() {
	beam.RegisterFunction(printRecord)
	beam.RegisterFunction(printNamed)
	beam.RegisterFunction(printFailure)
}

// A program of its own imports the runner's package, and calls flag.Parse and
// beam.Init before.
func ExampleRead() {
	dir := makeFiles("train-0", "train-1.gz")
	defer os.RemoveAll(dir)

	p, s := beam.NewPipelineWithRoot()
	records := tfrecordio.Read(s, filepath.Join(dir, "train-*"))
	beam.ParDo0(s, printRecord, records)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// record 0 of train-0
	// record 1 of train-0
	// record 0 of train-1.gz
	// record 1 of train-1.gz
}

func ExampleTryRead() {
	_, s := beam.NewPipelineWithRoot()
	_, err := tfrecordio.TryRead(s, "train-*", tfrecordio.WithSplitSize(-1))
	fmt.Println(err)
	// Output:
	// tfrecordio: invalid option: split size -1
}

func ExampleReadAll() {
	dir := makeFiles("a", "b", "c")
	defer os.RemoveAll(dir)

	p, s := beam.NewPipelineWithRoot()
	patterns := beam.Create(s, filepath.Join(dir, "[ab]"), filepath.Join(dir, "x-*"))
	records := tfrecordio.ReadAll(s, patterns, tfrecordio.WithEmptyMatch(tfrecordio.EmptyAllow))
	beam.ParDo0(s, printRecord, records)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// record 0 of a
	// record 1 of a
	// record 0 of b
	// record 1 of b
}

func ExampleReadAllWithFilename() {
	dir := makeFiles("a", "b")
	defer os.RemoveAll(dir)

	p, s := beam.NewPipelineWithRoot()
	named := tfrecordio.ReadAllWithFilename(s, beam.Create(s, filepath.Join(dir, "*")))
	beam.ParDo0(s, printNamed, named)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// a: record 0 of a
	// a: record 1 of a
	// b: record 0 of b
	// b: record 1 of b
}

func ExampleWithFailures() {
	dir := makeFiles("good", "bad")
	defer os.RemoveAll(dir)
	if err := os.Truncate(filepath.Join(dir, "bad"), 40); err != nil {
		log.Fatal(err)
	}

	p, s := beam.NewPipelineWithRoot()
	var failures beam.PCollection
	records := tfrecordio.Read(s, filepath.Join(dir, "*"), tfrecordio.WithFailures(&failures))
	beam.ParDo0(s, printRecord, records)
	beam.ParDo0(s, printFailure, failures)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// record 0 of good
	// record 1 of good
	// failed: bad
}
