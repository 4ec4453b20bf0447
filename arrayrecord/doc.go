// Package arrayrecord reads and writes ArrayRecord files, the format that machine learning data
// is kept in for random access: chunks of compressed records, an index at the end, records read
// in parallel by number.
//
//	0            64                               footer               size
//	+-----------+---------+---------+-----+-------+-------------------+------------+
//	| signature | chunk 0 | chunk 1 | ... |       | index of chunks   | postscript |
//	+-----------+---------+---------+-----+-------+-------------------+------------+
//
// Every chunk but the last holds the same number of records, the group size; with group size 1,
// the default, each record is compressed by itself and random access is fastest. The format is
// described in docs/format.md.
//
// Files are named by path on local disk, or by URL where a storage package has registered the
// scheme (see package storage).
//
// # Concurrency
//
// A [Reader] may be used by any number of goroutines at once. A [Writer] may not: it is for one
// goroutine, and encodes on several threads by itself.
//
// # Memory
//
// Records are decoded into memory that Go allocated. Slices that a call returns belong to the
// caller and stay valid, except where a call says that they are valid during a callback only.
// The slices of one call may share an array: keeping one keeps the others alive. They have no
// spare capacity, so appending to one does not touch another.
//
// # Errors
//
// Errors can be told apart by errors.Is with the sentinels of this package; damage to a file
// comes as a [*CorruptError], which says where. Errors of the operating system and of storage
// remain reachable, so that errors.Is(err, fs.ErrNotExist) works.
package arrayrecord
