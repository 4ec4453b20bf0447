package dofns

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	direct.Register2x1((*recordsFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[otherFailure]())
}

func TestMain(m *testing.M) {
	// The examples use its bucket.
	if _, err := fakegcs.Start(); err != nil {
		panic(err)
	}
	beamtest.Main(m)
}

// places gives an empty directory in each kind of place.
func places(t *testing.T) map[string]string {
	return map[string]string{"local": t.TempDir(), "gs": fakegcs.Dir(t)}
}

// group is a key and its records.
type group struct {
	key     string
	records [][]byte
}

func makeGroup(key string, n int) group {
	g := group{key: key}
	for i := range n {
		g.records = append(g.records, bytes.Repeat(fmt.Appendf(nil, "%s %d ", key, i), i%50))
	}
	return g
}

// recordsFn makes the records of makeGroup.
type recordsFn struct {
	N int
}

func (f *recordsFn) ProcessElement(key string, emit func(string, []byte)) error {
	for _, record := range makeGroup(key, f.N).records {
		emit(key, record)
	}
	return nil
}

// groups is a PCollection of groups of n records.
func groups(s beam.Scope, n int, keys ...string) beam.PCollection {
	return beam.GroupByKey(s, beam.ParDo(s, &recordsFn{N: n}, beam.CreateList(s, keys)))
}

// pairs is a PCollection of KV<string, string>, of an even number of strings.
func pairs(s beam.Scope, names ...string) beam.PCollection {
	return beam.ParDo(s, cut, beam.CreateList(s, join(names)))
}

func init() { beam.RegisterFunction(cut) }

func cut(pair string) (string, string) {
	a, b, _ := strings.Cut(pair, "\n")
	return a, b
}

func join(names []string) []string {
	var joined []string
	for i := 0; i < len(names); i += 2 {
		joined = append(joined, names[i]+"\n"+names[i+1])
	}
	return joined
}

// otherFailure is what a source might have.
type otherFailure struct {
	File  string
	Error string
}

// requireRecords reads an ArrayRecord file; the runner may have changed the
// order of its records.
func requireRecords(t *testing.T, name string, want [][]byte) {
	t.Helper()
	r, err := arrayrecord.Open(t.Context(), name)
	require.NoError(t, err)
	defer r.Close()
	got, err := recordtest.All(t.Context(), r)
	require.NoError(t, err)
	require.ElementsMatch(t, asStrings(want), asStrings(got))
}

func asStrings(records [][]byte) []string {
	s := make([]string, len(records))
	for i, record := range records {
		s[i] = string(record)
	}
	return s
}

// requireFiles says which files are in a directory, hidden ones too.
func requireFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	for _, pattern := range []string{"*", ".*", "*/**"} {
		infos, err := storage.List(t.Context(), storage.Join(dir, pattern))
		require.NoError(t, err)
		for _, i := range infos {
			got = append(got, strings.TrimPrefix(i.Name, dir+"/"))
		}
	}
	require.ElementsMatch(t, want, got)
}

// putTFRecords makes a TFRecord file and gives its bytes.
func putTFRecords(t *testing.T, name string, records [][]byte, opts ...tfrecord.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := tfrecord.NewWriter(&b, opts...)
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	storagetest.Put(t, name, b.Bytes())
	return b.Bytes()
}

func counts(t *testing.T, result beam.PipelineResult) map[string]int64 {
	t.Helper()
	sums := map[string]int64{}
	for _, c := range result.Metrics().Query(func(r metrics.SingleResult) bool {
		return r.Namespace() == counters.Namespace
	}).Counters() {
		if c.Result() != 0 {
			sums[c.Name()] += c.Result()
		}
	}
	return sums
}

// distributions gives the number of values of each, and their sum for sizes.
func distributions(t *testing.T, result beam.PipelineResult) map[string]int64 {
	t.Helper()
	sums := map[string]int64{}
	for _, d := range result.Metrics().Query(func(r metrics.SingleResult) bool {
		return r.Namespace() == counters.Namespace
	}).Distributions() {
		sums[d.Name()] += d.Result().Count
		if strings.HasSuffix(d.Name(), "_bytes") {
			sums[d.Name()+" sum"] += d.Result().Sum
		}
	}
	return sums
}

func total(records ...[][]byte) (n, bytes int64) {
	for _, r := range records {
		for _, record := range r {
			n++
			bytes += int64(len(record))
		}
	}
	return n, bytes
}
