package arrayrecord_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

// A way is one to open a file: what is read through it must be the same in all.
type way struct {
	name string
	open func(file string, data []byte, opts ...arrayrecord.ReaderOption) (records, error)
}

// ways are all that the core allows. Some open the file, some take its bytes.
func ways(t testing.TB) []way {
	ctx := context.Background()
	var all []way
	for i, mapped := range arrayrecord.MappedToo(t) {
		all = append(all, way{[]string{"local", "mapped"}[i], func(file string, _ []byte, opts ...arrayrecord.ReaderOption) (records, error) {
			return opened(arrayrecord.Open(ctx, file, append(mapped, opts...)...))
		}})
	}
	all = append(all, way{"data source", func(file string, _ []byte, opts ...arrayrecord.ReaderOption) (records, error) {
		return opened(arrayrecord.OpenDataSource(ctx, []string{file}, quiet, arrayrecord.WithReaderOptionsForFiles(opts...)))
	}})
	if !arrayrecord.CannotReadBytes(t) {
		all = append(all, way{"bytes", func(_ string, data []byte, opts ...arrayrecord.ReaderOption) (records, error) {
			return opened(arrayrecord.NewReader(bytes.NewReader(data), int64(len(data)), opts...))
		}}, way{"fetched data source", func(file string, _ []byte, opts ...arrayrecord.ReaderOption) (records, error) {
			return opened(arrayrecord.OpenDataSource(ctx, []string{"counted://" + file}, quiet, arrayrecord.WithReaderOptionsForFiles(opts...)))
		}})
	}
	return all
}

// opened leaves a nil pointer out of an interface.
func opened[R records](r R, err error) (records, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

// readAll reads what can be read in order, and gives the error that ended it.
func readAll(r records) ([][]byte, error) {
	var got [][]byte
	for record, err := range r.Records(context.Background()) {
		if err != nil {
			return got, err
		}
		got = append(got, record)
	}
	return got, nil
}

// readEverything opens and reads data in every way; the records that were read in order, and the first
// error. The ways must agree.
func readEverything(t testing.TB, data []byte) ([][]byte, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "everything")
	require.NoError(t, os.WriteFile(file, data, 0o666))
	return readFile(t, file, data)
}

func readFile(t testing.TB, file string, data []byte) (records [][]byte, err error) {
	t.Helper()
	for i, w := range ways(t) {
		var got [][]byte
		r, e := w.open(file, data)
		if e == nil {
			got, e = readAll(r)
			readSingly(t, r, got, e)
			require.NoError(t, r.Close())
		}
		if i == 0 {
			records, err = got, e
			continue
		}
		require.Equal(t, kindOf(err), kindOf(e), "%s: %v, and %v", w.name, err, e)
		require.Equal(t, len(records), len(got), w.name)
		for k := range got {
			require.True(t, bytes.Equal(records[k], got[k]), "%s: record %d", w.name, k)
		}
	}
	return records, err
}

// readSingly reads by number what was read in order; where that ended in an error this must, too.
func readSingly(t testing.TB, r records, got [][]byte, err error) {
	t.Helper()
	ctx := context.Background()
	n := r.NumRecords()
	if err == nil {
		require.Equal(t, n, len(got))
	}
	for _, i := range []int{0, len(got) / 2, len(got) - 1} {
		if 0 <= i && i < len(got) {
			record, err := r.Get(ctx, i)
			require.NoError(t, err)
			require.True(t, bytes.Equal(got[i], record), "record %d", i)
		}
	}
	if len(got) < n {
		_, errGet := r.Get(ctx, len(got))
		_, errMany := r.ReadIndices(ctx, []int{len(got)})
		require.Equal(t, kindOf(err), kindOf(errGet), "%v, and %v", err, errGet)
		require.Equal(t, kindOf(err), kindOf(errMany), "%v, and %v", err, errMany)
	}
}

// kindOf is the sentinel that an error matches.
func kindOf(err error) error {
	for _, sentinel := range []error{arrayrecord.ErrTruncated, arrayrecord.ErrCorrupt, arrayrecord.ErrNotArrayRecord,
		arrayrecord.ErrUnsupported, arrayrecord.ErrTooLarge} {
		if errors.Is(err, sentinel) {
			return sentinel
		}
	}
	return err
}

// documented says that an error is one that a caller can recognize.
func documented(err error) bool { return kindOf(err) != err }

