package arrayrecordio_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
)

func upper(word string) []byte { return []byte(strings.ToUpper(word)) }

func init() { beam.RegisterFunction(upper) }

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	prefix := filepath.Join(dir, "words")

	p, s := beam.NewPipelineWithRoot()
	records := beam.ParDo(s, upper, beam.Create(s, "one", "two", "three"))
	arrayrecordio.Write(s, prefix, records,
		arrayrecordio.WithNumShards(1),
		arrayrecordio.WithWriterOptions("group_size:2,brotli"))
	if _, err := beam.Run(context.Background(), "prism", p); err != nil {
		log.Fatal(err)
	}

	r, err := arrayrecord.Open(context.Background(), arrayrecordio.ShardName(prefix, 0, 1, ".arrayrecord"))
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for record, err := range r.Records(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(record))
	}
	// Unordered output:
	// ONE
	// TWO
	// THREE
}
