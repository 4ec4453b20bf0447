package match

import (
	"context"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() { direct.Register3x1((*matchedFn).ProcessElement) }

// Matched gives the files of a PCollection of fileio.FileMetadata or
// fileio.ReadableFile. Package fileio, each of whose DoFns adds megabytes to a
// program, is linked only into programs that use it: its types are known here by
// their names.
func Matched(files beam.PCollection) Input {
	return func(s beam.Scope, o Options) (beam.PCollection, error) {
		if !files.IsValid() {
			return beam.PCollection{}, fmt.Errorf("%s: the files are an invalid PCollection", o.Caller)
		}
		if t := files.Type().Type(); !isFileio(t, "FileMetadata") && !isFileio(t, "ReadableFile") {
			return beam.PCollection{}, fmt.Errorf("%s: the files are a PCollection of %v, not of fileio.FileMetadata or fileio.ReadableFile",
				o.Caller, files.Type())
		}
		return beam.ParDo(s, &matchedFn{Caller: o.Caller}, files), nil
	}
}

func isFileio(t reflect.Type, name string) bool {
	return t.PkgPath() == "github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio" && t.Name() == name
}

// matchedFn turns what fileio has found into files.
type matchedFn struct {
	Caller string

	found counters.Finds
}

// Setup makes the counters, which do not travel.
func (f *matchedFn) Setup() { f.found = counters.Found() }

// ProcessElement gives one file.
func (f *matchedFn) ProcessElement(ctx context.Context, matched beam.X, emit func(File)) error {
	metadata := reflect.ValueOf(matched)
	if isFileio(metadata.Type(), "ReadableFile") {
		metadata = metadata.FieldByName("Metadata")
	}
	file := File{Name: metadata.FieldByName("Path").String(), Size: metadata.FieldByName("Size").Int(), End: -1}
	if file.Size == 0 { // empty, or not filled in
		info, err := storage.Stat(ctx, file.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Caller, err)
		}
		file.Size = info.Size
	}
	f.found.Add(ctx, 1, file.Size)
	emit(file)
	return nil
}
