package pipelines

import (
	"context"
	"errors"
	"flag"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func init() { direct.Register3x1((*targetFn).ProcessElement) }

// FileNames says what the outputs of conversions of single files are called:
// they are in a directory, under the names of the inputs with another end. See
// dofns.OutputName.
//
// Of patterns with wildcards in directories, such as raw/month=*/day=*/x, the
// directories from the first wildcard on are kept: the outputs are in month=1
// and so on. Two inputs must not have the same output.
type FileNames struct {
	// Directory is where the outputs go, on local disk or as gs://BUCKET/NAME.
	Directory string
	// Suffix is what the names end in.
	Suffix string
	// OverwriteExtension puts the suffix in the place of the input's extension,
	// what follows its last dot; else it is added.
	OverwriteExtension bool
	// SkipExisting leaves out inputs whose output is there and not older, so that
	// an interrupted conversion goes on where it was. They are counted as kept.
	// Else each output replaces what has its name.
	SkipExisting bool
}

func (n *FileNames) addFlags(flags *flag.FlagSet) {
	flags.StringVar(&n.Directory, "output", n.Directory, "`directory` of the files")
	flags.StringVar(&n.Suffix, "file_path_suffix", n.Suffix, "`end` of the files' names")
	flags.BoolVar(&n.OverwriteExtension, "overwrite_extension", n.OverwriteExtension, "put it in the place of the input's extension")
	flags.BoolVar(&n.SkipExisting, "skip_existing", n.SkipExisting, "leave out inputs whose output is there and not older")
}

// check checks the fields and makes the directory's name absolute.
func (n FileNames) check() (*FileNames, error) {
	if n.Directory == "" {
		return nil, errors.New("no output given")
	}
	var err error
	if n.Directory, err = absolute(n.Directory); err != nil {
		return nil, err
	}
	_, err = n.of(found{Name: "x"})
	return &n, err
}

// of gives the name of an input's output.
func (n FileNames) of(file found) (string, error) {
	opts := []dofns.Option{dofns.WithFilePathSuffix(n.Suffix)}
	if n.OverwriteExtension {
		opts = append(opts, dofns.WithOverwriteExtension())
	}
	dir := n.Directory
	if file.Below != "" {
		dir = storage.Join(dir, file.Below)
	}
	return dofns.OutputName(dir, file.Name, opts...)
}

// TFRecordFilesToArrayRecord converts each TFRecord file into one ArrayRecord
// file, with the records in their order. NewTFRecordFilesToArrayRecord gives
// one with defaults.
//
// Each file is converted by one worker, as a stream: nothing is kept on its
// disk. An output appears when it is complete, whatever becomes of the others,
// and stays when the job fails.
type TFRecordFilesToArrayRecord struct {
	Sources
	TFRecordInput
	// Output says where the ArrayRecord files go.
	Output FileNames
	// WriterOptions is the option string of the ArrayRecord writers.
	WriterOptions string
	// Failures says what becomes of files that cannot be converted.
	Failures Failures
}

// NewTFRecordFilesToArrayRecord returns a conversion that adds ".arrayrecord" to
// names, with the writer options "group_size:1" and detection of the
// compression.
func NewTFRecordFilesToArrayRecord(input, directory string) *TFRecordFilesToArrayRecord {
	return &TFRecordFilesToArrayRecord{
		Sources:       newSources(input),
		Output:        FileNames{Directory: directory, Suffix: arrayrecordio.DefaultSuffix},
		WriterOptions: arrayrecordio.DefaultWriterOptions,
	}
}

// AddFlags implements Pipeline.
func (c *TFRecordFilesToArrayRecord) AddFlags(flags *flag.FlagSet) {
	c.Sources.addFlags(flags, "TFRecord")
	c.Output.addFlags(flags)
	addWriterOptions(flags, &c.WriterOptions)
	c.TFRecordInput.addFlags(flags)
	c.Failures.addFlags(flags)
}

func (c *TFRecordFilesToArrayRecord) job() (job, error) {
	return filesJob("TFRecordFilesToArrayRecord", c.Sources, c.Output, c.Failures, dofns.TryTFRecordFileToArrayRecord,
		dofns.WithCompression(c.Compression), dofns.WithMaxRecordSize(c.MaxRecordSize), dofns.WithWriterOptions(c.WriterOptions))
}

// ArrayRecordFilesToTFRecord converts each ArrayRecord file into one TFRecord
// file, as TFRecordFilesToArrayRecord does the reverse.
// NewArrayRecordFilesToTFRecord gives one with defaults.
type ArrayRecordFilesToTFRecord struct {
	Sources
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
func NewArrayRecordFilesToTFRecord(input, directory string) *ArrayRecordFilesToTFRecord {
	return &ArrayRecordFilesToTFRecord{Sources: newSources(input), Output: FileNames{Directory: directory, Suffix: TFRecordSuffix}}
}

// AddFlags implements Pipeline.
func (c *ArrayRecordFilesToTFRecord) AddFlags(flags *flag.FlagSet) {
	c.Sources.addFlags(flags, "ArrayRecord")
	c.Output.addFlags(flags)
	addOutputCompression(flags, &c.Compression)
	c.Failures.addFlags(flags)
}

func (c *ArrayRecordFilesToTFRecord) job() (job, error) {
	return filesJob("ArrayRecordFilesToTFRecord", c.Sources, c.Output, c.Failures, dofns.TryArrayRecordFileToTFRecord,
		dofns.WithCompression(c.Compression))
}

// fileConversion is one of the transforms of package dofns that make one file
// of one file.
type fileConversion func(s beam.Scope, files beam.PCollection, opts ...dofns.Option) (beam.PCollection, error)

func filesJob(scope string, sources Sources, output FileNames, failures Failures, convert fileConversion, opts ...dofns.Option) (job, error) {
	files, err := output.check()
	if err != nil {
		return job{}, err
	}
	if files.SkipExisting {
		opts = append(opts, dofns.WithSkipExisting())
	}
	build := func(s beam.Scope, j job) (w written, err error) {
		pairs := beam.ParDo(s, &targetFn{Output: *j.files}, j.sources.find(s, false, counting{Found: true}))
		if !j.failures.Skip {
			w.files, err = convert(s, pairs, opts...)
			return w, err
		}
		var failed beam.PCollection
		names, err := convert(s, pairs, append(opts, dofns.WithDeadLetters(&failed))...)
		if err == nil {
			w.files, w.losses = j.failures.gate(s, names, beam.ParDo(s, fileLost, failed))
		}
		return w, err
	}
	return job{scope: scope, files: files, build: build}.withInput(sources, false, failures)
}

// targetFn names outputs.
type targetFn struct {
	Output FileNames
}

// ProcessElement gives an input and its output.
func (f *targetFn) ProcessElement(_ context.Context, file found, emit func(string, string)) error {
	output, err := f.Output.of(file)
	if err != nil {
		return err
	}
	emit(file.Name, output)
	return nil
}
