package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// In a bucket each shard costs some requests, which are best made together.
const commitParallelism = 32

var (
	errSuperseded = errors.New("another write has taken the place of this one")
	errVoid       = errors.New("this write has been given up")
)

// A committer gives the temporary files of a run their names as shards.
//
// Everything it does can be interrupted after any step and done again, by
// others at the same time too:
//
//	decide    create record n+1, where n is the last one; only one can
//	rename    each temporary file exists once: whoever comes second finds
//	          that it is gone and the shard there
//	clear     remove shards of earlier writes that have no successor
//	done      say so; later attempts and writes have nothing to finish
//
// The first record of a run decides for all its attempts, whatever files they
// bring. A record counts as long as no later one is there. Who makes a later
// one first renames all that is left of the earlier ones: nobody can then find
// a temporary file of theirs any more to put in the way. docs/beam.md has the
// whole argument.
type committer struct {
	set       shardSet
	overwrite Overwrite
	parallel  int
}

func (r record) committer() committer {
	return committer{set: r.Set, overwrite: r.Overwrite, parallel: commitParallelism}
}

// commit brings the run that want is of to its end, and returns what it
// decided, which is want if nothing was decided before. seen are the summaries
// of what there was when the write began.
func (c committer) commit(ctx context.Context, want record, seen []string) (record, error) {
	for ctx.Err() == nil {
		list, err := c.set.recordList(ctx)
		if err != nil {
			return record{}, err
		}
		if at := ofRun(list, want.Run); at >= 0 {
			return *list[at].record, c.finish(ctx, list, at, seen)
		}
		if err := want.otherSet(list); err != nil {
			return record{}, err
		}
		if err := c.admit(ctx, list, seen); err != nil {
			return record{}, err
		}
		// Before anything is decided: it could not be undone.
		if err := present(ctx, want.Moves, c.parallel); err != nil {
			return record{}, err
		}
		// Whoever made this number first has decided. It may have been this run.
		if err := c.create(ctx, list, want); err != nil && !errors.Is(err, fs.ErrExist) {
			return record{}, err
		}
	}
	return record{}, context.Cause(ctx)
}

// abandon ends a run from outside, when no more work is given to it. It finishes
// what was decided, and reports so, or decides that nothing becomes of it.
func (c committer) abandon(ctx context.Context, run string) (finished bool, err error) {
	for ctx.Err() == nil {
		list, err := c.set.recordList(ctx)
		if err != nil {
			return false, err
		}
		if at := ofRun(list, run); at >= 0 {
			if list[at].void() {
				return false, nil
			}
			err := c.finish(ctx, list, at, nil)
			return err == nil, err
		}
		// A commit that is still going on meets this.
		err = c.create(ctx, list, record{Run: run, Set: c.set, Overwrite: c.overwrite, Abandoned: true})
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return false, err
		}
	}
	return false, context.Cause(ctx)
}

// resume finishes what a run has decided, if anything.
func (c committer) resume(ctx context.Context, run string) error {
	list, err := c.set.recordList(ctx)
	if err != nil {
		return err
	}
	if at := ofRun(list, run); at >= 0 {
		return c.finish(ctx, list, at, nil)
	}
	return nil
}

// forget removes the record of a run whose job has ended.
func (c committer) forget(ctx context.Context, run string) error {
	list, err := c.set.recordList(ctx)
	if err != nil {
		return err
	}
	if at := ofRun(list, run); at >= 0 && !list[at].open() {
		return c.set.forgetRecord(ctx, list[at].number)
	}
	return nil
}

func ofRun(list []entry, run string) int {
	return slices.IndexFunc(list, func(e entry) bool { return e.record != nil && e.record.Run == run })
}

// create writes the record that follows those of the list.
func (c committer) create(ctx context.Context, list []entry, r record) error {
	number := 1
	if len(list) > 0 {
		number = list[len(list)-1].number + 1
	}
	return createOnce(ctx, c.set.recordName(number, "commit"), r)
}

// finish does what is left of the entry at a place of the list.
func (c committer) finish(ctx context.Context, list []entry, at int, seen []string) error {
	own := list[at]
	switch {
	case own.done:
		return nil
	case own.void():
		return errVoid
	case superseded(list[at+1:]):
		return errSuperseded
	}
	if err := c.check(ctx, list, at, seen); err != nil {
		return err
	}
	for _, earlier := range list[:at] {
		if err := c.fence(ctx, earlier); err != nil {
			return err
		}
	}
	if err := c.rename(ctx, own.record.Moves, true); err != nil {
		return err
	}
	if err := c.clear(ctx, own); err != nil {
		return err
	}
	err := createOnce(ctx, c.set.recordName(own.number, endDone), struct{}{})
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, earlier := range list[:at] {
		if err := c.set.forgetRecord(ctx, earlier.number); err != nil {
			return err
		}
	}
	return nil
}

