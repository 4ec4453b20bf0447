package shuffle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// makeFile writes an ArrayRecord file with the records "FILE 0", "FILE 1" and so
// on, longer ones if padding is given.
func makeFile(t testing.TB, name string, n, padding int) {
	t.Helper()
	w, err := arrayrecord.Create(t.Context(), name, arrayrecord.WithWriterOptions("group_size:3,snappy"))
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, w.Write(fmt.Appendf(nil, "%s %d%*s", filepath.Base(name), i, padding, "")))
	}
	require.NoError(t, w.Close())
}

func newConfig(t testing.TB, output string, seed uint64, shards int, memory int64) Config {
	t.Helper()
	c := Config{
		Sink: sink.Config{Prefix: output, NumShards: shards, WriterOptions: "group_size:4"},
		Seed: seed, Memory: memory,
	}
	require.NoError(t, c.Sink.Complete())
	c.Sink.Identify()
	return c
}

// steps are the steps of a shuffle, one call each, in the order that a runner
// likes. It returns the records of the shards.
type steps struct {
	Config
	repeat  bool // each step is done twice, and the first results are dropped
	shuffle func(n int, swap func(i, j int))
	killed  *killed // nil: nobody is
	// between is called when the runs are there, and when the shards are planned.
	between func(runs []run, planned []shard)
}

// killed is a worker that ends at some operation on storage: none that it tries
// after it happens, neither another one of the kind nor what cleans up.
type killed struct {
	*storagetest.Faults
	was bool
}

// do does a step, again if the worker was killed.
func (s steps) do(t testing.TB, step func() error) {
	t.Helper()
	err := step()
	if err != nil && s.killed != nil {
		require.ErrorContains(t, err, "killed")
		s.killed.was = true
		s.killed.Heal()
		err = step()
	}
	require.NoError(t, err)
}

func (s steps) run(t testing.TB, inputs ...string) (shards [][]string, files [][]byte) {
	t.Helper()
	ctx := t.Context()
	attempts := 1
	if s.repeat {
		attempts = 2
	}
	fail := func(l dofns.DeadLetter) { t.Fatalf("skipped: %v", l) }
	var found []input
	inspect := &inspectFn{Config: s.Config}
	inspect.Setup()
	for _, name := range inputs {
		s.do(t, func() error {
			info, err := storage.Stat(ctx, name)
			if err != nil {
				return err
			}
			return inspect.ProcessElement(ctx, match.File{Name: name, Size: info.Size}, func(_ int, in input) { found = append(found, in) }, fail)
		})
	}
	s.shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	var tasks []task
	number := &numberFn{Config: s.Config}
	s.do(t, func() error {
		return number.ProcessElement(ctx, 0, nil, iterate(found), func(t task) { tasks = append(tasks, t) })
	})
	s.shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	var runs []run
	for _, task := range tasks {
		var made []run
		for range attempts {
			made = nil
			scatter := &scatterFn{Config: s.Config}
			scatter.Setup()
			s.do(t, func() error {
				return scatter.ProcessElement(ctx, task, func(_ int, r run) { made = append(made, r) }, fail)
			})
		}
		runs = append(runs, made...)
	}
	plan := &planFn{Config: s.Config}
	var planned []shard
	for range attempts {
		planned = nil
		s.do(t, func() error {
			return plan.ProcessElement(ctx, 0, nil, iterate(runs), func(s shard) { planned = append(planned, s) })
		})
	}
	if s.between != nil {
		s.between(runs, planned)
	}
	s.shuffle(len(planned), func(i, j int) { planned[i], planned[j] = planned[j], planned[i] })
	shards, files = make([][]string, len(planned)), make([][]byte, len(planned))
	merge := &mergeFn{Config: s.Config}
	var made []sink.File
	for _, p := range planned {
		var file sink.File
		for range attempts {
			s.do(t, func() error { return merge.ProcessElement(ctx, p, func(_ int, f sink.File) { file = f }) })
		}
		made = append(made, file)
	}
	if s.killed != nil {
		s.killed.Heal()
	}
	for _, file := range made {
		r, err := arrayrecord.Open(ctx, file.Name)
		require.NoError(t, err)
		all, err := recordtest.All(ctx, r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, int64(len(all)), file.Records)
		for _, record := range all {
			shards[file.Shard] = append(shards[file.Shard], string(record))
		}
		files[file.Shard] = storagetest.Get(t, file.Name)
		require.Equal(t, int64(len(files[file.Shard])), file.Bytes)
	}
	return shards, files
}

