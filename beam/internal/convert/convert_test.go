package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// makeRecords gives records of 0 to some thousand bytes.
func makeRecords(n int) [][]byte {
	records := make([][]byte, n)
	for i := range records {
		records[i] = bytes.Repeat(fmt.Appendf(nil, "%d ", i), i*7919%300)
	}
	return records
}

func encode(t testing.TB, records [][]byte, opts ...tfrecord.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := tfrecord.NewWriter(&b, opts...)
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func writeArrayRecord(t testing.TB, name string, records [][]byte, options string) {
	t.Helper()
	w, err := arrayrecord.Create(t.Context(), name, arrayrecord.WithWriterOptions(options))
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
}

func readArrayRecord(t testing.TB, name string) [][]byte {
	t.Helper()
	r, err := arrayrecord.Open(t.Context(), name)
	require.NoError(t, err)
	defer r.Close()
	records, err := recordtest.All(t.Context(), r)
	require.NoError(t, err)
	return records
}

// seen adds up what an observer is told.
type seen struct {
	records, bytes int64
	sizes          []int
	calls          int
}

func (s *seen) observer() Observer {
	return Observer{
		Record: func(size int) { s.sizes = append(s.sizes, size) },
		Progress: func(records, bytes int64) {
			s.records += records
			s.bytes += bytes
			s.calls++
		},
	}
}

func (s *seen) require(t *testing.T, records [][]byte, stats Stats) {
	t.Helper()
	require.Equal(t, stats.Records, s.records)
	require.Equal(t, stats.BytesRead, s.bytes)
	require.GreaterOrEqual(t, s.calls, len(records)/stepRecords)
	var sizes []int
	for _, record := range records {
		sizes = append(sizes, len(record))
	}
	require.Equal(t, sizes, s.sizes)
}

func requireEqualRecords(t *testing.T, want, got [][]byte) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i]), "record %d", i)
	}
}

// places gives a directory on local disk and the same kind of place elsewhere.
func places(t *testing.T) map[string]string {
	return map[string]string{"local": t.TempDir(), "remote": storagetest.NewFaults().TempDir(t)}
}

func size(t *testing.T, name string) int64 {
	t.Helper()
	info, err := storage.Stat(t.Context(), name)
	require.NoError(t, err)
	return info.Size
}

func TestThereAndBack(t *testing.T) {
	for place, dir := range places(t) {
		for _, n := range []int{0, 1, 2500} {
			for _, c := range []tfrecord.Compression{tfrecord.None, tfrecord.Gzip, tfrecord.Zlib} {
				for _, options := range []string{"group_size:1", "group_size:100,brotli:1"} {
					t.Run(fmt.Sprintf("%s/%d/%v/%s", place, n, c, options), func(t *testing.T) {
						dir := storage.Join(dir, fmt.Sprint(n), c.String(), options)
						records := makeRecords(n)
						file := encode(t, records, tfrecord.WithCompression(c))
						input, middle, output := storage.Join(dir, "in"), storage.Join(dir, "middle"), storage.Join(dir, "out")
						storagetest.Put(t, input, file)

						var told seen
						stats, err := TFRecordToArrayRecord(t.Context(), input, middle, TFRecordInput{}, options, told.observer())
						require.NoError(t, err)
						require.Equal(t, Stats{Records: int64(n), BytesRead: int64(len(file)), BytesWritten: size(t, middle)}, stats)
						told.require(t, records, stats)
						requireEqualRecords(t, records, readArrayRecord(t, middle))

						told = seen{}
						stats, err = ArrayRecordToTFRecord(t.Context(), middle, output, told.observer(), tfrecord.WithCompression(c))
						require.NoError(t, err)
						require.Equal(t, Stats{Records: int64(n), BytesRead: size(t, middle), BytesWritten: int64(len(file))}, stats)
						told.require(t, records, stats)
						require.True(t, bytes.Equal(file, storagetest.Get(t, output)), "another file came back")
					})
				}
			}
		}
	}
}

