package tfrecordio

import (
	"io"

	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// A ReadOption changes what Read does.
type ReadOption func(*readConfig)

// WithCompression says how the files are compressed. The default,
// tfrecord.Auto, finds out for each file from its first bytes, whatever its
// name.
func WithCompression(c tfrecord.Compression) ReadOption {
	return func(r *readConfig) { r.Compression = c }
}

// WithMaxRecordSize sets the longest record that is accepted, in bytes; a
// longer one fails the pipeline. The default is
// tfrecord.DefaultMaxRecordSize.
func WithMaxRecordSize(n int) ReadOption {
	return func(r *readConfig) { r.MaxRecordSize = n }
}

// readConfig travels to the workers as part of a DoFn, hence its exported
// fields.
type readConfig struct {
	Compression   tfrecord.Compression
	MaxRecordSize int
}

// ioSize is how many bytes are asked of storage at a time: enough for a
// bucket, and little memory when many files are read at once.
const ioSize = 1 << 20

func (c readConfig) newReader(src io.Reader) (*tfrecord.Reader, error) {
	return tfrecord.NewReader(src, tfrecord.WithCompression(c.Compression),
		tfrecord.WithMaxRecordSize(c.MaxRecordSize), tfrecord.WithBufferSize(ioSize))
}