func inOrder(int, func(i, j int)) {}

func iterate[T any](all []T) func(*T) bool {
	return func(v *T) bool {
		if len(all) == 0 {
			return false
		}
		*v, all = all[0], all[1:]
		return true
	}
}

// The shards are the same bytes whatever fits into memory, in whatever order and
// how often things are done.
func TestShardsDependOnInputAndSeedOnly(t *testing.T) {
	dir := t.TempDir()
	var inputs, want []string
	for i, n := range []int{40, 1, 0, 60, 7} {
		name := fmt.Sprintf("%s/in-%d", dir, i)
		makeFile(t, name, n, 100)
		inputs = append(inputs, name)
		for j := range n {
			want = append(want, fmt.Sprintf("in-%d %d%100s", i, j, ""))
		}
	}
	for _, shards := range []int{1, 5, 120} {
		parts, first := steps{Config: newConfig(t, dir+"/a/x", 3, shards, 1<<20), shuffle: inOrder}.run(t, inputs...)
		all := slices.Concat(parts...)
		require.ElementsMatch(t, want, all)
		random := rand.New(rand.NewPCG(1, 2))
		for _, memory := range []int64{1000, 6000} {
			// Few bytes of memory make many cells, too.
			_, again := steps{Config: newConfig(t, dir+"/b/x", 3, shards, memory), repeat: true, shuffle: random.Shuffle}.run(t, inputs...)
			require.Equal(t, first, again, "%d bytes of memory", memory)
		}
		_, other := steps{Config: newConfig(t, dir+"/c/x", 4, shards, 1<<20), shuffle: inOrder}.run(t, inputs...)
		require.NotEqual(t, first, other)
	}
}

// A worker is killed at each operation of each step, and the step done again by
// another one: the shards are the same bytes, whatever is left of the first.
func TestKilledStepsAreDoneAgain(t *testing.T) {
	dir := t.TempDir()
	inputs := []string{dir + "/in-0", dir + "/in-1"}
	makeFile(t, inputs[0], 20, 100)
	makeFile(t, inputs[1], 9, 100)
	_, want := steps{Config: newConfig(t, dir+"/out/x", 3, 2, 1500), shuffle: inOrder}.run(t, inputs...)
	for op, afters := range map[storagetest.Op][]bool{
		storagetest.OpOpen: {false}, storagetest.OpRead: {false}, storagetest.OpList: {false}, storagetest.OpStat: {false},
		storagetest.OpCreate: {false}, storagetest.OpWrite: {false}, storagetest.OpCommit: {false, true},
	} {
		for _, after := range afters {
			for skip, was := 0, true; was; skip++ {
				faults := storagetest.NewFaults()
				k := &killed{Faults: faults}
				dead := errors.New("killed")
				faults.Inject(storagetest.Fault{Op: op, Skip: skip, Err: dead, After: after})
				faults.Inject(storagetest.Fault{Op: storagetest.OpRemove, Err: dead})
				faults.Inject(storagetest.Fault{Op: storagetest.OpRemoveAll, Err: dead})
				s := steps{Config: newConfig(t, faults.TempDir(t)+"/x", 3, 2, 1500), shuffle: inOrder, killed: k}
				_, got := s.run(t, faults.Name(inputs[0]), faults.Name(inputs[1]))
				require.Equal(t, want, got, "%s %d", op, skip)
				was = k.was
			}
		}
	}
}

// After the commit, which removes the runs, a step that is done again gives names of
// files that are not there: the commit knows what they were. It never gives a shard
// that is there and lacks records.
func TestStepsAreDoneAgainAfterTheCommit(t *testing.T) {
	dir := t.TempDir()
	makeFile(t, dir+"/in", 20, 100)
	c := newConfig(t, dir+"/out/x", 3, 3, 1500)
	steps{Config: c, shuffle: inOrder, between: func(runs []run, planned []shard) {
		require.Greater(t, len(runs), 1)
		missing := func(planned []shard) {
			t.Helper()
			require.Len(t, planned, 3)
			for i, p := range planned {
				err := (&mergeFn{Config: c}).ProcessElement(t.Context(), p, func(_ int, f sink.File) {
					require.Equal(t, i, f.Shard)
					_, err := storage.Stat(t.Context(), f.Name)
					require.ErrorIs(t, err, fs.ErrNotExist)
				})
				require.NoError(t, err)
			}
		}
		// One run is enough.
		for _, gone := range []string{runs[0].Name, planned[0].Runs} {
			content := storagetest.Get(t, gone)
			require.NoError(t, storage.Remove(t.Context(), gone))
			if gone == planned[0].Runs {
				missing(planned)
			} else {
				var again []shard
				require.NoError(t, (&planFn{Config: c}).ProcessElement(t.Context(), 0, nil, iterate(runs), func(s shard) { again = append(again, s) }))
				missing(again)
			}
			storagetest.Put(t, gone, content)
		}
	}}.run(t, dir+"/in")
}

