// Package match finds the files that the sources of this module read.
package match

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/internal/recordpath"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	direct.Register3x1((*filesFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[File]())
	register.Emitter1[File]()
}

// File is a file to read, or the records [Begin, End) of one.
type File struct {
	Name       string
	Size       int64 // in bytes, when it was found
	Begin, End int64 // End is -1 if all records are meant
}

// Path is the name, with the range of records if there is one.
func (f File) Path() string {
	if f.End < 0 {
		return f.Name
	}
	return fmt.Sprintf("%s[%d:%d]", f.Name, f.Begin, f.End)
}

// Options say what patterns may be. They travel to the workers.
type Options struct {
	// Caller is what errors begin with.
	Caller string
	// Ranges makes name[begin:end] a path.
	Ranges bool
	// Empty says what a pattern without files is.
	Empty Empty
}

// Empty says what becomes of a pattern that no file matches.
type Empty int

// The policies for patterns without files.
const (
	Disallow Empty = iota
	Allow
	AllowIfWildcard
)

// Check finds what is wrong with a pattern without looking at files: that it is
// empty, or malformed, which matches path.ErrBadPattern, or its range wrong, or
// its scheme one that nothing serves, which matches errors.ErrUnsupported.
func (o Options) Check(pattern string) error {
	p, err := o.parse(pattern)
	if err == nil && p.End < 0 {
		if _, err = path.Match(pattern, ""); err != nil {
			err = fmt.Errorf("%s: %w", pattern, err)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.Caller, err)
	}
	return nil
}

// An Input is where the files of a source come from: a pattern, a PCollection of
// patterns, or what Beam's package fileio has found.
type Input func(beam.Scope, Options) (beam.PCollection, error)

// Pattern gives the files that a pattern matches.
func Pattern(pattern string) Input {
	return func(s beam.Scope, o Options) (beam.PCollection, error) {
		if err := o.Check(pattern); err != nil {
			return beam.PCollection{}, err
		}
		return Patterns(beam.Create(s, pattern))(s, o)
	}
}

// Patterns gives the files that a PCollection of string matches. The patterns are
// looked at when the pipeline runs.
func Patterns(patterns beam.PCollection) Input {
	return func(s beam.Scope, o Options) (beam.PCollection, error) {
		switch {
		case !patterns.IsValid():
			return beam.PCollection{}, fmt.Errorf("%s: the patterns are an invalid PCollection", o.Caller)
		case patterns.Type().Type() != reflectx.String:
			return beam.PCollection{}, fmt.Errorf("%s: the patterns are a PCollection of %v, not of string", o.Caller, patterns.Type())
		}
		return beam.ParDo(s, &filesFn{Options: o}, patterns), nil
	}
}

// Files gives a PCollection of File, spread over the workers: what crosses that
// shuffle are these descriptions.
func Files(s beam.Scope, in Input, o Options) (beam.PCollection, error) {
	if o.Empty < Disallow || o.Empty > AllowIfWildcard {
		return beam.PCollection{}, fmt.Errorf("%s: unknown policy %d for patterns without files", o.Caller, o.Empty)
	}
	files, err := in(s, o)
	if err != nil {
		return beam.PCollection{}, err
	}
	return beam.Reshuffle(s, files), nil
}

func (o Options) parse(pattern string) (recordpath.Path, error) {
	if pattern == "" {
		return recordpath.Path{}, errors.New("no file pattern given")
	}
	path := recordpath.Path{Name: pattern, End: -1}
	if o.Ranges {
		var err error
		if path, err = recordpath.Parse(pattern); err != nil {
			return path, err
		}
	}
	_, err := storage.For(path.Name)
	return path, err
}

// filesFn turns a pattern into files. A pattern is the name of a file, a pattern as
// storage.List knows them or, if the options say so, a name with a range of
// records. A file that has the name of a pattern is taken for itself.
type filesFn struct {
	Options Options

	found counters.Finds
}

// Setup makes the counters, which do not travel.
func (f *filesFn) Setup() { f.found = counters.Found() }

// ProcessElement gives the files of one pattern.
func (f *filesFn) ProcessElement(ctx context.Context, pattern string, emit func(File)) error {
	files, err := f.Options.Find(ctx, pattern)
	if err != nil {
		return err
	}
	var bytes int64
	for _, file := range files {
		if file.End < 0 { // else nobody knows before it is opened
			bytes += file.Size
		}
		emit(file)
	}
	f.found.Add(ctx, int64(len(files)), bytes)
	return nil
}

// Find gives the files of one pattern.
func (o Options) Find(ctx context.Context, pattern string) ([]File, error) {
	files, err := o.find(ctx, pattern)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Caller, err)
	}
	return files, nil
}

func (o Options) find(ctx context.Context, pattern string) ([]File, error) {
	path, err := o.parse(pattern)
	if err != nil {
		return nil, err
	}
	info, err := storage.Stat(ctx, path.Name)
	if err == nil {
		return []File{{Name: path.Name, Size: info.Size, Begin: int64(path.Begin), End: int64(path.End)}}, nil
	}
	var infos []storage.Info
	wildcard := path.End < 0 && strings.ContainsAny(pattern, `*?[\`)
	if wildcard {
		if infos, err = storage.List(ctx, pattern); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// A mistyped pattern must not silently give an empty data set.
	if len(infos) == 0 && o.Empty != Allow && !(o.Empty == AllowIfWildcard && wildcard) {
		return nil, fmt.Errorf("no file matches %q: %w", pattern, fs.ErrNotExist)
	}
	files := make([]File, len(infos))
	for i, info := range infos {
		files[i] = File{Name: info.Name, Size: info.Size, End: -1}
	}
	return files, nil
}
