package pipelines

import (
	"context"
	"errors"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() { register.Function1x1(nameOf) }

// FileNames says what the outputs of conversions of single files are called:
// they are in a directory, under the names of the inputs with another end. See
// dofns.OutputName.
type FileNames struct {
	// Directory is where the outputs go, on local disk or as gs://BUCKET/NAME.
	// Two inputs must not have the same name in different directories.
	Directory string
	// Suffix is what the names end in.
	Suffix string
	// OverwriteExtension puts the suffix in the place of the input's extension,
	// what follows its last dot; else it is added.
	OverwriteExtension bool
}

// TFRecordFilesToArrayRecord converts each TFRecord file into one ArrayRecord
// file, with the records in their order. NewTFRecordFilesToArrayRecord gives
// one with defaults.
//
// Each file is converted by one worker, as a stream: nothing is kept on its
// disk. An output appears when it is complete, whatever becomes of the others,
// and replaces what had its name.
type TFRecordFilesToArrayRecord struct {
	// Input is the pattern of the TFRecord files, see tfrecordio.Read.
	Input string
	// Output says where the ArrayRecord files go.
	Output FileNames
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
	// Compression is how the input files are compressed; tfrecord.Auto finds
	// out.
	Compression tfrecord.Compression
	// Failures says what becomes of files that cannot be converted.
	Failures Failures
}

// NewTFRecordFilesToArrayRecord returns a conversion that adds ".arrayrecord" to
// names, with the writer options "group_size:1" and detection of the
// compression.
func NewTFRecordFilesToArrayRecord(input, directory string) TFRecordFilesToArrayRecord {
	return TFRecordFilesToArrayRecord{
		Input:         input,
		Output:        FileNames{Directory: directory, Suffix: arrayrecordio.DefaultSuffix},
		WriterOptions: arrayrecordio.DefaultWriterOptions,
	}
}

// Build adds the conversion to a pipeline and returns the names of the files
// that were written as a PCollection of string. The error matches
// ErrInvalidArgument.
func (c TFRecordFilesToArrayRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return buildFiles(s.Scope("TFRecordFilesToArrayRecord"), c.Input, c.Output, c.Failures, dofns.TryTFRecordFileToArrayRecord,
		dofns.WithCompression(c.Compression), dofns.WithWriterOptions(c.WriterOptions))
}

// Run runs the conversion and waits for its end, as the package's function
// [Run] does. The error matches ErrInvalidArgument if the conversion makes no
// sense, and is a *RunError if it failed; files that were complete then stay.
func (c TFRecordFilesToArrayRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runFiles(ctx, runner, c.Input, c.Output, c.Build)
}

// ArrayRecordFilesToTFRecord converts each ArrayRecord file into one TFRecord
// file, as TFRecordFilesToArrayRecord does the reverse.
// NewArrayRecordFilesToTFRecord gives one with defaults.
type ArrayRecordFilesToTFRecord struct {
	// Input is the pattern of the ArrayRecord files.
	Input string
	// Output says where the TFRecord files go.
	Output FileNames
	// Compression is how they are compressed as a whole; tfrecord.Auto means
	// not at all.
	Compression tfrecord.Compression
	// Failures says what becomes of files that cannot be converted.
	Failures Failures
}

// NewArrayRecordFilesToTFRecord returns a conversion that adds ".tfrecord" to
// names and does not compress.
func NewArrayRecordFilesToTFRecord(input, directory string) ArrayRecordFilesToTFRecord {
	return ArrayRecordFilesToTFRecord{Input: input, Output: FileNames{Directory: directory, Suffix: TFRecordSuffix}}
}

// Build adds the conversion to a pipeline and returns the names of the files
// that were written as a PCollection of string. The error matches
// ErrInvalidArgument.
func (c ArrayRecordFilesToTFRecord) Build(s beam.Scope) (beam.PCollection, error) {
	return buildFiles(s.Scope("ArrayRecordFilesToTFRecord"), c.Input, c.Output, c.Failures, dofns.TryArrayRecordFileToTFRecord,
		dofns.WithCompression(c.Compression))
}

// Run runs the conversion as TFRecordFilesToArrayRecord's method does.
func (c ArrayRecordFilesToTFRecord) Run(ctx context.Context, runner string) (Result, error) {
	return runFiles(ctx, runner, c.Input, c.Output, c.Build)
}

// fileConversion is one of the transforms of package dofns that make one file
// of one file.
type fileConversion func(s beam.Scope, files beam.PCollection, opts ...dofns.Option) (beam.PCollection, error)

func buildFiles(s beam.Scope, input string, output FileNames, failures Failures, convert fileConversion, opts ...dofns.Option) (beam.PCollection, error) {
	found := match.Options{Caller: "converting"}
	if err := found.Check(input); err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	if output.Directory == "" {
		return beam.PCollection{}, invalidArgument{errors.New("no output directory given")}
	}
	naming := []dofns.Option{dofns.WithFilePathSuffix(output.Suffix)}
	if output.OverwriteExtension {
		naming = append(naming, dofns.WithOverwriteExtension())
	}
	files := beam.ParDo(s, nameOf, match.Files(s, beam.Create(s, input), found))
	pairs, err := dofns.TryNameOutputs(s, output.Directory, files, naming...)
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	var failed beam.PCollection
	if failures.Skip {
		opts = append(opts, dofns.WithDeadLetters(&failed))
	}
	names, err := convert(s, pairs, opts...)
	if err == nil {
		err = failures.write(s, failed)
	}
	if err != nil {
		return beam.PCollection{}, invalidArgument{err}
	}
	return names, nil
}

func nameOf(file match.File) string { return file.Name }

func runFiles(ctx context.Context, runner, input string, output FileNames, build func(beam.Scope) (beam.PCollection, error)) (Result, error) {
	if err := checkPlaces(runner, input, output.Directory); err != nil {
		return Result{}, err
	}
	return Run(ctx, runner, func(s beam.Scope) error {
		_, err := build(s)
		return err
	})
}
