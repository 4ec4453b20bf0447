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

// Config says what is to be written. It travels to the workers as part of
// DoFns, hence its exported fields.
type Config struct {
	Prefix   string  // what the names of the shards begin with
	Template *string // what tells the shards apart; see ShardName. nil: the default
	Suffix   string  // what their names end in

	NumShards   int   // 0: the runner chooses
	MaxRecords  int64 // in a shard, if > 0
	MaxBytes    int64 // of records in a shard, if > 0: the record that reaches it is the last
	SkipIfEmpty bool  // write no shard if there is no record
	Ordered     bool  // the files are the shards, in the order of their numbers, if there are any
	Windowed    bool  // a set of shards for each window and pane

	Format        Format
	WriterOptions string               // of ArrayRecord shards; of Reshard "" means those of the inputs
	Compression   tfrecord.Compression // of TFRecord shards
	TempDir       string               // where the directory of the run is made
	Overwrite     Overwrite
	Run           RunID

	// What follows is set by Complete.

	GroupSize int64  // as WriterOptions says
	Pipeline  string // tells what this pipeline writes from what others do

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
func (c *Config) Complete() error {
	if err := checkPrefix(c.Prefix); err != nil {
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
		if c.Windowed {
			template = DefaultWindowedTemplate
		}
		c.Template = &template
	}
	if err := c.checkTemplate(); err != nil {
		return err
	}
	if c.Format == TFRecord && c.NumShards > 0 {
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

func (c *Config) checkNumbers() error {
	for _, n := range []struct {
		n    int64
		what string
	}{
		{int64(c.NumShards), "shards"},
		{c.MaxRecords, "records in a shard"},
		{c.MaxBytes, "bytes in a shard"},
	} {
		if n.n < 0 {
			return fmt.Errorf("%d %s: the number must not be negative", n.n, n.what)
		}
	}
	if c.NumShards > 0 && (c.MaxRecords > 0 || c.MaxBytes > 0) {
		return errors.New("a number of shards and a limit on what is in a shard exclude each other")
	}
	return nil
}

func checkPrefix(prefix string) error {
	if prefix == "" {
		return errors.New("no output prefix given")
	}
	if _, err := storage.For(prefix); err != nil {
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
