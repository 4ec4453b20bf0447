package arrayrecordio

import (
	"context"
	"fmt"
	"reflect"
	"sort"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
)

func init() {
	direct.Register3x1((*unitFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[unit]())
	beam.RegisterType(reflect.TypeFor[chunkRange]())
	register.Emitter1[unit]()
}

// unit is a part of a file that one worker begins to read.
type unit struct {
	File   fileFacts
	Chunks chunkRange
}

// fileFacts are what is known about a file and wanted of it.
type fileFacts struct {
	Name                   string
	Size                   int64 // in bytes
	NumRecords, NumChunks  int64
	FirstRecord, EndRecord int64 // the records that are wanted
	EndChunk               int64 // the end of the chunks that hold them
}

// unitFn cuts files into units.
type unitFn struct {
	Config readConfig

	counters counters.Set
}

// Setup makes the counters, which do not travel.
func (f *unitFn) Setup() { f.counters = counters.Read() }

// ProcessElement reads the index of a file.
func (f *unitFn) ProcessElement(ctx context.Context, file match.File, emit func(unit)) error {
	r, facts, err := f.Config.find(ctx, file)
	if err != nil {
		return fmt.Errorf("%s: %w", caller, err)
	}
	defer r.Close()
	if !facts.isEmpty() {
		emitUnits(f.Config, r, facts, []chunkSpan{facts.chunks(r)}, emit)
	} else {
		f.counters.Add(ctx, 1, 0, indexSize(r)) // it has been read
	}
	return nil
}

// find opens a file and says what is wanted of it.
func (c readConfig) find(ctx context.Context, file match.File) (*arrayrecord.Reader, fileFacts, error) {
	facts := fileFacts{Name: file.Name, Size: file.Size}
	r, err := c.open(ctx, facts)
	if err != nil {
		return nil, facts, err
	}
	facts.NumRecords, facts.NumChunks = int64(r.NumRecords()), int64(r.NumChunks())
	facts.EndRecord = facts.NumRecords
	if file.End >= 0 {
		facts.FirstRecord, facts.EndRecord = file.Begin, file.End
	}
	if facts.EndRecord > facts.NumRecords {
		r.Close()
		return nil, facts, fmt.Errorf("%w: %s: records [%d, %d) of %d", arrayrecord.ErrOutOfRange,
			file.Name, file.Begin, file.End, facts.NumRecords)
	}
	if facts.FirstRecord < facts.EndRecord {
		facts.EndChunk = chunkOf(r, facts.EndRecord-1) + 1
	}
	return r, facts, nil
}

// isEmpty reports whether nothing is wanted.
func (f fileFacts) isEmpty() bool { return f.FirstRecord == f.EndRecord }

// chunkSpan is the chunks [begin, end) of a file.
type chunkSpan struct{ begin, end int64 }

// chunks are those that hold what is wanted, which is not nothing.
func (f fileFacts) chunks(r *arrayrecord.Reader) chunkSpan {
	return chunkSpan{chunkOf(r, f.FirstRecord), f.EndChunk}
}

// emitUnits cuts what is good of a file.
func emitUnits(c readConfig, r *arrayrecord.Reader, facts fileFacts, good []chunkSpan, emit func(unit)) {
	facts.EndChunk = good[len(good)-1].end
	for _, span := range good {
		for _, chunks := range c.units(r, span.begin, span.end) {
			emit(unit{File: facts, Chunks: chunks})
		}
	}
}

// open opens the file that the facts are about.
func (c readConfig) open(ctx context.Context, f fileFacts) (*arrayrecord.Reader, error) {
	r, err := arrayrecord.Open(ctx, f.Name, arrayrecord.WithReaderOptions(c.ReaderOptions))
	if err != nil {
		return nil, err
	}
	if err := f.check(r); err != nil {
		r.Close()
		return nil, fmt.Errorf("%s: the file has changed: %w", f.Name, err)
	}
	return r, nil
}

// check finds how a file is not the one that the facts are about. As long as
// the number of chunks is not known, it looks at the size alone.
func (f fileFacts) check(r *arrayrecord.Reader) error {
	switch {
	case r.Size() != f.Size:
		return fmt.Errorf("it has %d bytes, and had %d when it was found", r.Size(), f.Size)
	case f.NumChunks > 0 && (int64(r.NumRecords()) != f.NumRecords || int64(r.NumChunks()) != f.NumChunks):
		return fmt.Errorf("it has %d records in %d chunks, and had %d in %d",
			r.NumRecords(), r.NumChunks(), f.NumRecords, f.NumChunks)
	}
	return nil
}

// chunkOf is the chunk that holds a record.
func chunkOf(r *arrayrecord.Reader, record int64) int64 {
	return int64(sort.Search(r.NumChunks(), func(chunk int) bool {
		_, end := r.ChunkRecords(chunk)
		return int64(end) > record
	}))
}

// indexSize is the size of what is no chunk in a file, which is its index
// mostly.
func indexSize(r *arrayrecord.Reader) int64 {
	if r.NumChunks() == 0 {
		return r.Size()
	}
	_, size := r.ChunkExtent(0, r.NumChunks())
	return r.Size() - size
}

// runEnd is the end of the shortest run of chunks from begin on that has at
// least size bytes, or limit.
func runEnd(r *arrayrecord.Reader, begin, limit, size int64) int64 {
	n := sort.Search(int(limit-begin-1), func(i int) bool {
		_, have := r.ChunkExtent(int(begin), int(begin)+i+1)
		return have >= size
	})
	return begin + int64(n) + 1
}

// units cuts the chunks [begin, end), which are not none.
func (c readConfig) units(r *arrayrecord.Reader, begin, end int64) []chunkRange {
	_, wanted := r.ChunkExtent(int(begin), int(end))
	n := max(wanted/c.splitSize(indexSize(r)), 1)
	var units []chunkRange
	for begin < end {
		next := runEnd(r, begin, end, wanted/n)
		if int64(len(units)) == n-1 {
			next = end
		}
		units = append(units, newChunkRange(begin, next, func(chunk int64) int64 {
			_, size := r.ChunkExtent(int(begin), int(chunk))
			return size
		}))
		begin = next
	}
	return units
}
