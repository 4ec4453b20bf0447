package arrayrecord_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// Files with and without metadata; those with it are written again, to the byte where nothing is
// compressed.
func TestMetadataOfGoldenFiles(t *testing.T) {
	if arrayrecord.CannotMetadata(t) {
		return
	}
	ctx := context.Background()
	with := 0
	for _, g := range goldenFiles(t) {
		r, err := arrayrecord.Open(ctx, g.path)
		require.NoError(t, err)
		message, ok, err := r.Metadata(ctx)
		require.NoError(t, err)
		require.Equal(t, g.facts["metadata"] != "", ok, g.name)
		require.NoError(t, r.Close())
		if !ok {
			continue
		}
		with++
		if strings.Contains(g.facts["metadata"], "hello, metadata") {
			require.Contains(t, string(message), "hello, metadata")
		}
		data, err := os.ReadFile(g.path)
		require.NoError(t, err)
		fromMemory, ok, err := openBytes(t, data).Metadata(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, message, fromMemory)

		var out bytes.Buffer
		w, err := arrayrecord.NewWriter(&out, arrayrecord.WithWriterOptions(g.facts["writer_options"]), arrayrecord.WriterOptions{NoDigest: true})
		require.NoError(t, err)
		require.NoError(t, w.SetMetadata(message))
		for _, record := range g.records {
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		if strings.Contains(g.facts["writer_options"], "uncompressed") {
			require.True(t, bytes.Equal(data, out.Bytes()), g.name)
		}
		again, ok, err := openBytes(t, out.Bytes()).Metadata(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, message, again)
	}
	require.GreaterOrEqual(t, with, 2)
}

// A file that somebody makes shorter gives an error that says so.
func TestMetadataOfAFileThatBecameShorter(t *testing.T) {
	if arrayrecord.CannotMetadata(t) {
		return
	}
	data, err := os.ReadFile(filepath.Join("..", "testdata", "metadata-uncompressed-g7.arrayrecord"))
	require.NoError(t, err)
	for _, opts := range arrayrecord.MappedToo(t) {
		for _, size := range []int64{0, 70, 120} {
			name := filepath.Join(t.TempDir(), "x")
			require.NoError(t, os.WriteFile(name, data, 0o666))
			r, err := arrayrecord.Open(context.Background(), name, opts...)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(name, size))
			_, _, err = r.Metadata(context.Background())
			require.ErrorIs(t, err, arrayrecord.ErrCorrupt, size)
			require.ErrorContains(t, err, name)
			require.NoError(t, r.Close())
		}
	}
}

func TestMetadataRoundTrip(t *testing.T) {
	if arrayrecord.CannotMetadata(t) {
		return
	}
	ctx := context.Background()
	comment := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), strings.Repeat("long comment ", 20_000))
	for _, options := range []string{"", "uncompressed", "brotli:1,pad_to_block_boundary:true", "transpose,snappy", "uncompressed,pad_to_block_boundary:true"} {
		for _, message := range [][]byte{comment, {}, []byte("no message")} {
			for _, n := range []int{0, 3} {
				records := textRecords(n, 100)
				var out bytes.Buffer
				w, err := arrayrecord.NewWriter(&out, arrayrecord.WithWriterOptions(options))
				require.NoError(t, err)
				require.NoError(t, w.SetMetadata(message))
				require.Error(t, w.SetMetadata(message), "twice")
				for _, record := range records {
					require.NoError(t, w.Write(record))
				}
				if n > 0 {
					require.Error(t, w.SetMetadata(message), "after a record")
				}
				require.NoError(t, w.Close())
				require.ErrorIs(t, w.SetMetadata(message), arrayrecord.ErrClosed)
				r := openBytes(t, out.Bytes())
				checkReader(t, r, records)
				got, ok, err := r.Metadata(ctx)
				require.NoError(t, err)
				require.True(t, ok)
				require.True(t, bytes.Equal(message, got))
				require.NoError(t, r.Close())
				_, _, err = r.Metadata(ctx)
				require.ErrorIs(t, err, arrayrecord.ErrClosed)
			}
		}
	}
}

func TestDamagedMetadata(t *testing.T) {
	if arrayrecord.CannotMetadata(t) {
		return
	}
	var out bytes.Buffer
	w, err := arrayrecord.NewWriter(&out, arrayrecord.Uncompressed())
	require.NoError(t, err)
	require.NoError(t, w.SetMetadata([]byte("a comment of some kind")))
	require.NoError(t, w.Write([]byte("record")))
	require.NoError(t, w.Close())
	data := out.Bytes()
	data[64+45] ^= 1
	r := openBytes(t, data)
	_, _, err = r.Metadata(context.Background())
	require.ErrorIs(t, err, arrayrecord.ErrCorrupt)
	record, err := r.Get(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, "record", string(record))
}