func TestOptionsReachWriterAndReader(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	storagetest.Put(t, in, encode(t, makeRecords(10), tfrecord.WithCompression(tfrecord.Gzip)))
	_, err := TFRecordToArrayRecord(t.Context(), in, out, TFRecordInput{}, "group_size:7,snappy", Observer{})
	require.NoError(t, err)
	r, err := arrayrecord.Open(t.Context(), out)
	require.NoError(t, err)
	defer r.Close()
	written, _ := r.WriterOptions()
	require.Contains(t, written, "group_size:7")
	require.Contains(t, written, "snappy")

	_, err = TFRecordToArrayRecord(t.Context(), in, out, TFRecordInput{Compression: tfrecord.None}, "", Observer{})
	require.ErrorIs(t, err, tfrecord.ErrCorrupt)
	_, err = TFRecordToArrayRecord(t.Context(), in, out, TFRecordInput{MaxRecordSize: 10}, "", Observer{})
	require.ErrorIs(t, err, tfrecord.ErrTooLarge)
	_, err = TFRecordToArrayRecord(t.Context(), in, out, TFRecordInput{Compression: 99}, "", Observer{})
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TFRecordToArrayRecord(t.Context(), in, out, TFRecordInput{}, "group_size:0", Observer{})
	require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	_, err = ArrayRecordToTFRecord(t.Context(), out, in, Observer{}, tfrecord.WithLevel(77))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
}

func TestMissingAndWrongInputs(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	_, err := TFRecordToArrayRecord(t.Context(), filepath.Join(dir, "none"), out, TFRecordInput{}, "", Observer{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = ArrayRecordToTFRecord(t.Context(), filepath.Join(dir, "none"), out, Observer{})
	require.ErrorIs(t, err, fs.ErrNotExist)
	in := filepath.Join(dir, "in")
	require.NoError(t, os.WriteFile(in, bytes.Repeat([]byte("text "), 1000), 0o666))
	_, err = TFRecordToArrayRecord(t.Context(), in, out, TFRecordInput{}, "", Observer{})
	require.ErrorIs(t, err, tfrecord.ErrCorrupt)
	require.ErrorContains(t, err, in+": ")
	_, err = ArrayRecordToTFRecord(t.Context(), in, out, Observer{})
	require.ErrorIs(t, err, arrayrecord.ErrNotArrayRecord)
	require.ErrorContains(t, err, in+": ")
	_, err = TFRecordToArrayRecord(t.Context(), in, in, TFRecordInput{}, "", Observer{})
	require.ErrorContains(t, err, "replace its input")
	_, err = ArrayRecordToTFRecord(t.Context(), in, in, Observer{})
	require.ErrorContains(t, err, "replace its input")
	requireFiles(t, dir, "in")
}

func requireFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	require.Equal(t, want, got)
}

// conversions are both directions, with an input each.
func conversions(t *testing.T, dir string, n int) map[string]func(context.Context, Observer) (Stats, error) {
	records := makeRecords(n)
	storagetest.Put(t, storage.Join(dir, "in.tfrecord"), encode(t, records))
	writeArrayRecord(t, storage.Join(dir, "in.arrayrecord"), records, "group_size:10")
	out := storage.Join(dir, "out")
	return map[string]func(context.Context, Observer) (Stats, error){
		"to ArrayRecord": func(ctx context.Context, o Observer) (Stats, error) {
			return TFRecordToArrayRecord(ctx, storage.Join(dir, "in.tfrecord"), out, TFRecordInput{}, "group_size:10", o)
		},
		"to TFRecord": func(ctx context.Context, o Observer) (Stats, error) {
			return ArrayRecordToTFRecord(ctx, storage.Join(dir, "in.arrayrecord"), out, o)
		},
	}
}

// Whatever fails, there is nothing new, and what was there stays.
func TestFailuresLeaveNothing(t *testing.T) {
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	for direction, run := range conversions(t, dir, 3000) {
		for _, older := range []bool{false, true} {
			for _, fault := range []storagetest.Fault{
				{Op: storagetest.OpOpen}, {Op: storagetest.OpRead}, {Op: storagetest.OpCreate},
				{Op: storagetest.OpWrite}, {Op: storagetest.OpWrite, Skip: 2}, {Op: storagetest.OpCommit},
			} {
				t.Run(fmt.Sprintf("%s/%v/%s-%d", direction, older, fault.Op, fault.Skip), func(t *testing.T) {
					want := []string{"in.arrayrecord", "in.tfrecord"}
					if older {
						storagetest.Put(t, storage.Join(dir, "out"), []byte("older"))
						want = append(want, "out")
					}
					fault.Err = errors.New("injected")
					faults.Inject(fault)
					_, err := run(t.Context(), Observer{})
					require.ErrorIs(t, err, fault.Err)
					require.ErrorContains(t, err, dir)
					if direction == "to ArrayRecord" && fault.Op == storagetest.OpRead {
						require.Equal(t, 1, strings.Count(err.Error(), "in.tfrecord"), err)
					}
					faults.Heal()
					requireFiles(t, faults.Path(dir), want...)
					if older {
						require.Equal(t, "older", string(storagetest.Get(t, storage.Join(dir, "out"))))
						require.NoError(t, storage.Remove(t.Context(), storage.Join(dir, "out")))
					}
				})
			}
		}
	}
}

func TestDamageLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for direction, run := range conversions(t, dir, 3000) {
		for _, name := range []string{"in.tfrecord", "in.arrayrecord"} {
			path := filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			data[10_000] ^= 0x10
			require.NoError(t, os.WriteFile(path, data, 0o666))
		}
		_, err := run(t.Context(), Observer{})
		require.True(t, errors.Is(err, tfrecord.ErrCorrupt) || errors.Is(err, arrayrecord.ErrCorrupt), direction)
		require.ErrorContains(t, err, dir+"/in.")
		requireFiles(t, dir, "in.arrayrecord", "in.tfrecord")
		conversions(t, dir, 3000) // makes the inputs anew
	}
}

