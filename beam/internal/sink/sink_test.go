package sink

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestMain(m *testing.M) { beamtest.Main(m) }

// What a failed attempt left behind, complete or not, must neither get into the
// output nor stay.
func TestStaleTemporaryFiles(t *testing.T) {
	for _, n := range []int{0, 2} {
		dir := t.TempDir()
		prefix := filepath.Join(dir, "out")
		temp := TempDir(prefix)
		c := config(t, prefix, withTempDir(temp), withNumShards(2))
		stale := stage(t, c, makeRecords(500))
		_, err := decide(t.Context(), c, planDecision, c.planShards(stale))
		require.NoError(t, err)
		moves, err := c.moves(t.Context(), makeShards(t, c, stale))
		require.NoError(t, err)
		_, err = decide(t.Context(), c, commitDecision, moves)
		require.NoError(t, err)
		storagetest.Put(t, filepath.Join(temp, ".half.tmp"), []byte("half a file"))

		records := makeRecords(20)
		p, s := beam.NewPipelineWithRoot()
		c = config(t, prefix, withNumShards(n), withTempDir(temp))
		_, err = Write(s, c, nil, beam.CreateList(s, records))
		require.NoError(t, err)
		ptest.RunAndValidate(t, p)
		shards := list(t, prefix+"*")
		require.Len(t, shards, max(n, 1))
		requireShards(t, records, shards)
		requireNoTemp(t, dir)
	}
}

// A worker in another process finds types by name only.
func TestTypesAreKnownToWorkers(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[File](), reflect.TypeFor[shardPlan](), reflect.TypeFor[piece](),
		reflect.TypeFor[stageFn](), reflect.TypeFor[planFn](), reflect.TypeFor[copyFn](), reflect.TypeFor[commitFn](),
		reflect.TypeFor[arrangeFn](), reflect.TypeFor[arrangement](), reflect.TypeFor[windowFn](), reflect.TypeFor[marshalFn](), reflect.TypeFor[move](),
	} {
		key, ok := runtime.TypeKey(typ)
		require.True(t, ok, typ)
		found, ok := runtime.LookupType(key)
		require.True(t, ok, typ)
		require.Equal(t, typ, found)
	}
}
