package beamfs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func TestMain(m *testing.M) { beamtest.Main(m) }

// Both sinks write to Beam's file system in memory, and both sources read it.
func TestPipelinesInMemory(t *testing.T) {
	var records []string
	var want []any
	for i := range 100 {
		records = append(records, fmt.Sprintf("record %d", i))
		want = append(want, []byte(records[i]))
	}
	p, s := beam.NewPipelineWithRoot()
	tfrecordio.Write(s, "memfs://one/in", beam.CreateList(s, records), arrayrecordio.WithNumShards(2))
	ptest.RunAndValidate(t, p)

	p, s = beam.NewPipelineWithRoot()
	arrayrecordio.Write(s, "memfs://two/out", tfrecordio.Read(s, "memfs://one/in-*", tfrecordio.WithSplitSize(100)),
		arrayrecordio.WithNumShards(3))
	ptest.RunAndValidate(t, p)

	p, s = beam.NewPipelineWithRoot()
	passert.Equals(s, arrayrecordio.Read(s, "memfs://two/out-*", arrayrecordio.WithSplitSize(100)), want...)
	ptest.RunAndValidate(t, p)

	infos, err := storage.List(t.Context(), "memfs://two/**")
	require.NoError(t, err)
	require.Len(t, infos, 3)
	temp, err := storage.List(t.Context(), "memfs://two/.temp-*/*")
	require.NoError(t, err)
	require.Empty(t, temp)

	// What is there is found out as anywhere.
	p, s = beam.NewPipelineWithRoot()
	arrayrecordio.Write(s, "memfs://two/out", beam.CreateList(s, records))
	require.ErrorContains(t, ptest.Run(p), "overwriting was not asked for")

	// Where shards would not be safe, the pipeline is not even made.
	_, err = arrayrecordio.TryWrite(s, "plainfs://bucket/out", beam.CreateList(s, records))
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "AssumeOneProcess")
}
