package arrayrecordio_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
)

// makeFiles writes files of three records each into a new directory.
func makeFiles(names ...string) (dir string) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		w, err := arrayrecord.Create(context.Background(), filepath.Join(dir, name))
		if err != nil {
			log.Fatal(err)
		}
		for i := range 3 {
			if err := w.Write(fmt.Appendf(nil, "record %d of %s", i, name)); err != nil {
				log.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			log.Fatal(err)
		}
	}
	return dir
}

func printBytes(data []byte) { fmt.Println(string(data)) }

func printRecord(r arrayrecordio.Record) {
	fmt.Printf("%s, %d: %s\n", filepath.Base(r.File), r.Index, r.Data)
}

func init() {
	beam.RegisterFunction(printBytes)
	beam.RegisterFunction(printRecord)
}

// A program of its own imports the runner's package, and calls flag.Parse and
// beam.Init before. For gs:// it imports package storage/gcs too.
func ExampleRead() {
	dir := makeFiles("train-0", "train-1", "eval")
	defer os.RemoveAll(dir)

	p, s := beam.NewPipelineWithRoot()
	records := arrayrecordio.Read(s, filepath.Join(dir, "train-*"))
	beam.ParDo0(s, printBytes, records)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// record 0 of train-0
	// record 1 of train-0
	// record 2 of train-0
	// record 0 of train-1
	// record 1 of train-1
	// record 2 of train-1
}

func ExampleTryRead() {
	_, s := beam.NewPipelineWithRoot()
	_, err := arrayrecordio.TryRead(s, "train-*", arrayrecordio.WithReaderOptions("max_parallelism:many"))
	fmt.Println(err)
	// Output:
	// arrayrecordio: arrayrecord: invalid option: Option max_parallelism: invalid value: many, valid values: auto, integers in the range [0..2147483647]
}

func ExampleReadAll() {
	dir := makeFiles("a", "b")
	defer os.RemoveAll(dir)

	p, s := beam.NewPipelineWithRoot()
	patterns := beam.Create(s, filepath.Join(dir, "a"), filepath.Join(dir, "b[1:2]"), filepath.Join(dir, "c*"))
	records := arrayrecordio.ReadAll(s, patterns, arrayrecordio.WithEmptyMatch(arrayrecordio.EmptyAllow))
	beam.ParDo0(s, printBytes, records)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// record 0 of a
	// record 1 of a
	// record 2 of a
	// record 1 of b
}

func ExampleReadRecords() {
	dir := makeFiles("train")
	defer os.RemoveAll(dir)

	p, s := beam.NewPipelineWithRoot()
	records := arrayrecordio.ReadRecords(s, filepath.Join(dir, "train"))
	beam.ParDo0(s, printRecord, records)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// train, 0: record 0 of train
	// train, 1: record 1 of train
	// train, 2: record 2 of train
}

func ExampleReadAllRecords() {
	dir := makeFiles("a", "b")
	defer os.RemoveAll(dir)

	p, s := beam.NewPipelineWithRoot()
	patterns := beam.Create(s, filepath.Join(dir, "a[2:3]"), filepath.Join(dir, "b[0:1]"))
	records := arrayrecordio.ReadAllRecords(s, patterns)
	beam.ParDo0(s, printRecord, records)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// a, 2: record 2 of a
	// b, 0: record 0 of b
}

func printFailure(f arrayrecordio.DeadLetter) {
	fmt.Println("failed:", filepath.Base(f.Element))
}

func init() { beam.RegisterFunction(printFailure) }

func ExampleWithFailures() {
	dir := makeFiles("good", "bad")
	defer os.RemoveAll(dir)
	if err := os.Truncate(filepath.Join(dir, "bad"), 100); err != nil {
		log.Fatal(err)
	}

	p, s := beam.NewPipelineWithRoot()
	var failures beam.PCollection
	records := arrayrecordio.Read(s, filepath.Join(dir, "*"), arrayrecordio.WithFailures(&failures))
	beam.ParDo0(s, printBytes, records)
	beam.ParDo0(s, printFailure, failures)
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// record 0 of good
	// record 1 of good
	// record 2 of good
	// failed: bad
}