// check has the policy applied once more: something may have come between the
// look at what is there and the record. One attempt decides for all, before any
// of them gives a name.
func (c committer) check(ctx context.Context, list []entry, at int, seen []string) error {
	if c.overwrite == Replace || list[at].verdict != nil {
		return nil
	}
	admitErr := c.admit(ctx, list[:at], seen)
	if admitErr != nil && !errors.Is(admitErr, fs.ErrExist) {
		return admitErr
	}
	name := c.set.recordName(list[at].number, endChecked)
	err := createOnce(ctx, name, verdict{Refused: admitErr != nil})
	if errors.Is(err, fs.ErrExist) {
		var v verdict
		if err := readJSON(ctx, name, &v); err != nil {
			return err
		}
		if !v.Refused {
			return nil // what is there is of this run
		}
		return errVoid
	}
	return errors.Join(admitErr, err)
}

// superseded reports whether there is a write among those that came later. Those
// that were given up are none.
func superseded(later []entry) bool {
	return slices.ContainsFunc(later, func(e entry) bool {
		return !e.void()
	})
}

// fence makes sure that no attempt of an earlier write gives a name any more.
func (c committer) fence(ctx context.Context, earlier entry) error {
	if earlier.record == nil || earlier.done {
		return nil
	}
	if !earlier.void() {
		return c.rename(ctx, earlier.record.Moves, false)
	}
	return eachMove(ctx, earlier.record.Moves, c.parallel, func(ctx context.Context, m move) error {
		if err := storage.Remove(ctx, m.From.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// admit applies the policy to what is there.
func (c committer) admit(ctx context.Context, list []entry, seen []string) error {
	if c.overwrite == Replace {
		return nil
	}
	infos, err := c.set.existing(ctx)
	if err != nil {
		return err
	}
	if err := c.set.underWay(list); err != nil {
		return err
	}
	if c.overwrite == Refuse {
		return refuse(infos)
	}
	now := summary(infos)
	for _, before := range seen {
		if before != now {
			return fmt.Errorf("the files with names of the output have changed since this write began, and are kept: %w", fs.ErrExist)
		}
	}
	return nil
}

// rename gives the files their names. That a file and its shard are both gone
// is an error if they must be there.
func (c committer) rename(ctx context.Context, moves []move, must bool) error {
	var named atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.parallel)
	for _, m := range moves {
		g.Go(func() error {
			if gctx.Err() != nil {
				return nil // another one has failed
			}
			err := storage.Rename(gctx, m.From.Name, m.To)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
				if must {
					err = renamed(gctx, m)
				}
			}
			if err == nil {
				named.Add(1)
			}
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil && len(moves) > 1 {
		return fmt.Errorf("%w (%d of %d shards have their names; a repetition names the others)", err, named.Load(), len(moves))
	}
	return err
}

// renamed makes sure that a shard is there whose temporary file is gone.
func renamed(ctx context.Context, m move) error {
	there, err := has(ctx, m.To, m.From.Bytes)
	if err == nil && !there {
		err = fmt.Errorf("shard %s was lost: neither it nor its temporary file %s is there: %w", m.To, m.From.Name, fs.ErrNotExist)
	}
	return err
}

// clear removes what has names of the set and is not of this record.
func (c committer) clear(ctx context.Context, own entry) error {
	if c.overwrite == Refuse {
		return nil // there was nothing
	}
	infos, err := c.set.existing(ctx)
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, m := range own.record.Moves {
		_, base := storage.Split(m.To)
		ours[base] = true
	}
	infos = slices.DeleteFunc(infos, func(i storage.Info) bool {
		_, base := storage.Split(i.Name)
		return ours[base]
	})
	if len(infos) == 0 {
		return nil
	}
	// They may be those of a later write already.
	list, err := c.set.recordList(ctx)
	if err != nil {
		return err
	}
	if superseded(slices.DeleteFunc(list, func(e entry) bool { return e.number <= own.number })) {
		return errSuperseded
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.parallel)
	for _, i := range infos {
		g.Go(func() error {
			if err := storage.Remove(ctx, i.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("removing what the output replaces: %w", err)
			}
			return nil
		})
	}
	return g.Wait()
}

// present makes sure that all temporary files are there.
func present(ctx context.Context, moves []move, parallel int) error {
	return eachMove(ctx, moves, parallel, func(ctx context.Context, m move) error {
		there, err := has(ctx, m.From.Name, m.From.Bytes)
		if err == nil && !there {
			err = fmt.Errorf("shard %s was lost: its temporary file %s is not there: %w", m.To, m.From.Name, fs.ErrNotExist)
		}
		return err
	})
}

func eachMove(ctx context.Context, moves []move, parallel int, do func(context.Context, move) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, m := range moves {
		g.Go(func() error { return do(ctx, m) })
	}
	return g.Wait()
}

// has reports whether a file is there. That it has another size is an error.
func has(ctx context.Context, name string, size int64) (bool, error) {
	info, err := storage.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.Size != size {
		return false, fmt.Errorf("%s has %d bytes, not %d as when it was written", name, info.Size, size)
	}
	return true, nil
}
