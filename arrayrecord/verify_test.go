package arrayrecord_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// verifyBytes verifies a file with that content.
func verifyBytes(t testing.TB, data []byte, opts ...arrayrecord.ReaderOption) *arrayrecord.Report {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.arrayrecord")
	require.NoError(t, os.WriteFile(name, data, 0o666))
	report, err := arrayrecord.Verify(context.Background(), name, nil, opts...)
	require.NoError(t, err)
	require.Equal(t, name, report.File)
	require.EqualValues(t, len(data), report.Size)
	return report
}

var verifyOptions = []string{"group_size:4,uncompressed", "zstd", "group_size:3,brotli", "group_size:5,snappy",
	"group_size:4,transpose", "group_size:2,pad_to_block_boundary:true"}

func TestVerifyFindsSoundFilesSound(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	for _, options := range verifyOptions {
		for _, n := range []int{0, 1, 7, 500} {
			records := randomRecords(n, 9000)
			for _, threads := range []int{1, 3} {
				report := verifyBytes(t, encode(t, records, arrayrecord.WithWriterOptions(options)), arrayrecord.ReaderOptions{MaxParallelism: threads})
				require.Empty(t, report.Damage, options)
				require.True(t, report.Sound())
				require.Equal(t, n, report.Records)
			}
		}
	}
	golden, err := filepath.Glob("../testdata/*.arrayrecord")
	require.NoError(t, err)
	require.NotEmpty(t, golden)
	for _, name := range golden {
		done := int64(0)
		report, err := arrayrecord.Verify(context.Background(), name, func(d, size int64) {
			require.GreaterOrEqual(t, d, done)
			require.LessOrEqual(t, d, size)
			done = d
		})
		require.NoError(t, err, name)
		require.Empty(t, report.Damage, name)
		require.Equal(t, report.Size, done)
	}
}

// Every flipped byte outside of padding is found, and its place told.
func TestVerifyFindsEveryFlippedByte(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	records := textRecords(30, 60)
	for _, options := range []string{"group_size:4,uncompressed", "group_size:4,zstd"} {
		data := encode(t, records, arrayrecord.WithWriterOptions(options))
		step := 23
		if testing.Short() {
			step = 61
		}
		for at := 0; at < len(data); at += step {
			damaged := bytes.Clone(data)
			damaged[at] ^= 0x10
			report := verifyBytes(t, damaged)
			require.Len(t, report.Damage[:1], 1, "byte %d", at)
			if lost, all := report.Lost(); all {
				require.Equal(t, len(records), report.Records+lost, "byte %d: %v", at, report.Damage)
			} else {
				t.Errorf("byte %d: %v", at, report.Damage)
			}
			near := false
			for _, d := range report.Damage {
				near = near || d.Offset <= int64(at) && int64(at) < d.End
			}
			require.True(t, near, "byte %d: %v", at, report.Damage)
			if at > 3000 && at < 65536-3000 || at > 65536+500 {
				at += 997 // padding
			}
		}
	}
}

func TestVerifyTellsWhatIsLost(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	records := textRecords(60, 600)
	data := encode(t, records, arrayrecord.WithGroupSize(4), arrayrecord.Uncompressed())
	at := bytes.Index(data, records[21])
	damaged := bytes.Clone(data)
	damaged[at] ^= 1
	report := verifyBytes(t, damaged)
	require.Len(t, report.Damage, 1)
	d := report.Damage[0]
	require.Equal(t, arrayrecord.DamagedData, d.Kind)
	require.Equal(t, 5, d.Chunk)
	require.Equal(t, 20, d.FirstRecord)
	require.Equal(t, 4, d.LostRecords)
	require.Contains(t, d.String(), "records 20 to 23 lost")
	require.Equal(t, 56, report.Records)
	require.Equal(t, 14, report.Chunks)

	// Damage side by side, as a disk makes it.
	for i := at; i < at+9000; i++ {
		damaged[i] = 0
	}
	report = verifyBytes(t, damaged)
	lost, all := report.Lost()
	require.True(t, all)
	require.Equal(t, 60, report.Records+lost)
	require.Equal(t, 20, report.Damage[0].FirstRecord)

	// Without the index numbers are known up to the first place that tells none.
	cut := verifyBytes(t, data[:at])
	require.False(t, cut.Sound())
	require.Equal(t, 20, cut.Records)
	kinds := []arrayrecord.DamageKind{}
	for _, d := range cut.Damage {
		kinds = append(kinds, d.Kind)
	}
	require.Equal(t, []arrayrecord.DamageKind{arrayrecord.DamagedCutOff, arrayrecord.DamagedCutOff}, kinds)
	require.Equal(t, 20, cut.Damage[0].FirstRecord)
	require.Equal(t, 4, cut.Damage[0].LostRecords)

	// Something behind the end.
	report = verifyBytes(t, append(bytes.Clone(data), make([]byte, 1000)...))
	require.Equal(t, 60, report.Records)
	lost, all = report.Lost()
	require.True(t, all)
	require.Zero(t, lost)
	require.Equal(t, arrayrecord.DamagedTrailing, report.Damage[0].Kind)
	require.EqualValues(t, len(data), report.Damage[0].Offset)
}

