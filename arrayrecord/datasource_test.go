package arrayrecord_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// shards writes files part-0, part-1, ... and gives their names and all records.
func shards(t testing.TB, sizes []int, opts ...arrayrecord.WriterOption) (dir string, paths []string, records [][]byte) {
	t.Helper()
	dir = t.TempDir()
	for i, n := range sizes {
		path := filepath.Join(dir, fmt.Sprintf("part-%02d.arrayrecord", i))
		part := textRecords(n, 100+i)
		require.NoError(t, os.WriteFile(path, encode(t, part, opts...), 0o666))
		paths = append(paths, path)
		records = append(records, part...)
	}
	return dir, paths, records
}

var quiet = arrayrecord.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))

func openSource(t testing.TB, paths []string, opts ...arrayrecord.DataSourceOption) *arrayrecord.DataSource {
	t.Helper()
	ds, err := arrayrecord.OpenDataSource(context.Background(), paths, append([]arrayrecord.DataSourceOption{quiet}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { ds.Close() })
	return ds
}

func checkSource(t *testing.T, ds *arrayrecord.DataSource, want [][]byte) {
	t.Helper()
	ctx := context.Background()
	require.Equal(t, len(want), ds.NumRecords())
	var got [][]byte
	for record, err := range ds.Records(ctx) {
		require.NoError(t, err)
		got = append(got, record)
	}
	requireSame(t, want, got)
	if len(want) == 0 {
		return
	}
	rng := rand.New(rand.NewPCG(1, 1))
	indices := make([]int, 300)
	var picked [][]byte
	for k := range indices {
		indices[k] = rng.IntN(len(want))
		picked = append(picked, want[indices[k]])
	}
	many, err := ds.ReadIndices(ctx, indices)
	require.NoError(t, err)
	requireSame(t, picked, many)
	for _, i := range append(indices[:20], 0, len(want)-1) {
		record, err := ds.Get(ctx, i)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want[i], record))
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = ds.ReadIndices(cancelled, indices)
	require.ErrorIs(t, err, context.Canceled)
	for _, i := range []int{-1, len(want)} {
		_, err := ds.Get(ctx, i)
		require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
		_, err = ds.ReadIndices(ctx, []int{0, i})
		require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
	}
}

func TestDataSourceOverPathsPatternsAndRanges(t *testing.T) {
	dir, paths, records := shards(t, []int{30, 0, 1, 200, 0, 50})
	checkSource(t, openSource(t, paths), records)
	checkSource(t, openSource(t, []string{filepath.Join(dir, "part-*.arrayrecord")}), records)
	checkSource(t, openSource(t, paths[3:4]), records[31:231])
	checkSource(t, openSource(t, []string{paths[3] + "[10:25]", paths[0]}), append(slices.Clone(records[41:56]), records[:30]...))
	checkSource(t, openSource(t, []string{paths[0] + "[30:30]"}), nil)
	checkSource(t, openSource(t, []string{paths[1]}), nil)

	odd := filepath.Join(dir, "odd[a].arrayrecord") // a name that looks like a pattern
	data, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(odd, data, 0o666))
	checkSource(t, openSource(t, []string{odd}), records[:30])
}

func TestDataSourceOverInstructions(t *testing.T) {
	_, paths, records := shards(t, []int{30, 20}, arrayrecord.WithGroupSize(4))
	ctx := context.Background()
	ds, err := arrayrecord.OpenDataSourceFiles(ctx, []arrayrecord.FileInstruction{
		{Name: paths[1], Skip: 3, Take: -1}, {Name: paths[0], Skip: 5, Take: 10}, {Name: paths[1], Take: 2}}, quiet)
	require.NoError(t, err)
	defer ds.Close()
	want := slices.Concat(records[33:], records[5:15], records[30:32])
	checkSource(t, ds, want)
	require.Equal(t, []arrayrecord.FileInstruction{{Name: paths[1], Skip: 3, Take: 17}, {Name: paths[0], Skip: 5, Take: 10}, {Name: paths[1], Take: 2}}, ds.Files())

	// Slices, and slices of slices, are the same records under other numbers.
	slice, err := ds.Slice(15, 28)
	require.NoError(t, err)
	checkSource(t, slice, want[15:28])
	inner, err := slice.Slice(1, 12)
	require.NoError(t, err)
	checkSource(t, inner, want[16:27])
	require.NoError(t, slice.Close())
	checkSource(t, ds, want)
	_, err = ds.Slice(3, 30)
	require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)

	// To another process and back.
	data, err := json.Marshal(inner.Files())
	require.NoError(t, err)
	var files []arrayrecord.FileInstruction
	require.NoError(t, json.Unmarshal(data, &files))
	again, err := arrayrecord.OpenDataSourceFiles(ctx, files, quiet)
	require.NoError(t, err)
	defer again.Close()
	checkSource(t, again, want[16:27])
	require.Equal(t, inner.String(), again.String())
	require.NotEqual(t, inner.String(), ds.String())
}

