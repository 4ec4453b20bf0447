package gcs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// noise does not compress.
var noise = content(1 << 20)

// record gives the i-th record of a file, of size bytes.
func record(file, i, size int) []byte {
	b := make([]byte, 0, size+16)
	b = binary.BigEndian.AppendUint64(b, uint64(file))
	b = binary.BigEndian.AppendUint64(b, uint64(i))
	begin := (file*7919 + i*104729) % (len(noise) - size)
	return append(b, noise[begin:begin+size-len(b)]...)
}

// makeFile writes the records 0 to n-1 of a file.
func makeFile(t testing.TB, name string, file, n, size int, opts ...arrayrecord.WriterOption) {
	t.Helper()
	w, err := arrayrecord.Create(t.Context(), name, opts...)
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, w.Write(record(file, i, size)))
	}
	require.NoError(t, w.Close())
}

func openFile(t testing.TB, name string, opts ...arrayrecord.ReaderOption) *arrayrecord.Reader {
	t.Helper()
	r, err := arrayrecord.Open(t.Context(), name, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func TestReaderOpensByOneRequest(t *testing.T) {
	name := place(t, plain) + "/file"
	makeFile(t, name, 1, 5000, 1000)
	var r *arrayrecord.Reader
	n := service.counted(func() { r = openFile(t, name) })
	assert.Equal(t, map[op]int{opRead: 1}, n)
	assert.Equal(t, 5000, r.NumRecords())
	n = service.counted(func() {
		got, err := r.Get(context.Background(), 17)
		require.NoError(t, err)
		assert.Equal(t, record(1, 17, 1000), got)
	})
	assert.Equal(t, map[op]int{opRead: 1}, n)
}

func TestReaderFetchesTheRestOfALargeIndex(t *testing.T) {
	name := place(t, plain) + "/file"
	const records = 300_000
	makeFile(t, name, 1, records, 16, arrayrecord.Uncompressed())
	var r *arrayrecord.Reader
	n := service.counted(func() { r = openFile(t, name) })
	assert.Equal(t, map[op]int{opRead: 2}, n)
	require.Equal(t, records, r.NumRecords())
	for _, i := range []int{0, 150_000, records - 1} {
		got, err := r.Get(context.Background(), i)
		require.NoError(t, err)
		assert.Equal(t, record(1, i, 16), got)
	}
}

func TestBatchesAreFewRequests(t *testing.T) {
	name := place(t, plain) + "/file"
	makeFile(t, name, 1, 16<<10, 4<<10)
	r := openFile(t, name)
	read := func(indices []int) map[op]int {
		return service.counted(func() {
			got, err := r.ReadIndices(t.Context(), indices)
			require.NoError(t, err)
			for k, i := range indices {
				require.Equal(t, record(1, i, 4<<10), got[k])
			}
		})
	}
	// Nearer to each other than 64 KiB, in any order and repeated.
	near := []int{5000, 5010, 5020, 5000, 5015, 5030, 5005}
	assert.Equal(t, map[op]int{opRead: 1}, read(near))
	// Farther apart.
	far := []int{100, 120, 140, 160, 100}
	assert.Equal(t, map[op]int{opRead: 4}, read(far))
	// 40 MiB and what is around the records, by 8 MiB.
	var dense []int
	for i := range 10 << 10 {
		dense = append(dense, i)
	}
	assert.Equal(t, map[op]int{opRead: 6}, read(dense))
	// At most 16 at once.
	service.setLatency(t, 10*time.Millisecond)
	var sparse []int
	for i := range 200 {
		sparse = append(sparse, i*80)
	}
	assert.Equal(t, map[op]int{opRead: 200}, read(sparse))
	assert.Greater(t, service.peak, 8)
	assert.LessOrEqual(t, service.peak, 16)
}

func TestSequentialReadingStreamsAhead(t *testing.T) {
	name := place(t, plain) + "/file"
	const records, size = 10_000, 4 << 10
	makeFile(t, name, 1, records, size)
	r := openFile(t, name, arrayrecord.WithMaxParallelism(4))
	service.setLatency(t, 5*time.Millisecond)
	i := 0
	n := service.counted(func() {
		for got, err := range r.Records(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, record(1, i, size), got)
			i++
		}
	})
	assert.Equal(t, records, i)
	assert.LessOrEqual(t, n[opRead], records*size/(4<<20)+2)
	assert.Greater(t, service.peak, 1, "requests were made one after the other")
	assert.LessOrEqual(t, service.peak, 4)
}

// A round trip with every kind of passing fault, at many places at once, in
// both directions.
func TestRecordsSurviveFaults(t *testing.T) {
	useClient(t)
	silence(t)
	for kind, f := range map[string]fault{
		"503": status(http.StatusServiceUnavailable), "no answer": lose, "cut": cut(100_000), "short": shorten(3000),
		"slow": slow(3, 3*time.Millisecond),
	} {
		for _, group := range []int{1, 100} {
			t.Run(fmt.Sprint(kind, " ", group), func(t *testing.T) {
				name := place(t, plain) + "/victim"
				const records, size = 10_000, 2 << 10
				if kind == "503" || kind == "no answer" {
					service.inject(t, opSession, "victim", 0, 1, f)
					if kind == "503" || !underRaceDetector { // see TestUploadsSurviveFaults
						service.inject(t, opPart, "victim", 0, 2, f)
					}
				}
				makeFile(t, name, 1, records, size, arrayrecord.WithGroupSize(group))
				service.heal()
				for skip := range 8 {
					service.inject(t, opRead, "victim", 3*skip, 1, f)
				}
				r := openFile(t, name)
				i := 0
				for got, err := range r.Records(t.Context()) {
					require.NoError(t, err)
					require.Equal(t, record(1, i, size), got)
					i++
				}
				require.Equal(t, records, i)
				indices := rand.New(rand.NewPCG(1, 2)).Perm(records)[:500]
				got, err := r.ReadIndices(t.Context(), indices)
				require.NoError(t, err)
				for k, i := range indices {
					require.Equal(t, record(1, i, size), got[k])
				}
			})
		}
	}
}

func TestFailedReadsNameTheObject(t *testing.T) {
	name := place(t, plain) + "/file"
	_, err := arrayrecord.Open(t.Context(), name)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, name)
	makeFile(t, name, 1, 5000, 1000)
	r := openFile(t, name)
	service.inject(t, opRead, "", 0, 0, status(http.StatusForbidden))
	_, getErr := r.Get(context.Background(), 3)
	_, batchErr := r.ReadIndices(t.Context(), []int{1, 2000, 4000})
	for _, err := range []error{getErr, batchErr} {
		assert.ErrorIs(t, err, fs.ErrPermission)
		assert.ErrorContains(t, err, name)
	}
	service.heal()
	service.inject(t, opRead, "", 0, 0, hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = r.ReadIndices(ctx, []int{1, 2000, 4000})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	for _, err := range r.Records(ctx) {
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	}
	// After all that it works.
	service.heal()
	got, err := r.Get(context.Background(), 3)
	require.NoError(t, err)
	assert.Equal(t, record(1, 3, 1000), got)
}

func TestDamagedObjectsAreCorrupt(t *testing.T) {
	name := place(t, plain) + "/file"
	makeFile(t, name, 1, 5000, 1000)
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	all := make([]byte, o.Size())
	_, err = o.ReadAt(t.Context(), all, 0)
	require.NoError(t, err)
	all[len(all)/4] ^= 1
	require.NoError(t, write(t.Context(), name, all, storage.CreateOptions{}))
	r := openFile(t, name)
	_, err = recordtest.All(t.Context(), r)
	assert.ErrorIs(t, err, arrayrecord.ErrCorrupt)
	var damage *arrayrecord.CorruptError
	require.True(t, errors.As(err, &damage))
	assert.Equal(t, name, damage.File)
	require.NoError(t, write(t.Context(), name, all[:len(all)-100], storage.CreateOptions{}))
	_, err = arrayrecord.Open(t.Context(), name)
	assert.ErrorIs(t, err, arrayrecord.ErrTruncated)
}

func TestWriterThatIsGivenUpLeavesNothing(t *testing.T) {
	dir := place(t, plain)
	end := map[string]func(w *arrayrecord.Writer, cancel func()){
		"abort":          func(w *arrayrecord.Writer, _ func()) { assert.NoError(t, w.Abort()) },
		"cancel":         func(w *arrayrecord.Writer, cancel func()) { cancel(); assert.ErrorIs(t, w.Close(), context.Canceled) },
		"cancel, abort":  func(w *arrayrecord.Writer, cancel func()) { cancel(); assert.NoError(t, w.Abort()) },
		"refused":        func(w *arrayrecord.Writer, _ func()) { assert.ErrorIs(t, w.Close(), fs.ErrPermission) },
		"refused, abort": func(w *arrayrecord.Writer, _ func()) { assert.NoError(t, w.Abort()) },
	}
	for how, end := range end {
		for _, n := range []int{10, 20_000} {
			t.Run(fmt.Sprint(how, " ", n), func(t *testing.T) {
				if how[0] == 'r' {
					service.inject(t, opUpload, "", 0, 0, status(http.StatusForbidden))
					service.inject(t, opPart, "", 0, 0, status(http.StatusForbidden))
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w, err := arrayrecord.Create(ctx, dir+"/file")
				require.NoError(t, err)
				for i := range n {
					if err := w.Write(record(1, i, 1000)); err != nil {
						assert.ErrorIs(t, err, fs.ErrPermission)
						break
					}
				}
				end(w, cancel)
				service.heal()
				infos, err := storage.List(t.Context(), dir+"/**")
				require.NoError(t, err)
				assert.Empty(t, infos)
			})
		}
	}
}

// One data source over local files and objects, by names, globs and ranges.
func TestDataSourceOverDisksAndBuckets(t *testing.T) {
	local, remote := t.TempDir(), place(t, plain)
	const perFile, size = 500, 700
	for file := range 8 {
		dir := local
		if file%2 == 1 {
			dir = remote
		}
		makeFile(t, fmt.Sprintf("%s/data-%05d-of-00008.arrayrecord", dir, file), file, perFile, size)
	}
	var want [][2]int
	add := func(file, begin, end int) {
		for i := begin; i < end; i++ {
			want = append(want, [2]int{file, i})
		}
	}
	add(1, 0, perFile)
	add(3, 0, perFile)
	add(5, 0, perFile)
	add(7, 0, perFile)
	add(3, 100, 200)
	add(2, 0, perFile)
	add(0, 0, perFile)
	add(2, 0, perFile)
	add(4, 0, perFile)
	add(6, 0, perFile)
	paths := []string{
		remote + "/data-0000[1-7]-of-*.arrayrecord",
		remote + "/data-00003-of-00008.arrayrecord[100:200]",
		filepath.Join(local, "data-00002-of-00008.arrayrecord"),
		filepath.Join(local, "data-*"),
	}
	check := func(d *arrayrecord.DataSource) {
		require.Equal(t, len(want), d.NumRecords())
		indices := rand.New(rand.NewPCG(3, 4)).Perm(d.NumRecords())
		indices = append(indices, indices[:100]...)
		got, err := d.ReadIndices(t.Context(), indices)
		require.NoError(t, err)
		for k, i := range indices {
			require.Equal(t, record(want[i][0], want[i][1], size), got[k])
		}
		i := 0
		for got, err := range d.Records(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, record(want[i][0], want[i][1], size), got)
			i++
		}
		require.Equal(t, len(want), i)
		one, err := d.Get(t.Context(), 2050)
		require.NoError(t, err)
		assert.Equal(t, record(3, 150, size), one)
	}
	d, err := arrayrecord.OpenDataSource(t.Context(), paths)
	require.NoError(t, err)
	defer d.Close()
	check(d)
	var again *arrayrecord.DataSource
	n := service.counted(func() {
		again, err = arrayrecord.OpenDataSourceFiles(t.Context(), d.Files(), arrayrecord.WithMaxOpenFiles(2))
		require.NoError(t, err)
	})
	defer again.Close()
	assert.Empty(t, n, "all numbers are known")
	assert.Equal(t, d.String(), again.String())
	check(again)

	_, err = arrayrecord.OpenDataSource(t.Context(), []string{remote + "/nothing-*"})
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, remote)
}

