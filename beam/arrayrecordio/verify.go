package arrayrecordio

import (
	"context"
	"fmt"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
)

func init() { direct.Register4x1((*verifyFn).ProcessElement) }

// verifyFn is unitFn for files that may be damaged: it reads all records that
// are wanted, since a record that was given out cannot be taken back.
type verifyFn struct {
	Config readConfig

	counters counters.Set
}

// Setup makes the counters, which do not travel.
func (f *verifyFn) Setup() { f.counters = counters.Read() }

// ProcessElement gives units of what is good only.
func (f *verifyFn) ProcessElement(ctx context.Context, file match.File, emit func(unit), fail func(DeadLetter)) error {
	err := f.verify(ctx, file, emit, fail)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %s: %w", caller, file.Name, context.Cause(ctx))
	}
	if err != nil {
		f.counters.Failed(ctx)
		fail(DeadLetter{Element: file.Path(), Error: fmt.Sprintf("%s: %v", caller, err)})
	}
	return nil
}

// verify gives units and dead letters once all of the file is known; an error is
// about the file as a whole, which has given none then.
func (f *verifyFn) verify(ctx context.Context, file match.File, emit func(unit), fail func(DeadLetter)) error {
	r, facts, err := f.Config.find(ctx, file)
	if err != nil {
		return err
	}
	defer r.Close()
	if facts.isEmpty() {
		f.counters.Add(ctx, 1, 0, indexSize(r))
		return nil
	}
	rest := facts.chunks(r)
	var good []chunkSpan
	var letters []DeadLetter
	damaged := func(d arrayrecord.Damage) (skip bool) {
		chunk := int64(d.Chunk)
		if chunk > rest.begin {
			good = append(good, chunkSpan{rest.begin, chunk})
		}
		rest.begin = chunk + 1
		first, end := r.ChunkRecords(d.Chunk)
		lost := match.File{Name: file.Name, Begin: max(int64(first), facts.FirstRecord), End: min(int64(end), facts.EndRecord)}
		letters = append(letters, DeadLetter{Element: lost.Path(), Error: fmt.Sprintf("%s: %s: %v", caller, file.Name, d)})
		return f.Config.Salvage
	}
	for _, err = range r.Salvage(ctx, int(facts.FirstRecord), int(facts.EndRecord), damaged) {
		if err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if rest.begin < rest.end {
		good = append(good, rest)
	}
	for _, letter := range letters {
		f.counters.FailedChunk(ctx)
		fail(letter)
	}
	if len(good) > 0 {
		emitUnits(f.Config, r, facts, good, emit)
	}
	return nil
}
