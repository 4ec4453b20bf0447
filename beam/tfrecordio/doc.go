// Package tfrecordio reads TFRecord files in Beam pipelines.
//
//	p, s := beam.NewPipelineWithRoot()
//	records := tfrecordio.Read(s, "data/train-*.tfrecord.gz")
//
// # Reading
//
// The elements are the records' bytes. To get other types, follow it with a
// ParDo that decodes them. What other SDKs' TFRecord transforms do is done by:
//
//	Java, TFRecordIO              Python                             here
//	read().from(pattern)          ReadFromTFRecord(pattern)          Read
//	readFiles(), FileIO           ReadAllFromTFRecord()              ReadAll
//	                              ... (with_filename=True)           ReadAllWithFilename
//	withCompression(...)          compression_type=...               WithCompression
//	FileIO's EmptyMatchTreatment                                     WithEmptyMatch
//
// [ReadRecords] and [ReadAllRecords] give records with file name and offset.
//
// The compression is that of a file's content; the other SDKs go by its name.
// Files are looked for when the pipeline runs only, as theirs are with
// withoutValidation() or validate=False.
//
// # How files are read
//
//	patterns -> files -> parts -> shuffle -> records
//
// Parts are ranges of bytes, some 64 MiB to begin with (see [WithSplitSize]).
// Runners that split work dynamically (Dataflow, Prism) do that at any offset
// behind the record that is being read; sizes and progress are in bytes of the
// file. Compressed files are read as a whole.
//
// The format has no index, so the first record of a range is found by its
// checksums: where the header of a record seems to be, and records follow each
// other for some hundred kilobytes. A record whose data contains that many
// TFRecords can deceive this. That is noticed, as the reader of the range before
// comes to another place: the pipeline fails and says so. Such files are read
// with WithSplitSize(0).
//
// A file must not change from the moment it is found; one that has got another
// size by the time it is read is an error.
//
// # Metrics
//
// Counters in the namespace "arrayrecord":
//
//   - files_found, bytes_found: files that match the patterns, and their sizes
//   - files_read: files that were read to their end
//   - records_read: records that were given to the pipeline
//   - bytes_read: bytes that were read from storage; once a file has been read
//     to its end, this is its size, compressed if it is
//   - files_failed: failures, if they are asked for (see [WithFailures])
//
// Distributions:
//
//   - read_record_bytes: sizes of the records
//   - read_file_millis: time per part, or per part of one that was split,
//     including what follows in the same stage
package tfrecordio
