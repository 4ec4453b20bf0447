package arrayrecord_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// encode writes records to memory.
func encode(t testing.TB, records [][]byte, opts ...arrayrecord.WriterOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := arrayrecord.NewWriter(&out, opts...)
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.Equal(t, len(records), w.NumRecords())
	require.NoError(t, w.Close())
	require.EqualValues(t, out.Len(), w.Size())
	return out.Bytes()
}

func openBytes(t testing.TB, data []byte, opts ...arrayrecord.ReaderOption) *arrayrecord.Reader {
	t.Helper()
	r, err := arrayrecord.NewReader(bytes.NewReader(data), int64(len(data)), opts...)
	if arrayrecord.CannotReadBytes(t) {
		name := filepath.Join(t.TempDir(), "bytes")
		require.NoError(t, os.WriteFile(name, data, 0o666))
		r, err = arrayrecord.Open(context.Background(), name, opts...)
	}
	require.NoError(t, err)
	require.EqualValues(t, len(data), r.Size())
	t.Cleanup(func() { r.Close() })
	return r
}

// textRecords are n records of words, of sizes up to maxSize.
func textRecords(n, maxSize int) [][]byte {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(maxSize)))
	records := make([][]byte, n)
	for i := range records {
		var b bytes.Buffer
		for size := rng.IntN(maxSize + 1); b.Len() < size; {
			fmt.Fprintf(&b, "word%d ", rng.IntN(500))
		}
		records[i] = b.Bytes()
	}
	return records
}

func randomRecords(n, maxSize int) [][]byte {
	rng := rand.NewChaCha8([32]byte{byte(n), byte(maxSize)})
	sizes := rand.New(rng)
	records := make([][]byte, n)
	for i := range records {
		records[i] = make([]byte, sizes.IntN(maxSize+1))
		rng.Read(records[i])
	}
	return records
}

// protoRecords are serialized messages of random fields, with some text and noise among them.
func protoRecords(n int) [][]byte {
	rng := rand.New(rand.NewPCG(uint64(n), 9))
	var message func(depth int) []byte
	message = func(depth int) []byte {
		var b []byte
		for range rng.IntN(8) {
			field := protowire.Number(1 + rng.IntN(5)*rng.IntN(40))
			switch kind := rng.IntN(7); {
			case kind == 0:
				b = protowire.AppendTag(b, field, protowire.VarintType)
				b = protowire.AppendVarint(b, rng.Uint64()>>rng.IntN(64))
			case kind == 1:
				b = protowire.AppendTag(b, field, protowire.Fixed32Type)
				b = protowire.AppendFixed32(b, rng.Uint32())
			case kind == 2:
				b = protowire.AppendTag(b, field, protowire.Fixed64Type)
				b = protowire.AppendFixed64(b, rng.Uint64())
			case kind == 3 && depth < 8:
				b = protowire.AppendTag(b, field, protowire.StartGroupType)
				b = append(b, message(depth+1)...)
				b = protowire.AppendTag(b, field, protowire.EndGroupType)
			case kind <= 5 && depth < 8:
				b = protowire.AppendTag(b, field, protowire.BytesType)
				b = protowire.AppendBytes(b, message(depth+1))
			default:
				b = protowire.AppendTag(b, field, protowire.BytesType)
				b = protowire.AppendString(b, fmt.Sprint("text ", rng.IntN(1000)))
			}
		}
		return b
	}
	records := make([][]byte, n)
	for i := range records {
		switch i % 10 {
		case 3:
			records[i] = []byte("no message at all")
		case 7:
			records[i] = bytes.Repeat([]byte{byte(i), 0xff}, rng.IntN(30))
		default:
			records[i] = message(0)
		}
	}
	return records
}

func TestRoundTripOfTransposedFiles(t *testing.T) {
	deep := []byte{}
	for range 150 {
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), deep)
	}
	sets := map[string][][]byte{
		"none":    {},
		"empties": make([][]byte, 100),
		"protos":  protoRecords(300),
		"deep":    {deep, deep, nil, deep[1:]},
		"text":    textRecords(50, 300),
		"random":  randomRecords(30, 1000),
		"large":   {bytes.Repeat([]byte("large "), 20_000), protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), make([]byte, 200_000))},
	}
	for _, codec := range []string{"uncompressed", "zstd", "brotli:3", "snappy"} {
		for _, group := range []int{1, 7, 256} {
			for _, bucket := range []string{"1", "auto", "1M"} {
				options := fmt.Sprintf("transpose,group_size:%d,transpose_bucket_size:%s,%s", group, bucket, codec)
				t.Run(options, func(t *testing.T) {
					for name, records := range sets {
						data := encode(t, records, arrayrecord.WithWriterOptions(options))
						r := openBytes(t, data)
						got, err := recordtest.All(context.Background(), r)
						require.NoError(t, err, name)
						requireSame(t, records, got)
						for _, i := range rand.Perm(len(records))[:min(5, len(records))] {
							record, err := r.Get(context.Background(), i)
							require.NoError(t, err)
							require.True(t, bytes.Equal(records[i], record), "%s: record %d", name, i)
						}
					}
				})
			}
		}
	}
}

