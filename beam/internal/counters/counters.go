// Package counters names the metrics that the transforms of this module
// report, so that all of them count alike.
package counters

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// Namespace is the namespace of all metrics of this module.
const Namespace = "arrayrecord"

// The counters. Bytes are those of files as storage holds them, compressed if
// they are.
const (
	FilesFound     = "files_found"
	BytesFound     = "bytes_found"
	FilesRead      = "files_read"
	RecordsRead    = "records_read"
	BytesRead      = "bytes_read"
	FilesFailed    = "files_failed"
	ChunksFailed   = "chunks_failed"
	FilesKept      = "files_kept"
	FilesWritten   = "files_written"
	RecordsWritten = "records_written"
	BytesWritten   = "bytes_written"
	FilesToVerify  = "files_to_verify"
	BytesToVerify  = "bytes_to_verify"
	FilesVerified  = "files_verified"
	BytesVerified  = "bytes_verified"
	RecordsCopied  = "records_copied"
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
	files, records, bytes   counter
	failed, failedChunks    counter
	recordBytes, fileMillis beam.Distribution
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
		files:        newCounter(files),
		records:      newCounter(records),
		bytes:        newCounter(bytes),
		failed:       newCounter(FilesFailed),
		failedChunks: newCounter(ChunksFailed),
		recordBytes:  beam.NewDistribution(Namespace, recordBytes),
		fileMillis:   beam.NewDistribution(Namespace, fileMillis),
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

// FailedChunk counts a chunk that was left out because of damage.
func (s *Set) FailedChunk(ctx context.Context) { s.failedChunks.Inc(ctx, 1) }

// Verified counts what is read before it is read again, to find out what has to be
// left out.
type Verified struct {
	toDo, bytesToDo, files, bytes counter
}

// Verify returns the counters of verification.
func Verify() Verified {
	return Verified{
		toDo: newCounter(FilesToVerify), bytesToDo: newCounter(BytesToVerify),
		files: newCounter(FilesVerified), bytes: newCounter(BytesVerified),
	}
}

// Expect counts a file that is going to be verified.
func (v *Verified) Expect(ctx context.Context, bytes int64) {
	v.toDo.Inc(ctx, 1)
	v.bytesToDo.Inc(ctx, bytes)
}

// Add counts. The context is that of the DoFn's method, whose goroutine alone may
// call it.
func (v *Verified) Add(ctx context.Context, files, bytes int64) {
	v.files.Inc(ctx, files)
	v.bytes.Inc(ctx, bytes)
}

// Copied counts records of temporary files that were put into shards.
type Copied struct{ records counter }

// Copies returns the counter of what is copied.
func Copies() Copied { return Copied{newCounter(RecordsCopied)} }

// Add counts.
func (c *Copied) Add(ctx context.Context, records int64) { c.records.Inc(ctx, records) }

// Finds counts the files that are going to be read.
type Finds struct {
	files, bytes, kept counter
}

// Found returns the counters of what is found.
func Found() Finds {
	return Finds{files: newCounter(FilesFound), bytes: newCounter(BytesFound), kept: newCounter(FilesKept)}
}

// Add counts. Bytes are those that reading the files as a whole takes. The
// context is that of the DoFn's method, whose goroutine alone may call it.
func (f *Finds) Add(ctx context.Context, files, bytes int64) {
	f.files.Inc(ctx, files)
	f.bytes.Inc(ctx, bytes)
}

// Keep says that a file that was found is not going to be read, as its output is
// there.
func (f *Finds) Keep(ctx context.Context, bytes int64) {
	f.Add(ctx, -1, -bytes)
	f.kept.Inc(ctx, 1)
}

// counter is a counter of Beam's and one of this process.
type counter struct {
	beam.Counter
	local *atomic.Int64
}

func newCounter(name string) counter {
	return counter{beam.NewCounter(Namespace, name), locals[name]}
}

// Inc counts.
func (c *counter) Inc(ctx context.Context, n int64) {
	c.Counter.Inc(ctx, n)
	c.local.Add(n)
}

var locals = func() map[string]*atomic.Int64 {
	m := map[string]*atomic.Int64{}
	for _, name := range []string{
		FilesFound, BytesFound, FilesRead, RecordsRead, BytesRead, FilesFailed, ChunksFailed,
		FilesKept, FilesWritten, RecordsWritten, BytesWritten,
		FilesToVerify, BytesToVerify, FilesVerified, BytesVerified, RecordsCopied,
	} {
		m[name] = new(atomic.Int64)
	}
	return m
}()

// Local gives what this process has counted since it began, by the names of the
// counters. It is for showing how a job goes on: it has all jobs of the process
// in it, the work that was done in vain before a bundle was repeated, and
// nothing of what other workers do. It may be called by any goroutine.
func Local() map[string]int64 {
	m := map[string]int64{}
	for name, n := range locals {
		m[name] = n.Load()
	}
	return m
}