// A flipped bit gives an error or, where no hash covers it, the records unharmed; before the error
// come only good records.
func TestEveryFlippedByte(t *testing.T) {
	records := textRecords(30, 60)
	for _, codec := range []string{"uncompressed", "zstd", "brotli", "snappy"} {
		data := encode(t, records, arrayrecord.WithWriterOptions("group_size:4,"+codec))
		file := filepath.Join(t.TempDir(), "flipped")
		require.NoError(t, os.WriteFile(file, data, 0o666))
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		require.NoError(t, err)
		flip := func(i int) {
			data[i] ^= 0x10
			_, err := f.WriteAt(data[i:i+1], int64(i))
			require.NoError(t, err)
		}
		noticed := 0
		for i := 0; i < len(data); i++ {
			if i > 2500 && i < 65536-64 || i > 65536+300 {
				continue // padding
			}
			flip(i)
			got, err := readFile(t, file, data)
			flip(i)
			requireSame(t, records[:len(got)], got)
			if err == nil {
				require.Len(t, got, len(records), "byte %d", i)
				continue
			}
			noticed++
			require.True(t, documented(err), "byte %d: %v", i, err)
		}
		require.Greater(t, noticed, 300)
		require.NoError(t, f.Close())
	}
}

func TestEveryTruncation(t *testing.T) {
	data := encode(t, randomRecords(40, 10000))
	require.Greater(t, len(data), 3*65536)
	for _, n := range []int{0, 1, 63, 64, 65535, 65536, 65537, 131071, 131072, len(data) - 65536, len(data) - 1} {
		_, err := readEverything(t, data[:n])
		if n < 64 {
			require.ErrorIs(t, err, arrayrecord.ErrNotArrayRecord, n)
			continue
		}
		require.ErrorIs(t, err, arrayrecord.ErrTruncated, n)
		require.ErrorIs(t, err, arrayrecord.ErrCorrupt, n)
	}
	for _, n := range []int{1, 65535, 65536, 65537, 200_000} { // more bytes than there should be
		_, err := readEverything(t, append(bytes.Clone(data), make([]byte, n)...))
		require.ErrorIs(t, err, arrayrecord.ErrCorrupt, n)
		if n%65536 != 0 && n < 65536 {
			require.NotErrorIs(t, err, arrayrecord.ErrTruncated, n)
			require.ErrorContains(t, err, fmt.Sprintf("%d bytes that are no part of it", n))
		}
	}
	_, err := readEverything(t, data[:65536])
	require.ErrorContains(t, err, "the first block alone")
	require.NotContains(t, err.Error(), "not a whole number")
	_, err = readEverything(t, make([]byte, 65536))
	require.ErrorIs(t, err, arrayrecord.ErrNotArrayRecord)
	_, err = readEverything(t, make([]byte, 131072))
	require.ErrorIs(t, err, arrayrecord.ErrNotArrayRecord)
}

func TestErrorsSayWhere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "damaged")
	records := textRecords(50, 60)
	data := encode(t, records, arrayrecord.WithGroupSize(10), arrayrecord.Uncompressed())
	at := bytes.Index(data, records[24]) // in the third chunk
	data[at] ^= 1
	require.NoError(t, os.WriteFile(name, data, 0o666))
	r, err := arrayrecord.Open(context.Background(), name)
	require.NoError(t, err)
	defer r.Close()

	_, errAll := recordtest.All(context.Background(), r)
	_, errGet := r.Get(context.Background(), 27)
	_, errIndices := r.ReadIndices(context.Background(), []int{3, 27, 49})
	for _, err := range []error{errAll, errGet, errIndices} {
		var corrupt *arrayrecord.CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, name, corrupt.File)
		require.Equal(t, 2, corrupt.Chunk)
		require.Greater(t, corrupt.Offset, int64(64))
		require.Less(t, corrupt.Offset, int64(at))
		require.ErrorContains(t, err, name)
		require.ErrorContains(t, err, "hash")
	}

	// What is not damaged can be read.
	c := r.Cursor(context.Background())
	defer c.Close()
	for range 2 {
		for i := range 20 {
			record, err := c.Read()
			require.NoError(t, err)
			require.Equal(t, records[i], record)
		}
		_, err = c.Read()
		require.ErrorIs(t, err, arrayrecord.ErrCorrupt)
		_, err = c.Read()
		require.ErrorIs(t, err, arrayrecord.ErrCorrupt)
		require.Equal(t, 20, c.Position())
		require.NoError(t, c.Seek(30))
		record, err := c.Read()
		require.NoError(t, err)
		require.Equal(t, records[30], record)
		require.NoError(t, c.Seek(0))
	}
	for i := range records {
		if record, err := r.Get(context.Background(), i); i < 20 || i >= 30 {
			require.NoError(t, err)
			require.Equal(t, records[i], record)
		}
	}
	require.ErrorIs(t, r.ForEach(context.Background(), func(int, []byte) error { return nil }), arrayrecord.ErrCorrupt)
}

