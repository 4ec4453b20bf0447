package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func inputError(in *packInput, err error) error { return fmt.Errorf("%s: %w", in.name, err) }

// maxPacked is the largest record that is made, in bytes: that of a protobuf message.
const maxPacked = math.MaxInt32

var errTooLarge = fmt.Errorf("a record is larger than %s", formatBytes(maxPacked))

// stream opens an input, with gzip taken off.
func (in *packInput) stream(ctx context.Context) (*bufio.Reader, io.Closer, error) {
	raw, err := in.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	buffered := bufio.NewReaderSize(raw, 64<<10)
	if magic, err := buffered.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return buffered, raw, nil
	}
	z, err := gzip.NewReader(buffered)
	if err != nil {
		raw.Close()
		return nil, nil, err
	}
	return bufio.NewReaderSize(z, 64<<10), raw, nil
}

// eachLine passes lines on, without what ends them.
func eachLine(in *bufio.Reader, fn func(line []byte) error) error {
	var line []byte
	for n := 1; ; n++ {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxPacked {
			return fmt.Errorf("line %d: %w", n, errTooLarge)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			n--
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if len(line) > 0 {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			if err := fn(line); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
		}
		if err != nil {
			return nil
		}
		line = line[:0]
	}
}

func (p *packing) lines(ctx context.Context, in *packInput, emit func([]byte) error) error {
	r, c, err := in.stream(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return eachLine(r, emit)
}

func (p *packing) jsonLines(ctx context.Context, in *packInput, emit func([]byte) error) error {
	r, c, err := in.stream(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return eachLine(r, func(line []byte) error {
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		if p.as.value != "example" {
			if !json.Valid(line) {
				return json.Unmarshal(line, new(any)) // says what is wrong
			}
			return emit(line)
		}
		record, err := p.types.exampleOfJSON(line)
		if err != nil {
			return err
		}
		return emit(record)
	})
}

func (p *packing) csv(ctx context.Context, in *packInput, emit func([]byte) error) error {
	if in.number == 0 {
		defer p.types.settle(nil, nil) // also if this fails
	}
	stream, c, err := in.stream(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	r := csv.NewReader(stream)
	r.Comma = []rune(p.delimiter)[0]
	r.ReuseRecord = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return err
	}
	head = slices.Clone(head)
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	for i, name := range head {
		if slices.Contains(head[:i], name) {
			return fmt.Errorf("two columns are called %q", name)
		}
	}
	row := func(cells []string, line int) error {
		record, err := p.types.recordOfRow(head, cells, p.as.value == "raw")
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		return emit(record)
	}
	type kept struct {
		cells []string
		line  int
	}
	var first []kept // rows that decide the types
	for {
		cells, err := r.Read()
		done := errors.Is(err, io.EOF)
		if err != nil && !done {
			return err
		}
		if first != nil || in.number == 0 && !p.types.settled() {
			if !done {
				line, _ := r.FieldPos(0)
				first = append(first, kept{slices.Clone(cells), line})
			}
			if !done && len(first) < typedRows {
				continue
			}
			var rows [][]string
			for _, k := range first {
				rows = append(rows, k.cells)
			}
			p.types.settle(head, rows)
			for _, k := range first {
				if err := row(k.cells, k.line); err != nil {
					return err
				}
			}
			first = nil
			if done {
				return nil
			}
			continue
		}
		if done {
			return nil
		}
		if err := p.types.wait(ctx); err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if err := row(cells, line); err != nil {
			return err
		}
	}
}

func (p *packing) tar(ctx context.Context, in *packInput, emit func([]byte) error) error {
	stream, c, err := in.stream(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	features := map[string]*tfexample.Feature{}
	key := ""
	flush := func() error {
		if len(features) == 0 {
			return nil
		}
		features["__key__"] = tfexample.Strings(key)
		record, err := tfexample.Encode(features)
		if err != nil {
			return err
		}
		clear(features)
		return emit(record)
	}
	size := int64(0)
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return flush()
		} else if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		dir, base := path.Split(h.Name)
		stem, ext, _ := strings.Cut(base, ".")
		if stem = dir + stem; p.as.value != "raw" && stem != key {
			if err := flush(); err != nil {
				return err
			}
			key, size = stem, 0
		}
		if size += h.Size; h.Size > maxPacked || size > maxPacked && p.as.value != "raw" {
			return fmt.Errorf("%s: %w", h.Name, errTooLarge)
		}
		var content bytes.Buffer // grows with what is there, whatever the header says
		if _, err := io.Copy(&content, r); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		if p.as.value == "raw" {
			if err := emit(content.Bytes()); err != nil {
				return err
			}
			continue
		}
		if _, twice := features[ext]; twice {
			return fmt.Errorf("%s is there twice", h.Name)
		}
		features[ext] = tfexample.Bytes(content.Bytes())
	}
}

func (p *packing) tfrecord(ctx context.Context, in *packInput, emit func([]byte) error) error {
	stream, err := in.open(ctx)
	if err != nil {
		return err
	}
	defer stream.Close()
	r, err := tfrecord.NewReader(stream, tfrecord.WithBufferSize(1<<20))
	if err != nil {
		return err
	}
	for record, err := range r.Scan() {
		if err != nil {
			return err
		}
		if err := emit(record); err != nil {
			return err
		}
	}
	return nil
}

func (p *packing) delimited(ctx context.Context, in *packInput, emit func([]byte) error) error {
	raw, err := in.open(ctx)
	if err != nil {
		return err
	}
	defer raw.Close()
	r := bufio.NewReaderSize(raw, 64<<10)
	var record bytes.Buffer
	for n := 0; ; n++ {
		if _, err := r.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		size, err := binary.ReadUvarint(r)
		if err == nil && size > maxPacked {
			err = errTooLarge
		}
		if err == nil {
			record.Reset()
			if _, err = io.CopyN(&record, r, int64(size)); errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", n, err)
		}
		if err := emit(record.Bytes()); err != nil {
			return err
		}
	}
}

func (p *packing) file(ctx context.Context, in *packInput, emit func([]byte) error) error {
	raw, err := in.open(ctx)
	if err != nil {
		return err
	}
	defer raw.Close()
	content, err := io.ReadAll(io.LimitReader(raw, maxPacked+1))
	if err != nil {
		return err
	}
	if len(content) > maxPacked {
		return errTooLarge
	}
	if p.as.value != "example" {
		return emit(content)
	}
	record, err := tfexample.Encode(map[string]*tfexample.Feature{"path": tfexample.Strings(in.path), "content": tfexample.Bytes(content)})
	if err != nil {
		return err
	}
	return emit(record)
}
