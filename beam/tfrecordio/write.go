package tfrecordio

import (
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// A WriteOption changes what Write does. The names of files, limits, windows
// and temporary files are those of arrayrecordio, whose options of the same
// names say more.
type WriteOption func(*writeOptions)

type writeOptions struct {
	sink.Config
	Encoder any
	Shards  *beam.PCollection
}

// WithNumShards sets the number of shards; they get equally many records, or
// almost. The default, 0, leaves the number to the runner, which costs less: a
// number of shards has the records written twice. With windows 0 means one.
func WithNumShards(n int) WriteOption {
	return func(c *writeOptions) { c.NumShards = n }
}

// WithMaxRecordsPerShard begins another shard when one has n records. It
// excludes a number of shards. The default, 0, is no limit.
func WithMaxRecordsPerShard(n int64) WriteOption {
	return func(c *writeOptions) { c.MaxRecords = n }
}

// WithMaxBytesPerShard begins another shard when the records of one have n
// bytes or more, before compression. It excludes a number of shards. The
// default, 0, is no limit.
func WithMaxBytesPerShard(n int64) WriteOption {
	return func(c *writeOptions) { c.MaxBytes = n }
}

// WithShardNameTemplate sets what names have between prefix and suffix, as in
// arrayrecordio. The default is "-SSSSS-of-NNNNN", with windows
// "W-P-SSSSS-of-NNNNN".
func WithShardNameTemplate(template string) WriteOption {
	return func(c *writeOptions) { c.Template = &template }
}

// WithSuffix sets what the names of shards end in. The default is nothing, as
// in Beam's TFRecord sinks for Java and Python; ".tfrecord" is usual.
func WithSuffix(s string) WriteOption {
	return func(c *writeOptions) { c.Suffix = s }
}

// WithWriteCompression sets how each file is compressed as a whole. The
// default is tfrecord.None; tfrecord.Auto means the same. The suffix does not
// follow from it.
func WithWriteCompression(compression tfrecord.Compression) WriteOption {
	return func(c *writeOptions) { c.Compression = compression }
}

// WithSkipIfEmpty writes no shard at all, instead of empty ones, if there is
// no record.
func WithSkipIfEmpty() WriteOption {
	return func(c *writeOptions) { c.SkipIfEmpty = true }
}

// WithEncoder makes records of elements of any type: encode is a function or
// DoFn as for beam.ParDo, registered with Beam, from an element to []byte. It
// is not needed for []byte, string and protocol buffer messages, such as
// tf.train.Example.
func WithEncoder(encode any) WriteOption {
	return func(c *writeOptions) { c.Encoder = encode }
}

// WithWindowedWrites writes a set of shards for each window and pane of the
// input, which may be unbounded then.
func WithWindowedWrites() WriteOption {
	return func(c *writeOptions) { c.Windowed = true }
}

// An Overwrite says what becomes of files that have names of the output, as in
// arrayrecordio, where the policies Refuse, Replace and KeepNewer are.
type Overwrite = sink.Overwrite

// WithOverwrite says what becomes of files that have names of the output; the
// default is arrayrecordio.Refuse.
func WithOverwrite(o Overwrite) WriteOption {
	return func(c *writeOptions) { c.Overwrite = o }
}

// WithTempDir sets where the directories for temporary files are made, in the
// place of the output; the default is the directory of the output.
func WithTempDir(dir string) WriteOption {
	return func(c *writeOptions) { c.TempDir = dir }
}

// Write writes a PCollection into TFRecord files whose names begin with prefix,
// and returns their names as a PCollection of string, once all of them are
// complete. It does so exactly as arrayrecordio.Write does for ArrayRecords,
// with the same guarantees, in any place whose storage package the program
// imports.
//
// Elements are []byte, strings, protocol buffer messages, or of any type with
// [WithEncoder].
//
// Write panics if the input or an option makes no sense, as Beam's own
// transforms do; TryWrite returns the error instead.
func Write(s beam.Scope, prefix string, col beam.PCollection, opts ...WriteOption) beam.PCollection {
	return beam.Must(TryWrite(s, prefix, col, opts...))
}

// TryWrite is Write with an error instead of a panic. The error matches
// tfrecord.ErrInvalidOption for a wrong compression, and errors.ErrUnsupported
// if nothing serves the prefix's scheme.
func TryWrite(s beam.Scope, prefix string, col beam.PCollection, opts ...WriteOption) (beam.PCollection, error) {
	config := writeOptions{Config: sink.Config{Prefix: prefix, Format: sink.TFRecord}}
	for _, o := range opts {
		o(&config)
	}
	s = s.Scope("tfrecordio.Write")
	shards, err := sink.Write(s, config.Config, config.Encoder, col)
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("tfrecordio: write: %w", err)
	}
	if config.Shards != nil {
		*config.Shards = shards
	}
	return sink.Names(s, shards), nil
}