var codecOptions = []string{"uncompressed", "zstd:3", "zstd:-5", "zstd:19,window_log:12", "zstd,window_log:31", "brotli:0",
	"brotli:6", "brotli:5,window_log:10", "brotli:4,window_log:30", "snappy:1", "snappy:2", "window_log:15"}

func TestRoundTripOverEveryOption(t *testing.T) {
	sets := map[string][][]byte{
		"none":    {},
		"empty":   {nil},
		"empties": make([][]byte, 1000),
		"text":    textRecords(300, 300),
		"random":  randomRecords(60, 3000),
		"large":   randomRecords(3, 300_000),
	}
	for _, codec := range codecOptions {
		for _, group := range []int{1, 2, 7, 256, 100000} {
			for _, pad := range []bool{false, true} {
				options := fmt.Sprintf("group_size:%d,pad_to_block_boundary:%t,%s", group, pad, codec)
				t.Run(options, func(t *testing.T) {
					for name, records := range sets {
						if pad && group < 7 && len(records) > 100 {
							records = records[:100] // each takes 64 KiB
						}
						data := encode(t, records, arrayrecord.WithWriterOptions(options))
						r := openBytes(t, data)
						checkReader(t, r, records)
						require.Equal(t, min(group, len(records)), r.RecordGroupSize(), name)
					}
				})
			}
		}
	}
}

// The format leaves no choice in files without compression; the golden ones came from upstream.
func TestUncompressedFilesEqualUpstreamsByteForByte(t *testing.T) {
	compared := 0
	for _, g := range goldenFiles(t) {
		options := g.facts["writer_options"]
		if !strings.Contains(options, "uncompressed") || g.facts["metadata"] != "" {
			continue
		}
		compared++
		want, err := os.ReadFile(g.path)
		require.NoError(t, err)
		got := encode(t, g.records, arrayrecord.WithWriterOptions(options), arrayrecord.WriterOptions{NoDigest: true})
		assert.True(t, bytes.Equal(want, got), g.name)
	}
	require.Greater(t, compared, 3)
}

// Chunks of every size around the block boundary, and headers that the boundary cuts at every
// byte.
func TestEveryAlignment(t *testing.T) {
	const usable = 65536 - 24
	for _, group := range []int{1, 3} {
		for cut := -70; cut <= 70; cut++ {
			// The first chunk begins at 64, and has 40 + 3 bytes besides a record of this size.
			first := make([]byte, usable-40-43-cut)
			records := [][]byte{first, []byte("second"), nil, []byte("third"), first[:200], []byte("last")}
			data := encode(t, records, arrayrecord.Uncompressed(), arrayrecord.WithGroupSize(group))
			r := openBytes(t, data)
			checkReader(t, r, records)
		}
	}
}

func TestOutputDoesNotDependOnThreads(t *testing.T) {
	records := textRecords(6000, 200)
	for _, codec := range codecOptions {
		serial := encode(t, records, arrayrecord.WithWriterOptions("max_parallelism:1,"+codec))
		parallel := encode(t, records, arrayrecord.WithWriterOptions(codec))
		require.True(t, bytes.Equal(serial, parallel), codec)
	}
}

func TestCreatePublishesOnlyOnClose(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	name := filepath.Join(dir, "deep", "er", "x.arrayrecord")
	w, err := arrayrecord.Create(ctx, name)
	require.NoError(t, err)
	require.NoError(t, w.Write([]byte("hello")))
	require.NoFileExists(t, name)
	require.Zero(t, w.Size())
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, info.Size(), w.Size())
	require.ErrorIs(t, w.Write(nil), arrayrecord.ErrClosed)
	require.NoError(t, w.Abort())

	r, err := arrayrecord.Open(ctx, name)
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, info.Size(), r.Size())
	checkReader(t, r, [][]byte{[]byte("hello")})
	requireFiles(t, filepath.Dir(name), "x.arrayrecord")
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x.arrayrecord")
	require.NoError(t, os.WriteFile(name, []byte("older"), 0o666))
	w, err := arrayrecord.Create(context.Background(), name)
	require.NoError(t, err)
	require.NoError(t, w.Write(bytes.Repeat([]byte("x"), 1<<20)))
	require.NoError(t, w.Abort())
	require.NoError(t, w.Abort())
	require.ErrorIs(t, w.Close(), arrayrecord.ErrClosed)
	requireFiles(t, dir, "x.arrayrecord")
	old, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "older", string(old))
}

