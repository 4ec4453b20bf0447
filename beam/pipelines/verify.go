package pipelines

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/convert"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

func init() {
	direct.Register4x1((*verifyTFRecordFn).ProcessElement)
	direct.Register4x1((*verifyArrayRecordFn).ProcessElement)
	direct.Register4x1((*salvageFn).ProcessElement)
	direct.Register3x1((*unpackFn).ProcessElement)
}

// Records that were given to a pipeline cannot be taken back. So input of which
// some may be left out is verified before it is read.

// goodTFRecords gives the names of the files that can be read to their end.
func goodTFRecords(s beam.Scope, files beam.PCollection, in convert.TFRecordInput, f Failures) (good, sum beam.PCollection) {
	good, lost := beam.ParDo2(s, &verifyTFRecordFn{Input: in}, files)
	good, sum = f.gate(s, good, lost)
	return beam.Reshuffle(s, good), sum
}

// goodArrayRecords gives the ranges of records, with the names of their files,
// that can be read.
func goodArrayRecords(s beam.Scope, files beam.PCollection, f Failures) (good, sum beam.PCollection) {
	good, lost := beam.ParDo2(s, &verifyArrayRecordFn{}, files)
	good, sum = f.gate(s, good, lost)
	return beam.Reshuffle(s, good), sum
}

// verified counts what was read to find out, and what of it cannot be.
type verified struct {
	read   counters.Set
	verify counters.Verified
}

// Setup makes the counters, which do not travel.
func (v *verified) Setup() { v.read, v.verify = counters.Read(), counters.Verify() }

// verifyTFRecordFn tells good files from others.
type verifyTFRecordFn struct {
	Input convert.TFRecordInput

	verified
}

// ProcessElement reads one file.
func (f *verifyTFRecordFn) ProcessElement(ctx context.Context, file found, good func(string), fail func(loss)) error {
	err := f.Input.Verify(ctx, file.Name, convert.Observer{Progress: func(_, bytes int64) { f.verify.Add(ctx, 0, bytes) }})
	f.verify.Add(ctx, 1, 0)
	if err != nil {
		return failed(ctx, &f.read, file, err, fail)
	}
	good(file.Name)
	return nil
}

// failed makes a dead letter of a file, unless the job is being cancelled.
func failed(ctx context.Context, count *counters.Set, file found, err error, fail func(loss)) error {
	if ctx.Err() != nil {
		return err
	}
	count.Failed(ctx)
	fail(fileLost(dofns.DeadLetter{Element: file.path(), Error: err.Error()}))
	return nil
}

// verifyArrayRecordFn tells what can be read of files.
type verifyArrayRecordFn struct{ verified }

// ProcessElement reads one file.
func (f *verifyArrayRecordFn) ProcessElement(ctx context.Context, file found, good func(string), fail func(loss)) error {
	r, err := arrayrecord.Open(ctx, file.Name)
	if err != nil {
		return failed(ctx, &f.read, file, err, fail)
	}
	defer r.Close()
	begin, end := 0, r.NumRecords()
	if file.End >= 0 {
		begin, end = int(file.Begin), int(file.End)
	}
	ranges, damages, err := f.look(ctx, r, begin, end)
	if err != nil {
		return failed(ctx, &f.read, file, err, fail)
	}
	for _, d := range damages {
		f.read.FailedChunk(ctx)
		fail(d.loss(file.Name))
	}
	if len(damages) == 0 {
		good(file.path())
		return nil
	}
	for _, r := range ranges {
		good(found{Name: file.Name, Begin: int64(r.begin), End: int64(r.end)}.path())
	}
	return nil
}

// records is a range of them.
type records struct{ begin, end int }

// damage is a chunk, or a part of one, that cannot be read.
type damage struct {
	records
	err error
}

func (d damage) loss(file string) loss {
	lost := found{Name: file, Begin: int64(d.begin), End: int64(d.end)}
	return loss{Letter: dofns.DeadLetter{Element: lost.path(), Error: d.err.Error()}, Chunk: true}
}

