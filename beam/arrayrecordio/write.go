package arrayrecordio

import (
	"errors"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// Write writes a PCollection into ArrayRecord files whose names begin with
// prefix, and returns their names as a PCollection of string, once all of them
// are complete. The package comment says how.
//
// Elements are []byte, strings, protocol buffer messages, or of any type with
// [WithEncoder]. Without [WithWindowedWrites] the input must be bounded, and
// its windows are ignored; if it is empty there is one empty shard, or as many
// as asked for.
//
// Write panics if the input or an option makes no sense, as Beam's own
// transforms do; TryWrite returns the error instead.
func Write(s beam.Scope, prefix string, col beam.PCollection, opts ...WriteOption) beam.PCollection {
	return beam.Must(TryWrite(s, prefix, col, opts...))
}

// TryWrite is Write with an error instead of a panic. The error matches
// arrayrecord.ErrInvalidOption for wrong writer options, and
// errors.ErrUnsupported if nothing serves the prefix's scheme.
func TryWrite(s beam.Scope, prefix string, col beam.PCollection, opts ...WriteOption) (beam.PCollection, error) {
	o := sink.Options{Config: sink.Config{
		Prefix:        prefix,
		Suffix:        DefaultSuffix,
		Format:        sink.ArrayRecord,
		WriterOptions: DefaultWriterOptions,
	}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.Config.Compression != tfrecord.Auto {
		return beam.PCollection{}, errors.New("arrayrecordio: write: the compression of a file as a whole is for TFRecords: see WithWriterOptions")
	}
	s = s.Scope("arrayrecordio.Write")
	shards, err := sink.Write(s, o, col)
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("arrayrecordio: write: %w", err)
	}
	return sink.Names(s, shards), nil
}

// WriteToArrayRecordParams are the parameters of the transform of the same name
// in upstream's Python package, with the same meaning. Only FilePathPrefix has
// no useful zero value.
//
//	Python                         here
//	file_path_prefix               FilePathPrefix
//	file_name_suffix=''            FileNameSuffix
//	num_shards=0                   NumShards
//	shard_name_template=None       ShardNameTemplate, nil for the default
//	coder=ToBytesCoder()           Coder, nil for []byte, strings and messages
//	compression_type=AUTO          none: ArrayRecord files are compressed inside
//
// Python always writes with "group_size:1", and to disk only.
type WriteToArrayRecordParams struct {
	// FilePathPrefix is what the names of the files begin with.
	FilePathPrefix string
	// FileNameSuffix is what they end in.
	FileNameSuffix string
	// NumShards is the number of files, 0 for the runner's choice.
	NumShards int
	// ShardNameTemplate is what the names have between them, as for
	// WithShardNameTemplate.
	ShardNameTemplate *string
	// Coder makes []byte of elements, as for WithEncoder.
	Coder any
}

// WriteToArrayRecord is Write with the parameters and the defaults of upstream's
// Python transform WriteToArrayRecord; note that file names have no suffix
// unless one is given. It panics as Write does.
func WriteToArrayRecord(s beam.Scope, params WriteToArrayRecordParams, col beam.PCollection) beam.PCollection {
	opts := []WriteOption{
		WithSuffix(params.FileNameSuffix),
		WithNumShards(params.NumShards),
		WithEncoder(params.Coder),
	}
	if params.ShardNameTemplate != nil {
		opts = append(opts, WithShardNameTemplate(*params.ShardNameTemplate))
	}
	return Write(s, params.FilePathPrefix, col, opts...)
}
