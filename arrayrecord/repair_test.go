package arrayrecord_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// repairBytes repairs a file with that content, and reads what came out.
func repairBytes(t *testing.T, data []byte) (*arrayrecord.Report, [][]byte) {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(in, data, 0o666))
	report, err := arrayrecord.Repair(ctx, in, out, arrayrecord.RepairOptions{})
	require.NoError(t, err)
	again, err := arrayrecord.Verify(ctx, out, nil)
	require.NoError(t, err)
	require.Empty(t, again.Damage)
	r, err := arrayrecord.Open(ctx, out)
	require.NoError(t, err)
	defer r.Close()
	records, err := recordtest.All(ctx, r)
	require.NoError(t, err)
	require.Len(t, records, report.Records)
	after, err := os.ReadFile(in)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, after), "the input was changed")
	return report, records
}

// requireSaved demands that got are all of want but those that the report says are lost.
func requireSaved(t *testing.T, report *arrayrecord.Report, want, got [][]byte) {
	t.Helper()
	lost := map[int]bool{}
	for _, d := range report.Damage {
		require.GreaterOrEqual(t, d.LostRecords, 0, d)
		for i := range d.LostRecords {
			require.GreaterOrEqual(t, d.FirstRecord, 0)
			lost[d.FirstRecord+i] = true
		}
	}
	var left [][]byte
	for i, record := range want {
		if !lost[i] {
			left = append(left, record)
		}
	}
	requireSame(t, left, got)
}

func TestRepairKeepsAllThatIsSound(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	for i, options := range verifyOptions {
		records := textRecords(90, 4000)
		data := encode(t, records, arrayrecord.WithWriterOptions(options))
		report, got := repairBytes(t, data)
		require.Empty(t, report.Damage)
		requireSame(t, records, got)

		rng := rand.New(rand.NewPCG(uint64(i), 1))
		for range 6 {
			damaged := bytes.Clone(data)
			for range 1 + rng.IntN(4) {
				switch at := 64 + rng.IntN(len(data)-65536-64); rng.IntN(3) {
				case 0:
					damaged[at] ^= 1 << rng.IntN(8)
				case 1:
					clear(damaged[at:min(at+512, len(data)-65536)])
				case 2:
					copy(damaged[at:min(at+5000, len(data)-65536)], data[rng.IntN(len(data)):])
				}
			}
			report, got := repairBytes(t, damaged)
			if lost, all := report.Lost(); all {
				require.Equal(t, len(records), len(got)+lost, report.Damage)
				requireSaved(t, report, records, got)
			}
			requireSubsequence(t, records, got)
		}
	}
}

// requireSubsequence demands that nothing but records come out, in order.
func requireSubsequence(t testing.TB, want, got [][]byte) {
	t.Helper()
	i := 0
	for k, record := range got {
		for i < len(want) && !bytes.Equal(want[i], record) {
			i++
		}
		require.Less(t, i, len(want), "record %d of %d is none of the file", k, len(got))
		i++
	}
}

