package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// The model: some actors work on the same output at the same time, each an
// attempt to commit, or the program that gives up a job. Every order of their
// steps is tried, with each of them stopped for good or for a while after each
// step; two orders that lead to the same content and have told the actors the
// same are one. From each content that comes up in this way, the runner
// repeats what failed, with bundles of its own.

// model is one set of actors.
type model struct {
	overwrite Overwrite
	bucket    bool
	old       []string // what is there before, by name
	actors    []modelActor
	// ended says that a job whose commit has succeeded forgets its record at
	// any time after that, as its program does.
	ended bool
}

type modelActor struct {
	run     string // attempts of one run belong to one job
	bundles int    // as many shards it brings; 0: it gives the run up
}

func modelSet() shardSet {
	return shardSet{Prefix: "model://d/out", Template: DefaultTemplate}
}

// arrangementOf gives an attempt's files, and puts them into the memory.
func (m model) bring(memory *memory, run, attempt string, bundles int) record {
	r := record{Run: run, Set: modelSet(), Overwrite: m.overwrite, TempDirs: []string{"model://d/.temp-" + run}}
	for i := range bundles {
		content := fmt.Sprintf("%s/%s/%d/%d", run, attempt, i, bundles)
		file := File{Name: fmt.Sprintf("model://d/.temp-%s/%s-%d", run, attempt, i), Bytes: int64(len(content))}
		memory.put(file.Name, content)
		r.Moves = append(r.Moves, move{From: file, To: r.Set.name(i, bundles)})
	}
	return r
}

// work is what an actor does: what commitFn does, or the end of a job.
func (m model) work(a modelActor, want record, seen []string) func(context.Context) error {
	c := committer{set: modelSet(), overwrite: m.overwrite, parallel: 1}
	if a.bundles == 0 {
		return func(ctx context.Context) error {
			_, err := c.abandon(ctx, a.run)
			return err
		}
	}
	return func(ctx context.Context) error {
		_, err := c.commit(ctx, want, seen)
		if err == nil {
			err = storage.RemoveAll(ctx, want.TempDirs[0])
		}
		if err == nil && m.ended {
			err = c.forget(ctx, a.run)
		}
		return err
	}
}

// shards gives what can be seen, as "RUN/ATTEMPT" for a complete set.
func shardsOf(m *memory) string {
	set := modelSet()
	contains := set.contains()
	var whose string
	var n, of int
	for name, f := range m.files {
		if _, base := storage.Split(name); !contains(base) {
			continue
		}
		n++
		parts := strings.Split(f.content, "/")
		run := parts[0] + "/" + parts[1]
		if whose != "" && whose != run {
			return "mixed"
		}
		whose = run
		fmt.Sscan(parts[3], &of)
	}
	switch {
	case n == 0:
		return "none"
	case n != of:
		return "incomplete"
	}
	return whose
}

// A place is what comes up after some steps: who is where.
type place struct {
	schedule []int
	memory   *memory
	actors   []*actor
	waiting  []bool // at a step, not at the end
}

func (m model) replay(system *modelSystem, schedule []int) *place {
	p := &place{memory: newMemory(m.bucket)}
	for i, name := range m.old {
		p.memory.put(name, fmt.Sprintf("old/0/%d/%d", i, len(m.old)))
	}
	for i, a := range m.actors {
		want := m.bring(p.memory, a.run, fmt.Sprint(i), a.bundles)
		ctx := context.WithValue(context.Background(), memoryKey{}, p.memory)
		seen, err := Config{Overwrite: Replace}.check(ctx, modelSet())
		if err != nil {
			panic(err)
		}
		work := m.work(a, want, []string{seen})
		started := startActor(func(ctx context.Context) error {
			return work(context.WithValue(ctx, memoryKey{}, p.memory))
		})
		p.actors = append(p.actors, started)
		p.waiting = append(p.waiting, <-started.arrived)
	}
	for _, i := range schedule {
		p.step(i)
	}
	return p
}

// step lets one actor do its next step.
func (p *place) step(i int) {
	p.actors[i].gate <- true
	p.waiting[i] = <-p.actors[i].arrived
	p.schedule = append(p.schedule, i)
}

// stop ends the goroutines of a place.
func (p *place) stop() {
	for i, a := range p.actors {
		if p.waiting[i] {
			a.gate <- false
			<-a.arrived
		}
	}
}

func (p *place) state() string {
	var b strings.Builder
	b.WriteString(p.memory.state())
	for i, a := range p.actors {
		fmt.Fprintln(&b, p.waiting[i], a.heard)
	}
	return b.String()
}

// explore calls check for each different place, and tells how many there are.
func (m model) explore(t *testing.T, system *modelSystem, check func(p *place) error) int {
	t.Helper()
	known := map[string]bool{}
	todo := [][]int{nil}
	for len(todo) > 0 {
		schedule := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		p := m.replay(system, schedule)
		for state := p.state(); !known[state]; state = p.state() {
			known[state] = true
			if err := check(p); err != nil {
				p.stop()
				require.NoError(t, err, "after the steps %v of %v:\n%s", p.schedule, m, state)
			}
			next := -1
			for i, waiting := range p.waiting {
				switch {
				case !waiting:
				case next < 0:
					next = i
				default:
					todo = append(todo, append(slices.Clone(p.schedule), i))
				}
			}
			if next < 0 {
				break
			}
			p.step(next)
		}
		p.stop()
	}
	return len(known)
}

