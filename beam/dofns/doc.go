// Package dofns has the steps from which custom pipelines that make whole files
// are built: a group of records becomes one file, one file becomes one file, and
// what went wrong becomes a file as well.
//
//	p, s := beam.NewPipelineWithRoot()
//	records := tfrecordio.ReadAllWithFilename(s, beam.Create(s, "gs://in/train-*.tfrecord"))
//	var failed beam.PCollection
//	names := dofns.ConvertToArrayRecordGCS(s, "gs://out/train", beam.GroupByKey(s, records),
//		dofns.WithOverwriteExtension(), dofns.WithDeadLetters(&failed))
//	dofns.WriteDeadLetters(s, "gs://out/failed.jsonl", failed)
//
// To convert files as they are, [TFRecordFileToArrayRecord] needs no shuffle of
// the records and keeps their order; grouping is for records that were made or
// changed by the pipeline.
//
// # Files
//
// An output streams to its place, whose storage package the program imports (for
// gs:// package storage/gcs), without a copy on local disk. It appears when it
// is complete, and replaces what has its name. A bundle that is retried writes
// the same file once more. When the pipeline has failed, some outputs may be
// there, each of them whole.
//
// Two inputs that would have the same output are an error that names them: see
// each transform for when it is noticed.
//
// # Dead letters
//
// By default an error fails the pipeline. With [WithDeadLetters] it becomes a
// [DeadLetter], and the pipeline goes on without the output: whatever is wrong
// with the input, and also errors of storage, which a runner might have
// overcome by trying again. The end of the context, as when the pipeline is
// cancelled, is not made a dead letter.
//
// # Names as in Python
//
// Upstream's DoFn ConvertToArrayRecordGCS takes what stands on the left:
//
//	path                path
//	overwrite_extension WithOverwriteExtension
//	file_path_suffix    WithFilePathSuffix, ".arrayrecord" by default
//	write_dir           none: nothing is written to local disk
//
// Upstream's writes with the options "group_size:1", the default of
// WithWriterOptions here, and lets the last of several inputs with the same
// output win.
//
// # Metrics
//
// In the namespace "arrayrecord" there are the counters files_written,
// records_written, bytes_written and files_failed (those that became dead
// letters), and the distributions written_record_bytes and written_file_millis.
// Conversions of files also have files_read, records_read, bytes_read and
// read_file_millis, and read_record_bytes instead of written_record_bytes, which
// would be the same. Bytes of files are those in storage, compressed if they
// are.
package dofns
