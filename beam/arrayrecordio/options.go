package arrayrecordio

import (
	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/deadletter"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

// The defaults of Write.
const (
	DefaultSuffix                    = ".arrayrecord"
	DefaultWriterOptions             = "group_size:1"
	DefaultShardNameTemplate         = sink.DefaultTemplate
	DefaultWindowedShardNameTemplate = sink.DefaultWindowedTemplate
	DefaultMaxOpenFiles              = sink.DefaultMaxOpenFiles
)

// A WriteOption changes what Write does, and tfrecordio.Write.
type WriteOption = sink.Option

// A Shard is one file of an output that is complete: its name, destination,
// window, pane and number, its records and bytes.
type Shard = sink.Shard

// WithShards gives more than names. *shards becomes, when the transform is made,
// a PCollection of [Shard] with one element for each shard, once all shards of its
// set are complete.
func WithShards(shards *beam.PCollection) WriteOption {
	return func(o *sink.Options) { o.Shards = shards }
}

// WithNumShards sets the number of shards; they get equally many records, or
// almost. If there are fewer records than shards, some shards are empty. The
// default, 0, leaves the number to the runner, which costs the least; with
// windows or destinations it means one shard for each set.
func WithNumShards(n int) WriteOption {
	return func(o *sink.Options) { o.Config.NumShards = n }
}

// WithShardSize makes as many shards as make files of about n bytes, which are
// those of storage. The number is chosen when all records are written, from how
// large they have become, so that it follows the data. It excludes a number of
// shards and limits. The default, 0, is not to do so.
//
// Beam's auto-sharding, where a runner changes the number while it runs, is not
// there for pipelines in Go.
func WithShardSize(n int64) WriteOption {
	return func(o *sink.Options) { o.Config.ShardSize = n }
}

// WithSharding has a function choose the shard of each element, from 0, of the
// number that WithNumShards gives: shard is a func(T, int) int, of the element
// and that number, which may also take a context before them and return an error
// behind. It is registered with Beam. All shards of the number are made if there
// is a record at all. Records are in the shard that is theirs in no order.
func WithSharding(shard any) WriteOption {
	return func(o *sink.Options) { o.Sharding = shard }
}

// WithDestination has a function choose where each element goes: destination is a
// func(T) string, which may also take a context before the element and return an
// error behind, registered with Beam. There is a set of shards for each
// destination, all written in one pass. Names of a set begin with the prefix and
// its destination, or are as WithNaming says; the prefix may be a directory, as in
// "out/". A destination may have slashes, but no element "." or "..".
//
// Without records for it there is no set, and without any records no shard.
func WithDestination(destination any) WriteOption {
	return func(o *sink.Options) { o.Destination = destination }
}

// WithDestinationsByKey is WithDestination for elements that know it: they are of
// KV<string, T>, of which the key is the destination and the value is written.
func WithDestinationsByKey() WriteOption {
	return func(o *sink.Options) { o.ByKey = true }
}

// A Set is what belongs together: the shards of one destination, window and pane.
type Set = sink.Set

// A Naming says how the names of the shards of a set are made: their prefix, their
// template as for WithShardNameTemplate, and their suffix. What is "" is as the
// options say; the prefix is then theirs with the destination behind it.
type Naming = sink.Naming

// WithNaming has a function name the shards of each set: naming is a
// func(Set) Naming, which may also take a context and return an error, registered
// with Beam. It must give the same set the same names whenever it is called, and
// two sets different ones: that two destinations or windows have the same names is
// an error. All names must be in the place (file system, bucket) of the prefix. It
// goes with windowed writes, destinations or WithSharding.
func WithNaming(naming any) WriteOption {
	return func(o *sink.Options) { o.Naming = naming }
}

// A DeadLetter is what could not be read or written: Element is the name of a file
// or, of an element, the beginning of its text, Error what went wrong. It is that
// of package dofns, which writes them into a file.
type DeadLetter = deadletter.DeadLetter

// WithFailedElements makes the error of an encoder, or of the function that
// chooses a destination or shard, no failure of the pipeline. *failed becomes, when
// the transform is made, a PCollection of [DeadLetter] with one element for each
// element that is left out. It is for functions only, not for DoFns as encoders.
// Errors of storage still fail the pipeline.
func WithFailedElements(failed *beam.PCollection) WriteOption {
	return func(o *sink.Options) { o.Failures = failed }
}

// WithMetadata puts a message about the data into the header of each shard: a
// serialized riegeli.RecordsMetadata, as for arrayrecord.Writer.SetMetadata.
func WithMetadata(message []byte) WriteOption {
	return func(o *sink.Options) { o.Config.Metadata = message }
}

// WithMaxOpenFiles limits how many temporary files of windows and destinations a
// worker has open at a time; a bundle may always have one. Each takes memory, in a
// bucket 8 MiB. Records of sets that have no file wait in memory, up to 32 MiB of
// them in a bundle. The default, also as 0, is DefaultMaxOpenFiles.
func WithMaxOpenFiles(n int) WriteOption {
	return func(o *sink.Options) { o.MaxOpenFiles = n }
}

// WithMaxRecordsPerShard begins another shard when one has n records. It
// excludes a number of shards. The default, 0, is no limit.
func WithMaxRecordsPerShard(n int64) WriteOption {
	return func(o *sink.Options) { o.Config.MaxRecords = n }
}

// WithMaxBytesPerShard begins another shard when the records of one have n
// bytes or more, before compression: a shard is longer than n by less than its
// last record. It excludes a number of shards. The default, 0, is no limit.
func WithMaxBytesPerShard(n int64) WriteOption {
	return func(o *sink.Options) { o.Config.MaxBytes = n }
}

// WithShardNameTemplate sets what names have between prefix and suffix.
// Letters, of which a run counts as one, stand for
//
//	S  the number of the shard, with at least as many digits as letters
//	N  the number of shards, likewise
//	W  the window: START-END, as 2026-01-02T15:04:05.000Z, or GlobalWindow
//	V  the window: [START, END), as 2026-01-02T15-04-05
//	P  the pane: pane-0, pane-1-late, pane-2-last, ...
//	U  characters that no other run has
//
// and everything else for itself. S, N, W and P are as in Beam's sinks for
// Java, S, N, V and U as in those for Python. The default is
// DefaultShardNameTemplate, with windows DefaultWindowedShardNameTemplate.
//
// S may be missing only where there is one shard for a set; the empty template
// means one shard. W or V is needed with windows; P is needed where a window has several
// panes, or a pane replaces the one before it.
func WithShardNameTemplate(template string) WriteOption {
	return func(o *sink.Options) { o.Config.Template = &template }
}

// WithSuffix sets what the names of shards end in; the default is
// DefaultSuffix. It may be empty.
func WithSuffix(s string) WriteOption {
	return func(o *sink.Options) { o.Config.Suffix = s }
}

// WithWriterOptions sets the option string of the writers, in the grammar of
// arrayrecord.ParseWriterOptions. The default is DefaultWriterOptions; what a
// string does not mention has the defaults of that function.
func WithWriterOptions(s string) WriteOption {
	return func(o *sink.Options) { o.Config.WriterOptions = s }
}

// WithSkipIfEmpty writes no shard at all, instead of empty ones, if there is
// no record.
func WithSkipIfEmpty() WriteOption {
	return func(o *sink.Options) { o.Config.SkipIfEmpty = true }
}

// WithEncoder makes records of elements of any type: encode is a function or
// DoFn as for beam.ParDo, registered with Beam, from an element to []byte. It
// is not needed for []byte, string and protocol buffer messages. With destinations,
// WithSharding or WithFailedElements it has to be a func(T) []byte, which may also
// take a context before the element and return an error behind.
func WithEncoder(encode any) WriteOption {
	return func(o *sink.Options) { o.Encoder = encode }
}

// WithWindowedWrites writes a set of shards for each window and pane of the
// input, which may be unbounded then. Panes are those that the triggers of the
// input make. The names of a set appear together, when it is complete; a pane
// without records has none.
//
// Records are written where they are, and the panes are made of the files. That
// cannot be done with sessions, with panes that accumulate, and with triggers that
// count more than one element: then records cross a shuffle, and one worker writes
// those of a set.
func WithWindowedWrites() WriteOption {
	return func(o *sink.Options) { o.Windowed = true }
}

// An Overwrite says what becomes of files that have names of the output, with
// whatever number of shards, when a write begins.
type Overwrite = sink.Overwrite

// The policies for overwriting.
const (
	// Refuse, the default, fails and leaves what is there alone.
	Refuse = sink.Refuse
	// Replace puts the new shards in the place of what is there: nothing else
	// with names of the output is left when they are complete. Before that,
	// nothing is touched.
	Replace = sink.Replace
	// KeepNewer is Replace for what was there when the write began, and fails if
	// that has changed when the shards are to get their names.
	KeepNewer = sink.KeepNewer
)

// WithOverwrite says what becomes of files that have names of the output. That
// is looked at before anything is written, and again before the first shard
// gets its name. With windows or destinations, whose names are known late, a write
// begins for each set when its shards are made of its records.
func WithOverwrite(policy Overwrite) WriteOption {
	return func(o *sink.Options) { o.Config.Overwrite = policy }
}

// WithTempDir sets where temporary files are. Each run makes a directory of its
// own there, of a new hidden name, .temp-NAME-..., and removes it when the shards
// have their names; nothing else in dir is touched. It must be in the same place
// as the output (same file system or bucket), where files can be renamed to it.
// The default is the directory of the output. With windows or destinations there
// is a directory for each set, or, where windows may have several panes, files
// with names of that kind.
func WithTempDir(dir string) WriteOption {
	return func(o *sink.Options) { o.Config.TempDir = dir }
}

// ShardName returns the name of one shard, from 0, of numShards, as the default
// template makes it: PREFIX-SSSSS-of-NNNNN and the suffix, with more than five
// digits where the number needs them.
func ShardName(prefix string, shard, numShards int, suffix string) string {
	template := sink.DefaultTemplate
	return sink.Config{Prefix: prefix, Template: &template, Suffix: suffix}.ShardName(shard, numShards)
}