func TestDataSourceOpensEachObjectByOneRequest(t *testing.T) {
	dir := place(t, plain)
	for file := range 16 {
		makeFile(t, fmt.Sprintf("%s/%02d", dir, file), file, 1000, 1000)
	}
	var d *arrayrecord.DataSource
	n := service.counted(func() {
		var err error
		d, err = arrayrecord.OpenDataSource(t.Context(), []string{dir + "/*"})
		require.NoError(t, err)
	})
	defer d.Close()
	// The pattern could be the name of an object.
	assert.Equal(t, map[op]int{opAttrs: 1, opList: 1, opRead: 16}, n)
	assert.Equal(t, 16_000, d.NumRecords())
}

func TestChunksAreCopiedBetweenObjects(t *testing.T) {
	from, to := place(t, plain)+"/from", place(t, versioned)+"/to"
	makeFile(t, from, 1, 20_000, 1000)
	r := openFile(t, from)
	w, err := arrayrecord.Create(t.Context(), to)
	require.NoError(t, err)
	require.NoError(t, w.CopyChunks(t.Context(), r, 0, r.NumChunks()))
	require.NoError(t, w.Close())
	want, err := recordtest.All(t.Context(), r)
	require.NoError(t, err)
	got, err := recordtest.All(t.Context(), openFile(t, to))
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i]), i)
	}
}