func TestInstructionsThatSayHowManyAreNotOpened(t *testing.T) {
	ds, err := arrayrecord.OpenDataSourceFiles(context.Background(), []arrayrecord.FileInstruction{{Name: "missing", Take: 5}})
	require.NoError(t, err)
	defer ds.Close()
	require.Equal(t, 5, ds.NumRecords())
	_, err = ds.Get(context.Background(), 3)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestDataSourceErrors(t *testing.T) {
	dir, paths, _ := shards(t, []int{10})
	ctx := context.Background()
	open := func(paths ...string) error {
		_, err := arrayrecord.OpenDataSource(ctx, paths)
		return err
	}
	require.ErrorIs(t, open(), arrayrecord.ErrInvalidOption)
	require.ErrorIs(t, open(filepath.Join(dir, "missing")), fs.ErrNotExist)
	require.ErrorIs(t, open(filepath.Join(dir, "missing*")), fs.ErrNotExist)
	require.ErrorIs(t, open(paths[0]+"[7:5]"), arrayrecord.ErrOutOfRange)
	for _, part := range []string{"[5:11]", "[10:11]", "[11:11]"} { // of 10
		err := open(paths[0] + part)
		require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
		require.ErrorContains(t, err, paths[0])
	}
	// What instructions say is looked at when it is needed.
	ds, err := arrayrecord.OpenDataSourceFiles(ctx, []arrayrecord.FileInstruction{{Name: paths[0], Skip: 5, Take: 6}})
	require.NoError(t, err)
	defer ds.Close()
	_, err = ds.Get(ctx, 0)
	require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
	require.ErrorContains(t, err, paths[0])
	_, err = arrayrecord.OpenDataSource(ctx, paths, arrayrecord.WithMaxOpenFiles(0))
	require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	_, err = arrayrecord.OpenDataSource(ctx, paths, arrayrecord.WithReaderOptionsForFiles(arrayrecord.WithReaderOptions("nonsense")))
	require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	_, err = arrayrecord.OpenDataSourceFiles(ctx, []arrayrecord.FileInstruction{{Name: paths[0], Skip: 11, Take: -1}})
	require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
	_, err = arrayrecord.OpenDataSourceFiles(ctx, []arrayrecord.FileInstruction{{Name: paths[0], Skip: -1, Take: 2}})
	require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
}

func TestGroupsAreWarnedOfOnce(t *testing.T) {
	_, paths, records := shards(t, []int{20, 20, 20}, arrayrecord.WithGroupSize(8))
	var log bytes.Buffer
	ds, err := arrayrecord.OpenDataSource(context.Background(), paths, arrayrecord.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	defer ds.Close()
	checkSource(t, ds, records)
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=WARN")))
	require.Contains(t, log.String(), "group_size=8")
}

// countedFiles are those of the disk by other means than descriptors, counted while they are open.
type countedFiles struct {
	storage.Local
	open, most atomic.Int64
}

type countedFile struct {
	storage.Object
	files  *countedFiles
	closed sync.Once
}

func (c *countedFiles) Open(ctx context.Context, name string) (storage.Object, error) {
	o, err := c.Local.Open(ctx, strings.TrimPrefix(name, "counted://"))
	if err != nil {
		return nil, err
	}
	for now := c.open.Add(1); now > c.most.Load(); {
		c.most.Store(now)
	}
	return &countedFile{Object: o, files: c}, nil
}

func (c *countedFile) Close() error {
	c.closed.Do(func() { c.files.open.Add(-1) })
	return c.Object.Close()
}

var counted = func() *countedFiles {
	c := &countedFiles{}
	storage.Register("counted", c)
	return c
}()

func TestFewOpenFilesServeMany(t *testing.T) {
	dir, paths, records := shards(t, slices.Repeat([]int{11}, 20))
	if !arrayrecord.CannotReadBytes(t) {
		for i := range paths {
			paths[i] = "counted://" + paths[i]
		}
	}
	for _, limit := range []int{1, 2, 7} {
		counted.most.Store(0)
		ds := openSource(t, paths, arrayrecord.WithMaxOpenFiles(limit), arrayrecord.WithParallelFiles(5))
		var wg sync.WaitGroup
		var wrong atomic.Value
		for g := range 4 {
			wg.Go(func() {
				indices := rand.New(rand.NewPCG(uint64(g), 0)).Perm(len(records))
				got, err := ds.ReadIndices(context.Background(), indices)
				if err != nil {
					wrong.Store(err.Error())
					return
				}
				for k, i := range indices {
					if !bytes.Equal(got[k], records[i]) {
						wrong.Store(fmt.Sprint("record ", i))
					}
				}
			})
			wg.Go(func() {
				n := 0
				for record, err := range ds.Records(context.Background()) {
					if err != nil || !bytes.Equal(record, records[n]) {
						wrong.Store(fmt.Sprint("iteration ", n, err))
						return
					}
					n++
				}
			})
		}
		wg.Wait()
		require.Nil(t, wrong.Load())
		require.LessOrEqual(t, openFilesBelow(t, dir), limit)
		require.LessOrEqual(t, counted.most.Load(), int64(limit))
		require.Equal(t, !arrayrecord.CannotReadBytes(t), counted.most.Load() > 0)
		require.NoError(t, ds.Close())
	}
}

// openFilesBelow counts this process's descriptors of files in a directory.
func openFilesBelow(t *testing.T, dir string) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && filepath.Dir(target) == dir {
			n++
		}
	}
	return n
}