// look reads the records [begin, end), and gives the ranges of them that can be read
// and the chunks that are damaged. An error says that it could not find out.
func (v *verified) look(ctx context.Context, r *arrayrecord.Reader, begin, end int) (good []records, damages []damage, err error) {
	defer v.verify.Add(ctx, 1, 0)
	// Each record has its share of the bytes of the file.
	const step = 1024
	bytes := r.Size() * step / int64(max(r.NumRecords(), 1))
	for begin < end {
		next := begin
		var damaged error
		for _, err := range r.Scan(ctx, begin, end) {
			if damaged = err; err != nil {
				break
			}
			if next++; next%step == 0 {
				v.verify.Add(ctx, 0, bytes)
			}
		}
		if damaged == nil {
			return append(good, records{begin, end}), damages, nil
		}
		if !errors.Is(damaged, arrayrecord.ErrCorrupt) || ctx.Err() != nil {
			return nil, nil, damaged
		}
		chunk := sort.Search(r.NumChunks(), func(chunk int) bool {
			_, behind := r.ChunkRecords(chunk)
			return behind > next
		})
		from, to := r.ChunkRecords(chunk)
		from, to = max(from, begin), min(to, end)
		if from > begin {
			good = append(good, records{begin, from})
		}
		damages = append(damages, damage{records{from, to}, damaged})
		begin = to
	}
	return good, damages, nil
}

// salvageFn is inputFn for files that may be damaged: of these it copies the
// good chunks into a temporary file.
type salvageFn struct {
	Config sink.Config

	verified
}

// Setup makes the counters, which do not travel.
func (f *salvageFn) Setup() {
	f.verified.Setup()
	f.Config.Identify()
}

// ProcessElement looks at one file.
func (f *salvageFn) ProcessElement(ctx context.Context, file found, good func(string), fail func(loss)) error {
	input, damages, err := f.salvage(ctx, file)
	if err != nil {
		return failed(ctx, &f.read, file, err, fail)
	}
	for _, d := range damages {
		f.read.FailedChunk(ctx)
		fail(d.loss(file.Name))
	}
	if input.Name == "" {
		return nil // there is no good chunk
	}
	if input.Records == 0 {
		f.read.Add(ctx, 1, 0, file.Size) // else it is counted when it is copied
	}
	text, err := json.Marshal(input)
	if err != nil {
		return err
	}
	good(string(text))
	return nil
}

func (f *salvageFn) salvage(ctx context.Context, file found) (sink.File, []damage, error) {
	r, err := arrayrecord.Open(ctx, file.Name)
	if err != nil {
		return sink.File{}, nil, err
	}
	defer r.Close()
	good, damages, err := f.look(ctx, r, 0, r.NumRecords())
	if err != nil || len(damages) == 0 {
		return inputOf(r), nil, err
	}
	if len(good) == 0 {
		return sink.File{}, damages, nil
	}
	copied, err := f.copy(ctx, r, good)
	return copied, damages, err
}

// copy makes a file of the chunks that have the given records.
func (f *salvageFn) copy(ctx context.Context, r *arrayrecord.Reader, good []records) (file sink.File, err error) {
	file = inputOf(r)
	w, err := arrayrecord.Create(ctx, f.Config.NewTempName(), arrayrecord.WithWriterOptions(file.WriterOptions))
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, w.Abort()) }() // does nothing after Close
	for _, g := range good {
		chunk := func(record int) int {
			return sort.Search(r.NumChunks(), func(chunk int) bool {
				begin, _ := r.ChunkRecords(chunk)
				return begin >= record
			})
		}
		if err := w.CopyChunks(ctx, r, chunk(g.begin), chunk(g.end)); err != nil {
			return file, err
		}
	}
	if err := w.Close(); err != nil {
		return file, err
	}
	file.Name, file.Records, file.Bytes = w.Name(), int64(w.NumRecords()), w.Size()
	return file, nil
}

// unpackFn gives the files that salvageFn has packed for the gate.
type unpackFn struct{}

// ProcessElement gives one file.
func (*unpackFn) ProcessElement(_ context.Context, text string, emit func(int, sink.File)) error {
	var file sink.File
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		return fmt.Errorf("a file in transit: %w", err)
	}
	emit(0, file)
	return nil
}
