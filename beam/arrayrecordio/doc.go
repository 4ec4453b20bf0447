// Package arrayrecordio reads and writes ArrayRecord files in Beam pipelines.
//
//	p, s := beam.NewPipelineWithRoot()
//	records := tfrecordio.Read(s, "data/train-*.tfrecord")
//	arrayrecordio.Write(s, "out/train", records, arrayrecordio.WithNumShards(8))
//
// makes out/train-00000-of-00008.arrayrecord to out/train-00007-of-00008.arrayrecord.
//
// # Reading
//
//	records := arrayrecordio.Read(s, "gs://bucket/train-*.arrayrecord")
//
// [Read] takes one pattern, [ReadAll] a PCollection of them; both give records
// as []byte. [ReadRecords] and [ReadAllRecords] give them with file name and
// number. A path may have a range of records behind it: name[begin:end].
//
//	patterns -> files -> units -> shuffle -> records
//
// A unit is a range of chunks of one file, some 64 MiB to begin with (see
// [WithSplitSize]), found by reading the file's index. Only descriptions of
// units cross the shuffle. Runners that split work dynamically (Dataflow,
// Prism) do that at any chunk that is not being read yet; sizes and progress
// are in bytes of the file.
//
// A file must not change from the moment it is found: it is an error if it then
// has another size, or other numbers of records and chunks.
//
// # How shards come into being
//
//	      bundle 0   bundle 1   bundle 2        records are written where they are,
//	         |          |          |
//	      temp A     temp B     temp C          into temporary files
//	         \          |          /
//	          names and counts only             cross a shuffle
//	                    |
//	     plan: even ranges of records           with a fixed number of shards:
//	       /                     \
//	copy chunks             copy chunks         each shard by a worker of its own
//	       \                     /
//	                 arrange                    which file is which shard
//	                    |
//	                 commit                     all shards get their names at once
//
// Records are encoded once. With a fixed number of shards, compressed chunks
// are then copied as they are; only chunks that two shards share, and the
// short last chunks of temporary files, are decoded and written again at the
// end of a shard. Where the runner may choose the number of shards, the
// temporary files are the shards: one for each bundle that had records, or
// more if there is a limit on what is in a shard. Records do not cross a shuffle.
//
// With [WithWindowedWrites], [WithDestination] or [WithSharding] there are many
// sets of shards. A bundle writes the records of each set into files of its own, of
// which a worker has few open at a time ([WithMaxOpenFiles]). A shuffle brings the
// names of the files of a set together, by the triggers that the input has; one
// worker cuts them into shards, and commits the set. The names of a set appear
// together, as soon as it is complete. [WithWindowedWrites] tells for which windows
// and triggers records have to be shuffled.
//
// # Errors
//
// Write panics if an argument makes no sense, as Beam's own transforms do, for
// pipelines whose arguments are in the program. TryWrite returns the error, for
// those that users give. So it is with all transforms of this module.
//
// # What is guaranteed
//
// Every record is in exactly one shard, and the shards appear as one complete
// set or not at all, also when a runner repeats bundles, the plan, copies or the
// commit, with others of the same step still at work: plan and commit are
// written down before they are carried out, and the first one of a run counts.
// docs/beam.md has the argument. There is no order between or within shards.
//
// Nothing has its final name before all shards are complete. A commit that fails
// or is interrupted takes no name back: whoever repeats it finishes it, the
// runner, the next write of the same output, or the command arrayrecord-beam
// leftovers.
//
// Files that have names of the output, with whatever number of shards, are
// refused unless [WithOverwrite] says otherwise.
//
// Temporary files are in hidden directories of the run beside the output (see
// [WithTempDir]), which are removed when the shards have their names. If the
// pipeline fails they stay, as only the program that runs the pipeline knows that
// no worker writes any more. Where windows may have several panes, files have such
// names instead, and those of failed bundles stay too; arrayrecord-beam leftovers
// finds all of it. The record of the commit, some small hidden objects
// beside the shards, stays for the same reason, until the next write of the same
// output.
//
// # Metrics
//
// Counters in the namespace "arrayrecord", those of writing all counted when
// the shards have their names:
//
//   - files_found, bytes_found: files that match the patterns, and their sizes,
//     without those of which only a range is read
//   - files_read: files whose last unit was read to its end, and files of which
//     no record was wanted
//   - records_read: records that were given to the pipeline
//   - bytes_read: sizes of the chunks that were read, and with the last of a
//     file that of its index; all of a file add up to its size
//   - files_failed: failures, if they are asked for (see [WithFailures])
//   - files_written: shards, also empty ones
//   - records_written: records in the shards
//   - bytes_written: sizes of the shards' files
//
// Distributions:
//
//   - read_record_bytes: sizes of the records
//   - read_file_millis: time per unit, or per part of one that was split,
//     including what follows in the same stage
package arrayrecordio
