// Package counters names the metrics that the transforms of this module
// report, so that all of them count alike.
package counters

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// Namespace is the namespace of all metrics of this module.
const Namespace = "arrayrecord"

// The counters. Bytes are those of files as storage holds them, compressed if
// they are.
const (
	FilesRead      = "files_read"
	RecordsRead    = "records_read"
	BytesRead      = "bytes_read"
	FilesWritten   = "files_written"
	RecordsWritten = "records_written"
	BytesWritten   = "bytes_written"
)

// A Set holds the counters of one side, reading or writing.
type Set struct {
	files, records, bytes beam.Counter
}

// Read returns the counters of what is read.
func Read() Set { return newSet(FilesRead, RecordsRead, BytesRead) }

// Written returns the counters of what is written.
func Written() Set { return newSet(FilesWritten, RecordsWritten, BytesWritten) }

func newSet(files, records, bytes string) Set {
	return Set{
		files:   beam.NewCounter(Namespace, files),
		records: beam.NewCounter(Namespace, records),
		bytes:   beam.NewCounter(Namespace, bytes),
	}
}

// Add counts. It costs about as much as reading a small record: call it for
// many records at a time. The context is that of the DoFn's method.
func (s Set) Add(ctx context.Context, files, records, bytes int64) {
	s.files.Inc(ctx, files)
	s.records.Inc(ctx, records)
	s.bytes.Inc(ctx, bytes)
}
