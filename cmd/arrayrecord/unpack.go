package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"maps"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// unpacking is what unpack does, as the flags say.
type unpacking struct {
	to          choice
	output      string
	overwrite   bool
	compression choice
	field, name string
	typeName    string
	descriptors string
}

const toHelp = `what to write:
jsonl      a line of JSON a record, as 'cat --format json' does
lines      a record a line; one with a line break is an error
delimited  a varint with the size before each record
tfrecord   TFRecord
tar        WebDataset: each tf.train.Example as files KEY.FEATURE,
           any other record as one file
files      a file a record, in the directory OUTPUT`

func newUnpack(a *app) *cobra.Command {
	u := &unpacking{}
	var ask scanFlags
	cmd := &cobra.Command{
		Use:   "unpack FILE... --to KIND -o OUTPUT",
		Short: "Make other files of ArrayRecord files",
		Long: `Make JSON lines, TFRecord, WebDataset tar, files, lines or length-delimited messages
of records, in their order.

Files are named by the record's number and what it holds, such as 00000017.jpg, or
by the feature --name; with --field they hold one feature of a tf.train.Example.
Names that lead out of the directory are an error.`,
		Example: `  arrayrecord unpack train.arrayrecord --to jsonl -o - | jq .label
  arrayrecord unpack train.arrayrecord --to tfrecord --compression gzip -o x.tfrecord.gz
  arrayrecord unpack photos.arrayrecord --to files --field image --name id -o photos`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case u.output == "":
				return usagef("--output missing")
			case u.to.value == "":
				return usagef("--to missing")
			case u.to.value == "files" && u.output == "-":
				return usagef("--to files: standard output is no directory")
			case u.to.value != "files" && (u.field != "" || u.name != ""):
				return usagef("--field and --name are for --to files")
			case u.to.value != "tfrecord" && u.compression.value != "none":
				return usagef("--compression is for --to tfrecord")
			}
			if err := checkName(u.output); err != nil {
				return err
			}
			return atLeast(1, "file name")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			d, err := ask.open(ctx, a, args...)
			if err != nil {
				return err
			}
			defer d.Close()
			progress := a.newStatus("records", int64(d.NumRecords()))
			defer progress.close()
			if u.to.value == "files" {
				return u.files(ctx, a, d, progress)
			}
			return u.stream(ctx, a, d, progress)
		},
	}
	cmd.Flags().StringVarP(&u.output, "output", "o", "", "`FILE` or directory to write, - for standard output")
	cmd.Flags().BoolVar(&u.overwrite, "overwrite", false, "replace files that are there")
	addChoice(cmd, &u.to, "to", "", toHelp, "jsonl", "lines", "delimited", "tfrecord", "tar", "files")
	u.to.value = ""
	cmd.Flags().Lookup("to").DefValue = ""
	addChoice(cmd, &u.compression, "compression", "", "of --to tfrecord: none, gzip or zlib", "none", "gzip", "zlib")
	cmd.Flags().StringVar(&u.field, "field", "", "write this `FEATURE` of tf.train.Examples, not whole records (--to files)")
	cmd.Flags().StringVar(&u.name, "name", "", "name files by this `FEATURE` of tf.train.Examples (--to files)")
	addTypeFlags(cmd, &u.typeName, &u.descriptors)
	ask.addFlags(cmd)
	return cmd
}

// recordWriter writes records of one kind to a stream.
type recordWriter struct {
	write func(i int, record []byte) error
	close func() error
}

func (u *unpacking) stream(ctx context.Context, a *app, d *arrayrecord.DataSource, progress *status) error {
	out := io.Writer(a.out)
	commit := func() error { return nil }
	if u.output != "-" {
		upload, err := u.create(ctx, u.output)
		if err != nil {
			return err
		}
		defer upload.Abort()
		buffered := bufio.NewWriterSize(upload, 256<<10)
		out = buffered
		commit = func() error {
			if err := buffered.Flush(); err != nil {
				return err
			}
			return upload.Commit()
		}
	}
	w, err := u.writer(ctx, d, out)
	if err != nil {
		return err
	}
	i := 0
	for record, err := range d.Scan(ctx, 0, d.NumRecords()) {
		if err != nil {
			return err
		}
		if err := w.write(i, record); err != nil {
			return a.recordError(d, i, err)
		}
		i++
		progress.add(1)
	}
	if err := w.close(); err != nil {
		return err
	}
	return commit()
}

// create begins a file.
func (u *unpacking) create(ctx context.Context, name string) (storage.Upload, error) {
	if !u.overwrite {
		// Commit looks again; this spares the work.
		if _, err := storage.Stat(ctx, name); err == nil {
			return nil, fmt.Errorf("%s: file exists (--overwrite replaces it)", name)
		}
	}
	return storage.Create(ctx, name, storage.CreateOptions{NoOverwrite: !u.overwrite})
}