func TestDataSourceClosedWhileReadsRun(t *testing.T) {
	_, paths, records := shards(t, slices.Repeat([]int{100}, 10))
	for range 20 {
		ds, err := arrayrecord.OpenDataSource(context.Background(), paths, arrayrecord.WithMaxOpenFiles(3))
		require.NoError(t, err)
		var wg sync.WaitGroup
		var wrong atomic.Value
		check := func(err error) bool {
			if err != nil && !errors.Is(err, arrayrecord.ErrClosed) {
				wrong.Store(err.Error())
			}
			return err != nil
		}
		for range 3 {
			wg.Go(func() {
				for i := 0; ; i++ {
					if _, err := ds.Get(context.Background(), i*37%len(records)); check(err) {
						return
					}
				}
			})
			wg.Go(func() {
				for {
					if _, err := ds.ReadIndices(context.Background(), []int{5, 900, 333, 20}); check(err) {
						return
					}
				}
			})
			wg.Go(func() {
				for {
					for _, err := range ds.Records(context.Background()) {
						if check(err) {
							return
						}
					}
				}
			})
		}
		require.NoError(t, ds.Close())
		require.NoError(t, ds.Close())
		wg.Wait()
		require.Nil(t, wrong.Load())
		require.Zero(t, openFilesBelow(t, filepath.Dir(paths[0])))
	}
}

func TestLoaderGoesOnWhereItStopped(t *testing.T) {
	_, paths, records := shards(t, []int{40, 33, 30})
	ds := openSource(t, paths)
	for _, o := range []arrayrecord.SamplerOptions{
		{NumEpochs: 1},
		{NumEpochs: 2, Shuffle: true, Seed: 7},
		{NumEpochs: 2, Shuffle: true, Seed: 7, ShardIndex: 1, ShardCount: 4, DropRemainder: true},
		{NumEpochs: 3, ShardIndex: 2, ShardCount: 3},
	} {
		sampler, err := arrayrecord.NewSampler(ds.NumRecords(), o)
		require.NoError(t, err)
		load := func(l *arrayrecord.Loader, n int) (keys []int) {
			for len(keys) < n {
				s, err := l.Next(context.Background())
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				require.True(t, bytes.Equal(records[s.Key], s.Record))
				key, err := sampler.Key(s.Step)
				require.NoError(t, err)
				require.Equal(t, key, s.Key)
				keys = append(keys, s.Key)
			}
			return keys
		}
		whole, err := arrayrecord.NewLoader(context.Background(), ds, sampler, 16)
		require.NoError(t, err)
		all := load(whole, 1<<30)
		require.NotEmpty(t, all)
		_, err = whole.Next(context.Background())
		require.Equal(t, io.EOF, err)
		whole.Close()

		for _, stop := range []int{0, 1, 15, 16, 17, len(all) - 1, len(all)} {
			first, err := arrayrecord.NewLoader(context.Background(), ds, sampler, 16)
			require.NoError(t, err)
			require.Equal(t, all[:stop], append([]int{}, load(first, stop)...))
			saved, err := json.Marshal(first.State())
			require.NoError(t, err)
			require.Less(t, len(saved), 500)
			first.Close()
			var state arrayrecord.LoaderState
			require.NoError(t, json.Unmarshal(saved, &state))
			second, err := arrayrecord.NewLoader(context.Background(), ds, sampler, 5)
			require.NoError(t, err)
			require.NoError(t, second.Restore(state))
			require.Equal(t, all[stop:], append([]int{}, load(second, 1<<30)...))
			second.Close()

			state.Sampler.Seed++
			require.ErrorIs(t, second.Restore(state), arrayrecord.ErrInvalidOption)
		}
	}
}