// A file that gets shorter, or a source that fails, while the reader is open.
func TestSourceThatFails(t *testing.T) {
	records := randomRecords(100, 5000)
	data := encode(t, records)
	name := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(name, data, 0o666))
	r, err := arrayrecord.Open(context.Background(), name)
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, os.Truncate(name, 65536))
	_, err = recordtest.All(context.Background(), r)
	require.ErrorIs(t, err, arrayrecord.ErrCorrupt)

	if arrayrecord.CannotReadBytes(t) {
		return
	}
	source := &flakySource{data: data}
	m, err := arrayrecord.NewReader(source, int64(len(data)))
	require.NoError(t, err)
	defer m.Close()
	reads := source.count(func() { // of one pass
		_, err := recordtest.All(context.Background(), m)
		require.NoError(t, err)
	})
	require.Greater(t, reads, 0)
	for left := range reads {
		source.failAfter(left)
		_, err := recordtest.All(context.Background(), m)
		require.ErrorIs(t, err, errSource, "after %d reads", left)
		_, err = m.ReadIndices(context.Background(), []int{99 * left / reads})
		require.ErrorIs(t, err, errSource)
		source.heal()
		got, err := recordtest.All(context.Background(), m)
		require.NoError(t, err)
		requireSame(t, records, got)
	}
	source.failAfter(0)
	_, err = m.Get(context.Background(), 3)
	require.ErrorIs(t, err, errSource)
	source.heal()
	opening := source.count(func() {
		again, err := arrayrecord.NewReader(source, int64(len(data)))
		require.NoError(t, err)
		require.NoError(t, again.Close())
	})
	for left := range opening {
		source.failAfter(left)
		_, err = arrayrecord.NewReader(source, int64(len(data)))
		require.ErrorIs(t, err, errSource)
	}
}

var errSource = errors.New("cable pulled")

// flakySource fails after some reads.
type flakySource struct {
	data  []byte
	reads atomic.Int64
	limit atomic.Int64 // fails from this number of reads on, if it is not 0
}

func (s *flakySource) ReadAt(p []byte, off int64) (int, error) {
	if n := s.reads.Add(1); s.limit.Load() > 0 && n >= s.limit.Load() {
		return 0, errSource
	}
	return bytes.NewReader(s.data).ReadAt(p, off)
}

func (s *flakySource) count(work func()) int {
	before := s.reads.Load()
	work()
	return int(s.reads.Load() - before)
}

func (s *flakySource) failAfter(reads int) { s.limit.Store(s.reads.Load() + int64(reads) + 1) }
func (s *flakySource) heal()               { s.limit.Store(0) }

func TestShortReadsAreErrors(t *testing.T) {
	if arrayrecord.CannotReadBytes(t) {
		return
	}
	data := encode(t, textRecords(10, 100))
	_, err := arrayrecord.NewReader(shortSource{}, int64(len(data)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

type shortSource struct{}

func (shortSource) ReadAt(p []byte, _ int64) (int, error) { return len(p) / 2, io.EOF }

// Whatever the bytes are, opening and reading ends without a crash, in documented errors.
func FuzzReader(f *testing.F) {
	for _, group := range []int{1, 3} {
		for _, codec := range []string{"uncompressed", "zstd", "brotli", "snappy"} {
			var out bytes.Buffer
			o, err := arrayrecord.ParseWriterOptions(codec)
			require.NoError(f, err)
			w, err := arrayrecord.NewWriter(&out, arrayrecord.WithWriterOptions(o.String()), arrayrecord.WithGroupSize(group))
			require.NoError(f, err)
			for _, record := range textRecords(7, 40) {
				require.NoError(f, w.Write(record))
			}
			require.NoError(f, w.Close())
			f.Add(squeeze(out.Bytes()), uint16(100), byte(3))
		}
	}
	f.Fuzz(func(t *testing.T, squeezed []byte, at uint16, mask byte) {
		data := unsqueeze(squeezed)
		if len(data) > 0 {
			data[int(at)%len(data)] ^= mask
		}
		if _, err := readEverything(t, data); err != nil {
			require.True(t, documented(err), err)
		}
	})
}

// squeeze keeps the bytes that are not padding, for the fuzzer to work on: the beginning of each
// of the two ends of a small file.
func squeeze(data []byte) []byte {
	return append(bytes.Clone(data[:4096]), data[len(data)-65536:len(data)-65536+256]...)
}

func unsqueeze(squeezed []byte) []byte {
	if len(squeezed) < 4096+256 {
		return squeezed
	}
	data := make([]byte, 131072)
	copy(data, squeezed[:4096])
	copy(data[65536:], squeezed[4096:])
	return data
}

// Any records survive any options.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("abcdefghij"), uint64(5), byte(2), byte(3))
	f.Fuzz(func(t *testing.T, content []byte, seed uint64, group, codec byte) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var records [][]byte
		for len(content) > 0 {
			n := rng.IntN(len(content) + 1)
			records = append(records, bytes.Repeat(content[:n], 1+rng.IntN(50)))
			content = content[min(n+1, len(content)):]
		}
		data := encode(t, records, arrayrecord.WithWriterOptions(codecOptions[int(codec)%len(codecOptions)]),
			arrayrecord.WithGroupSize(1+int(group)))
		got, err := readEverything(t, data)
		require.NoError(t, err)
		requireSame(t, records, got)
	})
}
