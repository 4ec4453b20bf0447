// Package shuffle writes the records of files into ArrayRecord shards in a random
// order, over temporary files: no record crosses a shuffle of the runner, and
// memory does not grow with the data.
//
//	file 0   file 1   file 2      scatter: each record gets a key; as many as
//	   |       /  \      |        fit into memory are sorted by it and become
//	 run A  run B run C run D     a run, a temporary file
//	    \      |   |     /
//	      names of runs           cross a shuffle
//	           |
//	         plan                 even shards of the order of all keys
//	      /    |    \
//	  merge  merge  merge         each takes its range of keys out of all runs,
//	      \    |    /             as much at a time as fits into memory
//	        commit                as that of package sink
//
// A key depends on the seed, on which of the files it is, by name, and on the
// number of the record in it alone. The order is that of the keys. So what is in
// a shard is determined by the input, the seed and the number of shards: neither
// by how work is cut and spread, nor by what is repeated, nor by limits of memory.
package shuffle

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	direct.Register4x1((*inspectFn).ProcessElement)
	direct.Register5x1((*numberFn).ProcessElement)
	direct.Register4x1((*scatterFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[planFn]())
	direct.Register3x1((*mergeFn).ProcessElement)
	for _, t := range []reflect.Type{
		reflect.TypeFor[input](), reflect.TypeFor[layout](), reflect.TypeFor[task](), reflect.TypeFor[run](), reflect.TypeFor[shard](),
	} {
		beam.RegisterType(t)
	}
	beam.RegisterFunction(runName)
	beam.RegisterFunction(toBytes)
	register.Emitter2[int, input]()
	register.Emitter1[task]()
	register.Emitter2[int, run]()
	register.Emitter1[shard]()
	register.Emitter1[dofns.DeadLetter]()
	register.Emitter2[int, sink.File]()
	register.Iter1[input]()
	register.Iter1[run]()
	register.Iter1[[]byte]()
}

// Config says what is shuffled. It travels to the workers as part of DoFns.
type Config struct {
	Sink        sink.Config // complete; 0 shards are as many as suit the input
	Seed        uint64
	Compression tfrecord.Compression // of TFRecord files
	// Skip gives files that cannot be read as dead letters, each as a whole.
	Skip bool
	// Memory is how many bytes of records are sorted at a time.
	Memory int64
}

// DefaultMemory makes some thirty runs of each gigabyte of records.
const DefaultMemory = 32 << 20

// Admit is given the names of temporary files and the dofns.DeadLetters of what
// was skipped, and fails or gives strings when all of them are known.
type Admit func(s beam.Scope, good, failed beam.PCollection) beam.PCollection

// Write shuffles files, a PCollection of match.File, and returns the shards, a
// PCollection of sink.Shard. If files may be skipped, the shards wait for admit.
func Write(s beam.Scope, config Config, files beam.PCollection, admit Admit) beam.PCollection {
	inputs, unreadable := beam.ParDo2(s, &inspectFn{Config: config}, files)
	once := beam.AddFixedKey(s, beam.Impulse(s))
	tasks := beam.ParDo(s, &numberFn{Config: config}, beam.CoGroupByKey(s, once, inputs))
	runs, damaged := beam.ParDo2(s, &scatterFn{Config: config}, beam.Reshuffle(s, tasks))
	// Also if there are no runs, as there are no records.
	begin := beam.Impulse(s)
	if config.Skip {
		admitted := admit(s, beam.ParDo(s, runName, runs), beam.Flatten(s, unreadable, damaged))
		begin = beam.Flatten(s, begin, beam.ParDo(s, toBytes, admitted))
	}
	once = beam.AddFixedKey(s, begin)
	shards := beam.ParDo(s, &planFn{Config: config}, beam.CoGroupByKey(s, once, runs))
	done := beam.ParDo(s, &mergeFn{Config: config}, beam.Reshuffle(s, shards))
	// How many there are, the plan may have decided.
	ordered := config.Sink
	ordered.NumShards, ordered.Ordered = 0, true
	return sink.Commit(s, ordered, done)
}

func runName(_ int, r run) string { return r.Name }

func toBytes(name string) []byte { return []byte(name) }

// layout is what all workers have to agree on.
type layout struct {
	Shards        int
	Cells         int64 // see cellOf
	WriterOptions string
	Seen          string // see sink.File
}

const (
	// A shard has this many cells or more, unless there are very many shards. It
	// reads the records of its first and last one in vain in part.
	cellsPerShard = 16
	mostCells     = 1 << 20
	// What is sorted at a time has this many cells, going by the size of the
	// files: compressed ones may have more records in them.
	cellsPerLoad = 16
	// The size of shards if their number is left open.
	shardBytes = 256 << 20
)

func (c Config) layout(size int64, writerOptions, seen string) layout {
	shards := c.Sink.NumShards
	if shards == 0 {
		shards = int(max(1, (size+shardBytes-1)/shardBytes))
	}
	cells := max(cellsPerShard*int64(shards), cellsPerLoad*(size/c.Memory+1))
	return layout{
		Shards: shards, Cells: min(cells, mostCells),
		WriterOptions: writerOptions, Seen: seen,
	}
}

// skip makes a dead letter of an error if that is wanted, and it is one of the
// file: not of the end of the job.
func (c Config) skip(ctx context.Context, name string, err error) (dofns.DeadLetter, error) {
	if !c.Skip || ctx.Err() != nil || errors.Is(err, errTemporary) {
		return dofns.DeadLetter{}, fmt.Errorf("shuffling: %w", err)
	}
	return dofns.DeadLetter{Element: name, Error: err.Error()}, nil
}

// errTemporary marks errors of temporary files.
var errTemporary = errors.New("writing a temporary file")

// directories gives those that hold these files.
func directories(names ...string) string {
	var dirs []string
	for _, name := range names {
		dir, _ := storage.Split(name)
		dirs = append(dirs, dir)
	}
	return sink.JoinNames(dirs)
}