// Whatever happens to index, postscript or end, all records of whole chunks are there.
func TestRepairNeedsNoIndex(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	for _, options := range []string{"group_size:4,uncompressed", "zstd", "group_size:7,transpose"} {
		records := textRecords(100, 3000)
		data := encode(t, records, arrayrecord.WithWriterOptions(options))
		r, err := arrayrecord.NewReader(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		defer r.Close()
		offset, size := r.ChunkExtent(0, r.NumChunks())
		footer := int(offset + size)
		for _, cut := range []int{footer, footer + 50, footer + 300, len(data) - 65536, len(data) - 65536 + 20, len(data) - 65536 + 120, len(data) - 1} {
			report, got := repairBytes(t, data[:cut])
			requireSame(t, records, got)
			lost, all := report.Lost()
			require.True(t, all && lost == 0, "cut at %d of %d: %v", cut, len(data), report.Damage)
			require.NotEmpty(t, report.Damage)
		}
		for _, at := range []int{footer, footer + 9, footer + 30, footer + 60, len(data) - 65536, len(data) - 65536 + 40, len(data) - 65536 + 80} {
			damaged := bytes.Clone(data)
			damaged[at] ^= 0x20
			report, got := repairBytes(t, damaged)
			requireSame(t, records, got)
			lost, all := report.Lost()
			require.True(t, all && lost == 0, "byte %d: %v", at, report.Damage)
		}
		// Both ends, and a chunk.
		damaged := bytes.Clone(data)
		damaged[footer+60] ^= 0x20
		damaged[len(data)-65536+60] ^= 1
		damaged[0] ^= 1
		begin, _ := r.ChunkExtent(9, 10)
		damaged[begin+60] ^= 1
		report, got := repairBytes(t, damaged)
		require.NotEmpty(t, report.Damage)
		first, next := r.ChunkRecords(9)
		requireSame(t, append(records[:first:first], records[next:]...), got)
	}
}

// A writer that dies leaves chunks; where it died does not matter.
func TestRepairOfEveryCut(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	records := textRecords(20, 400)
	data := encode(t, records, arrayrecord.WithGroupSize(3), arrayrecord.Uncompressed())
	r, err := arrayrecord.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	defer r.Close()
	whole := 0
	for cut := 64; cut < 6000; cut += 13 {
		for whole < r.NumChunks() {
			if offset, size := r.ChunkExtent(whole, whole+1); offset+size > int64(cut) {
				break
			}
			whole++
		}
		_, got := repairBytes(t, data[:cut])
		n := len(records)
		if whole < r.NumChunks() {
			n, _ = r.ChunkRecords(whole)
		}
		requireSame(t, records[:n], got)
		_, err := arrayrecord.NewReader(bytes.NewReader(data[:cut]), int64(cut))
		require.ErrorIs(t, err, arrayrecord.ErrTruncated)
		require.ErrorContains(t, err, fmt.Sprintf("%d whole chunks with %d records precede the cut", whole, n))
	}
}

func TestRepairKeepsMetadataAndOptions(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	ctx := context.Background()
	var file bytes.Buffer
	w, err := arrayrecord.NewWriter(&file, arrayrecord.WithGroupSize(3), arrayrecord.Brotli(2))
	require.NoError(t, err)
	require.NoError(t, w.SetMetadata([]byte{0x0a, 2, 'h', 'i'}))
	for _, record := range textRecords(10, 100) {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	data := file.Bytes()
	data[len(data)-65536+50] ^= 1
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(in, data, 0o666))
	_, err = arrayrecord.Repair(ctx, in, out, arrayrecord.RepairOptions{})
	require.NoError(t, err)
	r, err := arrayrecord.Open(ctx, out)
	require.NoError(t, err)
	defer r.Close()
	message, ok, err := r.Metadata(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "\n\x02hi", string(message))
	options, _ := r.WriterOptions()
	require.Contains(t, options, "group_size:3")
	require.Contains(t, options, "brotli:2")
}

func TestOpenRecovered(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	ctx := context.Background()
	records := textRecords(50, 900)
	data := encode(t, records, arrayrecord.WithGroupSize(5), arrayrecord.Uncompressed())
	data[bytes.Index(data, records[22])] ^= 1
	name := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(name, data[:len(data)-65536], 0o666))
	for _, mapped := range arrayrecord.MappedToo(t) {
		r, report, err := arrayrecord.OpenRecovered(ctx, name, mapped...)
		require.NoError(t, err)
		require.Equal(t, 45, r.NumRecords())
		lost, all := report.Lost()
		require.True(t, all)
		require.Equal(t, 5, lost)
		left := append(records[:20:20], records[25:]...)
		got, err := recordtest.All(ctx, r)
		require.NoError(t, err)
		requireSame(t, left, got)
		for _, i := range []int{0, 19, 20, 44} {
			record, err := r.Get(ctx, i)
			require.NoError(t, err)
			require.True(t, bytes.Equal(left[i], record))
		}
		many, err := r.ReadIndices(ctx, []int{44, 3, 20})
		require.NoError(t, err)
		require.True(t, bytes.Equal(left[20], many[2]))
		require.NoError(t, r.Close())
	}
}

func TestSalvageSkipsOrStops(t *testing.T) {
	ctx := context.Background()
	records := textRecords(60, 900)
	data := encode(t, records, arrayrecord.WithGroupSize(4), arrayrecord.Uncompressed())
	for _, i := range []int{9, 30, 59} {
		for len(records[i]) == 0 {
			i--
		}
		data[bytes.Index(data, records[i])] ^= 1
	}
	name := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(name, data, 0o666))
	r, err := arrayrecord.Open(ctx, name)
	require.NoError(t, err)
	defer r.Close()
	for _, at := range [][2]int{{0, 60}, {9, 58}, {5, 9}, {12, 28}} {
		missing := map[int]bool{}
		next := at[0]
		for record, err := range r.Salvage(ctx, at[0], at[1], func(d arrayrecord.Damage) bool {
			for i := range d.LostRecords {
				missing[d.FirstRecord+i] = true
			}
			return true
		}) {
			require.NoError(t, err)
			for missing[next] {
				next++
			}
			require.Equal(t, next, record.Number)
			require.True(t, bytes.Equal(records[next], record.Record))
			next++
		}
		for missing[next] {
			next++
		}
		require.Equal(t, at[1], next)
	}
	n := 0
	var last error
	for _, err := range r.Salvage(ctx, 0, 60, func(arrayrecord.Damage) bool { return false }) {
		last = err
		n++
	}
	require.ErrorIs(t, last, arrayrecord.ErrCorrupt)
	require.Less(t, n, 12)
	for _, err := range r.Salvage(ctx, 0, 61, func(arrayrecord.Damage) bool { return true }) {
		require.ErrorIs(t, err, arrayrecord.ErrOutOfRange)
	}
}

