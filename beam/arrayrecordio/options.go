package arrayrecordio

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// The defaults of Write.
const (
	DefaultSuffix        = ".arrayrecord"
	DefaultWriterOptions = "group_size:1"
)

// A WriteOption changes what Write does.
type WriteOption func(*writeConfig)

// WithNumShards sets the number of shards; they get equally many records, or
// almost. If there are fewer records than shards, some shards are empty. The
// default, 0, leaves the number to the runner, which costs the least.
func WithNumShards(n int) WriteOption {
	return func(c *writeConfig) { c.NumShards = n }
}

// WithSuffix sets what the names of shards end in; the default is
// DefaultSuffix. It may be empty.
func WithSuffix(s string) WriteOption {
	return func(c *writeConfig) { c.Suffix = s }
}

// WithWriterOptions sets the option string of the writers, in the grammar of
// arrayrecord.ParseWriterOptions. The default is DefaultWriterOptions; what a
// string does not mention has the defaults of that function.
func WithWriterOptions(s string) WriteOption {
	return func(c *writeConfig) { c.WriterOptions = s }
}

// WithTempDir sets the directory for temporary files. It must be in the same
// place as the output (same file system or bucket), where files can be renamed
// to it, and for this one run alone: it is made when needed, and removed with
// everything in it once the shards have their names. After a failed run, when
// no worker writes any more, the caller may remove it. [TempDir] gives a
// suitable name and is the default.
func WithTempDir(dir string) WriteOption {
	return func(c *writeConfig) { c.TempDir = dir }
}

// TempDir returns a new name, beside the files that begin with prefix, for a
// directory of temporary files. Patterns do not match it by accident, since it
// is a hidden one. Nothing is created.
func TempDir(prefix string) string {
	dir, base := storage.Split(prefix)
	// Kept recognizable, and far from the limits of file systems.
	if len(base) > 100 {
		base = base[:100]
	}
	return storage.Join(dir, ".temp-"+base+"-"+rand.Text())
}

// ShardName returns the name of one shard, from 0, of numShards:
// PREFIX-SSSSS-of-NNNNN and the suffix, with more than five digits where the
// number needs them.
func ShardName(prefix string, shard, numShards int, suffix string) string {
	return fmt.Sprintf("%s-%05d-of-%05d%s", prefix, shard, numShards, suffix)
}

// writeConfig travels to the workers as part of DoFns, hence its exported
// fields.
type writeConfig struct {
	Prefix        string
	Suffix        string
	NumShards     int // 0: the runner chooses
	WriterOptions string
	GroupSize     int64 // as WriterOptions says
	TempDir       string
	RunID         string // tells this run's decisions from those of others
}

func newWriteConfig(prefix string, opts []WriteOption) (writeConfig, error) {
	c := writeConfig{Prefix: prefix, Suffix: DefaultSuffix, WriterOptions: DefaultWriterOptions, RunID: rand.Text()}
	for _, o := range opts {
		o(&c)
	}
	if err := checkPrefix(prefix); err != nil {
		return c, err
	}
	if c.NumShards < 0 {
		return c, fmt.Errorf("%d shards: the number must not be negative", c.NumShards)
	}
	if strings.Contains(c.Suffix, "/") {
		return c, fmt.Errorf("the suffix %q contains a slash", c.Suffix)
	}
	parsed, err := arrayrecord.ParseWriterOptions(c.WriterOptions)
	if err != nil {
		return c, err
	}
	c.GroupSize = int64(parsed.GroupSize)
	if c.TempDir == "" {
		c.TempDir = TempDir(prefix)
	}
	if storage.Scheme(c.TempDir) != storage.Scheme(prefix) {
		return c, fmt.Errorf("the temporary directory %s is not in the place of the output %s", c.TempDir, prefix)
	}
	return c, nil
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
