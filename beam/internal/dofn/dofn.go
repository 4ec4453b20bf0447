// Package dofn registers DoFns so that Beam calls ProcessElement directly
// instead of by reflection, which is several times slower per record.
//
// Beam's own package register does the same, but each of its calls adds
// several megabytes to a program and seconds to its build, because it
// instantiates a wrapper for every possible signature of every life-cycle
// method.
package dofn

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
)

// Register3x1 registers the DoFn *T whose ProcessElement takes three arguments
// and returns one result:
//
//	dofn.Register3x1((*readFn).ProcessElement)
//
// Its other life-cycle methods are found by reflection. It must be called in
// an init function. No other DoFn of the program may have a package and a type
// of the same names: Beam tells wrappers apart by "package.Type" only.
func Register3x1[T, A, B, C, R any](process func(*T, A, B, C) R) {
	t := reflect.TypeFor[T]()
	beam.RegisterType(t)
	reflectx.RegisterStructWrapper(t, func(instance any) map[string]reflectx.Func {
		fn := instance.(*T)
		bound := func(a A, b B, c C) R { return process(fn, a, b, c) }
		return map[string]reflectx.Func{"ProcessElement": func3x1[A, B, C, R](bound)}
	})
}

// func3x1 is a function in the two forms in which Beam calls it.
type func3x1[A, B, C, R any] func(A, B, C) R

func (f func3x1[A, B, C, R]) Name() string {
	return reflectx.FunctionName((func(A, B, C) R)(f))
}

func (f func3x1[A, B, C, R]) Type() reflect.Type {
	return reflect.TypeFor[func(A, B, C) R]()
}

func (f func3x1[A, B, C, R]) Call(args []any) []any {
	return []any{f.Call3x1(args[0], args[1], args[2])}
}

// Call3x1 makes f a reflectx.Func3x1.
func (f func3x1[A, B, C, R]) Call3x1(a, b, c any) any {
	return f(as[A](a), as[B](b), as[C](c))
}

// as is a type assertion that lets a nil interface be a zero value.
func as[T any](v any) T {
	t, _ := v.(T)
	return t
}
