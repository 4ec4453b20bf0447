// Package tfrecordio reads TFRecord files in Beam pipelines.
//
//	p, s := beam.NewPipelineWithRoot()
//	records := tfrecordio.Read(s, "data/train-*.tfrecord.gz")
//
// The elements are the records' bytes. To get other types, follow it with a
// ParDo that decodes them.
//
// # Metrics
//
// Counters in the namespace "arrayrecord":
//
//   - files_read: files that were read to their end
//   - records_read: records that were given to the pipeline
//   - bytes_read: bytes that were read from storage; once a file has been read
//     to its end, this is its size, compressed if it is
package tfrecordio
