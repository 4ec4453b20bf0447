package sink

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// An Overwrite says what becomes of files that have names of the output, of
// whatever number of shards, when a write begins.
type Overwrite int

// The policies. In each of them a write that was decided is finished first.
const (
	// Refuse fails, and leaves what is there alone.
	Refuse Overwrite = iota
	// Replace puts the new shards in their place: none of them is left when the
	// write is done.
	Replace
	// KeepNewer is Replace for what was there when the write began. It fails,
	// and leaves what is there alone, if that has changed since.
	KeepNewer
)

func (o Overwrite) valid() bool { return o == Refuse || o == Replace || o == KeepNewer }

// Check applies the policy before anything is written, and returns a summary of
// what is there; see File.Seen.
func (c Config) Check(ctx context.Context) (seen string, err error) {
	c.Unique = string(c.Run)
	return c.check(ctx, c.set(pane{}))
}

// CheckInputs refuses inputs that have names of the output: afterwards nobody
// could tell one from the other.
func (c Config) CheckInputs(names []string) error {
	c.Unique = string(c.Run)
	contains := c.set(pane{}).contains()
	dir, _ := storage.Split(c.Prefix)
	for _, name := range names {
		if d, base := storage.Split(name); storage.Join(d) == storage.Join(dir) && contains(base) {
			return fmt.Errorf("the input %s has a name of the output: choose another name or directory for the output", name)
		}
	}
	return nil
}

// check looks at what is there before anything is written, and returns a
// summary of it. What this pipeline has written itself is accepted: it may be
// that of a first attempt, which the commit will know.
func (c Config) check(ctx context.Context, set shardSet) (seen string, err error) {
	infos, err := set.existing(ctx)
	if err != nil {
		return "", err
	}
	seen = summary(infos)
	if c.Overwrite != Refuse {
		return seen, nil
	}
	list, err := set.recordList(ctx)
	if err != nil {
		return "", err
	}
	for _, e := range list {
		if e.record != nil && e.record.Pipeline == c.Pipeline {
			return seen, nil
		}
	}
	if err := set.underWay(list); err != nil {
		return "", err
	}
	return seen, refuse(infos)
}

// underWay is the error of an unfinished write, nil if there is none.
func (s shardSet) underWay(list []entry) error {
	for _, e := range list {
		if e.open() {
			return fmt.Errorf("%s is the record of another write of this output, which is under way or was interrupted (arrayrecord-beam leftovers finishes it): %w", s.recordName(e.number, endCommit), fs.ErrExist)
		}
	}
	return nil
}

// refuse is the error of Refuse, nil if there is nothing to refuse.
func refuse(infos []storage.Info) error {
	switch len(infos) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%s has a name of the output, and overwriting was not asked for: %w", infos[0].Name, fs.ErrExist)
	}
	return fmt.Errorf("%s and %d more files have names of the output, and overwriting was not asked for: %w", infos[0].Name, len(infos)-1, fs.ErrExist)
}

// summary stands for the files of a set: that of others is another.
func summary(infos []storage.Info) string {
	h := sha256.New()
	for _, i := range infos {
		fmt.Fprintf(h, "%s\n%d\n%d\n", i.Name, i.Size, i.ModTime.UnixNano())
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}
