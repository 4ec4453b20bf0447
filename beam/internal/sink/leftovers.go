package sink

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// A Leftover is what a job has left behind that was killed, or whose record
// nobody has removed.
type Leftover struct {
	// Name is that of a directory of temporary files, of an unfinished upload, or
	// of the record of a write.
	Name string
	// Files is how many files there are, and Bytes their size.
	Files int
	Bytes int64
	// Changed is when the last of them was.
	Changed time.Time
	// Open is set for the record of a write that was decided and has not come to
	// its end. It can be finished. It has Shards shards, and Pending of them have
	// no name yet.
	Open            bool
	Shards, Pending int
	// NeededBy names the record of a write that can only be finished with these
	// temporary files, "" if there is none.
	NeededBy string

	record  *record
	number  int
	objects []string
}

// Needed reports whether a decided write could not be finished without this.
func (l Leftover) Needed() bool { return l.Open || l.NeededBy != "" }

// Leftovers finds what is left in a directory of outputs, or of temporary files.
// What belongs to a job that is still running is found too. Temporary files that
// were put into another directory than their output are not known to be needed
// there.
func Leftovers(ctx context.Context, dir string) ([]Leftover, error) {
	hidden, err := storage.List(ctx, storage.Join(escape(dir), ".*"))
	if err != nil {
		return nil, err
	}
	var found []Leftover
	needed := map[string]string{} // by the last part of its name, which is unique
	var outcomes []storage.Info
	stale, err := storage.RemoveStale(ctx, dir, storage.StaleOptions{DryRun: true})
	if err != nil {
		return nil, err
	}
	for _, info := range stale {
		// Those of a temporary directory go with it.
		if parent, _ := storage.Split(info.Name); parent == strings.TrimSuffix(dir, "/") {
			found = append(found, Leftover{Name: info.Name, Files: 1, Bytes: info.Size, Changed: info.ModTime, objects: []string{info.Name}})
		}
	}
	for _, info := range hidden {
		_, base := storage.Split(info.Name)
		switch {
		case strings.HasSuffix(base, "."+endCommit):
			l, err := recordLeftover(ctx, info)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if l.Open {
				for _, dir := range l.record.TempDirs {
					_, base := storage.Split(dir)
					needed[base] = l.Name
				}
			}
			found = append(found, l)
		case strings.HasPrefix(base, tempPrefix):
			found = append(found, Leftover{Name: info.Name, Files: 1, Bytes: info.Size, Changed: info.ModTime})
		case recordEnd.MatchString(lastTwo(base)):
			outcomes = append(outcomes, info)
		}
	}
	for _, info := range outcomes {
		known := slices.ContainsFunc(found, func(l Leftover) bool { return slices.Contains(l.objects, info.Name) })
		if !known {
			found = append(found, Leftover{Name: info.Name, Files: 1, Bytes: info.Size, Changed: info.ModTime, objects: []string{info.Name}})
		}
	}
	temp, err := tempLeftovers(ctx, dir)
	found = append(found, temp...)
	for i := range found {
		_, base := storage.Split(found[i].Name)
		found[i].NeededBy = needed[base]
	}
	return found, err
}

// lastTwo gives the end of a name from its second last dot on.
func lastTwo(base string) string {
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		if j := strings.LastIndexByte(base[:i], '.'); j >= 0 {
			return base[j:]
		}
	}
	return ""
}

// recordLeftover describes a record by its object. One that does not say where it
// belongs is none: it is fs.ErrNotExist.
func recordLeftover(ctx context.Context, info storage.Info) (Leftover, error) {
	var r record
	if err := readJSON(ctx, info.Name, &r); err != nil {
		return Leftover{}, err
	}
	// It lies beside its shards, whose names may have been relative to another
	// directory.
	dir, _ := storage.Split(info.Name)
	_, base := storage.Split(r.Set.Prefix)
	r.Set.Prefix = storage.Join(dir, base)
	list, err := r.Set.recordList(ctx)
	if err != nil {
		return Leftover{}, err
	}
	at := ofRun(list, r.Run)
	if at < 0 {
		return Leftover{}, fs.ErrNotExist
	}
	e := list[at]
	l := Leftover{
		Name: info.Name, Files: 1, Bytes: info.Size, Changed: info.ModTime, Shards: len(r.Moves),
		record: &r, number: e.number,
	}
	for _, end := range []string{endCommit, endChecked, endDone} {
		l.objects = append(l.objects, r.Set.recordName(e.number, end))
	}
	if !e.open() || superseded(list[at+1:]) {
		return l, nil
	}
	l.Open = true
	for _, m := range r.Moves {
		if _, err := storage.Stat(ctx, m.From.Name); err == nil {
			l.Pending++
		} else if !errors.Is(err, fs.ErrNotExist) {
			return l, err
		}
	}
	return l, nil
}

func tempLeftovers(ctx context.Context, dir string) ([]Leftover, error) {
	var found []Leftover
	for _, pattern := range []string{"*", ".*"} {
		infos, err := storage.List(ctx, storage.Join(escape(dir), tempPrefix+"*", pattern))
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			parent, _ := storage.Split(info.Name)
			i := slices.IndexFunc(found, func(l Leftover) bool { return l.Name == parent })
			if i < 0 {
				i = len(found)
				found = append(found, Leftover{Name: parent})
			}
			l := &found[i]
			l.Files++
			l.Bytes += info.Size
			if info.ModTime.After(l.Changed) {
				l.Changed = info.ModTime
			}
		}
	}
	return found, nil
}

// Finish brings a decided write to its end: shards that have no name yet get
// theirs, and its record and temporary files are removed. It does nothing for
// other leftovers. It may be called while the job still runs.
func (l Leftover) Finish(ctx context.Context) error {
	if !l.Open {
		return nil
	}
	c := l.record.committer()
	if err := c.resume(ctx, l.record.Run); err != nil {
		return err
	}
	removeTemp(ctx, l.record.TempDirs)
	return c.forget(ctx, l.record.Run)
}

// Remove removes it, whatever it is needed for. No worker of its job may be
// running any more.
func (l Leftover) Remove(ctx context.Context) error {
	if len(l.objects) == 0 {
		return storage.RemoveAll(ctx, l.Name)
	}
	for _, name := range l.objects {
		if err := storage.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
