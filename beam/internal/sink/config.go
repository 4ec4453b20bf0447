package sink

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// A Format is a kind of files.
type Format int

// The formats of shards.
const (
	ArrayRecord Format = iota
	TFRecord
)

// Config says what is to be written: one set of shards. It travels to the workers as part of
// DoFns, hence its exported fields.
type Config struct {
	Prefix   string  // what the names of the shards begin with
	Template *string // what tells the shards apart; see ShardName. nil: the default
	Suffix   string  // what their names end in

	NumShards   int   // 0: the runner chooses
	MaxRecords  int64 // in a shard, if > 0
	MaxBytes    int64 // of records in a shard, if > 0: the record that reaches it is the last
	SkipIfEmpty bool  // write no shard if there is no record
	ShardSize   int64 // as many shards as make files of about so many bytes, if > 0
	Ordered     bool  // the files are the shards, in the order of their numbers, if there are any

	Format        Format
	Metadata      []byte               // of ArrayRecord shards, in their headers
	WriterOptions string               // of ArrayRecord shards; of Reshard "" means those of the inputs
	Compression   tfrecord.Compression // of TFRecord shards
	TempDir       string               // where the directory of the run is made
	Overwrite     Overwrite
	Run           RunID

	// What follows is set by Complete.

	GroupSize int64  // as WriterOptions says
	Pipeline  string // tells what this pipeline writes from what others do

	// flat: temporary files have no directory; see Sets.
	flat bool

	// Unique stands for the letter U of the template, where it is known.
	Unique string
}

// DefaultTemplate and DefaultWindowedTemplate are what names have between
// prefix and suffix unless told otherwise.
const (
	DefaultTemplate         = "-SSSSS-of-NNNNN"
	DefaultWindowedTemplate = "W-P-SSSSS-of-NNNNN"
)

// Temporary ArrayRecord files that become TFRecord shards are such that they cost
// little time, and any range of their records can be read. A group is in memory
// as a whole while it is written, and again while it is read: it has as many
// records as make cutGroupBytes or less, going by the first record of the file.
// A file ends where one becomes far longer than that.
const (
	cutGroupRecords = 256
	cutGroupBytes   = 1 << 20
	cutGroupLongest = 4 * cutGroupBytes
)

// Complete checks the configuration and fills in what it leaves open.
func (c *Config) Complete() error { return c.complete(c.Prefix, false) }

// complete is Complete for the sets of windows too. The prefix is that of a set.
func (c *Config) complete(prefix string, windowed bool) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	if strings.Contains(c.Suffix, "/") {
		return fmt.Errorf("the suffix %q contains a slash", c.Suffix)
	}
	if err := c.checkNumbers(); err != nil {
		return err
	}
	if c.Template == nil {
		template := DefaultTemplate
		if windowed {
			template = DefaultWindowedTemplate
		}
		c.Template = &template
	}
	if *c.Template == "" {
		c.oneShard()
	}
	if err := c.checkTemplate(*c.Template, windowed); err != nil {
		return err
	}
	if len(c.Metadata) > 0 && c.Format != ArrayRecord {
		return errors.New("only ArrayRecord files have metadata")
	}
	if c.isCut() {
		// Of temporary files; how long their groups are depends on the records.
		c.WriterOptions = fmt.Sprintf("group_size:%d,snappy", cutGroupRecords)
	}
	parsed, err := arrayrecord.ParseWriterOptions(c.WriterOptions)
	if err != nil {
		return err
	}
	c.GroupSize = int64(parsed.WithDefaults().GroupSize)
	if _, err := tfrecord.NewWriter(io.Discard, tfrecord.WithCompression(c.Compression)); err != nil {
		return err
	}
	if c.TempDir == "" {
		c.TempDir, _ = storage.Split(c.Prefix)
	}
	if storage.Scheme(c.TempDir) != storage.Scheme(c.Prefix) {
		return fmt.Errorf("the temporary directory %s is not in the place of the output %s", c.TempDir, c.Prefix)
	}
	if !c.Overwrite.valid() {
		return fmt.Errorf("unknown policy %d for overwriting", c.Overwrite)
	}
	if c.Pipeline == "" {
		c.Pipeline = rand.Text()
	}
	return nil
}

// oneShard is what an open number of shards means.
func (c *Config) oneShard() {
	if c.NumShards == 0 && c.ShardSize == 0 && !c.hasLimits() {
		c.NumShards = 1
	}
}

func (c *Config) checkNumbers() error {
	for _, n := range []struct {
		n    int64
		what string
	}{
		{int64(c.NumShards), "shards"},
		{c.MaxRecords, "records in a shard"},
		{c.MaxBytes, "bytes in a shard"},
		{c.ShardSize, "bytes of a file"},
	} {
		if err := checkNumber(n.n, n.what); err != nil {
			return err
		}
	}
	if btoi(c.NumShards > 0)+btoi(c.hasLimits())+btoi(c.ShardSize > 0) > 1 {
		return errors.New("a number of shards, a size of shards and a limit on what is in a shard exclude each other")
	}
	return nil
}

func checkNumber(n int64, what string) error {
	if n < 0 {
		return fmt.Errorf("%d %s: the number must not be negative", n, what)
	}
	return nil
}

func checkPrefix(prefix string) error {
	if prefix == "" {
		return errors.New("no output prefix given")
	}
	// What a commit decides it decides once.
	if err := storage.CheckNoOverwrite(prefix); err != nil {
		return err
	}
	dir, base := storage.Split(prefix)
	if base == "" {
		return fmt.Errorf("the output prefix %q ends in a slash: add what the names of the shards begin with", prefix)
	}
	if s := storage.Scheme(prefix); s != "" && dir == s+"://" {
		return fmt.Errorf("the output prefix %q has a bucket but no name in it", prefix)
	}
	return nil
}
