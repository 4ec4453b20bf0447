package tfrecordio

import (
	"errors"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// WithWriteCompression sets how each file is compressed as a whole. The
// default is tfrecord.None; tfrecord.Auto means the same. The suffix does not
// follow from it.
func WithWriteCompression(compression tfrecord.Compression) arrayrecordio.WriteOption {
	return func(o *sink.Options) { o.Config.Compression = compression }
}

// Write writes a PCollection into TFRecord files whose names begin with prefix,
// and returns their names as a PCollection of string, once all of them are
// complete. It does so exactly as arrayrecordio.Write does for ArrayRecords,
// with the same guarantees, in any place whose storage package the program
// imports.
//
// Its options are those of arrayrecordio, but for WithWriterOptions and
// WithMetadata, and [WithWriteCompression]. By default names have no suffix, as in
// Beam's TFRecord sinks for Java and Python; ".tfrecord" is usual. A number of
// shards has the records written twice, as windows and destinations do; without
// them temporary files become shards as they are.
//
// Elements are []byte, strings, protocol buffer messages, such as
// tf.train.Example, or of any type with arrayrecordio.WithEncoder.
//
// Write panics if the input or an option makes no sense, as Beam's own
// transforms do; TryWrite returns the error instead.
func Write(s beam.Scope, prefix string, col beam.PCollection, opts ...arrayrecordio.WriteOption) beam.PCollection {
	return beam.Must(TryWrite(s, prefix, col, opts...))
}

// TryWrite is Write with an error instead of a panic. The error matches
// tfrecord.ErrInvalidOption for a wrong compression, and errors.ErrUnsupported
// if nothing serves the prefix's scheme.
func TryWrite(s beam.Scope, prefix string, col beam.PCollection, opts ...arrayrecordio.WriteOption) (beam.PCollection, error) {
	o := sink.Options{Config: sink.Config{Prefix: prefix, Format: sink.TFRecord}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.Config.WriterOptions != "" {
		return beam.PCollection{}, errors.New("tfrecordio: write: writer options are for ArrayRecords: see WithWriteCompression")
	}
	s = s.Scope("tfrecordio.Write")
	shards, err := sink.Write(s, o, col)
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("tfrecordio: write: %w", err)
	}
	return sink.Names(s, shards), nil
}