// The limit of memory makes runs, and has shards be read in several pieces.
func TestMemoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	makeFile(t, dir+"/in", 1000, 1000)
	c := newConfig(t, dir+"/x", 3, 2, 100<<10)
	steps{Config: c, shuffle: inOrder}.run(t, dir+"/in")
	infos, err := storage.List(t.Context(), c.Sink.RunDir()+"/*.temp")
	require.NoError(t, err)
	var runs int
	for _, info := range infos {
		data, err := os.ReadFile(info.Name)
		require.NoError(t, err)
		if e, size := parse(data); size > 0 {
			runs++
			require.NotEmpty(t, e.data)
		}
	}
	require.Equal(t, 11, runs, "runs of 100 KiB of 1000 records of 1 KiB")

	// Cells are so small that the limit can be kept when they are read.
	var l layout
	number := &numberFn{Config: c}
	in := input{Name: dir + "/in", Size: 10 << 20, ArrayRecord: true, Records: 10, GroupSize: 1}
	require.NoError(t, number.ProcessElement(t.Context(), 0, nil, iterate([]input{in}), func(t task) { l = t.Layout }))
	require.GreaterOrEqual(t, l.Cells, int64(16*100))
}

// chiSquare gives the statistic of a table that all cells of should have the same
// number, and the limit that it exceeds by chance once in a hundred million times
// or less.
func chiSquare(table [][]int) (got, limit float64) {
	var total, cells int
	for _, row := range table {
		cells += len(row)
		for _, n := range row {
			total += n
		}
	}
	expected := float64(total) / float64(cells)
	for _, row := range table {
		for _, n := range row {
			got += (float64(n) - expected) * (float64(n) - expected) / expected
		}
	}
	// Wilson and Hilferty's approximation, for 5.6 standard deviations. The sums
	// of rows and columns are given.
	freedom := float64((len(table) - 1) * (len(table[0]) - 1))
	x := 1 - 2/(9*freedom) + 5.6*math.Sqrt(2/(9*freedom))
	return got, freedom * x * x * x
}

// The order of few records, over many seeds: each is as often in each position.
func TestEveryPositionIsAsLikely(t *testing.T) {
	count := func(order func(seed uint64, entries []entry)) (got, limit float64) {
		const n = 12
		table := make([][]int, n)
		for i := range table {
			table[i] = make([]int, n)
		}
		for seed := range uint64(20000) {
			var entries []entry
			for i := range uint64(n) {
				p := place{file: i / 5, record: i % 5}
				entries = append(entries, entry{key: p.key(seed), place: p})
			}
			order(seed, entries)
			for position, e := range entries {
				table[e.file*5+e.record][position]++
			}
		}
		return chiSquare(table)
	}
	got, limit := count(func(_ uint64, entries []entry) { slices.SortFunc(entries, compare) })
	require.Less(t, got, limit)

	// What is no shuffle does not pass.
	got, limit = count(func(seed uint64, entries []entry) { // a buffer of some records
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range entries {
			j := i + r.IntN(min(8, len(entries)-i))
			entries[i], entries[j] = entries[j], entries[i]
		}
	})
	require.Greater(t, got, limit)
	got, limit = count(func(seed uint64, entries []entry) { // swaps with any record: not as likely either
		r := rand.New(rand.NewPCG(seed, 0))
		for i := range entries {
			j := r.IntN(len(entries))
			entries[i], entries[j] = entries[j], entries[i]
		}
	})
	require.Greater(t, got, limit)
}

