package dofns_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func run(p *beam.Pipeline) {
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}
}

// show prints the files that match a pattern.
func show(pattern string) {
	infos, err := storage.List(context.Background(), pattern)
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range infos {
		r, err := arrayrecord.Open(context.Background(), info.Name)
		if err != nil {
			log.Fatal(err)
		}
		_, base := storage.Split(info.Name)
		fmt.Println(base, r.NumRecords())
		r.Close()
	}
}

// Records by the name of the file that they come from. Between reading and
// grouping, a ParDo could change them.
func ExampleConvertToArrayRecordGCS() {
	p, s := beam.NewPipelineWithRoot()
	patterns := beam.Create(s, "../../testdata/digits-*.tfrecord")
	records := tfrecordio.ReadAllWithFilename(s, patterns)
	dofns.ConvertToArrayRecordGCS(s, "gs://bucket/digits", beam.GroupByKey(s, records),
		dofns.WithOverwriteExtension(), dofns.WithWriterOptions("group_size:16"))
	run(p)
	show("gs://bucket/digits/*")
	// Output:
	// digits-00000-of-00003.arrayrecord 599
	// digits-00001-of-00003.arrayrecord 599
	// digits-00002-of-00003.arrayrecord 599
}

// One file into one file, without those that are damaged.
func ExampleTFRecordFileToArrayRecord() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bad := filepath.Join(dir, "bad.tfrecord")
	if err := os.WriteFile(bad, []byte("no TFRecord at all"), 0o666); err != nil {
		log.Fatal(err)
	}

	p, s := beam.NewPipelineWithRoot()
	files := beam.Create(s, "../../testdata/digits-gzip.tfrecord.gz", bad)
	outputs := dofns.NameOutputs(s, dir, files)
	var failed beam.PCollection
	dofns.TFRecordFileToArrayRecord(s, outputs, dofns.WithDeadLetters(&failed))
	dofns.WriteDeadLetters(s, filepath.Join(dir, "failed.jsonl"), failed)
	run(p)

	show(filepath.Join(dir, "*.arrayrecord"))
	letters, err := os.ReadFile(filepath.Join(dir, "failed.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(strings.ReplaceAll(string(letters), dir, "DIR"))
	// Output:
	// digits-gzip.tfrecord.gz.arrayrecord 1797
	// {"element":"DIR/bad.tfrecord","output":"DIR/bad.tfrecord.arrayrecord","error":"DIR/bad.tfrecord: tfrecord: record 0 at offset 0: corrupt data: wrong CRC of the record's length"}
}
