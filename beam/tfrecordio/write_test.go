package tfrecordio

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// shardsOf gives what a pattern matches, and all records in it.
func shardsOf(t *testing.T, pattern string, c tfrecord.Compression) (names, records []string) {
	t.Helper()
	infos, err := storage.List(t.Context(), pattern)
	require.NoError(t, err)
	for _, info := range infos {
		names = append(names, info.Name)
		o, err := storage.Open(t.Context(), info.Name)
		require.NoError(t, err)
		r, err := tfrecord.NewReader(io.NewSectionReader(storage.NewReaderAt(t.Context(), o), 0, o.Size()))
		require.NoError(t, err)
		for record, err := range r.Scan() {
			require.NoError(t, err)
			records = append(records, string(record))
		}
		if len(records) > 0 {
			require.Equal(t, c, r.Compression())
		}
		require.NoError(t, o.Close())
	}
	return names, records
}

func TestWrite(t *testing.T) {
	want := make([]string, 1000)
	for i := range want {
		want[i] = string(slices.Repeat([]byte{byte('a' + i%26)}, i))
	}
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		for _, compression := range []tfrecord.Compression{tfrecord.None, tfrecord.Gzip, tfrecord.Zlib} {
			for _, n := range []int{0, 1, 3} {
				prefix := storage.Join(dir, compression.String(), string(rune('0'+n)), "out")
				p, s := beam.NewPipelineWithRoot()
				written := Write(s, prefix, beam.CreateList(s, want), arrayrecordio.WithNumShards(n),
					arrayrecordio.WithSuffix(".tfrecord"), WithWriteCompression(compression))
				passert.Count(s, written, "shards", max(n, 1))
				ptest.RunAndValidate(t, p)
				names, got := shardsOf(t, prefix+"-0000?-of-0000?.tfrecord", compression)
				require.Len(t, names, max(n, 1))
				require.ElementsMatch(t, want, got)
				left, err := storage.List(t.Context(), storage.Join(dir, compression.String(), string(rune('0'+n)), ".*", "**"))
				require.NoError(t, err)
				require.Empty(t, left)
			}
		}
	}
}

func TestWriteLimitsAndEmptyInput(t *testing.T) {
	dir := t.TempDir()
	p, s := beam.NewPipelineWithRoot()
	Write(s, filepath.Join(dir, "five"), beam.Create(s, "a", "b", "c", "d", "e"), arrayrecordio.WithMaxRecordsPerShard(2))
	Write(s, filepath.Join(dir, "bytes"), beam.Create(s, "aaa", "bbb", "ccc"), arrayrecordio.WithMaxBytesPerShard(6), arrayrecordio.WithShardNameTemplate(".S"))
	Write(s, filepath.Join(dir, "empty"), beam.CreateList(s, []string{}), arrayrecordio.WithNumShards(2))
	Write(s, filepath.Join(dir, "none"), beam.CreateList(s, []string{}), arrayrecordio.WithSkipIfEmpty())
	Write(s, filepath.Join(dir, "window"), beam.Create(s, "x"), arrayrecordio.WithWindowedWrites())
	ptest.RunAndValidate(t, p)
	for name, want := range map[string][]string{
		"five":   {"five-00000-of-00003", "five-00001-of-00003", "five-00002-of-00003"},
		"bytes":  {"bytes.0", "bytes.1"},
		"empty":  {"empty-00000-of-00002", "empty-00001-of-00002"},
		"none":   nil,
		"window": {"windowGlobalWindow-pane-0-last-00000-of-00001"},
	} {
		names, _ := shardsOf(t, filepath.Join(dir, name+"*"), tfrecord.None)
		for i := range names {
			names[i] = filepath.Base(names[i])
		}
		require.Equal(t, want, names)
	}
}

func TestWriteFailureLeavesNothing(t *testing.T) {
	failingjob.Test(t)
	for _, n := range []int{0, 2} {
		for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpWrite, storagetest.OpCommit, storagetest.OpRename} {
			faults := storagetest.NewFaults()
			dir := faults.TempDir(t)
			faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected"), Count: 1})
			p, s := beam.NewPipelineWithRoot()
			Write(s, dir+"/out", beam.Create(s, "a", "b"), arrayrecordio.WithNumShards(n))
			require.ErrorContains(t, ptest.Run(p), "injected")
			names, _ := shardsOf(t, dir+"/*", tfrecord.None)
			require.Empty(t, names)
		}
	}
}

func TestWriteArguments(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	_, err := TryWrite(s, "out", beam.Create(s, "x"), WithWriteCompression(99))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TryWrite(s, "out/", beam.Create(s, "x"))
	require.ErrorContains(t, err, "slash")
	require.Panics(t, func() { Write(s, "", beam.Create(s, "x")) })
}
