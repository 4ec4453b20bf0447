package arrayrecord_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// Write a file and read records back by number.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "arrayrecord")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "fruit.arrayrecord")

	w, err := arrayrecord.Create(ctx, name) // or with options, e.g. arrayrecord.WithGroupSize(256)
	if err != nil {
		log.Fatal(err)
	}
	for _, fruit := range []string{"apple", "banana", "cherry", "damson"} {
		if err := w.Write([]byte(fruit)); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil { // the file appears now
		log.Fatal(err)
	}

	r, err := arrayrecord.Open(ctx, name)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	records, err := r.ReadIndices(ctx, []int{3, 0})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d records; %s, %s\n", r.NumRecords(), records[0], records[1])
	// Output: 4 records; damson, apple
}

func ExampleReader_Records() {
	ctx := context.Background()
	r, err := arrayrecord.Open(ctx, filepath.Join("..", "testdata", "digits-default.arrayrecord"))
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	n, bytes := 0, 0
	for record, err := range r.Records(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		n++
		bytes += len(record)
	}
	fmt.Println(n, "records")
	// Output: 200 records
	_ = bytes
}
