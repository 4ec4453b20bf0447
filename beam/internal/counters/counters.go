// Package counters names the metrics that the transforms of this module
// report, so that all of them count alike.
package counters

import (
	"context"
	"time"

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
	FilesFailed    = "files_failed"
	FilesWritten   = "files_written"
	RecordsWritten = "records_written"
	BytesWritten   = "bytes_written"
)

// The distributions. The size of a record is that of its data alone,
// uncompressed. The time of a file is how long one call worked on it, from
// opening to closing, what follows in the same stage included; a file that is
// read in parts has one for each part.
const (
	ReadRecordBytes    = "read_record_bytes"
	ReadFileMillis     = "read_file_millis"
	WrittenRecordBytes = "written_record_bytes"
	WrittenFileMillis  = "written_file_millis"
)

// A Set holds the metrics of one side, reading or writing. The context of its
// methods is that of the DoFn's method, whose goroutine alone may call them.
type Set struct {
	files, records, bytes, failed beam.Counter
	recordBytes, fileMillis       beam.Distribution
}

// Read returns the metrics of what is read.
func Read() Set {
	return newSet(FilesRead, RecordsRead, BytesRead, ReadRecordBytes, ReadFileMillis)
}

// Written returns the metrics of what is written.
func Written() Set {
	return newSet(FilesWritten, RecordsWritten, BytesWritten, WrittenRecordBytes, WrittenFileMillis)
}

func newSet(files, records, bytes, recordBytes, fileMillis string) Set {
	return Set{
		files:       beam.NewCounter(Namespace, files),
		records:     beam.NewCounter(Namespace, records),
		bytes:       beam.NewCounter(Namespace, bytes),
		failed:      beam.NewCounter(Namespace, FilesFailed),
		recordBytes: beam.NewDistribution(Namespace, recordBytes),
		fileMillis:  beam.NewDistribution(Namespace, fileMillis),
	}
}

// Add counts. Call it for many records at a time.
func (s *Set) Add(ctx context.Context, files, records, bytes int64) {
	s.files.Inc(ctx, files)
	s.records.Inc(ctx, records)
	s.bytes.Inc(ctx, bytes)
}

// RecordSize notes the size of one record. It costs some ten nanoseconds, a
// small part of what reading or writing the smallest record does.
func (s *Set) RecordSize(ctx context.Context, bytes int) {
	s.recordBytes.Update(ctx, int64(bytes))
}

// FileTime notes that the work on a file, or a part of one, that began at start
// is done.
func (s *Set) FileTime(ctx context.Context, start time.Time) {
	s.fileMillis.Update(ctx, time.Since(start).Milliseconds())
}

// Failed counts a file that was left out because of an error.
func (s *Set) Failed(ctx context.Context) { s.failed.Inc(ctx, 1) }
