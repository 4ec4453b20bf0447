package arrayrecord_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// The pages in docs show these examples; TestPagesShowTestedCode holds them to that.

const digits = "../testdata/digits-default.arrayrecord"

// Write a file and read records back by number.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "arrayrecord")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "fruit.arrayrecord")

	w, err := arrayrecord.Create(ctx, name)
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort() // does nothing after Close
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

func ExampleNewWriter() {
	w, err := arrayrecord.NewWriter(io.Discard, arrayrecord.WriterOptions{GroupSize: 256, Compression: arrayrecord.Zstd(9)})
	if err != nil {
		log.Fatal(err)
	}
	same, err := arrayrecord.NewWriter(io.Discard, arrayrecord.WithWriterOptions("group_size:256,zstd:9"))
	if err != nil {
		log.Fatal(err)
	}
	defer w.Abort()
	defer same.Abort()
	options, err := arrayrecord.ParseWriterOptions("group_size:256,zstd:9")
	if err != nil {
		log.Fatal(err)
	}
	recorded, err := options.Recorded()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(options)
	fmt.Println("in files:", recorded)
	// Output:
	// group_size:256,zstd:9
	// in files: group_size:256,transpose:false,pad_to_block_boundary:false,zstd:9,window_log:20,max_parallelism:1
}

func ExampleReader_Records() {
	ctx := context.Background()
	r, err := arrayrecord.Open(ctx, digits)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	total := 0
	for record, err := range r.Records(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		total += len(record)
	}
	fmt.Println(total, "bytes")
	// Output: 34148 bytes
}

func ExampleReader_ForEach() {
	ctx := context.Background()
	r, err := arrayrecord.Open(ctx, digits)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	var long atomic.Int64
	err = r.ForEach(ctx, func(i int, record []byte) error { // on several goroutines
		if len(record) > 172 {
			long.Add(1)
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(long.Load() > 0)
	// Output: true
}

func ExampleReader_AppendRecord() {
	r, err := arrayrecord.Open(context.Background(), digits)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	var buffer []byte
	for _, i := range []int{17, 4, 101} {
		buffer, err = r.AppendRecord(context.Background(), buffer[:0], i) // allocates only to grow
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(buffer) > 0)
	// Output: true
}

func ExampleReader_ReadBatch() {
	ctx := context.Background()
	r, err := arrayrecord.Open(ctx, digits)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	var batch arrayrecord.Batch
	total := 0
	for _, indices := range [][]int{{17, 4, 101}, {8, 8}} {
		if err := r.ReadBatch(ctx, &batch, indices); err != nil {
			log.Fatal(err)
		}
		for i := range batch.Len() {
			total += len(batch.Record(i)) // valid until the next ReadBatch
		}
	}
	fmt.Println(total > 0)
	// Output: true
}

func ExampleCorruptError() {
	data, err := os.ReadFile(digits)
	if err != nil {
		log.Fatal(err)
	}
	data[200] ^= 1
	damaged := filepath.Join(os.TempDir(), "damaged.arrayrecord")
	if err := os.WriteFile(damaged, data, 0o666); err != nil {
		log.Fatal(err)
	}
	defer os.Remove(damaged)

	r, err := arrayrecord.Open(context.Background(), damaged)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	_, err = r.Get(context.Background(), 0)
	var corrupt *arrayrecord.CorruptError
	if errors.As(err, &corrupt) {
		fmt.Println(corrupt.Reason, "in chunk", corrupt.Chunk)
	}
	// Output: chunk data hash mismatch in chunk 0
}

func ExampleOpenDataSource() {
	ctx := context.Background()
	ds, err := arrayrecord.OpenDataSource(ctx, []string{
		"../testdata/digits-default.arrayrecord",
		"../testdata/digits-default.arrayrecord[10:20]", // a part of a file
		"../testdata/text-*-g1.arrayrecord",             // all that match
	})
	if err != nil {
		log.Fatal(err)
	}
	defer ds.Close()
	records, err := ds.ReadIndices(ctx, []int{215, 0, 205})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ds.NumRecords(), "records;", len(records), "read")
	// Output: 410 records; 3 read
}

func ExampleNewLoader() {
	ctx := context.Background()
	ds, err := arrayrecord.OpenDataSource(ctx, []string{digits})
	if err != nil {
		log.Fatal(err)
	}
	defer ds.Close()

	sampler, err := arrayrecord.NewSampler(ds.NumRecords(), arrayrecord.SamplerOptions{
		Shuffle: true, Seed: 42, ShardIndex: 0, ShardCount: 2, NumEpochs: 3,
	})
	if err != nil {
		log.Fatal(err)
	}
	loader, err := arrayrecord.NewLoader(ctx, ds, sampler, 32)
	if err != nil {
		log.Fatal(err)
	}
	defer loader.Close()
	for range 5 {
		sample, err := loader.Next(ctx) // io.EOF after the last epoch
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(sample.Key, " ")
	}

	checkpoint, err := json.Marshal(loader.State())
	if err != nil {
		log.Fatal(err)
	}
	var state arrayrecord.LoaderState // later, perhaps in another process
	if err := json.Unmarshal(checkpoint, &state); err != nil {
		log.Fatal(err)
	}
	if err := loader.Restore(state); err != nil {
		log.Fatal(err)
	}
	sample, err := loader.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("and on from step", sample.Step)
	// Output: 14 24 97 65 88 and on from step 10
}

func ExampleSampler_StepFromGrain() {
	ctx := context.Background()
	source, err := arrayrecord.OpenDataSource(ctx, []string{digits + "[0:20]"})
	if err != nil {
		log.Fatal(err)
	}
	defer source.Close()
	// What get_state of an iterator of grain.DataLoader returned after 7 records.
	checkpoint := []byte(`{"version": 2, "last_seen_indices": {"0": 19}, "last_worker_index": -1, "worker_count": 0,
		"sampler": "IndexSampler(num_records=20, shard_options=ShardOptions(shard_index=1, shard_count=3, drop_remainder=False), shuffle=True, num_epochs=2, seed=3)",
		"data_source": "ArrayRecordDataSource(hash_of_paths=...)"}`)

	// As Grain's IndexSampler was made.
	sampler, err := arrayrecord.NewSampler(source.NumRecords(), arrayrecord.SamplerOptions{
		Shuffle: true, Seed: 3, ShardIndex: 1, ShardCount: 3, NumEpochs: 2,
	})
	if err != nil {
		log.Fatal(err)
	}
	loader, err := arrayrecord.NewLoader(ctx, source, sampler, 64)
	if err != nil {
		log.Fatal(err)
	}
	defer loader.Close()
	state := loader.State()
	if state.NextStep, err = sampler.StepFromGrain(checkpoint); err != nil {
		log.Fatal(err)
	}
	if err := loader.Restore(state); err != nil {
		log.Fatal(err)
	}
	sample, err := loader.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("step", sample.Step, "record", sample.Key)
	// Output: step 22 record 13
}
