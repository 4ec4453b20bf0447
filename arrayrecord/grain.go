package arrayrecord

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
)

// grainState is what get_state of the iterator of Grain's DataLoader gives.
type grainState struct {
	Version         int            `json:"version"`
	LastSeenIndices map[string]int `json:"last_seen_indices"` // by worker, of its last record
	WorkerCount     int            `json:"worker_count"`
	Sampler         string         `json:"sampler"`
}

var grainSampler = regexp.MustCompile(`^IndexSampler\(num_records=(\d+), ` +
	`shard_options=\w+\(shard_index=(\d+), shard_count=(\d+), drop_remainder=(True|False)\), ` +
	`shuffle=(True|False), num_epochs=(\d+|None), seed=(\d+|None)\)$`)

// StepFromGrain gives the step at which to go on where a job that used Grain stopped: state is what
// get_state returns of an iterator of Grain's DataLoader. A Loader goes there by Restore, with its
// own State in which NextStep is this step; docs/sampling.md has the arithmetic.
//
// The sampler of the state must have had the same settings. Whether the data source was the same
// cannot be known: Grain describes it in its own way. Errors match ErrInvalidOption, also where
// Grain's worker processes stood at different places, as they do amid a round of batches: then no
// step divides what was visited from what was not.
func (s *Sampler) StepFromGrain(state []byte) (int, error) {
	var g grainState
	if err := json.Unmarshal(state, &g); err != nil {
		return 0, fmt.Errorf("%w: not a state of Grain's DataLoader: %w", ErrInvalidOption, err)
	}
	const version = 2
	if g.Version != version {
		return 0, fmt.Errorf("%w: version %d of the states of Grain's DataLoader is not known (only %d)", ErrInvalidOption, g.Version, version)
	}
	if err := s.checkGrainSampler(g.Sampler); err != nil {
		return 0, err
	}
	// Worker w of n has the visits w, w+n, w+2n, ... of the shard, which are this far apart.
	workers := max(g.WorkerCount, 1)
	invalid := fmt.Errorf("%w: the state of Grain's DataLoader contradicts itself: %d workers, last seen indices %v",
		ErrInvalidOption, g.WorkerCount, g.LastSeenIndices)
	o := s.options
	if g.WorkerCount < 0 || len(g.LastSeenIndices) != workers || o.ShardCount > math.MaxInt/workers {
		return 0, invalid
	}
	stride := workers * o.ShardCount
	first, last := math.MaxInt, 0
	for w := range workers {
		seen, ok := g.LastSeenIndices[strconv.Itoa(w)]
		begin := o.ShardIndex + w*o.ShardCount
		if !ok || seen < begin-stride || seen > math.MaxInt-stride || (seen-begin)%stride != 0 {
			return 0, invalid
		}
		next := seen + stride
		first, last = min(first, next), max(last, next)
	}
	if last-first >= stride {
		return 0, fmt.Errorf("%w: Grain's workers stood at different places, the next steps of the first and the last are %d and %d: "+
			"take a checkpoint after a number of batches that is a multiple of the number of workers", ErrInvalidOption, first, last)
	}
	return first, nil
}

// checkGrainSampler compares the settings with those in the text of a sampler of Grain.
func (s *Sampler) checkGrainSampler(text string) error {
	match := grainSampler.FindStringSubmatch(text)
	if match == nil {
		return fmt.Errorf("%w: not an IndexSampler of Grain: %q", ErrInvalidOption, text)
	}
	o := s.options
	truth := map[bool]string{false: "False", true: "True"}
	epochs, seed := "None", strconv.FormatUint(uint64(o.Seed), 10)
	if o.NumEpochs > 0 {
		epochs = strconv.Itoa(o.NumEpochs)
	}
	if !o.Shuffle {
		seed = match[7] // without a meaning
	}
	want := []string{text, strconv.Itoa(s.n), strconv.Itoa(o.ShardIndex), strconv.Itoa(o.ShardCount),
		truth[o.DropRemainder], truth[o.Shuffle], epochs, seed}
	if !slices.Equal(match, want) {
		return fmt.Errorf("%w: the state is one of another sampler: %s there, %d records and %+v here", ErrInvalidOption, text, s.n, o)
	}
	return nil
}