func (u *unpacking) writer(ctx context.Context, d *arrayrecord.DataSource, out io.Writer) (recordWriter, error) {
	nothing := func() error { return nil }
	switch u.to.value {
	case "jsonl":
		message, err := messageType(ctx, d, u.typeName, u.descriptors)
		return recordWriter{func(_ int, record []byte) error {
			line, err := recordJSON(record, message)
			if err != nil {
				return err
			}
			_, err = out.Write(append(line, '\n'))
			return err
		}, nothing}, err
	case "lines":
		return recordWriter{func(_ int, record []byte) error {
			if bytes.ContainsAny(record, "\r\n") {
				return fmt.Errorf("it has a line break, and would become two lines")
			}
			if _, err := out.Write(record); err != nil {
				return err
			}
			_, err := out.Write([]byte("\n"))
			return err
		}, nothing}, nil
	case "delimited":
		return recordWriter{func(_ int, record []byte) error {
			if _, err := out.Write(binary.AppendUvarint(nil, uint64(len(record)))); err != nil {
				return err
			}
			_, err := out.Write(record)
			return err
		}, nothing}, nil
	case "tfrecord":
		compression, err := tfrecord.ParseCompression(u.compression.value)
		if err != nil {
			return recordWriter{}, err
		}
		w, err := tfrecord.NewWriter(out, tfrecord.WithCompression(compression))
		if err != nil {
			return recordWriter{}, err
		}
		return recordWriter{func(_ int, record []byte) error { return w.Write(record) }, w.Close}, nil
	default:
		w := tar.NewWriter(out)
		return recordWriter{func(i int, record []byte) error { return writeSample(w, i, record) }, w.Close}, nil
	}
}

// writeSample writes a record as a sample of WebDataset.
func writeSample(w *tar.Writer, i int, record []byte) error {
	add := func(name string, content []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0)}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	key := fmt.Sprintf("%09d", i)
	example, err := tfexample.Decode(record)
	features := example.GetFeatures().GetFeature()
	if err != nil || len(features) == 0 {
		return add(key+fileExtension(record), record)
	}
	if given := features["__key__"].GetBytesList().GetValue(); len(given) == 1 {
		if key, err = safePath(string(given[0])); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(features)) {
		if name == "__key__" {
			continue
		}
		if name == "" || strings.ContainsAny(name, "/\\\x00") {
			return fmt.Errorf("the feature %q cannot be a file's extension", name)
		}
		content := features[name].GetBytesList().GetValue()
		if len(content) != 1 {
			one, err := tfexample.Encode(map[string]*tfexample.Feature{name: features[name]})
			if err != nil {
				return err
			}
			line, err := featureValueJSON(one, name)
			if err != nil {
				return err
			}
			content = [][]byte{line}
		}
		if err := add(key+"."+name, content[0]); err != nil {
			return err
		}
	}
	return nil
}

// safePath refuses a path that leads out of the directory that it is relative to.
func safePath(name string) (string, error) {
	if name == "" || path.IsAbs(name) || strings.ContainsAny(name, "\\\x00") || path.Clean(name) != name || name == "." ||
		name == ".." || strings.HasPrefix(name, "../") {
		return "", fmt.Errorf("%q is no name within a directory", name)
	}
	return name, nil
}

// fileExtension is that of a file with these contents.
func fileExtension(content []byte) string {
	extensions := map[string]string{"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp",
		"audio/wav": ".wav", "audio/flac": ".flac", "audio/ogg": ".ogg", "audio/mpeg": ".mp3",
		"JSON": ".json", "text": ".txt"}
	if ext, ok := extensions[recordKind(content)]; ok {
		return ext
	}
	return ".bin"
}

// files writes a file for each record.
func (u *unpacking) files(ctx context.Context, a *app, d *arrayrecord.DataSource, progress *status) error {
	i := 0
	for record, err := range d.Scan(ctx, 0, d.NumRecords()) {
		if err != nil {
			return err
		}
		name, content, err := u.fileOf(i, record)
		if err != nil {
			return a.recordError(d, i, err)
		}
		upload, err := u.create(ctx, storage.Join(strings.TrimRight(u.output, "/"), name))
		if err != nil {
			return err
		}
		if _, err := upload.Write(content); err != nil {
			upload.Abort()
			return err
		}
		if err := upload.Commit(); err != nil {
			return err
		}
		i++
		progress.add(1)
	}
	return nil
}

// fileOf gives the name and the content of a record's file.
func (u *unpacking) fileOf(i int, record []byte) (name string, content []byte, err error) {
	content = record
	if u.field != "" || u.name != "" {
		example, err := tfexample.Decode(record)
		if err != nil {
			return "", nil, err
		}
		one := func(feature string) ([]byte, error) {
			values := example.GetFeatures().GetFeature()[feature].GetBytesList().GetValue()
			if len(values) != 1 {
				return nil, fmt.Errorf("the feature %q is not one byte string", feature)
			}
			return values[0], nil
		}
		if u.field != "" {
			if content, err = one(u.field); err != nil {
				return "", nil, err
			}
		}
		if u.name != "" {
			given, err := one(u.name)
			if err != nil {
				return "", nil, err
			}
			if name, err = safePath(string(given)); err != nil {
				return "", nil, err
			}
		}
	}
	if name == "" {
		name = fmt.Sprintf("%08d", i)
	}
	if path.Ext(name) == "" {
		name += fileExtension(content)
	}
	return name, content, nil
}

// featureValueJSON gives the values of one feature as JSON.
func featureValueJSON(record []byte, name string) ([]byte, error) {
	line, err := recordJSON(record, nil)
	if err != nil {
		return nil, err
	}
	var head bytes.Buffer
	appendMember(&head, name, nil)
	begin := head.Len() - len("null")
	return line[begin : len(line)-1], nil
}
