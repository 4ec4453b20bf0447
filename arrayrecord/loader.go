package arrayrecord

import (
	"context"
	"fmt"
	"io"
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
	Files      string         `json:"files"` // DataSource.String
	Sampler    SamplerOptions `json:"sampler"`
}

// Loader reads the records of one shard of a sampler in its order, in batches, with the next batch
// being read meanwhile. It is for one goroutine at a time.
type Loader struct {
	source  *DataSource
	sampler *Sampler
	batch   int
	next    int // step of the record that Next gives next

	samples []Sample // rest of the current batch
	err     error    // after those
	ahead   chan loaded
	planned int // step of the first record that is neither in samples nor ahead
	cancel  context.CancelFunc
}

type loaded struct {
	samples []Sample
	err     error
}

// NewLoader makes a loader that starts at the first step of the sampler's shard. batchSize is the
// number of records that are read together; memory is that of two batches. Errors match
// ErrInvalidOption.
func NewLoader(source *DataSource, sampler *Sampler, batchSize int) (*Loader, error) {
	if batchSize < 1 {
		return nil, fmt.Errorf("%w: batches of %d records", ErrInvalidOption, batchSize)
	}
	if sampler.NumRecords() != source.Len() {
		return nil, fmt.Errorf("%w: a sampler for %d records with a data source of %d", ErrInvalidOption, sampler.NumRecords(), source.Len())
	}
	first := sampler.Options().ShardIndex
	return &Loader{source: source, sampler: sampler, batch: batchSize, next: first, planned: first}, nil
}

// Next gives the next record of the shard; io.EOF after the last epoch. A failed read can be tried
// again by calling Next again: nothing is skipped.
//
// The context covers this call, and the reading ahead until the next call. Errors are those of
// DataSource.GetMany.
func (l *Loader) Next(ctx context.Context) (Sample, error) {
	for len(l.samples) == 0 {
		if l.err != nil {
			err := l.err
			l.err = nil
			return Sample{}, err
		}
		l.fill(ctx)
	}
	sample := l.samples[0]
	l.samples = l.samples[1:]
	l.next = sample.Step + l.sampler.Options().ShardCount
	return sample, nil
}

// fill makes the batch that was read ahead the current one, and starts the one after it.
func (l *Loader) fill(ctx context.Context) {
	if l.ahead == nil {
		l.start()
	}
	select {
	case got := <-l.ahead:
		l.stop()
		l.samples, l.err = got.samples, got.err
	case <-ctx.Done():
		l.err = context.Cause(ctx)
	}
	if l.err != nil {
		// What has not been given out is read again.
		l.planned = l.next
		if l.err == io.EOF {
			return
		}
		l.stop()
		return
	}
	l.planned = l.samples[len(l.samples)-1].Step + l.sampler.Options().ShardCount
	l.start()
}

// start reads a batch in another goroutine.
func (l *Loader) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ahead := make(chan loaded, 1)
	l.ahead, l.cancel = ahead, cancel
	first := l.planned
	go func() {
		samples, err := l.read(ctx, first)
		ahead <- loaded{samples, err}
	}()
}

func (l *Loader) stop() {
	if l.cancel != nil {
		l.cancel()
	}
	l.ahead, l.cancel = nil, nil
}

func (l *Loader) read(ctx context.Context, first int) ([]Sample, error) {
	var samples []Sample
	var keys []int
	for step := first; len(samples) < l.batch; step += l.sampler.Options().ShardCount {
		key, err := l.sampler.Key(step)
		if err != nil { // the end
			break
		}
		samples = append(samples, Sample{Step: step, Key: key})
		keys = append(keys, key)
	}
	if len(samples) == 0 {
		return nil, io.EOF
	}
	records, err := l.source.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	for k, record := range records {
		samples[k].Record = record
	}
	return samples, nil
}

// State is where the loader stands: before the record that Next gives next.
func (l *Loader) State() LoaderState {
	return LoaderState{NextStep: l.next, NumRecords: l.source.Len(), Files: l.source.String(), Sampler: l.sampler.Options()}
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
	l.next, l.planned = state.NextStep, state.NextStep
	return nil
}

// Close stops reading ahead. The data source stays open. The loader can be used again.
func (l *Loader) Close() {
	l.stop()
	l.samples, l.err = nil, nil
	l.planned = l.next
}