func TestNoOverwrite(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	var writers [2]*arrayrecord.Writer
	for k := range writers {
		var err error
		writers[k], err = arrayrecord.Create(ctx, name, arrayrecord.WithNoOverwrite(), arrayrecord.WithWriterOptions("snappy"))
		require.NoError(t, err)
		require.NoError(t, writers[k].Write([]byte{byte(k)}))
	}
	require.NoError(t, writers[0].Close())
	require.ErrorIs(t, writers[1].Close(), fs.ErrExist)
	_, err := arrayrecord.Create(ctx, name, arrayrecord.WithNoOverwrite())
	require.ErrorIs(t, err, fs.ErrExist)
	r, err := arrayrecord.Open(ctx, name)
	require.NoError(t, err)
	defer r.Close()
	checkReader(t, r, [][]byte{{0}})
	requireFiles(t, dir, "x")
}

func TestCancelledContextGivesTheFileUp(t *testing.T) {
	dir := t.TempDir()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	w, err := arrayrecord.Create(ctx, filepath.Join(dir, "x"))
	require.NoError(t, err)
	require.NoError(t, w.Write([]byte("hello")))
	cancel(cause)
	require.ErrorIs(t, w.Close(), cause)
	requireFiles(t, dir)
}

func TestWrongOptionsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	for _, opts := range [][]arrayrecord.WriterOption{
		{arrayrecord.WithWriterOptions("zstd:99")},
		{arrayrecord.WithWriterOptions("no_such_option")},
		{arrayrecord.WithGroupSize(-1)},
		{arrayrecord.WithGroupSize(1 << 40)},
		{arrayrecord.Zstd(23)},
		{arrayrecord.Brotli(12)},
		{arrayrecord.Snappy(1).WithWindowLog(12)},
		{arrayrecord.WithMaxParallelism(-2)},
	} {
		_, err := arrayrecord.Create(ctx, filepath.Join(dir, "x"), opts...)
		require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
		_, err = arrayrecord.NewWriter(io.Discard, opts...)
		require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	}
	requireFiles(t, dir)
}

func TestCreateInMissingPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	_, err := arrayrecord.Create(context.Background(), filepath.Join(file, "below"))
	require.Error(t, err)
	require.ErrorContains(t, err, file)
	_, err = arrayrecord.Open(context.Background(), file+"-missing")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, file+"-missing")
}

// failingWriter fails once it has taken some bytes.
type failingWriter struct{ left int }

var errFull = errors.New("disk full")