// The shards of many records: where in the input a record was tells nothing about
// where it is, nor what is beside it.
func TestOrderHasNothingOfTheInput(t *testing.T) {
	const records, files, blocks = 30000, 3, 20
	dir := t.TempDir()
	var inputs, unshuffled []string
	number := map[string]int{}
	for i := range files {
		name := fmt.Sprintf("%s/in-%d", dir, i)
		makeFile(t, name, records/files, 0)
		inputs = append(inputs, name)
		for j := range records / files {
			record := fmt.Sprintf("in-%d %d", i, j)
			number[record] = len(unshuffled)
			unshuffled = append(unshuffled, record)
		}
	}
	measure := func(order []string) (got, limit float64, neighbours int) {
		require.Len(t, order, records)
		table := make([][]int, blocks)
		for i := range table {
			table[i] = make([]int, blocks)
		}
		for position, record := range order {
			table[number[record]*blocks/records][position*blocks/records]++
			if position > 0 && number[record] == number[order[position-1]]+1 {
				neighbours++
			}
		}
		got, limit = chiSquare(table)
		return got, limit, neighbours
	}
	shards, _ := steps{Config: newConfig(t, dir+"/x", 11, 7, 600<<10), shuffle: inOrder}.run(t, inputs...)
	got, limit, neighbours := measure(slices.Concat(shards...))
	require.Less(t, got, limit)
	require.Less(t, neighbours, 10, "1 is to be expected")

	// Whole blocks in another order, and a buffer as large as a block.
	var byBlock []string
	for _, b := range rand.New(rand.NewPCG(1, 2)).Perm(500) {
		byBlock = append(byBlock, unshuffled[b*records/500:(b+1)*records/500]...)
	}
	_, _, neighbours = measure(byBlock)
	require.Greater(t, neighbours, 10)
	buffered := slices.Clone(unshuffled)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range buffered {
		j := i + random.IntN(min(5000, records-i))
		buffered[i], buffered[j] = buffered[j], buffered[i]
	}
	got, limit, _ = measure(buffered)
	require.Greater(t, got, limit)
}

// A temporary file that has been damaged or cut makes an error that names it.
func TestDamagedRunIsNoticed(t *testing.T) {
	dir := t.TempDir()
	makeFile(t, dir+"/in", 10, 10)
	c := newConfig(t, dir+"/x", 3, 2, 1<<20)
	in, err := inspect(t.Context(), match.File{Name: dir + "/in", Size: size(t, dir+"/in")})
	require.NoError(t, err)
	var runs []run
	scatter := &scatterFn{Config: c}
	scatter.Setup()
	task := c.tasks(in)[0]
	task.Layout = c.layout(in.Size, "", "")
	require.NoError(t, scatter.ProcessElement(t.Context(), task, func(_ int, r run) { runs = append(runs, r) }, nil))
	require.Len(t, runs, 1)
	good, err := os.ReadFile(runs[0].Name)
	require.NoError(t, err)
	attempt := func(data []byte) error {
		require.NoError(t, os.WriteFile(runs[0].Name, data, 0o666))
		shards, err := (&planFn{Config: c}).plan(t.Context(), runs)
		for _, s := range shards {
			_, failed := (&mergeFn{Config: c}).merge(t.Context(), s)
			err = errors.Join(err, failed)
		}
		return err
	}
	require.NoError(t, attempt(good))
	for i := 0; i < len(good); i += 11 {
		bad := slices.Clone(good)
		bad[i] ^= 0x41
		require.ErrorContains(t, attempt(bad), runs[0].Name, "byte %d", i)
	}
	require.ErrorContains(t, attempt(good[:len(good)-1]), runs[0].Name)
	require.ErrorContains(t, attempt(nil), runs[0].Name)
}

func size(t *testing.T, name string) int64 {
	t.Helper()
	info, err := storage.Stat(t.Context(), name)
	require.NoError(t, err)
	return info.Size
}

// The end of the job is no reason to skip a file, nor is a full disk.
func TestOnlyErrorsOfFilesAreSkipped(t *testing.T) {
	c := Config{Skip: true}
	_, err := c.skip(t.Context(), "x", errors.New("damaged"))
	require.NoError(t, err)
	_, err = c.skip(t.Context(), "x", fmt.Errorf("%w: full", errTemporary))
	require.ErrorIs(t, err, errTemporary)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.skip(ctx, "x", errors.New("interrupted"))
	require.ErrorContains(t, err, "interrupted")
}
