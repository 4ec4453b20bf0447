package main

// What the help of several commands explains.
const (
	patternHelp = `In PATTERN, * and ? stand for characters within a name and ** for any number of
directories; quote it, or the shell replaces it. --input may be given several
times, and --input_list names files with patterns; each file is read once. It is
an error if no file matches a pattern. Names are on local disk or begin with
gs://BUCKET/.`
	prefixHelp = `PREFIX may be a directory with a slash at its end: the shards are in it then, as
records-00000-of-NNNNN and so on.`
	filesHelp = `Of a PATTERN such as 'raw/month=*/day=*/x-*' the directories from the first
wildcard on are kept: DIRECTORY/month=1/day=1/x-1.arrayrecord. It is an error if
two files have the same output. --skip_existing goes on with a conversion that was
interrupted: it leaves out files whose output is there and not older.`
	writerOptionsHelp = `WRITER_OPTIONS is a list such as "group_size:16,zstd:5". The group size is how
many records are compressed together: 1, the default, gives the fastest access to
single records, more gives smaller files. Codecs are zstd, brotli, snappy (each
but the last with a level) and uncompressed.`
	shuffleHelp = `With --shuffle the records are in a random order over all shards, which --seed
chooses: the same input, seed and number of shards give the same bytes. All
records are in temporary files for that, once and uncompressed.`
	tfdsHelp = `With --tfds the output is a dataset as TensorFlow Datasets has it, and PREFIX the
directory for datasets:
  PREFIX/NAME/VERSION/NAME-SPLIT.array_record-00000-of-NNNNN, ...
with dataset_info.json and features.json, which a second job writes that reads all
shards of the version. The records must be tf.Examples.`
	skipFilesHelp = `--on_error=skip leaves out files that cannot be read to their end, and writes
their names and errors to the file --dead_letters. The job fails if nothing could
be read, or more than --max_failures were left out.`
	skipChunksHelp = `--on_error=skip leaves out damaged chunks and files that cannot be opened, and
writes which records are lost, and why, to the file --dead_letters. The job fails
if nothing could be read, or more than --max_failures were left out. Everything is
read twice then.`
)

