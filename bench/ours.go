package main

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// ours is the name of this module among the peers.
const ours = "ours"

// loaderBatch is how many records a loader reads together.
const loaderBatch = 1024

// oursPeer is this module as a peer. It uses the API as the guide shows it, with
// the options' defaults. What it has loaded for one request it keeps for the
// next.
type oursPeer struct {
	mapped      bool // reads with WithMmap
	sourceName  string
	source      [][]byte
	indicesName string
	indices     []int
	batchMemory arrayrecord.Batch
}

func newOursPeer(args []string) *oursPeer {
	return &oursPeer{mapped: slices.Contains(args, mappedArg)}
}

// A tally counts what an operation reads.
type tally struct {
	answer
	verify, memory bool
	crc            uint32
}

func (t *tally) add(record []byte) {
	t.Records++
	t.Bytes += int64(len(record))
	if t.verify {
		t.crc = crc32.Update(t.crc, crc32.IEEETable, record)
	}
}

func (t *tally) addAll(records [][]byte) {
	for _, record := range records {
		t.add(record)
	}
}

// clock times count calls of f.
func (t *tally) clock(count int, f func(k int) error) error {
	runtime.GC() // of what earlier requests left
	if t.memory {
		if resident, err := resetPeak(); err == nil { // not every system allows it
			defer func() {
				grown := max(0, peakMemory()-resident)
				t.Memory = &grown
			}()
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	for k := range count {
		if err := f(k); err != nil {
			return err
		}
	}
	t.Seconds = time.Since(start).Seconds()
	runtime.ReadMemStats(&after)
	allocs := int64(after.Mallocs - before.Mallocs)
	t.Allocs = &allocs
	return nil
}

func (o *oursPeer) do(q *request) (*answer, error) {
	ctx := context.Background()
	t := &tally{verify: q.Verify, memory: q.Memory}
	var err error
	switch q.Op {
	case opHello:
		return o.hello(), nil
	case opWrite:
		err = o.write(ctx, q, t)
	case opConvert:
		err = o.convert(ctx, q, t)
	case opOpen:
		err = o.open(ctx, q, t)
	case opSource:
		err = o.dataSource(ctx, q, t)
	case opLoader:
		err = o.loader(ctx, q, t)
	case opSequential, opReadAll, opBatch, opGet:
		err = o.read(ctx, q, t)
	default:
		err = fmt.Errorf("there is no operation %q", q.Op)
	}
	if err != nil {
		return nil, err
	}
	if t.verify {
		t.CRC = &t.crc
	}
	return &t.answer, nil
}

func (o *oursPeer) hello() *answer {
	versions := map[string]string{"go": runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		versions["arrayrecord-go"] = info.Main.Version
	}
	operations := []string{opSequential, opReadAll, opBatch, opGet}
	if !o.mapped {
		operations = append(operations, opWrite, opOpen, opSource, opLoader, opConvert)
	}
	return &answer{Operations: operations, Versions: versions}
}

func (o *oursPeer) loadSource(name string) error {
	if name == o.sourceName {
		return nil
	}
	records, err := loadRecords(name)
	o.source, o.sourceName = records, name
	return err
}

// batch gives the numbers of call k.
func (o *oursPeer) batch(q *request, k int) []int {
	begin := k * q.Batch % len(o.indices)
	if end := begin + q.Batch; end <= len(o.indices) {
		return o.indices[begin:end]
	}
	batch := make([]int, q.Batch)
	for i := range batch {
		batch[i] = o.indices[(begin+i)%len(o.indices)]
	}
	return batch
}

// batches gives the numbers of all calls.
func (o *oursPeer) batches(q *request) ([][]int, error) {
	if q.Indices != o.indicesName {
		indices, err := readPermutation(q.Indices)
		if err != nil {
			return nil, err
		}
		o.indices, o.indicesName = indices, q.Indices
	}
	batches := make([][]int, q.Count)
	for k := range batches {
		batches[k] = o.batch(q, k)
	}
	return batches, nil
}

func (o *oursPeer) write(ctx context.Context, q *request, t *tally) error {
	if err := o.loadSource(q.Source); err != nil {
		return err
	}
	return t.clock(q.Count, func(int) error {
		w, err := arrayrecord.Create(ctx, q.File, arrayrecord.WithWriterOptions(q.Options), unsynced)
		if err != nil {
			return err
		}
		defer w.Abort()
		for _, record := range o.source {
			if err := w.Write(record); err != nil {
				return err
			}
			t.add(record)
		}
		return w.Close()
	})
}

// unsynced has a file made as the other peers make theirs: without waiting for the disk.
var unsynced = arrayrecord.WriterOptions{NoSync: true}

func (o *oursPeer) convert(ctx context.Context, q *request, t *tally) error {
	return t.clock(q.Count, func(int) error {
		f, err := os.Open(q.Source)
		if err != nil {
			return err
		}
		defer f.Close()
		r, err := tfrecord.NewReader(f)
		if err != nil {
			return err
		}
		w, err := arrayrecord.Create(ctx, q.File, arrayrecord.WithWriterOptions(q.Options), unsynced)
		if err != nil {
			return err
		}
		defer w.Abort()
		for record, err := range r.Scan() {
			if err != nil {
				return err
			}
			if err := w.Write(record); err != nil {
				return err
			}
			t.add(record)
		}
		return w.Close()
	})
}

func (o *oursPeer) open(ctx context.Context, q *request, t *tally) error {
	return t.clock(q.Count, func(int) error {
		r, err := arrayrecord.Open(ctx, q.File)
		if err != nil {
			return err
		}
		t.Records++
		t.Bytes += int64(r.NumRecords())
		return r.Close()
	})
}

func (o *oursPeer) read(ctx context.Context, q *request, t *tally) error {
	var options []arrayrecord.ReaderOption
	if o.mapped {
		options = append(options, arrayrecord.WithMmap())
	}
	r, err := arrayrecord.Open(ctx, q.File, options...)
	if err != nil {
		return err
	}
	defer r.Close()
	switch q.Op {
	case opSequential:
		return t.clock(q.Count, func(int) error {
			records := r.Records(ctx)
			if q.Reuse {
				records = r.Scan(ctx, 0, r.NumRecords())
			}
			for record, err := range records {
				if err != nil {
					return err
				}
				t.add(record)
			}
			return nil
		})
	case opReadAll:
		return t.clock(q.Count, func(int) error {
			records := make([][]byte, 0, r.NumRecords())
			for record, err := range r.Records(ctx) {
				if err != nil {
					return err
				}
				records = append(records, record)
			}
			t.addAll(records)
			return nil
		})
	case opBatch:
		batches, err := o.batches(q)
		if err != nil {
			return err
		}
		if q.Reuse {
			return t.clock(q.Count, func(k int) error {
				err := r.ReadBatch(ctx, &o.batchMemory, batches[k])
				for i := range o.batchMemory.Len() {
					t.add(o.batchMemory.Record(i))
				}
				return err
			})
		}
		return t.clock(q.Count, func(k int) error {
			records, err := r.ReadIndices(ctx, batches[k])
			t.addAll(records)
			return err
		})
	default:
		return o.get(ctx, r, q, t)
	}
}

// get shares the calls out among the threads: the first of n makes every nth call, from call 0 on.
func (o *oursPeer) get(ctx context.Context, r *arrayrecord.Reader, q *request, t *tally) error {
	q.Batch = 1
	batches, err := o.batches(q)
	if err != nil {
		return err
	}
	// Each thread has its own.
	newGet := func() func(i int) ([]byte, error) {
		if !q.Reuse {
			return func(i int) ([]byte, error) { return r.Get(ctx, i) }
		}
		var buffer []byte
		return func(i int) (record []byte, err error) {
			buffer, err = r.AppendRecord(ctx, buffer[:0], i)
			return buffer, err
		}
	}
	if q.Threads == 1 {
		get := newGet()
		return t.clock(q.Count, func(k int) error {
			record, err := get(batches[k][0])
			t.add(record)
			return err
		})
	}
	tallies := make([]tally, q.Threads)
	errs := make([]error, q.Threads)
	err = t.clock(1, func(int) error {
		var wg sync.WaitGroup
		for thread := range q.Threads {
			wg.Go(func() {
				var mine tally // not in the slice: its elements share cache lines
				get := newGet()
				for k := thread; k < len(batches); k += q.Threads {
					record, err := get(batches[k][0])
					if err != nil {
						errs[thread] = err
						return
					}
					mine.add(record)
				}
				tallies[thread] = mine
			})
		}
		wg.Wait()
		return nil
	})
	for thread := range tallies {
		t.Records += tallies[thread].Records
		t.Bytes += tallies[thread].Bytes
		if errs[thread] != nil {
			return errs[thread]
		}
	}
	return err
}

func (o *oursPeer) dataSource(ctx context.Context, q *request, t *tally) error {
	d, err := arrayrecord.OpenDataSource(ctx, q.Files)
	if err != nil {
		return err
	}
	defer d.Close()
	batches, err := o.batches(q)
	if err != nil {
		return err
	}
	return t.clock(q.Count, func(k int) error {
		records, err := d.ReadIndices(ctx, batches[k])
		t.addAll(records)
		return err
	})
}

func (o *oursPeer) loader(ctx context.Context, q *request, t *tally) error {
	d, err := arrayrecord.OpenDataSource(ctx, q.Files)
	if err != nil {
		return err
	}
	defer d.Close()
	sampler, err := arrayrecord.NewSampler(d.NumRecords(), arrayrecord.SamplerOptions{Shuffle: true, Seed: 1})
	if err != nil {
		return err
	}
	l, err := arrayrecord.NewLoader(ctx, d, sampler, loaderBatch)
	if err != nil {
		return err
	}
	defer l.Close()
	return t.clock(q.Count*q.Batch, func(int) error {
		sample, err := l.Next(ctx)
		t.add(sample.Record)
		return err
	})
}

// writeArrayRecord makes a file to read.
func writeArrayRecord(ctx context.Context, name string, records [][]byte, options string) error {
	w, err := arrayrecord.Create(ctx, name, arrayrecord.WithWriterOptions(options))
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, record := range records {
		if err := w.Write(record); err != nil {
			return err
		}
	}
	return w.Close()
}
