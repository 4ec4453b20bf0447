package arrayrecordio

import (
	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

// The defaults of Write.
const (
	DefaultSuffix                    = ".arrayrecord"
	DefaultWriterOptions             = "group_size:1"
	DefaultShardNameTemplate         = sink.DefaultTemplate
	DefaultWindowedShardNameTemplate = sink.DefaultWindowedTemplate
)

// A WriteOption changes what Write does.
type WriteOption func(*writeOptions)

type writeOptions struct {
	sink.Config
	Encoder any
	Shards  *beam.PCollection
}

// A Shard is one file of an output that is complete: its name, destination,
// window, pane and number, its records and bytes.
type Shard = sink.Shard

// WithShards gives more than names. *shards becomes, when the transform is made,
// a PCollection of [Shard] with one element for each shard, once all shards of its
// set are complete.
func WithShards(shards *beam.PCollection) WriteOption {
	return func(c *writeOptions) { c.Shards = shards }
}

// WithNumShards sets the number of shards; they get equally many records, or
// almost. If there are fewer records than shards, some shards are empty. The
// default, 0, leaves the number to the runner, which costs the least; with
// windows it means one shard.
func WithNumShards(n int) WriteOption {
	return func(c *writeOptions) { c.NumShards = n }
}

// WithMaxRecordsPerShard begins another shard when one has n records. It
// excludes a number of shards. The default, 0, is no limit.
func WithMaxRecordsPerShard(n int64) WriteOption {
	return func(c *writeOptions) { c.MaxRecords = n }
}

// WithMaxBytesPerShard begins another shard when the records of one have n
// bytes or more, before compression: a shard is longer than n by less than its
// last record. It excludes a number of shards. The default, 0, is no limit.
func WithMaxBytesPerShard(n int64) WriteOption {
	return func(c *writeOptions) { c.MaxBytes = n }
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
// S may be missing only where there is one shard; the empty template means one
// shard. W or V is needed with windows; P is needed where a window has several
// panes, or a pane replaces the one before it.
func WithShardNameTemplate(template string) WriteOption {
	return func(c *writeOptions) { c.Template = &template }
}

// WithSuffix sets what the names of shards end in; the default is
// DefaultSuffix. It may be empty.
func WithSuffix(s string) WriteOption {
	return func(c *writeOptions) { c.Suffix = s }
}

// WithWriterOptions sets the option string of the writers, in the grammar of
// arrayrecord.ParseWriterOptions. The default is DefaultWriterOptions; what a
// string does not mention has the defaults of that function.
func WithWriterOptions(s string) WriteOption {
	return func(c *writeOptions) { c.WriterOptions = s }
}

// WithSkipIfEmpty writes no shard at all, instead of empty ones, if there is
// no record.
func WithSkipIfEmpty() WriteOption {
	return func(c *writeOptions) { c.SkipIfEmpty = true }
}

// WithEncoder makes records of elements of any type: encode is a function or
// DoFn as for beam.ParDo, registered with Beam, from an element to []byte. It
// is not needed for []byte, string and protocol buffer messages.
func WithEncoder(encode any) WriteOption {
	return func(c *writeOptions) { c.Encoder = encode }
}

// WithWindowedWrites writes a set of shards for each window and pane of the
// input, which may be unbounded then. The names of a set appear together, when
// it is complete. One worker writes a set, as fast as it can; windows are
// written in parallel. A set of a number of shards gets its records in turns.
func WithWindowedWrites() WriteOption {
	return func(c *writeOptions) { c.Windowed = true }
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
// gets its name.
func WithOverwrite(o Overwrite) WriteOption {
	return func(c *writeOptions) { c.Overwrite = o }
}

// WithTempDir sets where temporary files are. Each run makes a directory of its
// own there, of a new hidden name, .temp-NAME-..., and removes it when the shards
// have their names; nothing else in dir is touched. It must be in the same place
// as the output (same file system or bucket), where files can be renamed to it.
// The default is the directory of the output. With windows there is a directory
// for each set of shards.
func WithTempDir(dir string) WriteOption {
	return func(c *writeOptions) { c.TempDir = dir }
}

// ShardName returns the name of one shard, from 0, of numShards, as the default
// template makes it: PREFIX-SSSSS-of-NNNNN and the suffix, with more than five
// digits where the number needs them.
func ShardName(prefix string, shard, numShards int, suffix string) string {
	template := sink.DefaultTemplate
	return sink.Config{Prefix: prefix, Template: &template, Suffix: suffix}.ShardName(shard, numShards)
}