// pipelineCommands are the commands that run a pipeline.
var pipelineCommands = []pipelineCommand{
	{
		name: "convert", alias: "convert_tf_to_arrayrecord_disk",
		args:  "--input PATTERN --output PREFIX",
		short: "Convert TFRecord files into a number of ArrayRecord shards",
		long: `Convert TFRecord files into ArrayRecord shards.

All records of all files that match PATTERN go into the shards
  PREFIX-00000-of-NNNNN.arrayrecord, PREFIX-00001-of-NNNNN.arrayrecord, ...
in no certain order. The shards appear when all of them are complete. If there are
shards of these names already, with whatever NNNNN, --overwrite says what becomes
of them.

` + shuffleHelp + `

` + tfdsHelp + `

` + prefixHelp + `

` + patternHelp + `

` + writerOptionsHelp + `

` + skipFilesHelp + ` Everything is read twice then.`,
		example: `  # eight shards
  arrayrecord-beam convert --input 'train-*.tfrecord' --output out/train --num_shards 8

  # shards of 100 MB before compression, smaller than with the default options
  arrayrecord-beam convert --input 'data/**/*.tfrecord.gz' --output out/train \
      --max_bytes_per_shard 100000000 --writer_options group_size:64,zstd:9

  # in a random order, the same one each time
  arrayrecord-beam convert --input 'train-*.tfrecord' --output shuffled/train --num_shards 8 \
      --shuffle --seed 42

  # for TensorFlow Datasets: tfds.load("digits", data_dir="datasets")
  arrayrecord-beam convert --input 'train-*.tfrecord' --output datasets --tfds digits --num_shards 8

  # what would be read and written
  arrayrecord-beam convert --input 'train-*.tfrecord' --output out/ --num_shards 8 --dry_run`,
	},
	{
		name: "convert-matching", alias: "convert_tf_to_arrayrecord_disk_match_shards",
		args:  "--input PATTERN --output PREFIX",
		short: "Convert TFRecord files into as many ArrayRecord shards",
		long: `Convert TFRecord files into as many ArrayRecord shards: the first file by name
becomes PREFIX-00000-of-NNNNN.arrayrecord and so on, with the records in their
order. The shards appear when all of them are complete.

` + prefixHelp + `

` + patternHelp + `

` + writerOptionsHelp + `

` + skipFilesHelp,
		example: `  arrayrecord-beam convert-matching --input 'train-*.tfrecord' --output out/train`,
	},
	{
		name: "convert-files", alias: "convert_tf_to_arrayrecord_gcs",
		args:  "--input PATTERN --output DIRECTORY",
		short: "Convert each TFRecord file into an ArrayRecord file of the same name",
		long: `Convert each TFRecord file into an ArrayRecord file of the same name with
".arrayrecord" added, in DIRECTORY. Records keep their order. Each file is
streamed from its place to the other one, by one worker, and appears when it is
complete.

` + filesHelp + `

` + patternHelp + `

` + writerOptionsHelp + `

` + skipFilesHelp,
		example: `  arrayrecord-beam convert-files --input 'gs://raw/train-*.tfrecord' --output gs://ready/train/ \
      --overwrite_extension

  # what is not there yet of dated directories
  arrayrecord-beam convert-files --input 'raw/month=*/day=*/*.tfrecord' --output ready --skip_existing`,
	},
	{
		name: "to-tfrecord", args: "--input PATTERN --output PREFIX",
		short: "Convert ArrayRecord files into a number of TFRecord shards",
		long: `Convert ArrayRecord files into TFRecord shards
  PREFIX-00000-of-NNNNN.tfrecord, PREFIX-00001-of-NNNNN.tfrecord, ...
in no certain order. The shards appear when all of them are complete.

` + prefixHelp + `

` + patternHelp + `
PATTERN may also be FILE[BEGIN:END], for some of the records of a file.

` + skipChunksHelp,
		example: `  arrayrecord-beam to-tfrecord --input 'out/train-*.arrayrecord' --output tf/train --num_shards 8`,
	},
	{
		name: "to-tfrecord-files", args: "--input PATTERN --output DIRECTORY",
		short: "Convert each ArrayRecord file into a TFRecord file of the same name",
		long: `Convert each ArrayRecord file into a TFRecord file of the same name with
".tfrecord" added, in DIRECTORY. Records keep their order. Each file is streamed
from its place to the other one, by one worker, and appears when it is complete.

` + filesHelp + `

` + patternHelp + `

` + skipFilesHelp,
		example: `  arrayrecord-beam to-tfrecord-files --input 'out/*.arrayrecord' --output tf --overwrite_extension`,
	},
	{
		name: "reshard", args: "--input PATTERN --output PREFIX --num_shards N",
		short: "Make another number of shards of ArrayRecord files",
		long: `Make another number of shards of ArrayRecord files, at the speed of the disk:
compressed chunks are copied as they are.

The shards have the records in the order of the names of the files; those few
that have to be compressed again, as they are in a chunk that two shards share or
that is too short, are at the end of a shard. With --writer_options everything is
compressed again.

` + shuffleHelp + `

` + tfdsHelp + `

The input must not have names of the output: PATTERN would match both afterwards.

` + prefixHelp + `

` + patternHelp + `

` + skipChunksHelp,
		example: `  arrayrecord-beam reshard --input 'out/train-*.arrayrecord' --output resharded/train --num_shards 100`,
	},
	{
		name: "shuffle", args: "--input PATTERN --output PREFIX",
		short: "Put records of TFRecord and ArrayRecord files into a random order",
		long: `Write the records of TFRecord and ArrayRecord files into ArrayRecord shards, in a
random order over all shards, which --seed chooses: the same input, seed, number
of shards and writer options give the same bytes. All records are in temporary
files for that, once and uncompressed.

` + prefixHelp + `

` + patternHelp + `

` + skipFilesHelp,
		example: `  arrayrecord-beam shuffle --input 'out/train-*.arrayrecord' --output shuffled/train --seed 42`,
	},
	{
		name: "example-tfrecord", alias: "example_to_tfrecord", args: "--output PREFIX",
		short: "Write some examples as TFRecords, to try the other commands on",
		long: `Write a few tf.train.Examples about people and movies as TFRecord shards
  PREFIX-00000-of-NNNNN.tfrecord, ...`,
		example: `  arrayrecord-beam example-tfrecord --output /tmp/movies --num_shards 2`,
	},
	{
		name: "example-arrayrecord", alias: "example_to_arrayrecord", args: "--output PREFIX",
		short: "Write some examples as ArrayRecords",
		long: `Write a few tf.train.Examples about people and movies as ArrayRecord shards
  PREFIX-00000-of-NNNNN.arrayrecord, ...

` + writerOptionsHelp,
		example: `  arrayrecord-beam example-arrayrecord --output /tmp/movies`,
	},
}
