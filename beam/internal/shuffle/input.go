package shuffle

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// input is a file, as it was found.
type input struct {
	Name string
	Size int64

	ArrayRecord   bool // else it is a TFRecord file
	Records       int64
	GroupSize     int64
	WriterOptions string
}

// inspectFn finds out what a file is.
type inspectFn struct {
	Config Config

	read counters.Set
}

// Setup makes the counters, which do not travel.
func (f *inspectFn) Setup() { f.read = counters.Read() }

// ProcessElement opens one file.
func (f *inspectFn) ProcessElement(ctx context.Context, file match.File, emit func(int, input), fail func(dofns.DeadLetter)) error {
	in, err := inspect(ctx, file)
	if err != nil {
		letter, err := f.Config.skip(ctx, file.Name, err)
		if err == nil {
			f.read.Failed(ctx)
			fail(letter)
		}
		return err
	}
	emit(0, in)
	return nil
}

// fileSignature is what every ArrayRecord file begins with. As the length of a
// TFRecord it would be four exabytes.
var fileSignature = []byte{0x83, 0xaf, 0x70, 0xd1, 0x0d, 0x88, 0x4a, 0x3f}

func inspect(ctx context.Context, file match.File) (in input, err error) {
	in = input{Name: file.Name, Size: file.Size}
	o, err := storage.Open(ctx, file.Name)
	if err != nil {
		return in, err
	}
	head := make([]byte, min(len(fileSignature), int(min(o.Size(), 64))))
	_, err = o.ReadAt(ctx, head, 0)
	if err := errors.Join(err, o.Close()); err != nil {
		return in, err
	}
	if in.ArrayRecord = bytes.Equal(head, fileSignature); !in.ArrayRecord {
		return in, nil
	}
	r, err := arrayrecord.Open(ctx, file.Name)
	if err != nil {
		return in, err
	}
	defer r.Close()
	in.Records, in.GroupSize = int64(r.NumRecords()), int64(max(r.RecordGroupSize(), 1))
	var ok bool
	if in.WriterOptions, ok = r.WriterOptions(); !ok {
		in.WriterOptions = fmt.Sprintf("group_size:%d", in.GroupSize)
	}
	return in, nil
}

// task is a range of records of a file.
type task struct {
	Input      input
	File       int64 // number of the file
	Begin, End int64 // End is -1 for a whole TFRecord file
	Layout     layout
}

// last reports whether the file has been read when the task is done.
func (t task) last() bool { return t.End < 0 || t.End == t.Input.Records }

// numberFn numbers the files in the order of their names, and cuts them.
type numberFn struct {
	Config Config
}

// Setup makes the run known.
func (f *numberFn) Setup() { f.Config.Sink.Identify() }

// ProcessElement is called with all files, before anything is written.
func (f *numberFn) ProcessElement(ctx context.Context, _ int, _ func(*[]byte) bool, next func(*input) bool, emit func(task)) error {
	inputs := collect(next)
	slices.SortFunc(inputs, func(a, b input) int { return cmp.Compare(a.Name, b.Name) })
	names := make([]string, len(inputs))
	var size int64
	for i, in := range inputs {
		names[i] = in.Name
		size += in.Size
	}
	seen, err := f.Config.Sink.Check(ctx)
	if err == nil {
		err = f.Config.Sink.CheckInputs(names)
	}
	if err != nil {
		return fmt.Errorf("shuffling: %w", err)
	}
	l := f.Config.layout(size, f.Config.writerOptions(inputs), seen)
	for i, in := range inputs {
		for _, t := range f.Config.tasks(in) {
			t.File, t.Layout = int64(i), l
			emit(t)
		}
	}
	return nil
}

// writerOptions are those of the shards: if they are left open, those that most
// records of the input were written with.
func (c Config) writerOptions(inputs []input) string {
	best, records := c.Sink.WriterOptions, map[string]int64{}
	if best != "" {
		return best
	}
	for _, in := range inputs {
		if records[in.WriterOptions] += in.Records; records[in.WriterOptions] > records[best] {
			best = in.WriterOptions
		}
	}
	return best
}

// taskBytes is what a task reads of an ArrayRecord file, more or less.
const taskBytes = 64 << 20

// tasks cuts a file, at chunks. Files that may be skipped are not cut: they are
// read as a whole or not at all.
func (c Config) tasks(in input) []task {
	if !in.ArrayRecord {
		return []task{{Input: in, End: -1}}
	}
	n := max(1, in.Size/taskBytes)
	if c.Skip {
		n = 1
	}
	chunks := (in.Records + in.GroupSize - 1) / in.GroupSize
	var tasks []task
	for i := range n {
		begin, end := i*chunks/n*in.GroupSize, (i+1)*chunks/n*in.GroupSize
		if end = min(end, in.Records); begin < end || n == 1 {
			tasks = append(tasks, task{Input: in, Begin: begin, End: end})
		}
	}
	return tasks
}

func collect[T any](next func(*T) bool) (all []T) {
	for {
		var element T
		if !next(&element) {
			return all
		}
		all = append(all, element)
	}
}
