package arrayrecord

import (
	"bytes"
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

// writeNumbered makes a file of n records of about size bytes, each of which says its number.
func writeNumbered(t testing.TB, n, size int, opts ...WriterOption) (string, [][]byte) {
	name := filepath.Join(t.TempDir(), "numbered.arrayrecord")
	w, err := Create(context.Background(), name, opts...)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	records := make([][]byte, n)
	for i := range records {
		records[i] = bytes.Repeat([]byte{byte(i), byte(i >> 8), byte(i >> 16), byte(rng.IntN(256))}, 1+rng.IntN(size/2))
		require.NoError(t, w.Write(records[i]))
	}
	require.NoError(t, w.Close())
	return name, records
}

// Scan uses memory again; records must still be right during their turn, and nothing may be
// allocated for each.
func TestScanGivesEveryRecordInMemoryUsedAgain(t *testing.T) {
	name, want := writeNumbered(t, 20_000, 400, Uncompressed())
	r, err := Open(context.Background(), name)
	require.NoError(t, err)
	defer r.Close()
	read := func() {
		i := 100
		for record, err := range r.Scan(context.Background(), 100, len(want)-7) {
			require.NoError(t, err)
			if !bytes.Equal(want[i], record) {
				require.Equal(t, want[i], record, "record %d", i)
			}
			i++
		}
		require.Equal(t, len(want)-7, i)
	}
	read()
	require.Less(t, testing.AllocsPerRun(3, read), 1000.0)
}

// Batches larger than a piece are cut; records must come to their places, also those asked for twice.
func TestLargeBatchesInPieces(t *testing.T) {
	for _, groupSize := range []int{1, 100} {
		name, want := writeNumbered(t, 30_000, 800, Uncompressed(), WithGroupSize(groupSize))
		for _, threads := range []int{0, 1, 3} {
			r, err := Open(context.Background(), name, WithMaxParallelism(threads))
			require.NoError(t, err)
			require.Greater(t, r.Size(), int64(4*maxPiece))
			indices := append(rand.New(rand.NewPCG(3, 4)).Perm(len(want)), 5, 5, 29_999, 5)
			got, err := r.ReadIndices(context.Background(), indices)
			require.NoError(t, err)
			require.Len(t, got, len(indices))
			for k, i := range indices {
				if !bytes.Equal(want[i], got[k]) {
					require.Equal(t, want[i], got[k], "record %d", i)
				}
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_, err = r.ReadIndices(ctx, indices)
			require.ErrorIs(t, err, context.Canceled)
			require.NoError(t, r.Close())
		}
	}
}

// What chunks decode to is guessed from those before; records must be right where the guess is far
// too low, far too high, and where one chunk is larger than all others.
func TestReadingInOrderWhereChunksDifferInDensity(t *testing.T) {
	name := filepath.Join(t.TempDir(), "mixed.arrayrecord")
	w, err := Create(context.Background(), name, WithGroupSize(8))
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(5, 6))
	var want [][]byte
	for i := range 6000 {
		record := make([]byte, 1000)
		switch {
		case i == 3001:
			record = make([]byte, 5<<20)
		case i/1000%2 == 0:
			for k := range record {
				record[k] = byte(rng.Uint32())
			}
		}
		record[0] = byte(i)
		want = append(want, record)
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	for _, options := range [][]ReaderOption{nil, {ReaderOptions{ReadaheadBufferSize: 64 << 10}}, {ReaderOptions{NoReadahead: true}}, {WithMaxParallelism(1)}, {WithMaxParallelism(5)}, mappedToo(t)[len(mappedToo(t))-1]} {
		r, err := Open(context.Background(), name, options...)
		require.NoError(t, err)
		for _, begin := range []int{0, 2999, 5990} {
			i := begin
			for record, err := range r.Scan(context.Background(), begin, len(want)) {
				require.NoError(t, err)
				if !bytes.Equal(want[i], record) {
					t.Fatalf("record %d from %d", i, begin)
				}
				i++
			}
			require.Equal(t, len(want), i)
		}
		all, err := recordtest.All(context.Background(), r)
		require.NoError(t, err)
		require.Equal(t, len(want), len(all))
		for i := range want {
			if !bytes.Equal(want[i], all[i]) {
				t.Fatalf("record %d", i)
			}
		}
		seen := make([]atomic.Int32, len(want))
		require.NoError(t, r.ForEach(context.Background(), func(i int, record []byte) error {
			if bytes.Equal(want[i], record) {
				seen[i].Add(1)
			}
			return nil
		}))
		for i := range seen {
			require.EqualValues(t, 1, seen[i].Load(), "record %d", i)
		}
		require.NoError(t, r.Close())
	}
}

// A Batch is filled again and again, with other numbers, from files of every kind; what it holds
// must be right each time, also after a failure.
func TestBatchesInMemoryUsedAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var b Batch
	for _, options := range [][]WriterOption{{Uncompressed()}, {Zstd(1)}, {Zstd(1), WithGroupSize(50)}, {Uncompressed(), WithGroupSize(3)}} {
		name, want := writeNumbered(t, 9_000, 600, options...)
		for _, threads := range []int{0, 1, 4} {
			r, err := Open(context.Background(), name, WithMaxParallelism(threads))
			require.NoError(t, err)
			for _, n := range []int{1, 0, 5000, 30, 9000} {
				indices := make([]int, n)
				for i := range indices {
					indices[i] = rng.IntN(len(want))
				}
				require.NoError(t, r.ReadBatch(context.Background(), &b, indices))
				require.Equal(t, n, b.Len())
				for k, i := range indices {
					if !bytes.Equal(want[i], b.Record(k)) {
						require.Equal(t, want[i], b.Record(k), "record %d", i)
					}
				}
			}
			err = r.ReadBatch(context.Background(), &b, []int{5, len(want)})
			require.ErrorIs(t, err, ErrOutOfRange)
			require.Zero(t, b.Len())
			require.NoError(t, r.Close())
			require.ErrorIs(t, r.ReadBatch(context.Background(), &b, []int{5}), ErrClosed)
		}
	}
}

func TestBatchAllocatesNothingForRecords(t *testing.T) {
	name, want := writeNumbered(t, 5_000, 400)
	r, err := Open(context.Background(), name)
	require.NoError(t, err)
	defer r.Close()
	var b Batch
	perm := rand.New(rand.NewPCG(9, 10)).Perm(len(want))
	read := func() { require.NoError(t, r.ReadBatch(context.Background(), &b, perm)) }
	for range 5 {
		read()
	}
	require.Less(t, testing.AllocsPerRun(20, read), 60.0)
}

// However large the slabs of other scans were, those of a scan with little memory are small.
func TestSlabsAreNotLargerThanTheirShare(t *testing.T) {
	small := readahead{threads: 2, memory: 600_000} // shares of 100 kB
	for range 100 {                                 // a pool may forget some
		spare.Put(&slab{data: make([]byte, 200_000)})
		spare.Put(&slab{data: make([]byte, 50_000)})
	}
	m := newSlabMemory(small)
	m.give(slab{data: make([]byte, 200_000)}, slab{data: make([]byte, 110_000)})
	for range 100 {
		require.LessOrEqual(t, cap(m.take().data), 112_500)
	}
	require.Equal(t, 8<<20, newSlabMemory(readahead{threads: 2, memory: 1 << 30}).largest)
}

// Groups, chunks and records that are larger than the memory, at whatever place.
func TestScanInLittleMemory(t *testing.T) {
	name, want := writeNumbered(t, 3000, 400, WithGroupSize(500))
	for _, memory := range []int64{1, 300, 1000, 50_000, 500_000} {
		for _, o := range []ReaderOptions{{}, {NoReadahead: true}, {MaxParallelism: 7}} {
			o.ReadaheadMemory = memory
			r, err := Open(context.Background(), name, o)
			require.NoError(t, err)
			n := 0
			for record, err := range r.Scan(context.Background(), 0, r.NumRecords()) {
				require.NoError(t, err)
				require.True(t, bytes.Equal(want[n], record), n)
				n++
			}
			require.Equal(t, len(want), n)
			var visited atomic.Int64
			require.NoError(t, r.ForEach(context.Background(), func(i int, record []byte) error {
				require.True(t, bytes.Equal(want[i], record), i)
				visited.Add(1)
				return nil
			}))
			require.EqualValues(t, len(want), visited.Load())
			require.NoError(t, r.Close())
		}
	}
}
