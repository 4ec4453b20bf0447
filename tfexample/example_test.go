package tfexample_test

import (
	"context"
	"fmt"
	"log"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// Read features without TensorFlow.
func Example() {
	ctx := context.Background()
	r, err := arrayrecord.Open(ctx, "../testdata/digits-default.arrayrecord")
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for example, err := range arrayrecord.Decode(r.Scan(ctx, 0, 3), tfexample.Decode) {
		if err != nil {
			log.Fatal(err)
		}
		label, err := tfexample.Value[int64](example, "label")
		if err != nil {
			log.Fatal(err)
		}
		image, err := tfexample.Value[[]byte](example, "image")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(label, len(image))
	}
	// Output:
	// 0 64
	// 1 64
	// 2 64
}
