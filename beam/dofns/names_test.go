package dofns

import (
	"errors"
	"reflect"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func TestOutputName(t *testing.T) {
	overwrite := WithOverwriteExtension()
	for _, c := range []struct {
		path, input string
		opts        []Option
		want        string
	}{
		{"gs://b/dir", "gs://in/deep/x.tfrecord", nil, "gs://b/dir/x.tfrecord.arrayrecord"},
		{"gs://b/dir/", "x.tfrecord", nil, "gs://b/dir/x.tfrecord.arrayrecord"},
		{"gs://b", "x", nil, "gs://b/x.arrayrecord"},
		{"out", "/in/x.tfrecord", []Option{overwrite}, "out/x.arrayrecord"},
		{"/", "x.tfrecord.gz", []Option{overwrite}, "/x.tfrecord.arrayrecord"},
		{"out/", "x", []Option{overwrite, WithFilePathSuffix("")}, "out/x"},
		{"out", "x.y", []Option{WithFilePathSuffix("-z")}, "out/x.y-z"},
		{"out", ".hidden", []Option{overwrite}, "out/.hidden.arrayrecord"},
		{"out", "..x.y", []Option{overwrite}, "out/..x.arrayrecord"},
		{"out", "x.tfrecord-00000-of-00010", []Option{overwrite}, "out/x.arrayrecord"},
	} {
		got, err := OutputName(c.path, c.input, c.opts...)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	for _, c := range [][2]string{{"out", ""}, {"out", "dir/"}, {"", "x"}, {"nowhere://b", "x"}} {
		_, err := OutputName(c[0], c[1])
		require.Error(t, err, c)
	}
}

func TestWrongArgumentsAreNoticedAtConstruction(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	strings, records := beam.Create(s, "x"), groups(s, 1, "x")
	files := pairs(s, "a", "b")
	_, err := TryConvertToArrayRecordGCS(s, "/local", records)
	require.ErrorContains(t, err, "gs://")
	_, err = TryConvertToArrayRecord(s, "nowhere://b", records)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = TryConvertToArrayRecord(s, "", records)
	require.ErrorContains(t, err, "path")
	_, err = TryConvertToArrayRecord(s, "out", strings)
	require.ErrorContains(t, err, "not of CoGBK<string,[]uint8>")
	_, err = TryConvertToArrayRecord(s, "out", beam.PCollection{})
	require.ErrorContains(t, err, "invalid PCollection")
	_, err = TryTFRecordFileToArrayRecord(s, strings)
	require.ErrorContains(t, err, "not of KV<string,string>")
	_, err = TryArrayRecordFileToTFRecord(s, records)
	require.ErrorContains(t, err, "not of KV<string,string>")
	_, err = TryNameOutputs(s, "out", files)
	require.ErrorContains(t, err, "not of string")
	_, err = TryNameOutputs(s, "", strings)
	require.ErrorContains(t, err, "path")

	_, err = TryConvertToArrayRecord(s, "out", records, WithWriterOptions("group_size:0"))
	require.ErrorIs(t, err, ErrInvalidOption)
	require.ErrorIs(t, err, arrayrecord.ErrInvalidOption)
	_, err = TryConvertToArrayRecord(s, "out", records, WithFilePathSuffix("/x"))
	require.ErrorIs(t, err, ErrInvalidOption)
	_, err = TryConvertToArrayRecord(s, "out", records, WithDeadLetters(nil))
	require.ErrorIs(t, err, ErrInvalidOption)
	_, err = TryTFRecordFileToArrayRecord(s, files, WithCompression(99))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	require.ErrorIs(t, err, ErrInvalidOption)
	_, err = TryTFRecordFileToArrayRecord(s, files, WithMaxRecordSize(-1))
	require.ErrorIs(t, err, tfrecord.ErrInvalidOption)
	_, err = TryTFRecordFileToArrayRecord(s, files, WithMaxRecordSize(0))
	require.NoError(t, err, "0 is the default")

	for name, try := range map[string]func() error{
		"WithCompression": func() error {
			_, err := TryConvertToArrayRecord(s, "out", records, WithCompression(tfrecord.Gzip))
			return err
		},
		"WithMaxRecordSize":      func() error { _, err := TryArrayRecordFileToTFRecord(s, files, WithMaxRecordSize(5)); return err },
		"WithWriterOptions":      func() error { _, err := TryArrayRecordFileToTFRecord(s, files, WithWriterOptions("")); return err },
		"WithOverwriteExtension": func() error { _, err := TryTFRecordFileToArrayRecord(s, files, WithOverwriteExtension()); return err },
		"WithFilePathSuffix":     func() error { _, err := TryTFRecordFileToArrayRecord(s, files, WithFilePathSuffix("")); return err },
		"WithDeadLetters": func() error {
			_, err := TryNameOutputs(s, "out", strings, WithDeadLetters(new(beam.PCollection)))
			return err
		},
	} {
		err := try()
		require.ErrorIs(t, err, ErrInvalidOption)
		require.ErrorContains(t, err, name)
	}
	require.Panics(t, func() { ConvertToArrayRecordGCS(s, "", records) })
	require.Panics(t, func() { ConvertToArrayRecord(s, "", records) })
	require.Panics(t, func() { NameOutputs(s, "", strings) })
	require.Panics(t, func() { TFRecordFileToArrayRecord(s, strings) })
	require.Panics(t, func() { ArrayRecordFileToTFRecord(s, strings) })
	require.Panics(t, func() { WriteDeadLetters(s, "x") })
}

// A worker in another process finds types by name only.
func TestTypesAreKnownToWorkers(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[DeadLetter](), reflect.TypeFor[nameFn](), reflect.TypeFor[uniqueFn](), reflect.TypeFor[groupFn](),
		reflect.TypeFor[fileFn](), reflect.TypeFor[encodeFn](), reflect.TypeFor[writeFn](),
	} {
		key, ok := runtime.TypeKey(typ)
		require.True(t, ok, typ)
		found, ok := runtime.LookupType(key)
		require.True(t, ok, typ)
		require.Equal(t, typ, found)
	}
}