// slowSource takes its time for each batch.
type slowSource struct {
	arrayrecord.Source
	batches atomic.Int64
}

func (s *slowSource) ReadIndices(ctx context.Context, indices []int) ([][]byte, error) {
	s.batches.Add(1)
	select {
	case <-time.After(time.Second):
		return s.Source.ReadIndices(ctx, indices)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// A deadline that is shorter than reading a batch takes does not throw the batch away, and the
// loader's own context ends what is read ahead.
func TestLoaderWithShortDeadlines(t *testing.T) {
	records := textRecords(40, 50)
	data := encode(t, records)
	sampler, err := arrayrecord.NewSampler(len(records), arrayrecord.SamplerOptions{NumEpochs: 1})
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		source := &slowSource{Source: openBytes(t, data)}
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		l, err := arrayrecord.NewLoader(ctx, source, sampler, 10)
		require.NoError(t, err)
		defer l.Close()
		for i, failures := 0, 0; i < 15; {
			short, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
			s, err := l.Next(short)
			stop()
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				failures++
				require.Less(t, failures, 20)
				continue
			}
			require.Equal(t, records[i], s.Record)
			i++
		}
		require.LessOrEqual(t, source.batches.Load(), int64(3))
		for range 5 {
			_, err := l.Next(t.Context())
			require.NoError(t, err)
		}
		cancel(reason)
		_, err = l.Next(t.Context())
		require.ErrorIs(t, err, reason)
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait()
	})
}

func TestLoaderAfterAnError(t *testing.T) {
	_, paths, records := shards(t, []int{40})
	ds := openSource(t, paths)
	sampler, err := arrayrecord.NewSampler(ds.NumRecords(), arrayrecord.SamplerOptions{NumEpochs: 1})
	require.NoError(t, err)
	l, err := arrayrecord.NewLoader(context.Background(), ds, sampler, 10)
	require.NoError(t, err)
	defer l.Close()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for i := range records {
		// Whether or not the batch was there already, nothing gets lost.
		s, err := l.Next(cancelled)
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			s, err = l.Next(context.Background())
		}
		require.NoError(t, err)
		require.Equal(t, i, s.Key)
	}
}

func TestSamplerVisitsEveryRecordOncePerEpoch(t *testing.T) {
	for _, n := range []int{1, 2, 10, 103} {
		for _, shardCount := range []int{1, 2, 3} {
			if n < shardCount {
				continue
			}
			for _, drop := range []bool{false, true} {
				for _, shuffle := range []bool{false, true} {
					s, err := arrayrecord.NewSampler(n, arrayrecord.SamplerOptions{Shuffle: shuffle, Seed: 3, ShardCount: shardCount, DropRemainder: drop, NumEpochs: 1})
					require.NoError(t, err)
					length, finite := s.Len()
					require.True(t, finite)
					seen := map[int]bool{}
					for step := range length {
						key, err := s.Key(step)
						require.NoError(t, err)
						require.False(t, seen[key] && (drop || n%shardCount == 0))
						seen[key] = true
					}
					_, err = s.Key(length)
					require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
				}
			}
		}
	}
	endless, err := arrayrecord.NewSampler(10, arrayrecord.SamplerOptions{Shuffle: true})
	require.NoError(t, err)
	_, finite := endless.Len()
	require.False(t, finite)
	_, err = endless.Key(1 << 40)
	require.NoError(t, err)
	for _, o := range []arrayrecord.SamplerOptions{{ShardIndex: 1}, {ShardIndex: 2, ShardCount: 2}, {ShardCount: -1}, {NumEpochs: -1}} {
		_, err := arrayrecord.NewSampler(10, o)
		require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	}
	_, err = arrayrecord.NewSampler(0, arrayrecord.SamplerOptions{})
	require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
}
