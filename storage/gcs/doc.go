// Package gcs makes Google Cloud Storage a place for the files of this module:
// after
//
//	import _ "github.com/arrayrecord/arrayrecord-go/storage/gcs"
//
// names like gs://bucket/path/train-00000-of-00016.arrayrecord work wherever a
// path does: in readers, writers, data sources and globs.
//
// # Access
//
// A client with the application default credentials is made when the first
// name is used, and shared from then on; no request is made before. With
// STORAGE_EMULATOR_HOST set the client talks to that host, without credentials.
// [Use] puts a client of the program's own in its place.
//
// # Reading
//
// Opening an object is one request, which gives its size, its generation and
// its last 256 KiB. The index of most record files is in those, so opening a
// file costs nothing more; an object that is not larger than this is never
// asked for again. Every other read is one request for exactly the bytes
// wanted, of the generation that was opened. When the object is replaced or
// removed meanwhile, a read gives the old content where the bucket keeps it
// (object versioning) and otherwise an error that matches fs.ErrNotExist:
// never bytes of two generations.
//
// Package arrayrecord merges the ranges that a batch needs from an object where
// they are at most 64 KiB apart, splits what is larger than 8 MiB, and has up to
// 16 requests for an object under way at once. Reading in order fetches 4 MiB
// at a time, ahead of the records being used, unless reader options say
// otherwise.
//
// Objects are read as they are stored: one with Content-Encoding gzip gives
// compressed bytes, at the cost of another request when it is opened. A client
// made with WithJSONReads cannot read those.
//
// # Writing
//
// Uploads stream, with a buffer of 8 MiB each and nothing on disk. An object
// of at most 8 MiB is one request, a larger one a resumable upload in parts of
// that size. The CRC32C of the content is sent along, so that the service
// refuses what was damaged on the way, and compared once more with what the
// service says it has stored. An object comes into being by the last request,
// that of Commit; without it there is nothing.
//
// With storage.CreateOptions.NoOverwrite the upload is made under the
// precondition that no such object exists, and carries a random token in its
// metadata (arrayrecord-upload), by which an upload whose answer was lost on the
// way knows its object again.
//
// # Errors and retries
//
// Errors name bucket and object. A missing object or bucket matches
// fs.ErrNotExist, a name that is taken fs.ErrExist, lack of permission
// fs.ErrPermission; the client library's error stays reachable, such as
// *googleapi.Error.
//
// Requests that fail for a passing reason (lost connections, HTTP status 408,
// 429 and 5xx) are repeated with growing pauses as the client library does,
// reads until the context ends: give one with a deadline where waiting for the
// end of an outage is not wanted. An interrupted download goes on where it
// stopped. Uploads, copies and deletions are repeated too, since doing them
// twice leaves the same objects.
//
// When the context ends while Commit waits for its answer, the object may or
// may not exist.
package gcs
