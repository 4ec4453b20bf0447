package arrayrecord

import (
	"fmt"
	"math"
)

// SamplerOptions say in which order a training job visits records.
type SamplerOptions struct {
	// Shuffle visits the records of an epoch in a pseudo-random order that Seed and the epoch
	// determine; otherwise the order is that of the records.
	Shuffle bool
	Seed    uint32
	// ShardIndex and ShardCount split the records between the processes of a job: process
	// ShardIndex of ShardCount. The zero value is one process that has them all.
	ShardIndex, ShardCount int
	// DropRemainder leaves out up to ShardCount-1 records, so that all shards have equally many.
	DropRemainder bool
	// NumEpochs is how many times each record is visited; 0 is without end.
	NumEpochs int
}

// Sampler says which record a training job visits at each of its steps, by arithmetic alone: it
// holds nothing that grows with the data, and any step can be asked for at any time. A job that
// has noted the number of its next step can go on from there.
//
// Steps are counted over all shards: shard i of c visits the steps i, i+c, i+2c, ... Each shard
// has a contiguous part of the records, and shuffles within it, anew in each epoch. With fewer
// records than shards some shards are empty: their steps visit nothing. The order for a
// seed is that of Grain's IndexSampler, so that a job can change from one to the other; see
// docs/sampling.md.
//
// A Sampler is not changed by use and is safe for concurrent use.
type Sampler struct {
	n       int
	options SamplerOptions
}

// NewSampler makes a sampler for that many records, at least 1. Errors match ErrInvalidOption.
func NewSampler(numRecords int, o SamplerOptions) (*Sampler, error) {
	if o.ShardCount == 0 && o.ShardIndex == 0 {
		o.ShardCount = 1
	}
	switch {
	case numRecords <= 0:
		return nil, fmt.Errorf("%w: a sampler for %d records", ErrInvalidOption, numRecords)
	case o.ShardCount < 1 || o.ShardIndex < 0 || o.ShardIndex >= o.ShardCount:
		return nil, fmt.Errorf("%w: shard %d of %d", ErrInvalidOption, o.ShardIndex, o.ShardCount)
	case o.NumEpochs < 0 || o.NumEpochs > math.MaxInt/numRecords:
		return nil, fmt.Errorf("%w: %d epochs", ErrInvalidOption, o.NumEpochs)
	}
	return &Sampler{numRecords, o}, nil
}

// NumRecords is the number of records that the sampler was made for.
func (s *Sampler) NumRecords() int { return s.n }

// Options are the options that the sampler was made with.
func (s *Sampler) Options() SamplerOptions { return s.options }

// Len is the number of steps of all shards together, those of empty shards included; false if there
// is no end.
func (s *Sampler) Len() (int, bool) {
	o := s.options
	if o.DropRemainder {
		return s.n / o.ShardCount * o.ShardCount * o.NumEpochs, o.NumEpochs > 0
	}
	return s.n * o.NumEpochs, o.NumEpochs > 0
}

// shard gives the records [begin, end) of a shard.
func (s *Sampler) shard(i int) (begin, end int) {
	size, rest := s.n/s.options.ShardCount, s.n%s.options.ShardCount
	begin, end = size*i, size*(i+1)
	if !s.options.DropRemainder {
		begin += min(i, rest)
		end += min(i+1, rest)
	}
	return begin, end
}

// Key is the number of the record that step visits. Errors match ErrOutOfRange: there is no such
// step, or it is one of an empty shard.
func (s *Sampler) Key(step int) (int, error) {
	if n, finite := s.Len(); step < 0 || finite && step >= n {
		return 0, fmt.Errorf("%w: step %d", ErrOutOfRange, step)
	}
	c := s.options.ShardCount
	begin, end := s.shard(step % c)
	if begin == end {
		return 0, fmt.Errorf("%w: step %d is one of shard %d of %d, which has none of the %d records", ErrOutOfRange, step, step%c, c, s.n)
	}
	epoch, i := step/c/(end-begin), step/c%(end-begin)
	if s.options.Shuffle {
		shuffle := newIndexShuffle(uint64(end-begin-1), s.options.Seed+uint32(epoch), 4)
		i = int(shuffle.at(uint64(i)))
	}
	return begin + i, nil
}
