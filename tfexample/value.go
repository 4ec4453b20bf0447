package tfexample

import (
	"errors"
	"fmt"
)

// Errors of Value and Values.
var (
	ErrNoFeature = errors.New("no such feature") // the Example has none of that name
	ErrKind      = errors.New("another kind of feature")
	ErrCount     = errors.New("not one value")
)

// A Type is what the values of a feature can be in Go. Byte strings are []byte, which share the
// Example's memory, or string, whatever they hold.
type Type interface {
	[]byte | string | int64 | float32
}

// Values gives the values of a feature. A feature that holds no list of any kind has no values.
// Errors match ErrNoFeature or ErrKind, and name the feature. The slice is the Example's own, except
// for strings.
func Values[T Type](example *Example, name string) ([]T, error) {
	feature, found := example.GetFeatures().GetFeature()[name]
	if !found {
		return nil, fmt.Errorf("feature %q: %w", name, ErrNoFeature)
	}
	if feature.GetKind() == nil {
		return nil, nil
	}
	var values []T
	var is bool
	switch kind := feature.GetKind().(type) {
	case *Feature_BytesList:
		if texts, ok := any(&values).(*[]string); ok {
			for _, value := range kind.BytesList.GetValue() {
				*texts = append(*texts, string(value))
			}
			return values, nil
		}
		values, is = any(kind.BytesList.GetValue()).([]T)
	case *Feature_FloatList:
		values, is = any(kind.FloatList.GetValue()).([]T)
	case *Feature_Int64List:
		values, is = any(kind.Int64List.GetValue()).([]T)
	}
	if !is {
		var want T
		return nil, fmt.Errorf("feature %q: %w: it has %s, not %T", name, ErrKind, feature.kindName(), want)
	}
	return values, nil
}

// Value gives the one value of a feature; another number of values is an error that matches
// ErrCount. Other errors are those of Values.
func Value[T Type](example *Example, name string) (value T, err error) {
	values, err := Values[T](example, name)
	if err != nil {
		return value, err
	}
	if len(values) != 1 {
		return value, fmt.Errorf("feature %q: %w: it has %d", name, ErrCount, len(values))
	}
	return values[0], nil
}

func (x *Feature) kindName() string {
	switch x.GetKind().(type) {
	case *Feature_BytesList:
		return "byte strings"
	case *Feature_FloatList:
		return "float32"
	default:
		return "int64"
	}
}
