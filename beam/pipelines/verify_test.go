package pipelines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// damageRecord changes a byte of a record in a file without compression.
func damageRecord(t *testing.T, name, record string) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	at := bytes.Index(data, []byte(record))
	require.Positive(t, at)
	data[at] ^= 1
	require.NoError(t, os.WriteFile(name, data, 0o666))
}

// readers gives the pipelines that read ArrayRecords chunk by chunk.
func readers(input, dir string, f Failures) map[string]Pipeline {
	tf := NewArrayRecordToTFRecord(input, dir+"/out")
	tf.NumShards, tf.Failures = 2, f
	reshard := NewReshard(input, dir+"/out", 3)
	reshard.Failures = f
	return map[string]Pipeline{"to-tfrecord": tf, "reshard": reshard}
}

func readBoth(t *testing.T, dir string) []string {
	t.Helper()
	tf, _ := readTFRecords(t, dir+"/*.tfrecord")
	ar, _ := readArrayRecords(t, dir+"/*.arrayrecord")
	return append(tf, ar...)
}

// Of a damaged file the good chunks are kept, and what is lost is reported.
func TestDamagedChunksAreLeftOut(t *testing.T) {
	in := t.TempDir()
	a := makeArrayRecords(t, in+"/a", "group_size:10,uncompressed", 95)
	want := makeArrayRecords(t, in+"/b", "group_size:10,uncompressed", 20)
	want = append(want, a[:30]...)
	want = append(want, a[40:90]...)
	damageRecord(t, in+"/a", "a 35")
	damageRecord(t, in+"/a", "a 92")
	storagetest.Put(t, in+"/c", []byte("not an ArrayRecord file"))
	for name, p := range readers(in+"/*", "", Failures{}) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, p = range readers(in+"/*", dir, Failures{Skip: true}) {
				if pipelineName(p) == name {
					break
				}
			}
			result, err := Run(t.Context(), "prism", p)
			require.NoError(t, err)
			require.EqualValues(t, 1, result.FilesFailed)
			require.EqualValues(t, 2, result.ChunksFailed)
			require.ElementsMatch(t, want, readBoth(t, dir))
			require.Equal(t, dir+"/out.failed.jsonl", result.DeadLetters)
			text, err := os.ReadFile(result.DeadLetters)
			require.NoError(t, err)
			var lost []string
			for line := range strings.Lines(string(text)) {
				var letter dofns.DeadLetter
				require.NoError(t, json.Unmarshal([]byte(line), &letter))
				require.NotEmpty(t, letter.Error)
				lost = append(lost, letter.Element)
			}
			require.ElementsMatch(t, []string{in + "/a[30:40]", in + "/a[90:95]", in + "/c"}, lost)
			left, err := storage.List(t.Context(), dir+"/.*")
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func pipelineName(p Pipeline) string {
	if _, ok := p.(*Reshard); ok {
		return "reshard"
	}
	return "to-tfrecord"
}

// More damage than is allowed, or nothing else, fails the job; so does any damage
// without leave to skip it. Nothing appears.
func TestDamagedChunksThatFailTheJob(t *testing.T) {
	failingjob.Test(t)
	in := t.TempDir()
	makeArrayRecords(t, in+"/a", "group_size:10,uncompressed", 20)
	damageRecord(t, in+"/a", "a 5")
	makeArrayRecords(t, in+"/bad/a", "group_size:10,uncompressed", 10)
	damageRecord(t, in+"/bad/a", "a 5")
	makeArrayRecords(t, in+"/two/a", "group_size:10,uncompressed", 30)
	damageRecord(t, in+"/two/a", "a 5")
	damageRecord(t, in+"/two/a", "a 15")
	for i, test := range []struct {
		input, want string
		failures    Failures
	}{
		{in + "/a", "mismatch", Failures{}},
		{in + "/bad/a", "nothing could be converted", Failures{Skip: true}},
		{in + "/two/a", "2 failures are more than the 1 that are allowed", Failures{Skip: true, Max: 1}},
	} {
		dir := fmt.Sprintf("%s/%d", t.TempDir(), i)
		for name, p := range readers(test.input, dir, test.failures) {
			_, err := Run(t.Context(), "prism", p)
			require.ErrorContains(t, err, test.want, name)
			require.Empty(t, readBoth(t, dir), name)
		}
	}
}
