package sink

import (
	"context"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
)

// newFunction makes a function of the user's travel to the workers. It must be
// registered with Beam, or be a function of a package with a name.
func newFunction(what string, fn any) (*beam.EncodedFunc, error) {
	if reflect.TypeOf(fn) == nil || reflect.TypeOf(fn).Kind() != reflect.Func || reflect.ValueOf(fn).IsNil() {
		return nil, fmt.Errorf("%s is no function but %T", what, fn)
	}
	return &beam.EncodedFunc{Fn: reflectx.MakeFunc(fn)}, nil
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// checkFunction makes sure that a function takes what it will be given, with or
// without a context before it, and returns what is wanted, with or without an error
// after it.
func checkFunction(what string, fn any, params []reflect.Type, result reflect.Type) (*beam.EncodedFunc, error) {
	f, err := newFunction(what, fn)
	if err != nil {
		return nil, err
	}
	t := reflect.TypeOf(fn)
	var in []reflect.Type
	for i := range t.NumIn() {
		in = append(in, t.In(i))
	}
	if len(in) > 0 && in[0] == contextType {
		in = in[1:]
	}
	fits := len(in) == len(params) && !t.IsVariadic() && (t.NumOut() == 1 || t.NumOut() == 2 && t.Out(1) == errorType) && t.Out(0) == result
	for i := range params {
		fits = fits && params[i].AssignableTo(in[i])
	}
	if !fits {
		return nil, fmt.Errorf("%s is a %v, not a function from %v to %v, or to that and an error", what, t, params, result)
	}
	return f, nil
}

// call calls a function that checkFunction has made.
func call[R any](ctx context.Context, f *beam.EncodedFunc, args ...any) (R, error) {
	if t := f.Fn.Type(); t.NumIn() > len(args) {
		args = append([]any{ctx}, args...)
	}
	out := f.Fn.Call(args)
	if len(out) == 2 && out[1] != nil {
		var zero R
		return zero, out[1].(error)
	}
	return out[0].(R), nil
}