func (f *failingWriter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrorsOfTheOutputStick(t *testing.T) {
	record := randomRecords(1, 300_000)[0]
	for left := 0; left < 2_000_000; left += 100_000 {
		w, err := arrayrecord.NewWriter(&failingWriter{left})
		require.NoError(t, err)
		for range 12 {
			if err = w.Write(record); err != nil {
				break
			}
		}
		if err != nil {
			require.ErrorIs(t, err, errFull)
			require.ErrorIs(t, w.Write(record), errFull)
		}
		require.ErrorIs(t, w.Close(), errFull)
	}
}

func TestCopyChunks(t *testing.T) {
	ctx := context.Background()
	for _, group := range []int{1, 5} {
		opts := []arrayrecord.WriterOption{arrayrecord.WithGroupSize(group)}
		a, b := textRecords(1003, 900), randomRecords(500, 5000)
		ra := openBytes(t, encode(t, a, opts...))
		rb := openBytes(t, encode(t, b, append(opts, arrayrecord.Snappy(1))...))

		var out bytes.Buffer
		w, err := arrayrecord.NewWriter(&out, opts...)
		require.NoError(t, err)
		require.NoError(t, w.CopyChunks(ctx, rb, 0, rb.NumChunks()))
		for _, record := range a[:group] {
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.CopyChunks(ctx, ra, 0, ra.NumChunks())) // ends short with groups of 5
		want := append(append(append([][]byte{}, b...), a[:group]...), a...)
		require.Equal(t, len(want), w.NumRecords())
		if group > 1 {
			require.Error(t, w.CopyChunks(ctx, rb, 0, 1))
		}
		require.NoError(t, w.CopyChunks(ctx, rb, 3, 3))
		require.NoError(t, w.Close())
		checkReader(t, openBytes(t, out.Bytes()), want)
	}
}

func TestCopyChunksRefusesWhatDoesNotFit(t *testing.T) {
	ctx := context.Background()
	records := textRecords(103, 50)
	r := openBytes(t, encode(t, records, arrayrecord.WithGroupSize(5)))
	var out bytes.Buffer
	w, err := arrayrecord.NewWriter(&out, arrayrecord.WithGroupSize(4))
	require.NoError(t, err)
	require.Error(t, w.CopyChunks(ctx, r, 0, 1))
	require.ErrorIs(t, w.CopyChunks(ctx, r, 0, 22), arrayrecord.ErrOutOfRange)
	require.ErrorIs(t, w.CopyChunks(ctx, r, -1, 2), arrayrecord.ErrOutOfRange)
	require.NoError(t, w.Write([]byte("still usable")))
	require.Error(t, w.CopyChunks(ctx, r, 20, 21), "in the middle of a group")
	require.NoError(t, w.Close())
	checkReader(t, openBytes(t, out.Bytes()), [][]byte{[]byte("still usable")})
}

// An error of a copy names the file that it comes from, and damage to the source is none of the copy.
func TestCopyChunksNamesTheFileThatFailed(t *testing.T) {
	ctx := context.Background()
	records := randomRecords(300, 20_000)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	data := encode(t, records)
	require.NoError(t, os.WriteFile(source, data, 0o666))
	damaged := bytes.Clone(data)
	damaged[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(source+"-damaged", damaged, 0o666))
	r, err := arrayrecord.Open(ctx, source)
	require.NoError(t, err)
	defer r.Close()
	bad, err := arrayrecord.Open(ctx, source+"-damaged")
	require.NoError(t, err)
	defer bad.Close()

	faults := storagetest.NewFaults()
	target := faults.Name(filepath.Join(dir, "target"))
	w, err := arrayrecord.Create(ctx, target)
	require.NoError(t, err)
	err = w.CopyChunks(ctx, bad, 0, bad.NumChunks())
	require.ErrorIs(t, err, arrayrecord.ErrCorrupt)
	require.ErrorContains(t, err, source+"-damaged")
	require.NotContains(t, err.Error(), "target")
	require.Zero(t, w.NumRecords())
	require.NoError(t, w.CopyChunks(ctx, r, 0, r.NumChunks()))
	require.NoError(t, w.Close())
	copied, err := arrayrecord.Open(ctx, filepath.Join(dir, "target"))
	require.NoError(t, err)
	defer copied.Close()
	checkReader(t, copied, records)

	faults.Inject(storagetest.Fault{Op: storagetest.OpWrite, Skip: 2, Err: errFull})
	w, err = arrayrecord.Create(ctx, target)
	require.NoError(t, err)
	err = w.CopyChunks(ctx, r, 0, r.NumChunks())
	require.ErrorIs(t, err, errFull)
	require.ErrorContains(t, err, target)
	require.NotContains(t, err.Error(), source)
	require.ErrorIs(t, w.Close(), errFull)
	faults.Heal()

	require.NoError(t, r.Close())
	w, err = arrayrecord.Create(ctx, target)
	require.NoError(t, err)
	err = w.CopyChunks(ctx, r, 0, 1)
	require.ErrorIs(t, err, arrayrecord.ErrClosed)
	require.ErrorContains(t, err, source)
	require.NoError(t, w.Abort())
}

func TestErrorsOfTheTargetNameItOnce(t *testing.T) {
	ctx := context.Background()
	faults := storagetest.NewFaults()
	for _, op := range []storagetest.Op{storagetest.OpWrite, storagetest.OpCommit} {
		faults.Heal()
		faults.Inject(storagetest.Fault{Op: op, Err: errFull})
		name := faults.Name(filepath.Join(t.TempDir(), "target"))
		w, err := arrayrecord.Create(ctx, name)
		require.NoError(t, err)
		require.NoError(t, w.Write([]byte("x")))
		err = w.Close()
		require.ErrorIs(t, err, errFull)
		require.Equal(t, 1, strings.Count(err.Error(), name), err)
	}
}

func TestCancelledWriterNamesContextAndCause(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	name := filepath.Join(t.TempDir(), "x")
	w, err := arrayrecord.Create(ctx, name)
	require.NoError(t, err)
	cancel(cause)
	err = w.Close()
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, cause)
	require.Equal(t, 1, strings.Count(err.Error(), name), err)
}

func TestClosedOutputIsAnError(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w, err := arrayrecord.NewWriter(f)
	require.NoError(t, err)
	require.NoError(t, w.Write([]byte("x")))
	require.ErrorIs(t, w.Close(), fs.ErrClosed)
}

func requireFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, want, names)
}
