// Package direct registers DoFns so that Beam calls ProcessElement directly
// instead of by reflection, which is several times slower per record.
//
// Beam's own package register does the same, but each of its calls adds
// several megabytes to a program and seconds to its build, because it
// instantiates a wrapper for every possible signature of every life-cycle
// method.
//
// RegisterNx1 registers the DoFn *T whose ProcessElement takes N arguments and
// returns one result:
//
//	direct.Register3x1((*readFn).ProcessElement)
//
// All arguments count: the context, the restriction tracker of a splittable
// DoFn, the element (two for a KV), side inputs and emitters. The other
// methods are found by reflection, also CreateTracker and the like.
//
// Registering is for init functions. No other DoFn of the program may have a
// package and a type of the same names: Beam tells wrappers apart by
// "package.Type" only.
package direct

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
)

// Register2x1 registers a DoFn; see the package comment.
func Register2x1[T, A, B, R any](process func(*T, A, B) R) {
	register(process, func(fn *T, m method[func(A, B) R]) reflectx.Func {
		m.call = func(a A, b B) R { return process(fn, a, b) }
		return func2x1[A, B, R]{m}
	})
}

// Register3x1 registers a DoFn; see the package comment.
func Register3x1[T, A, B, C, R any](process func(*T, A, B, C) R) {
	register(process, func(fn *T, m method[func(A, B, C) R]) reflectx.Func {
		m.call = func(a A, b B, c C) R { return process(fn, a, b, c) }
		return func3x1[A, B, C, R]{m}
	})
}

// Register4x1 registers a DoFn; see the package comment.
func Register4x1[T, A, B, C, D, R any](process func(*T, A, B, C, D) R) {
	register(process, func(fn *T, m method[func(A, B, C, D) R]) reflectx.Func {
		m.call = func(a A, b B, c C, d D) R { return process(fn, a, b, c, d) }
		return func4x1[A, B, C, D, R]{m}
	})
}

// Register5x1 registers a DoFn; see the package comment.
func Register5x1[T, A, B, C, D, E, R any](process func(*T, A, B, C, D, E) R) {
	register(process, func(fn *T, m method[func(A, B, C, D, E) R]) reflectx.Func {
		m.call = func(a A, b B, c C, d D, e E) R { return process(fn, a, b, c, d, e) }
		return func5x1[A, B, C, D, E, R]{m}
	})
}

// Register6x1 registers a DoFn; see the package comment.
func Register6x1[T, A, B, C, D, E, F, R any](process func(*T, A, B, C, D, E, F) R) {
	register(process, func(fn *T, m method[func(A, B, C, D, E, F) R]) reflectx.Func {
		m.call = func(a A, b B, c C, d D, e E, f F) R { return process(fn, a, b, c, d, e, f) }
		return func6x1[A, B, C, D, E, F, R]{m}
	})
}

// register makes Beam use what bind makes of an instance.
func register[T, F any](process any, bind func(*T, method[F]) reflectx.Func) {
	t := reflect.TypeFor[T]()
	m := method[F]{name: reflectx.FunctionName(process)}
	beam.RegisterType(t)
	reflectx.RegisterStructWrapper(t, func(instance any) map[string]reflectx.Func {
		return map[string]reflectx.Func{"ProcessElement": bind(instance.(*T), m)}
	})
}

// method is ProcessElement of one instance; F is its type without the receiver.
type method[F any] struct {
	name string
	call F
}

func (m method[F]) Name() string       { return m.name }
func (m method[F]) Type() reflect.Type { return reflect.TypeFor[F]() }

// Each of the following is a reflectx.FuncNx1.

type func2x1[A, B, R any] struct{ method[func(A, B) R] }

func (f func2x1[A, B, R]) Call(args []any) []any {
	return []any{f.Call2x1(args[0], args[1])}
}

func (f func2x1[A, B, R]) Call2x1(a, b any) any {
	return f.call(as[A](a), as[B](b))
}

type func3x1[A, B, C, R any] struct{ method[func(A, B, C) R] }

func (f func3x1[A, B, C, R]) Call(args []any) []any {
	return []any{f.Call3x1(args[0], args[1], args[2])}
}

func (f func3x1[A, B, C, R]) Call3x1(a, b, c any) any {
	return f.call(as[A](a), as[B](b), as[C](c))
}

type func4x1[A, B, C, D, R any] struct{ method[func(A, B, C, D) R] }

func (f func4x1[A, B, C, D, R]) Call(args []any) []any {
	return []any{f.Call4x1(args[0], args[1], args[2], args[3])}
}

func (f func4x1[A, B, C, D, R]) Call4x1(a, b, c, d any) any {
	return f.call(as[A](a), as[B](b), as[C](c), as[D](d))
}

type func5x1[A, B, C, D, E, R any] struct {
	method[func(A, B, C, D, E) R]
}

func (f func5x1[A, B, C, D, E, R]) Call(args []any) []any {
	return []any{f.Call5x1(args[0], args[1], args[2], args[3], args[4])}
}

func (f func5x1[A, B, C, D, E, R]) Call5x1(a, b, c, d, e any) any {
	return f.call(as[A](a), as[B](b), as[C](c), as[D](d), as[E](e))
}

type func6x1[A, B, C, D, E, F, R any] struct {
	method[func(A, B, C, D, E, F) R]
}

func (f func6x1[A, B, C, D, E, F, R]) Call(args []any) []any {
	return []any{f.Call6x1(args[0], args[1], args[2], args[3], args[4], args[5])}
}

func (f func6x1[A, B, C, D, E, F, R]) Call6x1(a, b, c, d, e, g any) any {
	return f.call(as[A](a), as[B](b), as[C](c), as[D](d), as[E](e), as[F](g))
}

// as is a type assertion that lets a nil interface be a zero value.
func as[T any](v any) T {
	t, _ := v.(T)
	return t
}