func TestCancellingLeavesNothing(t *testing.T) {
	for place, dir := range places(t) {
		for direction, run := range conversions(t, dir, 8000) {
			t.Run(place+"/"+direction, func(t *testing.T) {
				reason := errors.New("no longer wanted")
				for _, at := range []int{0, 1, 5000, 8000} {
					ctx, cancel := context.WithCancelCause(t.Context())
					records := 0
					if at == 0 {
						cancel(reason)
					}
					_, err := run(ctx, Observer{Record: func(int) {
						if records++; records == at {
							cancel(reason)
						}
					}})
					require.Error(t, err)
					require.True(t, errors.Is(err, reason) || errors.Is(err, context.Canceled), err)
					require.Less(t, records, at+2*stepRecords)
					infos, err := storage.List(t.Context(), storage.Join(dir, "out"))
					require.NoError(t, err)
					require.Empty(t, infos)
					infos, err = storage.List(t.Context(), storage.Join(dir, ".*"))
					require.NoError(t, err)
					require.Empty(t, infos)
				}
			})
		}
	}
}

func TestConvertingAgainGivesTheSameFile(t *testing.T) {
	dir := t.TempDir()
	for direction, run := range conversions(t, dir, 3000) {
		var files [][]byte
		for range 2 {
			_, err := run(t.Context(), Observer{})
			require.NoError(t, err)
			files = append(files, storagetest.Get(t, filepath.Join(dir, "out")))
		}
		require.True(t, bytes.Equal(files[0], files[1]), direction)
	}
	requireFiles(t, dir, "in.arrayrecord", "in.tfrecord", "out")
}
