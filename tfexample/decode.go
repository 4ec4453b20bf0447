package tfexample

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// ErrNotExample is reported for a record that is not a serialized
// tf.train.Example.
var ErrNotExample = errors.New("not a tf.train.Example")

// Decode returns the Example that record holds. The result does not share
// memory with record.
//
// Any bytes that happen to be a valid protocol buffer message would pass as an
// Example full of unknown fields, so fields that these messages do not have
// (they have not changed since 2015) are an error too: ErrNotExample, like
// everything else that is wrong.
func Decode(record []byte) (*Example, error) {
	example := new(Example)
	if err := proto.Unmarshal(record, example); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotExample, err)
	}
	if err := noUnknownFields(example); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotExample, err)
	}
	return example, nil
}

func noUnknownFields(example *Example) error {
	if err := known(example); err != nil {
		return err
	}
	if err := known(example.GetFeatures()); err != nil {
		return err
	}
	for name, feature := range example.GetFeatures().GetFeature() {
		for _, m := range []proto.Message{feature, feature.GetBytesList(), feature.GetFloatList(), feature.GetInt64List()} {
			if err := known(m); err != nil {
				return fmt.Errorf("feature %q: %w", name, err)
			}
		}
	}
	return nil
}

// known checks one message, not those inside it. A nil one has no fields.
func known(m proto.Message) error {
	unknown := m.ProtoReflect().GetUnknown()
	if len(unknown) == 0 {
		return nil
	}
	number, kind, _ := protowire.ConsumeTag(unknown)
	return fmt.Errorf("%s has no field %d of wire type %d", m.ProtoReflect().Descriptor().Name(), number, kind)
}
