package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/internal/recordpath"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// packing is what pack does, as the flags say.
type packing struct {
	from      choice
	as        choice
	columns   string
	delimiter string

	types *columnTypes
}

// reads of the kinds that pack knows: each passes the records of one input on, in order. A record is
// valid during the call only.
var packers = map[string]func(p *packing, ctx context.Context, in *packInput, emit func([]byte) error) error{
	"lines":     (*packing).lines,
	"jsonl":     (*packing).jsonLines,
	"csv":       (*packing).csv,
	"tar":       (*packing).tar,
	"tfrecord":  (*packing).tfrecord,
	"delimited": (*packing).delimited,
	"files":     (*packing).file,
}

const fromHelp = `what the inputs are (default what their names say):
lines      a record a line
jsonl      a JSON value a line
csv        comma-separated values below a line of names
files      a record a file; of directories all files in them
           and below them
tar        WebDataset: files whose names are equal up to the first
           dot are one tf.train.Example
tfrecord   TFRecord, compressed or not
delimited  a varint with the size before each record, as protobuf's
           writeDelimitedTo writes it`

const asHelp = `what records are made:
auto     examples of csv and tar, else raw
raw      the bytes as they are; of csv, JSON objects
example  tf.train.Examples, of jsonl, csv, tar and files`

func newPack(a *app) *cobra.Command {
	var o outputFlags
	var ask scanFlags
	p := &packing{}
	cmd := &cobra.Command{
		Use:   "pack INPUT... -o FILE",
		Short: "Make ArrayRecord files of other files",
		Long: `Make ArrayRecord files of JSON lines, CSV, TFRecord, WebDataset tar, directories of
files, lines or length-delimited messages. Records keep the order of the inputs,
which are read several at once and packed on all cores. INPUT may be a gs:// URL, a
pattern, or - for standard input; lines, jsonl, csv and tar may be compressed by
gzip.

Fields become features: strings and {"base64": ...} byte strings, whole numbers and
true and false integers, other numbers floats, arrays of these several values; null
and empty cells are left out. The type of a CSV column is that of its first 1,000
cells, or what --columns says, which goes before what JSON looks like too. A file
has the features "path" and "content", a WebDataset sample "__key__" and one for
each extension.`,
		Example: `  arrayrecord pack 'train-*.tfrecord' -o train --shards 16
  arrayrecord pack labels.csv --columns label:int,score:float -o labels.arrayrecord
  zcat log.gz | arrayrecord pack --from jsonl - -o log.arrayrecord`,
		Args: atLeast(1, "input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := o.check(); err != nil {
				return err
			}
			types, err := parseColumns(p.columns)
			if err != nil {
				return err
			}
			p.types = types
			if len([]rune(p.delimiter)) != 1 {
				return usagef("--delimiter %q: must be one character", p.delimiter)
			}
			inputs, err := p.inputs(ctx, a, args)
			if err != nil {
				return err
			}
			names := make([]string, len(inputs))
			for i, in := range inputs {
				names[i] = in.name
			}
			if err := ask.checkFiles(ctx, a, names); err != nil {
				return err
			}
			packed := 0
			if err := o.write(ctx, a, o.writer, func(s *sink) error {
				progress := a.newStatus("records", 0)
				defer progress.close()
				return p.run(ctx, inputs, func(record []byte) error {
					progress.add(1)
					packed++
					return s.Write(record)
				})
			}); err != nil {
				return err
			}
			return a.say("packed %s", plural(packed, "record"))
		},
	}
	o.addFlags(cmd, outputUsage)
	o.addShards(cmd)
	ask.addFlags(cmd)
	addChoice(cmd, &p.from, "from", "", fromHelp, "auto", "lines", "jsonl", "csv", "files", "tar", "tfrecord", "delimited")
	addChoice(cmd, &p.as, "as", "", asHelp, "auto", "raw", "example")
	cmd.Flags().StringVar(&p.columns, "columns", "", "`TYPES` of features, such as label:int,score:float,name:bytes")
	cmd.Flags().StringVar(&p.delimiter, "delimiter", ",", "`character` between the cells of csv")
	return cmd
}

// packInput is one input.
type packInput struct {
	name   string // as a person knows it
	path   string // the same relative to the directory that was given
	kind   string
	number int // among those of its kind
	open   func(ctx context.Context) (io.ReadCloser, error)
}

// kindOfName gives what a file is by its name, "" if that does not tell.
func kindOfName(name string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	switch ext := filepath.Ext(name); {
	case ext == ".jsonl" || ext == ".ndjson":
		return "jsonl"
	case ext == ".csv":
		return "csv"
	case ext == ".tar" || ext == ".tgz":
		return "tar"
	case tfrecordName.MatchString(name):
		return "tfrecord"
	case ext == ".txt":
		return "lines"
	}
	return ""
}

