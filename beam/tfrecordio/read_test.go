package tfrecordio

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func TestMain(m *testing.M) { ptest.Main(m) }

// encode makes a TFRecord file of n records; record i begins with i and is i
// bytes longer than that.
func encode(t *testing.T, n int, opts ...tfrecord.WriterOption) (file []byte, records []any) {
	t.Helper()
	var b bytes.Buffer
	w, err := tfrecord.NewWriter(&b, opts...)
	require.NoError(t, err)
	for i := range n {
		record := append(fmt.Appendf(nil, "%d ", i), bytes.Repeat([]byte{byte(i)}, i)...)
		require.NoError(t, w.Write(record))
		records = append(records, record)
	}
	require.NoError(t, w.Close())
	return b.Bytes(), records
}

func counts(t *testing.T, result beam.PipelineResult) map[string]int64 {
	t.Helper()
	sums := map[string]int64{}
	for _, c := range result.Metrics().Query(func(r metrics.SingleResult) bool {
		return r.Namespace() == counters.Namespace
	}).Counters() {
		sums[c.Name()] += c.Result()
	}
	return sums
}

func TestReadGivesTheRecordsOfAllFilesWhateverTheirCompression(t *testing.T) {
	dir := t.TempDir()
	var want []any
	var size int
	for i, c := range []tfrecord.Compression{tfrecord.None, tfrecord.Gzip, tfrecord.Zlib} {
		data, records := encode(t, 20+i, tfrecord.WithCompression(c))
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("f-%d", i)), data, 0o666))
		want = append(want, records...)
		size += len(data)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "f-empty"), nil, 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), []byte("not matched"), 0o666))

	p, s := beam.NewPipelineWithRoot()
	passert.Equals(s, Read(s, filepath.Join(dir, "f-*")), want...)
	result := ptest.RunAndValidate(t, p)
	require.Equal(t, map[string]int64{"files_read": 4, "records_read": 63, "bytes_read": int64(size)}, counts(t, result))
}

// Counting in batches must count what is left after the last batch, and nothing twice.
func TestCountersAreExactForManyBatches(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	w, err := tfrecord.NewWriter(&b)
	require.NoError(t, err)
	const n = 3*countRecords + 7
	for range n {
		require.NoError(t, w.Write(make([]byte, 2000)))
	}
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), b.Bytes(), 0o666))

	p, s := beam.NewPipelineWithRoot()
	passert.Count(s, Read(s, filepath.Join(dir, "x")), "records", n)
	result := ptest.RunAndValidate(t, p)
	require.Equal(t, map[string]int64{"files_read": 1, "records_read": n, "bytes_read": int64(b.Len())}, counts(t, result))
}

// Slices that are kept by what follows must not be written to again.
func TestRecordsDoNotShareMemory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	data, want := encode(t, 50)
	require.NoError(t, os.WriteFile(name, data, 0o666))
	f := &readFn{Config: readConfig{MaxRecordSize: 1 << 20}}
	f.Setup()
	var got []any
	require.NoError(t, f.ProcessElement(context.Background(), file{Name: name}, func(b []byte) { got = append(got, b) }))
	require.Equal(t, want, got)
}

func TestPatternWithoutMatchFails(t *testing.T) {
	failingjob.Test(t)
	p, s := beam.NewPipelineWithRoot()
	pattern := filepath.Join(t.TempDir(), "nothing-*")
	Read(s, pattern)
	require.ErrorContains(t, ptest.Run(p), fmt.Sprintf("no file matches %q", pattern))
}

func TestDamageNamesFileRecordAndOffset(t *testing.T) {
	failingjob.Test(t)
	data, _ := encode(t, 3)
	for what, damaged := range map[string][]byte{
		"corrupt":   append(bytes.Clone(data[:len(data)-1]), data[len(data)-1]^1),
		"truncated": data[:len(data)-1],
	} {
		name := filepath.Join(t.TempDir(), "bad")
		require.NoError(t, os.WriteFile(name, damaged, 0o666))
		p, s := beam.NewPipelineWithRoot()
		Read(s, name)
		err := ptest.Run(p)
		require.ErrorContains(t, err, name+": ", what)
		require.ErrorContains(t, err, what)
		require.ErrorContains(t, err, "record 2")
		require.ErrorContains(t, err, fmt.Sprint("offset ", 2*16+2+3), what)
	}
}

func TestStorageErrorsFail(t *testing.T) {
	failingjob.Test(t)
	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	data, _ := encode(t, 3)
	storagetest.Put(t, dir+"/x", data)
	for _, op := range []storagetest.Op{storagetest.OpList, storagetest.OpOpen, storagetest.OpRead} {
		faults.Inject(storagetest.Fault{Op: op, Err: fmt.Errorf("injected into %s", op)})
		p, s := beam.NewPipelineWithRoot()
		Read(s, dir+"/*")
		require.ErrorContains(t, ptest.Run(p), fmt.Sprintf("injected into %s", op))
		faults.Heal()
	}
}

func TestOptionsReachTheReader(t *testing.T) {
	failingjob.Test(t)
	name := filepath.Join(t.TempDir(), "x")
	data, _ := encode(t, 30, tfrecord.WithCompression(tfrecord.Gzip))
	require.NoError(t, os.WriteFile(name, data, 0o666))
	p, s := beam.NewPipelineWithRoot()
	Read(s, name, WithCompression(tfrecord.None))
	require.ErrorContains(t, ptest.Run(p), "corrupt")
	p, s = beam.NewPipelineWithRoot()
	Read(s, name, WithMaxRecordSize(20))
	require.ErrorContains(t, ptest.Run(p), "too large")
}

func TestWrongArgumentsAreNoticedAtConstruction(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	_, err := TryRead(s, "")
	require.ErrorContains(t, err, "pattern")
	_, err = TryRead(s, "nowhere://bucket/x")
	require.ErrorContains(t, err, "nowhere")
	_, err = TryRead(s, "x", WithMaxRecordSize(-1))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TryRead(s, "x", WithCompression(99))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	require.Panics(t, func() { Read(s, "") })
}

// A worker in another process finds types by name only.
func TestTypesAreKnownToWorkers(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[file](), reflect.TypeFor[matchFn](), reflect.TypeFor[readFn]()} {
		key, ok := runtime.TypeKey(typ)
		require.True(t, ok, typ)
		found, ok := runtime.LookupType(key)
		require.True(t, ok, typ)
		require.Equal(t, typ, found)
	}
}
