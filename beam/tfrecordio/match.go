package tfrecordio

import (
	"context"
	"fmt"
	"io/fs"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	dofn.Register3x1((*matchFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[file]())
	register.Emitter1[file]()
}

// file describes one file to read.
type file struct {
	Name string
	Size int64 // in bytes
}

// match returns the files that match the patterns, spread over the workers:
// only these descriptors cross a shuffle, records never do.
func match(s beam.Scope, patterns beam.PCollection) beam.PCollection {
	return beam.Reshuffle(s, beam.ParDo(s, &matchFn{}, patterns))
}

// matchFn turns a pattern into files.
type matchFn struct{}

// ProcessElement fails if no file matches: a mistyped pattern must not give an
// empty data set.
func (*matchFn) ProcessElement(ctx context.Context, pattern string, emit func(file)) error {
	infos, err := storage.List(ctx, pattern)
	if err != nil {
		return fmt.Errorf("tfrecordio: %w", err)
	}
	if len(infos) == 0 {
		return fmt.Errorf("tfrecordio: no file matches %q: %w", pattern, fs.ErrNotExist)
	}
	for _, i := range infos {
		emit(file{Name: i.Name, Size: i.Size})
	}
	return nil
}
