// Package tfexample reads and makes serialized tf.train.Example messages, which
// is what most TFRecord and ArrayRecord files of the TensorFlow and JAX world
// hold, without TensorFlow. Decode makes an Example of a record, Value and Values give its features;
// Encode makes a record of features; JSON shows one to a person.
package tfexample

// Needs protoc and protoc-gen-go v1.36.12.
//go:generate protoc -Iarrayrecord-go/tfexample=. --go_out=. --go_opt=module=github.com/arrayrecord/arrayrecord-go/tfexample arrayrecord-go/tfexample/example.proto
