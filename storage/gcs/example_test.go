package gcs_test

import (
	"context"
	"fmt"
	"log"

	cloud "cloud.google.com/go/storage"
	"google.golang.org/api/option"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage/gcs"
)

// With the package imported, if only for its side effect, names of objects work
// as paths do.
func Example() {
	ctx := context.Background()
	for shard := range 2 {
		name := fmt.Sprintf("gs://my-bucket/train-%05d-of-00002.arrayrecord", shard)
		w, err := arrayrecord.Create(ctx, name)
		if err != nil {
			log.Fatal(err)
		}
		for i := range 3 {
			if err := w.Write(fmt.Appendf(nil, "record %d of shard %d", i, shard)); err != nil {
				log.Fatal(err)
			}
		}
		if err := w.Close(); err != nil { // now the object appears
			log.Fatal(err)
		}
	}

	d, err := arrayrecord.OpenDataSource(ctx, []string{"gs://my-bucket/train-*.arrayrecord"})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	records, err := d.ReadIndices(ctx, []int{5, 0, 3})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range records {
		fmt.Println(string(r))
	}
	// Output:
	// record 2 of shard 1
	// record 0 of shard 0
	// record 0 of shard 1
}

// A client of one's own, here for buckets that everyone may read.
func ExampleUse() {
	client, err := cloud.NewClient(context.Background(), option.WithoutAuthentication())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	gcs.Use(client)
	defer gcs.Use(nil)
	_, err = arrayrecord.Open(context.Background(), "gs://my-bucket/missing")
	fmt.Println(err)
	// Output:
	// arrayrecord: storage: open gs://my-bucket/missing: storage: object doesn't exist
}
