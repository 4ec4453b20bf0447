package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordpath"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// A kind is a kind of file that people have beside ArrayRecord files.
type kind struct {
	name string
	from string // what pack calls it, "" if it cannot read it
	is   func(begin []byte) bool
}

func magic(s string) func([]byte) bool {
	return func(begin []byte) bool { return bytes.HasPrefix(begin, []byte(s)) }
}

var kinds = []kind{
	{"an empty file", "", func(b []byte) bool { return len(b) == 0 }},
	{"a TFRecord file", "tfrecord", func(b []byte) bool { _, ok := tfrecord.ParseHeader(b); return ok }},
	{"a Parquet file", "", magic("PAR1")},
	{"a gzip file", "", magic("\x1f\x8b")},
	{"a zstd file", "", magic("\x28\xb5\x2f\xfd")},
	{"an xz file", "", magic("\xfd7zXZ")},
	{"a zip archive", "", magic("PK\x03\x04")},
	{"an HDF5 file", "", magic("\x89HDF\r\n")},
	{"an Avro file", "", magic("Obj\x01")},
	{"an Arrow file", "", magic("ARROW1")},
	{"an MCAP file", "", magic("\x89MCAP0")},
	{"an SQLite database", "", magic("SQLite format 3\x00")},
	{"a NumPy file", "", magic("\x93NUMPY")},
	{"a JPEG image", "", magic("\xff\xd8\xff")},
	{"a PNG image", "", magic("\x89PNG\r\n")},
	{"a tar archive", "tar", func(b []byte) bool { return len(b) >= 262 && string(b[257:262]) == "ustar" }},
	{"a file of JSON lines", "jsonl", func(b []byte) bool { return len(b) > 1 && b[0] == '{' && isPlain(b) }},
	{"a text file", "lines", isPlain},
}

// isPlain reports whether the beginning of a file looks like text.
func isPlain(begin []byte) bool {
	for len(begin) > 0 {
		r, n := utf8.DecodeRune(begin)
		if r == utf8.RuneError && n == 1 && len(begin) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		begin = begin[n:]
	}
	return true
}

// readBegin reads the beginning of a file.
func readBegin(ctx context.Context, name string) ([]byte, error) {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	begin := make([]byte, min(512, o.Size()))
	if n, err := o.ReadAt(ctx, begin, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(begin)) {
		return nil, err
	}
	return begin, nil
}

// kindError says what a file is instead of an ArrayRecord file.
type kindError struct {
	shown    string
	argument string // that stands for it
	kind     kind
}

func (e kindError) Error() string {
	text := fmt.Sprintf("%s: this is %s, not an ArrayRecord file", e.shown, e.kind.name)
	if e.kind.from != "" {
		text += fmt.Sprintf("; 'arrayrecord pack --from %s %s -o FILE' makes one", e.kind.from, e.argument)
	}
	return text
}

func (kindError) Is(target error) bool { return target == arrayrecord.ErrNotArrayRecord }

// whichKind finds the file among some that gave ErrNotArrayRecord, and says what it is.
func (a *app) whichKind(ctx context.Context, names []string, err error) error {
	for _, name := range names {
		if parsed, err := recordpath.Parse(name); err == nil {
			name = parsed.Name
		}
		files, listErr := matching(ctx, name)
		if listErr != nil {
			return err
		}
		for _, file := range files {
			r, openErr := arrayrecord.Open(ctx, file)
			if openErr == nil {
				r.Close()
				continue
			}
			if e, ok := a.kindOf(ctx, file); ok {
				return e
			}
			return err
		}
	}
	return err
}

// kindOf says what a file is that is no ArrayRecord file.
func (a *app) kindOf(ctx context.Context, name string) (kindError, bool) {
	begin, err := readBegin(ctx, name)
	if err != nil {
		return kindError{}, false
	}
	argument := name
	if name == a.input {
		argument = "-"
	}
	for _, k := range kinds {
		if k.is(begin) {
			return kindError{a.shown(name), argument, k}, true
		}
	}
	return kindError{}, false
}

// openFile opens one file.
func (a *app) openFile(ctx context.Context, name string) (*arrayrecord.Reader, error) {
	r, err := arrayrecord.Open(ctx, name)
	if errors.Is(err, arrayrecord.ErrNotArrayRecord) {
		if e, ok := a.kindOf(ctx, name); ok {
			return nil, e
		}
	}
	return r, err
}
