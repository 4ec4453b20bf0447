package tfexample

import "google.golang.org/protobuf/proto"

// Bytes makes a feature of byte strings. The slices are kept, not copied.
func Bytes(values ...[]byte) *Feature {
	return &Feature{Kind: &Feature_BytesList{BytesList: &BytesList{Value: values}}}
}

// Strings makes a feature of byte strings from text.
func Strings(values ...string) *Feature {
	b := make([][]byte, len(values))
	for i, v := range values {
		b[i] = []byte(v)
	}
	return Bytes(b...)
}

// Floats makes a feature of 32-bit floating-point numbers.
func Floats(values ...float32) *Feature {
	return &Feature{Kind: &Feature_FloatList{FloatList: &FloatList{Value: values}}}
}

// Ints makes a feature of integers.
func Ints(values ...int64) *Feature {
	return &Feature{Kind: &Feature_Int64List{Int64List: &Int64List{Value: values}}}
}

// Encode returns a serialized Example with the features. The same features give
// the same bytes.
func Encode(features map[string]*Feature) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&Example{Features: &Features{Feature: features}})
}