func TestVerifyOfLargeChunksAndManyParts(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	records := [][]byte{make([]byte, 9<<20), {1}, make([]byte, 6<<20), {2}, {3}}
	data := encode(t, records, arrayrecord.Uncompressed())
	require.True(t, verifyBytes(t, data).Sound())
	data[5<<20+1000] ^= 1
	report := verifyBytes(t, data)
	require.Len(t, report.Damage, 1)
	require.Equal(t, 0, report.Damage[0].FirstRecord)
	require.Equal(t, 4, report.Records)
	// A damaged block header where a part begins leads nobody astray.
	data[5<<20+1000] ^= 1
	for block := 4 << 20; block < len(data); block += 4 << 20 {
		data[block+3] ^= 1
	}
	report = verifyBytes(t, data)
	for _, d := range report.Damage {
		require.Equal(t, arrayrecord.DamagedBlockHeader, d.Kind)
	}
	require.Equal(t, 5, report.Records)
	report = verifyBytes(t, data, arrayrecord.ReaderOptions{MaxRecordSize: 8 << 20})
	require.Equal(t, arrayrecord.DamagedTooLarge, report.Damage[0].Kind)
	require.Equal(t, 4, report.Records)
}

func TestVerifyOfOtherFiles(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	ctx := context.Background()
	dir := t.TempDir()
	_, err := arrayrecord.Verify(ctx, filepath.Join(dir, "none"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	for i, content := range [][]byte{nil, []byte("text"), bytes.Repeat([]byte("text"), 65536), make([]byte, 131072)} {
		name := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, os.WriteFile(name, content, 0o666))
		_, err := arrayrecord.Verify(ctx, name, nil)
		require.ErrorIs(t, err, arrayrecord.ErrNotArrayRecord, i)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = arrayrecord.Verify(ended, "../testdata/digits-default.arrayrecord", nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = arrayrecord.Verify(ctx, "../testdata/digits-default.arrayrecord", nil, arrayrecord.ReaderOptions{MaxRecordSize: -1})
	require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
}

// An index that says something else than the chunks is found by reading all of them.
func TestVerifyComparesTheIndexWithTheChunks(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	a := encode(t, textRecords(10, 50), arrayrecord.Uncompressed())
	b := encode(t, textRecords(11, 50), arrayrecord.Uncompressed())
	// The end of one file on the data of another.
	report := verifyBytes(t, append(bytes.Clone(b[:2000]), a[2000:]...))
	require.False(t, report.Sound())
}

// Verify keeps up with Scan: it decodes the same bytes, and copies none to anybody. Both are measured
// in turn; speed/scan is how many times as fast Verify is.
func BenchmarkVerify(b *testing.B) {
	if arrayrecord.CannotSurvey(b) {
		return
	}
	ctx := context.Background()
	for _, options := range []string{"zstd", "group_size:100,zstd", "uncompressed"} {
		b.Run(options, func(b *testing.B) {
			name := filepath.Join(b.TempDir(), "x")
			data := encode(b, textRecords(200000, 1000), arrayrecord.WithWriterOptions(options))
			require.NoError(b, os.WriteFile(name, data, 0o666))
			var scan, verify time.Duration
			for b.Loop() {
				begin := time.Now()
				r, err := arrayrecord.Open(ctx, name)
				require.NoError(b, err)
				for _, err := range r.Scan(ctx, 0, r.NumRecords()) {
					require.NoError(b, err)
				}
				require.NoError(b, r.Close())
				middle := time.Now()
				report, err := arrayrecord.Verify(ctx, name, nil)
				require.NoError(b, err)
				require.True(b, report.Sound())
				scan += middle.Sub(begin)
				verify += time.Since(middle)
			}
			b.ReportMetric(scan.Seconds()/verify.Seconds(), "speed/scan")
			b.ReportMetric(float64(len(data)*b.N)/1e6/verify.Seconds(), "verify-MB/s")
		})
	}
}