// An error says each thing once: whose it is, what file, what was wrong.
func TestErrorsOfRepairSayThingsOnce(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	dir := t.TempDir()
	write := func(name string, opts ...arrayrecord.WriterOption) string {
		name = filepath.Join(dir, name)
		w, err := arrayrecord.Create(t.Context(), name, opts...)
		require.NoError(t, err)
		require.NoError(t, w.Write([]byte("x")))
		require.NoError(t, w.Close())
		return name
	}
	sound, other, missing := write("sound", arrayrecord.WithGroupSize(2)), filepath.Join(dir, "other"), filepath.Join(dir, "missing", "x")
	require.NoError(t, os.WriteFile(other, []byte("something else"), 0o666))
	faults := storagetest.NewFaults()
	broken := errors.New("the cable is broken")
	faults.Inject(storagetest.Fault{Op: storagetest.OpRead, Err: broken})
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(fmt.Errorf("that is enough: %w", context.Canceled))
	for _, c := range []struct {
		ctx   context.Context
		name  string
		match error
	}{
		{t.Context(), missing, fs.ErrNotExist},
		{t.Context(), dir, nil},
		{t.Context(), other, arrayrecord.ErrNotArrayRecord},
		{t.Context(), "nowhere://x/y", arrayrecord.ErrUnsupported},
		{t.Context(), faults.Name(sound), broken},
		{cancelled, sound, context.Canceled},
	} {
		calls := map[string]func() error{
			"Verify":        func() error { _, err := arrayrecord.Verify(c.ctx, c.name, nil); return err },
			"OpenRecovered": func() error { _, _, err := arrayrecord.OpenRecovered(c.ctx, c.name); return err },
			"Repair": func() error {
				_, err := arrayrecord.Repair(c.ctx, c.name, filepath.Join(dir, "out"), arrayrecord.RepairOptions{})
				return err
			},
		}
		if storage.Scheme(c.name) == "" {
			calls["Append"] = func() error { _, err := arrayrecord.Append(c.ctx, c.name); return err }
		}
		for what, call := range calls {
			requireSaidOnce(t, call(), c.name, c.match, what)
		}
	}
	_, err := arrayrecord.Append(t.Context(), sound, arrayrecord.WithGroupSize(3))
	requireSaidOnce(t, err, sound, arrayrecord.ErrInvalidOption, "another group size")
	_, err = arrayrecord.Append(t.Context(), "nowhere://x/y")
	requireSaidOnce(t, err, "nowhere://x/y", arrayrecord.ErrUnsupported, "Append")
	_, err = arrayrecord.Repair(t.Context(), sound, sound, arrayrecord.RepairOptions{})
	requireSaidOnce(t, err, sound, arrayrecord.ErrInvalidOption, "over itself")
	_, err = arrayrecord.Repair(t.Context(), sound, other, arrayrecord.RepairOptions{NoOverwrite: true})
	requireSaidOnce(t, err, other, fs.ErrExist, "no overwrite")
	for _, op := range []storagetest.Op{storagetest.OpWrite, storagetest.OpCommit} {
		faults.Heal()
		faults.Inject(storagetest.Fault{Op: op, Err: broken})
		out := faults.Name(filepath.Join(dir, "out"))
		_, err = arrayrecord.Repair(t.Context(), sound, out, arrayrecord.RepairOptions{})
		requireSaidOnce(t, err, out, broken, "output")
	}
	require.NoFileExists(t, filepath.Join(dir, "out"))
}

func requireSaidOnce(t *testing.T, err error, name string, match error, what string) {
	t.Helper()
	require.Error(t, err, "%s %s", what, name)
	if match != nil {
		require.ErrorIs(t, err, match, what)
		require.LessOrEqual(t, strings.Count(err.Error(), match.Error()), 1, "%s: %v", what, err)
	}
	text := err.Error()
	require.Equal(t, 1, strings.Count(text, name), "%s: %v", what, err)
	require.LessOrEqual(t, strings.Count(text, "arrayrecord: "), 1, "%s: %v", what, err)
	require.LessOrEqual(t, strings.Count(text, "storage: "), 1, "%s: %v", what, err)
}
