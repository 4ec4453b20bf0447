package sink

import (
	"encoding/json"
	"flag"
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

// What a failed run left behind, complete or not, must not get into the output
// of the next, nor stay if it is in the same directory.
func TestStaleTemporaryFiles(t *testing.T) {
	for _, n := range []int{0, 2} {
		dir := t.TempDir()
		prefix := filepath.Join(dir, "out")
		c := config(t, prefix, withNumShards(2))
		makeShards(t, c, stage(t, c, makeRecords(500)))
		storagetest.Put(t, filepath.Join(c.RunDir(), ".half.tmp"), []byte("half a file"))
		plan := storagetest.Get(t, filepath.Join(c.RunDir(), "plan.json"))

		records := makeRecords(20)
		p, s := beam.NewPipelineWithRoot()
		c.NumShards = n
		c.Run = NewRunID()
		storagetest.Put(t, filepath.Join(c.RunDir(), ".half.tmp"), []byte("half a file"))
		storagetest.Put(t, filepath.Join(c.RunDir(), "other.temp"), plan)
		_, err := Write(s, Options{Config: c}, beam.CreateList(s, records))
		require.NoError(t, err)
		ptest.RunAndValidate(t, p)
		shards := list(t, prefix+"*")
		require.Len(t, shards, max(n, 1))
		requireShards(t, records, shards)
		require.NoDirExists(t, c.RunDir())
	}
}

// Each run of a pipeline has an identity of its own, and keeps it: the runner
// has it with the DoFns.
func TestIdentityIsMadeWhenAPipelineRuns(t *testing.T) {
	dir := t.TempDir()
	prefix := filepath.Join(dir, "out")
	p, s := beam.NewPipelineWithRoot()
	c := config(t, prefix, withOverwrite(Replace))
	c.Run = ""
	_, err := Write(s, Options{Config: c}, beam.CreateList(s, makeRecords(20)))
	require.NoError(t, err)
	var before string
	for range 2 {
		ptest.RunAndValidate(t, p)
		records := list(t, dir+"/.*.commit")
		require.Len(t, records, 1)
		var r record
		require.NoError(t, readJSON(t.Context(), records[0], &r))
		require.Len(t, r.Run, 26)
		require.NotEqual(t, before, r.Run)
		before = r.Run
		requireNoTemp(t, dir)
	}

	var sent struct{ Config Config }
	data, err := json.Marshal(&commitFn{Config: c})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &sent))
	again, err := json.Marshal(&sent)
	require.NoError(t, err)
	require.Contains(t, string(again), string(sent.Config.Run))
	require.NotEmpty(t, sent.Config.Run)
}

// What is sent to a service to be run many times must not have the identity of
// one run.
func TestTemplateHasNoIdentity(t *testing.T) {
	if flag.Lookup("template_location") == nil {
		flag.String("template_location", "", "as Dataflow's runner has it")
	}
	require.NoError(t, flag.Set("template_location", "gs://bucket/template"))
	defer func() { require.NoError(t, flag.Set("template_location", "")) }()
	data, err := json.Marshal(RunID(""))
	require.NoError(t, err)
	require.Equal(t, `""`, string(data))
	require.Empty(t, NewRunID())
	c := Config{}
	c.Identify()
	require.NotEmpty(t, c.Run)
}

// A worker in another process finds types by name only.
func TestTypesAreKnownToWorkers(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[File](), reflect.TypeFor[shardPlan](), reflect.TypeFor[piece](),
		reflect.TypeFor[stageFn](), reflect.TypeFor[planFn](), reflect.TypeFor[copyFn](), reflect.TypeFor[commitFn](),
		reflect.TypeFor[arrangeFn](), reflect.TypeFor[arrangement](), reflect.TypeFor[marshalFn](),
		reflect.TypeFor[stageSetsFn](), reflect.TypeFor[arrangeSetFn](), reflect.TypeFor[writeSetFn](), reflect.TypeFor[ownWindowFn](),
		reflect.TypeFor[encodeFn](), reflect.TypeFor[partFn](), reflect.TypeFor[keyedPartFn](), reflect.TypeFor[Shard](),
		reflect.TypeFor[move](),
		reflect.TypeFor[shardSet](), reflect.TypeFor[pane](),
	} {
		key, ok := runtime.TypeKey(typ)
		require.True(t, ok, typ)
		found, ok := runtime.LookupType(key)
		require.True(t, ok, typ)
		require.Equal(t, typ, found)
	}
}
