package arrayrecord

import (
	"context"
	"fmt"
	"io"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// Sample is a record at its step of a training job.
type Sample struct {
	Step   int    // over all shards; see Sampler
	Key    int    // number of the record in the data source
	Record []byte // belongs to the caller
}

// LoaderState is where a Loader stands. It is small, does not depend on the amount of data, and is
// meant to be stored as JSON with a training job's checkpoint.
type LoaderState struct {
	NextStep   int            `json:"next_step"`
	NumRecords int            `json:"num_records"`
	Files      string         `json:"files"` // Source.String
	Sampler    SamplerOptions `json:"sampler"`
}

// A Source is what a Loader reads from: a DataSource, a Reader, or a type of your own. String must
// be equal for equal records, and ReadIndices safe for concurrent use.
type Source interface {
	NumRecords() int
	ReadIndices(ctx context.Context, indices []int) ([][]byte, error)
	String() string
}

// Loader reads the records of one shard of a sampler in its order, in batches, with the next batch
// being read meanwhile. It is for one goroutine at a time.
type Loader struct {
	ctx     context.Context
	source  Source
	sampler *Sampler
	batch   int
	next    int // step of the record that Next gives next

	samples []Sample // rest of the current batch
	queue   *ahead.Queue[*samplesTask]
}

// samplesTask reads one batch.
type samplesTask struct {
	source  Source
	samples []Sample
	err     error
}

func (t *samplesTask) Weight() int { return 0 }

func (t *samplesTask) Run(ctx context.Context) {
	keys := make([]int, len(t.samples))
	for k, s := range t.samples {
		keys[k] = s.Key
	}
	records, err := t.source.ReadIndices(ctx, keys)
	if err != nil {
		t.err = err
		return
	}
	for k, record := range records {
		t.samples[k].Record = record
	}
}

// NewLoader makes a loader that starts at the first step of the sampler's shard. batchSize is the
// number of records that are read together; memory is that of two batches. The context covers all
// reading of the loader, that ahead of Next too: when it ends, Next gives its error. Errors match
// ErrInvalidOption.
func NewLoader(ctx context.Context, source Source, sampler *Sampler, batchSize int) (*Loader, error) {
	if batchSize < 1 {
		return nil, fmt.Errorf("%w: batches of %d records", ErrInvalidOption, batchSize)
	}
	if sampler.NumRecords() != source.NumRecords() {
		return nil, fmt.Errorf("%w: a sampler for %d records with a source of %d", ErrInvalidOption, sampler.NumRecords(), source.NumRecords())
	}
	return &Loader{ctx: ctx, source: source, sampler: sampler, batch: batchSize, next: sampler.Options().ShardIndex}, nil
}

// Next gives the next record of the shard; io.EOF after the last epoch.
//
// The context bounds how long this call waits. What is being read goes on when it ends: a later
// call takes it. A failed read can be tried again by calling Next again: nothing is skipped. Errors
// are those of the source's ReadIndices, or of either context.
func (l *Loader) Next(ctx context.Context) (Sample, error) {
	for len(l.samples) == 0 {
		if l.queue == nil {
			l.queue = ahead.New(l.ctx, ahead.Options{Helpers: 1, MaxTasks: 1}, l.planBatches())
		}
		task, ok, err := l.queue.NextWithin(ctx)
		switch {
		case err != nil && l.ctx.Err() != nil:
			return Sample{}, ahead.ContextError(l.ctx)
		case err != nil:
			return Sample{}, ahead.ContextError(ctx)
		case !ok:
			return Sample{}, io.EOF
		case task.err != nil:
			l.Close() // what has not been given out is read again
			return Sample{}, task.err
		}
		l.samples = task.samples
	}
	sample := l.samples[0]
	l.samples = l.samples[1:]
	l.next = sample.Step + l.sampler.Options().ShardCount
	return sample, nil
}

// planBatches gives the batches from the next record on.
func (l *Loader) planBatches() func(context.Context) (*samplesTask, bool) {
	step := l.next
	return func(context.Context) (*samplesTask, bool) {
		t := &samplesTask{source: l.source}
		for ; len(t.samples) < l.batch; step += l.sampler.Options().ShardCount {
			key, err := l.sampler.Key(step)
			if err != nil { // the end
				break
			}
			t.samples = append(t.samples, Sample{Step: step, Key: key})
		}
		return t, len(t.samples) > 0
	}
}

// State is where the loader stands: before the record that Next gives next.
func (l *Loader) State() LoaderState {
	return LoaderState{NextStep: l.next, NumRecords: l.source.NumRecords(), Files: l.source.String(), Sampler: l.sampler.Options()}
}

// Restore goes to where another loader, over equal files and with an equal sampler, stood. It reads
// nothing. Errors match ErrInvalidOption if files or sampler differ.
func (l *Loader) Restore(state LoaderState) error {
	mine := l.State()
	mine.NextStep = state.NextStep
	if mine != state {
		return fmt.Errorf("%w: the saved state is one of other files or another sampler: %+v", ErrInvalidOption, state)
	}
	o := l.sampler.Options()
	if state.NextStep < 0 || state.NextStep%o.ShardCount != o.ShardIndex {
		return fmt.Errorf("%w: step %d is not one of shard %d of %d", ErrInvalidOption, state.NextStep, o.ShardIndex, o.ShardCount)
	}
	l.Close()
	l.next = state.NextStep
	return nil
}

// Close stops reading ahead, and returns when it has stopped. The source stays open. The loader can
// be used again, from where it stands.
func (l *Loader) Close() {
	if l.queue != nil {
		l.queue.Close(nil)
	}
	l.queue, l.samples = nil, nil
}

// ReadSamples reads the records of a sampler's steps; see [Sampler]. Errors match ErrInvalidOption if
// the sampler is for another number of records, ErrOutOfRange for a step that there is not, and
// otherwise are those of the source.
func ReadSamples(ctx context.Context, source Source, s *Sampler, steps []int) ([][]byte, error) {
	if s.NumRecords() != source.NumRecords() {
		return nil, fmt.Errorf("%w: a sampler for %d records with a source of %d", ErrInvalidOption, s.NumRecords(), source.NumRecords())
	}
	keys := make([]int, len(steps))
	for k, step := range steps {
		key, err := s.Key(step)
		if err != nil {
			return nil, err
		}
		keys[k] = key
	}
	return source.ReadIndices(ctx, keys)
}