var tfrecordName = regexp.MustCompile(`\.tfrecords?(-[0-9]{5,}-of-[0-9]{5,})?(\.zlib)?$`)

func (p *packing) inputs(ctx context.Context, a *app, args []string) ([]*packInput, error) {
	var inputs []*packInput
	counts := map[string]int{}
	add := func(name, path string, open func(context.Context) (io.ReadCloser, error)) error {
		kind := p.from.value
		if kind == "auto" {
			if kind = kindOfName(name); kind == "" {
				return usagef("%s: its name does not tell what it is; --from does", name)
			}
		}
		if p.as.value == "example" && (kind == "lines" || kind == "tfrecord" || kind == "delimited") {
			return usagef("--as example: records of %s have no fields", kind)
		}
		inputs = append(inputs, &packInput{name: name, path: path, kind: kind, number: counts[kind], open: open})
		counts[kind]++
		return nil
	}
	usesInput := false
	for _, arg := range args {
		if err := checkName(arg); err != nil {
			return nil, err
		}
		if arg == "-" {
			if usesInput {
				return nil, usagef("-: standard input can be read once")
			}
			usesInput = true
			if err := add("standard input", "-", func(context.Context) (io.ReadCloser, error) { return io.NopCloser(a.stdin), nil }); err != nil {
				return nil, err
			}
			continue
		}
		files, base, err := p.filesOf(ctx, arg)
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			path := strings.TrimPrefix(strings.TrimPrefix(name, base), "/")
			if err := add(name, path, func(ctx context.Context) (io.ReadCloser, error) { return openStream(ctx, name) }); err != nil {
				return nil, err
			}
		}
	}
	return inputs, nil
}

// filesOf gives the files that an argument stands for, and the directory that it is.
func (p *packing) filesOf(ctx context.Context, arg string) (files []string, dir string, err error) {
	isDir := storage.Scheme(arg) != "" && strings.HasSuffix(arg, "/")
	if storage.Scheme(arg) == "" {
		info, err := os.Stat(arg)
		isDir = err == nil && info.IsDir()
	}
	if !isDir {
		if parsed, err := recordpath.Parse(arg); err == nil && parsed.End >= 0 {
			return nil, "", usagef("%s: a range is for ArrayRecord files", arg)
		}
		files, err = matching(ctx, arg)
		return files, "", err
	}
	if p.from.value == "auto" {
		p.from.value = "files"
	}
	dir = strings.TrimRight(arg, "/")
	found, err := storage.List(ctx, storage.Join(escapePattern(dir), "**", "*"))
	for _, info := range found {
		files = append(files, info.Name)
	}
	if err == nil && len(files) == 0 {
		err = &fs.PathError{Op: "no files in", Path: arg, Err: fs.ErrNotExist}
	}
	return files, dir, err
}

// openStream opens a file to be read in order.
func openStream(ctx context.Context, name string) (io.ReadCloser, error) {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	buffer := 256 << 10
	if storage.Scheme(name) != "" {
		buffer = 4 << 20 // each read is a request
	}
	in := io.NewSectionReader(storage.NewReaderAt(ctx, o), 0, o.Size())
	return struct {
		io.Reader
		io.Closer
	}{bufio.NewReaderSize(in, buffer), o}, nil
}

// batch is records one after the other.
type batch struct {
	data []byte
	ends []int
	err  error // after them
}

// Inputs are read ahead by this much: batches of an input, and bytes in a batch.
const (
	batchesAhead = 4
	batchBytes   = 256 << 10
)

// run passes the records of all inputs on in order, with the next inputs being read meanwhile.
func (p *packing) run(ctx context.Context, inputs []*packInput, emit func([]byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	streams := make(chan chan batch, runtime.GOMAXPROCS(0)-1)
	go func() {
		defer close(streams)
		for _, in := range inputs {
			stream := make(chan batch, batchesAhead)
			select {
			case streams <- stream:
				go p.read(ctx, in, stream)
			case <-ctx.Done():
				return
			}
		}
	}()
	for stream := range streams {
		for b := range stream {
			begin := 0
			for _, end := range b.ends {
				if err := emit(b.data[begin:end]); err != nil {
					return err
				}
				begin = end
			}
			if b.err != nil {
				return b.err
			}
		}
	}
	return ctx.Err()
}

// read reads one input into batches.
func (p *packing) read(ctx context.Context, in *packInput, out chan<- batch) {
	defer close(out)
	var b batch
	send := func() error {
		select {
		case out <- b:
			b = batch{}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.err = packers[in.kind](p, ctx, in, func(record []byte) error {
		b.data = append(b.data, record...)
		b.ends = append(b.ends, len(b.data))
		if len(b.data)+16*len(b.ends) < batchBytes {
			return nil
		}
		return send()
	})
	var path *fs.PathError
	if b.err != nil && !errors.As(b.err, &path) && !errors.Is(b.err, context.Canceled) {
		b.err = inputError(in, b.err)
	}
	_ = send()
}
