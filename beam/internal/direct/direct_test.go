package direct

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
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

// Each of these gives its arguments back, in order.
type (
	args2 struct{}
	args4 struct{}
	args5 struct{}
	args6 struct{}
)

func (*args2) ProcessElement(a string, emit func(string)) error { emit(a); return nil }

func (*args4) ProcessElement(_ context.Context, a string, b int, emit func(string)) error {
	emit(fmt.Sprint(a, b))
	return nil
}

func (*args5) ProcessElement(_ context.Context, a string, b int, emit, other func(string)) error {
	emit(a)
	other(fmt.Sprint(b))
	return nil
}

func (*args6) ProcessElement(_ context.Context, a string, b int, emit, other, last func(string)) error {
	emit(a)
	other(fmt.Sprint(b))
	last("last")
	return nil
}

func withSeven(word string) (string, int) { return word, 7 }

func init() {
	beam.RegisterFunction(withSeven)
	Register3x1((*repeatFn).ProcessElement)
	Register2x1((*args2).ProcessElement)
	Register4x1((*args4).ProcessElement)
	Register5x1((*args5).ProcessElement)
	Register6x1((*args6).ProcessElement)
}

func TestMain(m *testing.M) { beamtest.Main(m) }

func TestRegisteredFnRunsWithAllItsMethods(t *testing.T) {
	p, s, words := ptest.Create([]any{"word"})
	passert.Equals(s, beam.ParDo(s, &repeatFn{Times: 2}, words), "word", "word", "end")
	ptest.RunAndValidate(t, p)
}

func TestAllNumbersOfArguments(t *testing.T) {
	p, s, words := ptest.Create([]any{"word"})
	pairs := beam.ParDo(s, withSeven, words)
	passert.Equals(s, beam.ParDo(s, &args2{}, words), "word")
	passert.Equals(s, beam.ParDo(s, &args4{}, pairs), "word7")
	word, seven := beam.ParDo2(s, &args5{}, pairs)
	passert.Equals(s, word, "word")
	passert.Equals(s, seven, "7")
	word, seven, last := beam.ParDo3(s, &args6{}, pairs)
	passert.Equals(s, word, "word")
	passert.Equals(s, seven, "7")
	passert.Equals(s, last, "last")
	ptest.RunAndValidate(t, p)

	requireWrapped[reflectx.Func2x1](t, &args2{})
	requireWrapped[reflectx.Func4x1](t, &args4{})
	requireWrapped[reflectx.Func5x1](t, &args5{})
	requireWrapped[reflectx.Func6x1](t, &args6{})
	var got []string
	emit := func(s string) { got = append(got, s) }
	for fn, args := range map[any][]any{
		&args2{}: {"2", emit},
		&args4{}: {t.Context(), "4", 4, emit},
		&args5{}: {t.Context(), "5", 5, emit, emit},
		&args6{}: {t.Context(), "6", 6, emit, emit, emit},
	} {
		assert.Equal(t, []any{nil}, requireWrapped[reflectx.Func](t, fn).Call(args))
	}
	assert.ElementsMatch(t, []string{"2", "44", "5", "5", "6", "6", "last"}, got)
}

// requireWrapped gives the typed wrapper of a DoFn's ProcessElement.
func requireWrapped[F reflectx.Func](t *testing.T, doFn any) F {
	t.Helper()
	fn, err := graph.NewFn(doFn)
	require.NoError(t, err)
	parsed, err := graph.AsDoFn(fn, graph.MainUnknown)
	require.NoError(t, err)
	wrapped, ok := parsed.ProcessElementFn().Fn.(F)
	require.True(t, ok, "Beam would call by reflection")
	return wrapped
}

func TestErrorOfRegisteredFnFailsThePipeline(t *testing.T) {
	failingjob.Test(t)
	p, s, words := ptest.Create([]any{"bad"})
	beam.ParDo(s, &repeatFn{Times: 1}, words)
	assert.ErrorContains(t, ptest.Run(p), "a bad word")
}

func TestWrapperIsUsedAndIsTyped(t *testing.T) {
	wrapped := requireWrapped[reflectx.Func3x1](t, &repeatFn{Times: 3})
	assert.Equal(t, reflect.TypeFor[func(context.Context, string, func(string)) error](), wrapped.Type())
	assert.Contains(t, wrapped.Name(), "(*repeatFn).ProcessElement")

	var got []string
	emit := func(s string) { got = append(got, s) }
	assert.Nil(t, wrapped.Call3x1(t.Context(), "x", emit))
	assert.Equal(t, []any{nil}, wrapped.Call([]any{t.Context(), "y", emit}))
	assert.Equal(t, []string{"x", "x", "x", "y", "y", "y"}, got)
	assert.Error(t, wrapped.Call3x1(nil, "bad", emit).(error), "a nil argument is a zero value")
}