// recovered checks what becomes of a place when nobody there goes on, and the
// runner repeats the commit of each run, with other bundles, until it succeeds.
func (m model) recovered(p *place) error {
	memory := p.memory.clone()
	ctx := context.WithValue(context.Background(), memoryKey{}, memory)
	var runs []string
	for _, a := range m.actors {
		if a.bundles > 0 && (len(runs) == 0 || runs[len(runs)-1] != a.run) {
			runs = append(runs, a.run)
		}
	}
	succeeded := false
	for _, run := range runs {
		want := m.bring(memory, run, "again", 4)
		_, err := committer{set: modelSet(), overwrite: m.overwrite, parallel: 1}.commit(ctx, want, nil)
		switch {
		case err == nil:
			succeeded = true
		case errors.Is(err, errSuperseded), errors.Is(err, errVoid):
		case m.overwrite != Replace && errors.Is(err, fs.ErrExist):
		case m.ended && errors.Is(err, fs.ErrNotExist): // nobody repeats it in fact
		default:
			return fmt.Errorf("the repetition of %s: %w", run, err)
		}
	}
	got := shardsOf(memory)
	switch {
	case got == "mixed", got == "incomplete":
		return fmt.Errorf("the shards are %s\n%s", got, memory.state())
	case succeeded && (got == "none" || strings.HasPrefix(got, "old")):
		return fmt.Errorf("a repetition succeeded, and the shards are %s", got)
	case !succeeded && m.overwrite == Replace && !m.givesUp() && !m.ended:
		return errors.New("no repetition succeeded")
	}
	return nil
}

func (m model) givesUp() bool {
	for _, a := range m.actors {
		if a.bundles == 0 {
			return true
		}
	}
	return false
}

// ended checks a place at which everybody has come to an end.
func (m model) checkEnd(p *place) error {
	for _, waiting := range p.waiting {
		if waiting {
			return nil
		}
	}
	got := shardsOf(p.memory)
	if got == "mixed" || got == "incomplete" {
		return fmt.Errorf("the shards are %s\n%s", got, p.memory.state())
	}
	succeeded := 0
	for i, a := range p.actors {
		if m.actors[i].bundles > 0 && a.err == nil {
			succeeded++
		}
	}
	if succeeded > 0 && (got == "none" || strings.HasPrefix(got, "old")) {
		return fmt.Errorf("%d attempts succeeded, and the shards are %s", succeeded, got)
	}
	if succeeded == 0 && got != "none" && !strings.HasPrefix(got, "old") && !m.givesUp() {
		return fmt.Errorf("no attempt succeeded (%v), and the shards are %s", p.actors[0].err, got)
	}
	return nil
}

func TestEveryOrderOfSteps(t *testing.T) {
	system := &modelSystem{}
	storage.Register("model", system)
	old := []string{modelSet().name(0, 2), modelSet().name(1, 2)}
	for _, m := range []model{
		// A repetition with the same number of shards, and with another.
		{overwrite: Replace, old: old, bucket: true, actors: []modelActor{{"A", 2}, {"A", 2}}},
		{overwrite: Replace, old: old, actors: []modelActor{{"A", 1}, {"A", 3}}},
		{overwrite: Replace, old: old, bucket: true, actors: []modelActor{{"A", 2}, {"A", 1}}},
		{overwrite: Refuse, bucket: true, actors: []modelActor{{"A", 1}, {"A", 2}}},
		{overwrite: KeepNewer, old: old[:1], actors: []modelActor{{"A", 1}, {"A", 1}}},
		// Three attempts.
		{overwrite: Replace, actors: []modelActor{{"A", 1}, {"A", 1}, {"A", 1}}},
		// Two jobs. What B makes has other names than what A has to clear away: see
		// the limit that docs/beam.md tells of.
		{overwrite: Replace, old: old, actors: []modelActor{{"A", 2}, {"B", 2}}},
		{overwrite: Replace, bucket: true, actors: []modelActor{{"A", 1}, {"B", 1}}},
		{overwrite: Refuse, bucket: true, actors: []modelActor{{"A", 1}, {"B", 2}}},
		{overwrite: KeepNewer, bucket: true, old: old, actors: []modelActor{{"A", 1}, {"B", 2}}},
		// A job and the program that gives it up.
		{overwrite: Replace, old: old, bucket: true, actors: []modelActor{{"A", 2}, {"A", 0}}},
		{overwrite: Refuse, bucket: true, actors: []modelActor{{"A", 2}, {"A", 0}}},
		// Attempts that go on when the job has ended.
		{overwrite: Replace, ended: true, actors: []modelActor{{"A", 1}, {"A", 2}}},
		{overwrite: Refuse, ended: true, actors: []modelActor{{"A", 1}, {"A", 1}}},
		{overwrite: Refuse, ended: true, bucket: true, actors: []modelActor{{"A", 1}, {"B", 2}}},
	} {
		// The steps follow each other, so that there is no race to be found, and the
		// detector makes them ten times slower.
		if race && m.overwrite != Refuse {
			continue
		}
		n := m.explore(t, system, func(p *place) error {
			return errors.Join(m.recovered(p), m.checkEnd(p))
		})
		t.Logf("%+v: %d places", m, n)
	}
}
