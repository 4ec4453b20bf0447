package tfrecordio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/sdf"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/deadletter"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	direct.Register3x1((*planFn).ProcessElement)
	direct.Register4x1((*verifyFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[part]())
	beam.RegisterType(reflect.TypeFor[byteRange]())
	register.Emitter1[part]()
}

// A part of a file is what one worker begins to read.
type part struct {
	Name        string
	Size        int64 // of the file
	Compression tfrecord.Compression
	// AsWhole makes whoever begins with the file read all of it.
	AsWhole bool
	Range   byteRange
}

// whole is all of a file.
func (c readConfig) whole(file match.File) part {
	return part{Name: file.Name, Size: file.Size, Compression: c.Compression, AsWhole: c.SplitSize == 0, Range: byteRange{0, file.Size}}
}

// planFn cuts large files into parts, for runners that do not split while they
// read. It does not look for records.
type planFn struct {
	Config readConfig

	counters counters.Set
}

// Setup makes the counters, which do not travel.
func (f *planFn) Setup() { f.counters = counters.Read() }

// ProcessElement plans one file.
func (f *planFn) ProcessElement(ctx context.Context, file match.File, emit func(part)) error {
	p := f.Config.whole(file)
	if f.Config.numParts(p) > 1 && p.Compression == tfrecord.Auto {
		var err error
		if p.Compression, err = p.detect(ctx); err != nil {
			return fmt.Errorf("%s: %w", caller, err)
		}
	}
	emitParts(ctx, f.Config, &f.counters, p, emit)
	return nil
}

// numParts is into how many parts a file is cut to begin with.
func (c readConfig) numParts(p part) int64 {
	if p.AsWhole || p.Compression != tfrecord.Auto && p.Compression != tfrecord.None {
		return 1
	}
	return max(p.Size/c.SplitSize, 1)
}

// emitParts cuts a file. One without a byte has been read.
func emitParts(ctx context.Context, c readConfig, count *counters.Set, p part, emit func(part)) {
	if p.Size == 0 {
		count.Add(ctx, 1, 0, 0)
		return
	}
	n := c.numParts(p)
	step := p.Size / n
	for i := range n {
		p.Range = byteRange{i * step, (i + 1) * step}
		if i == n-1 {
			p.Range.End = p.Size
		}
		emit(p)
	}
}

// detect finds out how the file is compressed.
func (p part) detect(ctx context.Context) (c tfrecord.Compression, err error) {
	o, err := p.open(ctx)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	return detect(ctx, o)
}

func detect(ctx context.Context, o storage.Object) (tfrecord.Compression, error) {
	head := make([]byte, tfrecord.HeaderSize)
	n, err := o.ReadAt(ctx, head, 0)
	if err != nil && err != io.EOF {
		return tfrecord.Auto, err
	}
	r, err := tfrecord.NewReader(bytes.NewReader(head[:n]))
	if err != nil {
		return tfrecord.Auto, err
	}
	return r.Compression(), nil
}

// verifyFn is planFn for files that may be damaged: it reads each as a whole.
type verifyFn struct {
	Config readConfig

	counters counters.Set
}

// Setup makes the counters, which do not travel.
func (f *verifyFn) Setup() { f.counters = counters.Read() }

// ProcessElement gives parts of good files only.
func (f *verifyFn) ProcessElement(ctx context.Context, file match.File, emit func(part), fail func(deadletter.DeadLetter)) error {
	p := f.Config.whole(file)
	p.AsWhole = true
	deceives := false
	done, err := p.read(ctx, f.Config, sdf.NewLockRTracker(newTracker(p.Range)), func(record []byte, _, _ int64) {
		deceives = deceives || int64(len(record)) > f.Config.CheckRange && f.Config.seemsToHoldRecords(ctx, record)
	})
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %s: %w", caller, file.Name, context.Cause(ctx))
	}
	if err != nil {
		f.counters.Failed(ctx)
		fail(deadletter.DeadLetter{Element: file.Path(), Error: fmt.Sprintf("%s: %v", caller, err)})
		return nil
	}
	p.Compression = done.compression
	p.AsWhole = f.Config.SplitSize == 0 || deceives
	emitParts(ctx, f.Config, &f.counters, p, emit)
	return nil
}
