package dofns

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// The defaults of the options.
const (
	DefaultFilePathSuffix = ".arrayrecord"
	DefaultWriterOptions  = "group_size:1"
)

// ErrInvalidOption marks an option that makes no sense, or that the transform
// does not have. It may match arrayrecord.ErrInvalidOption or
// tfrecord.ErrInvalidOption too.
var ErrInvalidOption = errors.New("invalid option")

// An Option changes what a transform does. Each says which transforms it is
// for; others refuse it.
type Option func(*options)

// options are those of all transforms.
type options struct {
	config
	deadLetters *beam.PCollection
	given       option // bits
}

// config travels to the workers as part of DoFns, hence its exported fields.
type config struct {
	Path               string
	OverwriteExtension bool
	FilePathSuffix     string
	WriterOptions      string
	Compression        tfrecord.Compression
	MaxRecordSize      int64
	SkipExisting       bool
	// DeadLetters makes errors elements.
	DeadLetters bool
}

type option int

const (
	overwriteExtension option = 1 << iota
	filePathSuffix
	writerOptions
	compression
	maxRecordSize
	deadLetters
	skipExisting
)

var optionNames = map[option]string{
	overwriteExtension: "WithOverwriteExtension",
	filePathSuffix:     "WithFilePathSuffix",
	writerOptions:      "WithWriterOptions",
	compression:        "WithCompression",
	maxRecordSize:      "WithMaxRecordSize",
	deadLetters:        "WithDeadLetters",
	skipExisting:       "WithSkipExisting",
}

// WithOverwriteExtension removes the extension of an input's name, which is
// what begins at the last dot, before the suffix is appended: x.tfrecord becomes
// x.arrayrecord. Beware of names such as x.tfrecord-00000-of-00010, whose
// extension is more than it seems.
//
// It is for ConvertToArrayRecordGCS, ConvertToArrayRecord and NameOutputs.
func WithOverwriteExtension() Option {
	return func(o *options) { o.OverwriteExtension, o.given = true, o.given|overwriteExtension }
}

// WithFilePathSuffix sets what the names of outputs end in; the default is
// DefaultFilePathSuffix. It may be empty.
//
// It is for ConvertToArrayRecordGCS, ConvertToArrayRecord and NameOutputs.
func WithFilePathSuffix(suffix string) Option {
	return func(o *options) { o.FilePathSuffix, o.given = suffix, o.given|filePathSuffix }
}

// WithWriterOptions sets the option string of the ArrayRecord writers, in the
// grammar of arrayrecord.ParseWriterOptions. The default is
// DefaultWriterOptions.
//
// It is for ConvertToArrayRecordGCS, ConvertToArrayRecord and
// TFRecordFileToArrayRecord.
func WithWriterOptions(s string) Option {
	return func(o *options) { o.WriterOptions, o.given = s, o.given|writerOptions }
}

// WithCompression says how TFRecord files are compressed. By default, reading
// finds out by itself, and writing does not compress.
//
// It is for TFRecordFileToArrayRecord and ArrayRecordFileToTFRecord.
func WithCompression(c tfrecord.Compression) Option {
	return func(o *options) { o.Compression, o.given = c, o.given|compression }
}

// WithMaxRecordSize sets the longest record that is accepted from a TFRecord
// file, in bytes; a longer one is an error. The default, also as 0, is
// tfrecord.DefaultMaxRecordSize.
//
// It is for TFRecordFileToArrayRecord.
func WithMaxRecordSize(n int64) Option {
	return func(o *options) { o.MaxRecordSize, o.given = n, o.given|maxRecordSize }
}

// WithDeadLetters turns errors into elements. *failed becomes, when the
// transform is made, a PCollection of [DeadLetter].
//
// It is for all transforms that make files of records or files.
func WithDeadLetters(failed *beam.PCollection) Option {
	return func(o *options) { o.deadLetters, o.given = failed, o.given|deadLetters }
}

// WithSkipExisting leaves out inputs whose output is there and not older than
// the input, so that an interrupted conversion goes on where it was. They are
// counted as files_kept, and their outputs are not among the names returned.
//
// It is for TFRecordFileToArrayRecord and ArrayRecordFileToTFRecord.
func WithSkipExisting() Option {
	return func(o *options) { o.SkipExisting, o.given = true, o.given|skipExisting }
}

func newOptions(opts []Option, has option) (options, error) {
	o := options{config: config{
		FilePathSuffix: DefaultFilePathSuffix,
		WriterOptions:  DefaultWriterOptions,
	}}
	for _, set := range opts {
		set(&o)
	}
	for bit := option(1); bit <= o.given; bit <<= 1 {
		if o.given&^has&bit != 0 {
			return o, fmt.Errorf("%w: %s is not for this transform", ErrInvalidOption, optionNames[bit])
		}
	}
	if strings.Contains(o.FilePathSuffix, "/") {
		return o, fmt.Errorf("%w: the suffix %q contains a slash", ErrInvalidOption, o.FilePathSuffix)
	}
	if _, err := arrayrecord.ParseWriterOptions(o.WriterOptions); err != nil {
		return o, fmt.Errorf("%w: %w", ErrInvalidOption, err)
	}
	_, err := tfrecord.NewReader(strings.NewReader(""), tfrecord.WithCompression(o.Compression), tfrecord.WithMaxRecordSize(o.MaxRecordSize))
	if err != nil {
		return o, fmt.Errorf("%w: %w", ErrInvalidOption, err)
	}
	if o.given&deadLetters != 0 && o.deadLetters == nil {
		return o, fmt.Errorf("%w: WithDeadLetters without a place for them", ErrInvalidOption)
	}
	o.DeadLetters = o.deadLetters != nil
	return o, nil
}

// setPath sets the directory of the outputs.
func (o *options) setPath(path string) error {
	if path == "" {
		return errors.New("no output path given")
	}
	_, err := storage.For(path)
	o.Path = path
	return err
}

// checkType reports an error unless col has elements of the type.
func checkType(what string, col beam.PCollection, want beam.FullType) error {
	if !col.IsValid() {
		return fmt.Errorf("the %s are an invalid PCollection", what)
	}
	if got := col.Type(); !typex.IsEqual(got, want) {
		return fmt.Errorf("the %s are a PCollection of %v, not of %v", what, got, want)
	}
	return nil
}

// Types of elements.
var (
	stringType = typex.New(reflectx.String)
	pairType   = typex.NewKV(stringType, stringType)
	groupType  = typex.NewCoGBK(stringType, typex.New(reflectx.ByteSlice))
	tupleType  = typex.NewKV(stringType, typex.New(reflect.TypeFor[[][]byte]()))
)
