// Package settings puts structs of options together whose zero fields are not set.
package settings

import (
	"fmt"
	"reflect"
)

// Add sets the fields of a struct that more sets. It fails if they are set to something else
// already, and names both.
func Add[T any](options *T, more T) error {
	into, from := reflect.ValueOf(options).Elem(), reflect.ValueOf(more)
	for i := range into.NumField() {
		field, value := into.Field(i), from.Field(i)
		switch {
		case value.IsZero() || value.Equal(field):
		case field.IsZero():
			field.Set(value)
		default:
			return fmt.Errorf("%s is set to %v and to %v", into.Type().Field(i).Name, field, value)
		}
	}
	return nil
}

// Fill sets the fields of a struct that are not set to those of another.
func Fill[T any](options *T, from T) {
	into := reflect.ValueOf(options).Elem()
	for i := range into.NumField() {
		if field := into.Field(i); field.IsZero() {
			field.Set(reflect.ValueOf(from).Field(i))
		}
	}
}

// SetDefault sets a field that is not set.
func SetDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
