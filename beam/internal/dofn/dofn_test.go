package dofn

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
)

// repeatFn emits its word some times, and once more when the bundle ends.
type repeatFn struct {
	Times int
	last  string
}

func (f *repeatFn) StartBundle(context.Context, func(string)) { f.last = "" }

func (f *repeatFn) ProcessElement(_ context.Context, word string, emit func(string)) error {
	if word == "bad" {
		return errors.New("a bad word")
	}
	for range f.Times {
		emit(word)
	}
	f.last = word
	return nil
}

func (f *repeatFn) FinishBundle(_ context.Context, emit func(string)) {
	if f.last != "" {
		emit("end")
	}
}

func init() { Register3x1((*repeatFn).ProcessElement) }

func TestMain(m *testing.M) { ptest.Main(m) }

func TestRegisteredFnRunsWithAllItsMethods(t *testing.T) {
	p, s, words := ptest.Create([]any{"word"})
	passert.Equals(s, beam.ParDo(s, &repeatFn{Times: 2}, words), "word", "word", "end")
	ptest.RunAndValidate(t, p)
}

func TestErrorOfRegisteredFnFailsThePipeline(t *testing.T) {
	failingjob.Test(t)
	p, s, words := ptest.Create([]any{"bad"})
	beam.ParDo(s, &repeatFn{Times: 1}, words)
	assert.ErrorContains(t, ptest.Run(p), "a bad word")
}

func TestWrapperIsUsedAndIsTyped(t *testing.T) {
	fn, err := graph.NewFn(&repeatFn{Times: 3})
	require.NoError(t, err)
	dofn, err := graph.AsDoFn(fn, graph.MainSingle)
	require.NoError(t, err)
	wrapped, ok := dofn.ProcessElementFn().Fn.(reflectx.Func3x1)
	require.True(t, ok, "Beam would call by reflection")
	assert.Equal(t, reflect.TypeFor[func(context.Context, string, func(string)) error](), wrapped.Type())
	assert.NotEmpty(t, wrapped.Name())

	var got []string
	emit := func(s string) { got = append(got, s) }
	assert.Nil(t, wrapped.Call3x1(t.Context(), "x", emit))
	assert.Equal(t, []any{nil}, wrapped.Call([]any{t.Context(), "y", emit}))
	assert.Equal(t, []string{"x", "x", "x", "y", "y", "y"}, got)
	assert.Error(t, wrapped.Call3x1(nil, "bad", emit).(error), "a nil argument is a zero value")
}
