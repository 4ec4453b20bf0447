package tfrecordio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() {
	dofn.Register3x1((*planFn).ProcessElement)
	dofn.Register4x1((*verifyFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[part]())
	register.Emitter1[part]()
}

// A part is what one worker reads of a file: the records from the one that
// begins at Begin to the one that ends at End.
type part struct {
	Name        string
	Size        int64 // of the file
	Begin, End  int64 // offsets in the file; 0 and Size for a compressed one
	Compression tfrecord.Compression
}

// emitParts cuts a file at the seams.
func emitParts(file match.File, c tfrecord.Compression, seams []int64, emit func(part)) {
	p := part{Name: file.Name, Size: file.Size, Compression: c}
	for _, seam := range append(seams, file.Size) {
		p.End = seam
		emit(p)
		p.Begin = seam
	}
}

// planFn cuts large files into parts.
type planFn struct {
	Config readConfig
}

// ProcessElement reads a little of the file around each seam.
func (f *planFn) ProcessElement(ctx context.Context, file match.File, emit func(part)) error {
	c, seams, err := f.plan(ctx, file)
	if err != nil {
		return fmt.Errorf("%s: %w", caller, err)
	}
	emitParts(file, c, seams, emit)
	return nil
}

func (f *planFn) plan(ctx context.Context, file match.File) (c tfrecord.Compression, seams []int64, err error) {
	c = f.Config.Compression
	wanted := f.Config.wantedSeams(file.Size)
	if len(wanted) == 0 || c != tfrecord.Auto && c != tfrecord.None {
		return c, nil, nil
	}
	o, err := openFile(ctx, file.Name, file.Size)
	if err != nil {
		return c, nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if c == tfrecord.Auto {
		if c, err = detect(ctx, o); err != nil {
			return c, nil, err
		}
	}
	if c == tfrecord.None {
		seams, err = findSeams(ctx, o, wanted, f.Config.limits())
	}
	return c, seams, err
}

// wantedSeams are the offsets where the file should be cut, or as soon behind
// them as a record begins: none for a file that is not worth it.
func (c readConfig) wantedSeams(size int64) []int64 {
	if c.SplitSize == 0 || size/c.SplitSize < 2 {
		return nil
	}
	wanted := make([]int64, size/c.SplitSize-1)
	step := size / int64(len(wanted)+1)
	for i := range wanted {
		wanted[i] = int64(i+1) * step
	}
	return wanted
}

// detect finds out how a file is compressed.
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
func (f *verifyFn) ProcessElement(ctx context.Context, file match.File, emit func(part), fail func(Failure)) error {
	c, seams, err := f.verify(ctx, file)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %s: %w", caller, file.Name, context.Cause(ctx))
	}
	if err != nil {
		f.counters.Failed(ctx)
		fail(Failure{File: file.Name, Error: fmt.Sprintf("%s: %v", caller, err)})
		return nil
	}
	emitParts(file, c, seams, emit)
	return nil
}

func (f *verifyFn) verify(ctx context.Context, file match.File) (c tfrecord.Compression, seams []int64, err error) {
	whole := part{Name: file.Name, Size: file.Size, End: file.Size, Compression: f.Config.Compression}
	wanted := f.Config.wantedSeams(file.Size)
	c, err = whole.read(ctx, f.Config, func(_ []byte, offset, _ int64) {
		if len(wanted) > 0 && offset >= wanted[0] {
			seams = append(seams, offset)
			for len(wanted) > 0 && offset >= wanted[0] {
				wanted = wanted[1:]
			}
		}
	})
	if c != tfrecord.None {
		seams = nil // they are offsets in the uncompressed stream
	}
	return c, seams, err
}
