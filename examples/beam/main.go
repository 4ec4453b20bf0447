// Command beam is a pipeline of its own module: it keeps the digits with little ink and writes them
// to ArrayRecord shards. README.md beside it is its page.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	_ "github.com/arrayrecord/arrayrecord-go/storage/gcs" // gs://
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

var (
	input  = flag.String("input", "testdata/digits-default.arrayrecord", "ArrayRecord files of digits")
	output = flag.String("output", "ink/train", "prefix of the shards")
	most   = flag.Float64("ink", 0.3, "digits with more ink than this, from 0 to 1, are left out")
	shards = flag.Int("shards", 4, "number of files")
)

// Functions are known to workers by name.
func init() {
	register.DoFn2x1[[]byte, func([]byte), error](&keepFn{})
	register.Emitter1[[]byte]()
}

// keepFn keeps the digits with little ink. Its fields go to the workers.
type keepFn struct{ Most float64 }

func (f *keepFn) ProcessElement(record []byte, emit func([]byte)) error {
	example, err := tfexample.Decode(record)
	if err != nil {
		return err
	}
	image, err := tfexample.Value[[]byte](example, "image")
	if err != nil {
		return err
	}
	ink := 0
	for _, pixel := range image {
		ink += int(pixel)
	}
	if float64(ink) <= f.Most*16*float64(len(image)) {
		emit(record)
	}
	return nil
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	beam.Init() // workers do not come back from this
	if err := run(context.Background(), *input, *output, *most, *shards); err != nil {
		log.Fatal(err)
	}
	fmt.Println("written:", *output)
}

func run(ctx context.Context, input, output string, most float64, shards int) error {
	p, s := beam.NewPipelineWithRoot()
	records := arrayrecordio.Read(s, input)
	kept := beam.ParDo(s, &keepFn{Most: most}, records)
	arrayrecordio.Write(s, output, kept, arrayrecordio.WithNumShards(shards))
	_, err := prism.Execute(ctx, p)
	return err
}
