// Package tfexample reads and makes serialized tf.train.Example messages, which
// is what most TFRecord and ArrayRecord files of the TensorFlow and JAX world
// hold, without TensorFlow.
package tfexample

// Needs protoc and protoc-gen-go v1.36.12.
//go:generate protoc -Iarrayrecord-go/internal/tfexample=. --go_out=. --go_opt=module=github.com/arrayrecord/arrayrecord-go/internal/tfexample arrayrecord-go/internal/tfexample/example.proto
