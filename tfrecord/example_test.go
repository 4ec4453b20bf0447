package tfrecord_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"

	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func Example() {
	var file bytes.Buffer
	w, err := tfrecord.NewWriter(&file, tfrecord.WithCompression(tfrecord.Gzip))
	if err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		if err := w.Write(fmt.Appendf(nil, "record %d", i)); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	r, err := tfrecord.NewReader(&file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Compression())
	for record, err := range r.Records() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", record)
	}
	// Output:
	// gzip
	// record 0
	// record 1
	// record 2
}

func ExampleRecordError() {
	var file bytes.Buffer
	w, err := tfrecord.NewWriter(&file)
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range []string{"whole", "cut short"} {
		if err := w.Write([]byte(record)); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	file.Truncate(file.Len() - 5)

	r, err := tfrecord.NewReader(&file)
	if err != nil {
		log.Fatal(err)
	}
	for _, err := range r.Records() {
		var at *tfrecord.RecordError
		if errors.As(err, &at) && errors.Is(err, tfrecord.ErrTruncated) {
			fmt.Printf("%d good records in the first %d bytes\n", at.Record, at.Offset)
		}
	}
	// Output: 1 good records in the first 21 bytes
}
