package arrayrecord_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// requireExchanged demands that nothing but the digest tells that something is wrong.
func requireExchanged(t *testing.T, data []byte, n int) {
	t.Helper()
	report := verifyBytes(t, data)
	require.Len(t, report.Damage, 1)
	require.Equal(t, arrayrecord.DamagedDigest, report.Damage[0].Kind)
	require.Equal(t, -1, report.Damage[0].LostRecords)
	require.Equal(t, n, report.Records)
	for _, err := range openBytes(t, data).Scan(context.Background(), 0, n) {
		require.NoError(t, err) // readers need no digest
	}
}

// Chunks that are sound by themselves, and of the sizes that the index has, but not those that were
// written there.
func TestVerifyFindsExchangedChunks(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	records := make([][]byte, 40)
	for i := range records {
		records[i] = fmt.Appendf(nil, "record %02d", i)
	}
	for _, options := range []string{"group_size:4,uncompressed", "group_size:3,uncompressed"} {
		data := encode(t, records, arrayrecord.WithWriterOptions(options))
		r := openBytes(t, data)
		begin := func(c int) int64 { offset, _ := r.ChunkExtent(c, c+1); return offset }
		size := begin(3) - begin(2)
		require.Equal(t, size, begin(6)-begin(5))
		requireExchanged := func(t *testing.T, data []byte) { requireExchanged(t, data, len(records)) }

		swapped := bytes.Clone(data)
		copy(swapped[begin(2):], data[begin(5):begin(6)])
		copy(swapped[begin(5):], data[begin(2):begin(3)])
		requireExchanged(t, swapped)

		doubled := bytes.Clone(data)
		copy(doubled[begin(2):], data[begin(5):begin(6)])
		requireExchanged(t, doubled)

		// A part of the file is what it was before the file was written again.
		other := make([][]byte, len(records))
		for i := range other {
			other[i] = bytes.ToUpper(records[i])
		}
		stale := encode(t, other, arrayrecord.WithWriterOptions(options))
		require.Len(t, stale, len(data))
		mixed := append(bytes.Clone(stale[:begin(4)]), data[begin(4):]...)
		requireExchanged(t, mixed)

		// The chunks are those of their files, but the index is another's.
		last, lastSize := r.ChunkExtent(r.NumChunks()-1, r.NumChunks())
		index := append(bytes.Clone(stale[:last+lastSize]), data[last+lastSize:]...)
		requireExchanged(t, index)

		for _, damaged := range [][]byte{swapped, mixed} {
			name := filepath.Join(t.TempDir(), "x")
			require.NoError(t, os.WriteFile(name, damaged, 0o666))
			report, err := arrayrecord.Repair(context.Background(), name, name+"-out", arrayrecord.RepairOptions{})
			require.NoError(t, err)
			_, all := report.Lost()
			require.False(t, all, "what was there before may be lost")
			require.Empty(t, verifyBytes(t, must(os.ReadFile(name+"-out"))).Damage)
		}

		// Without a digest nothing tells.
		plain := encode(t, records, arrayrecord.WithWriterOptions(options+",no_digest"))
		copy(plain[begin(2):], data[begin(5):begin(6)])
		require.Empty(t, verifyBytes(t, plain).Damage)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What is put together in other ways is the same file, byte for byte, and so has the same digest.
func TestDigestOfEveryWayToWrite(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	ctx := context.Background()
	records := textRecords(50, 300)
	for _, options := range []string{"group_size:4,uncompressed", "group_size:1", "group_size:4,pad_to_block_boundary:true", "group_size:50,transpose"} {
		for _, digest := range []bool{true, false} {
			o := arrayrecord.WriterOptions{NoDigest: !digest}
			write := func(name string, records [][]byte) {
				w, err := arrayrecord.Create(ctx, name, arrayrecord.WithWriterOptions(options), o)
				require.NoError(t, err)
				require.NoError(t, w.SetMetadata([]byte("\x0a\x01x")))
				for _, record := range records {
					require.NoError(t, w.Write(record))
				}
				require.NoError(t, w.Close())
			}
			dir := t.TempDir()
			whole := filepath.Join(dir, "whole")
			write(whole, records)
			want := must(os.ReadFile(whole))
			require.Empty(t, verifyBytes(t, want).Damage)
			damaged := bytes.Clone(want)
			damaged[0] ^= 1 // of the signature: all chunks are sound

			copied, repaired, appended := filepath.Join(dir, "copied"), filepath.Join(dir, "repaired"), filepath.Join(dir, "appended")
			r, err := arrayrecord.Open(ctx, whole)
			require.NoError(t, err)
			w, err := arrayrecord.Create(ctx, copied, arrayrecord.WithWriterOptions(options), o)
			require.NoError(t, err)
			require.NoError(t, w.SetMetadata([]byte("\x0a\x01x")))
			require.NoError(t, w.CopyChunks(ctx, r, 0, r.NumChunks()))
			require.NoError(t, w.Close())
			require.NoError(t, r.Close())
			require.True(t, bytes.Equal(want, must(os.ReadFile(copied))), options)

			require.NoError(t, os.WriteFile(whole, damaged, 0o666))
			_, err = arrayrecord.Repair(ctx, whole, repaired, arrayrecord.RepairOptions{})
			require.NoError(t, err)
			require.Empty(t, verifyBytes(t, must(os.ReadFile(repaired))).Damage)
			if digest {
				require.True(t, bytes.Equal(want, must(os.ReadFile(repaired))), options)
			}

			write(appended, records[:30])
			for _, part := range [][][]byte{records[30:31], records[31:45], records[45:]} {
				w, err := arrayrecord.Append(ctx, appended) // a file without a digest stays one
				require.NoError(t, err)
				for _, record := range part {
					require.NoError(t, w.Write(record))
				}
				require.NoError(t, w.Close())
				require.Empty(t, verifyBytes(t, must(os.ReadFile(appended))).Damage)
			}
			require.True(t, bytes.Equal(want, must(os.ReadFile(appended))), options)
		}
	}
}

// What an append goes on with stays as right or wrong as it was.
func TestAppendKeepsAWrongDigest(t *testing.T) {
	if arrayrecord.CannotSurvey(t) {
		return
	}
	records := [][]byte{[]byte("one"), []byte("two"), []byte("six")}
	data := encode(t, records, arrayrecord.Uncompressed())
	r := openBytes(t, data)
	first, size := r.ChunkExtent(0, 1)
	second, _ := r.ChunkExtent(1, 2)
	copy(data[first:first+size], data[second:])
	name := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(name, data, 0o666))
	w, err := arrayrecord.Append(context.Background(), name)
	require.NoError(t, err)
	require.NoError(t, w.Write([]byte("ten")))
	require.NoError(t, w.Close())
	requireExchanged(t, must(os.ReadFile(name)), 4)
}
