package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

const formatHelp = `how to print records:
text     one line a record; what is not printable text is
         escaped as in Go strings
hex      one line of hexadecimal digits a record
raw      the bytes as they are, with nothing between records
example  as tf.train.Example: a JSON object with a line a feature
json     one line of JSON a record: a message of the type that
         --type or the file names, a tf.train.Example, JSON as it
         is, text as a string, anything else as {"base64": ...}`

// A printer prints records in a way that flags choose.
type printer struct {
	format        choice
	typeName      string
	descriptorSet string

	message protoreflect.MessageDescriptor // of --format json, or nil
}

func (p *printer) addFlags(cmd *cobra.Command) {
	addChoice(cmd, &p.format, "format", "f", formatHelp, "text", "hex", "raw", "example", "json")
	addTypeFlags(cmd, &p.typeName, &p.descriptorSet)
}

// open opens the files that arguments stand for, and prepares to print their records.
func (p *printer) open(ctx context.Context, a *app, args ...string) (*arrayrecord.DataSource, error) {
	d, err := a.open(ctx, args...)
	if err != nil {
		return nil, err
	}
	if err := p.prepare(ctx, d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// prepare is called when the files are known, before the first record.
func (p *printer) prepare(ctx context.Context, d *arrayrecord.DataSource) (err error) {
	if p.typeName != "" || p.descriptorSet != "" {
		p.format.value = "json"
	}
	if p.format.value == "json" {
		p.message, err = messageType(ctx, d, p.typeName, p.descriptorSet)
	}
	return err
}

// print writes one record.
func (p *printer) print(out *bufio.Writer, record []byte) error {
	switch p.format.value {
	case "raw":
		_, err := out.Write(record)
		return err
	case "hex":
		_, err := fmt.Fprintln(out, hex.EncodeToString(record))
		return err
	case "example":
		line, err := tfexample.JSON(record)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", line)
		return err
	case "json":
		line, err := recordJSON(record, p.message)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", line)
		return err
	default:
		_, err := out.WriteString(escape(record) + "\n")
		return err
	}
}

// recordJSON gives a record as one line of JSON.
func recordJSON(record []byte, message protoreflect.MessageDescriptor) ([]byte, error) {
	if message != nil {
		m := dynamicpb.NewMessage(message)
		if err := proto.Unmarshal(record, m); err != nil {
			return nil, fmt.Errorf("not a %s: %w", message.FullName(), err)
		}
		data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
		if err != nil {
			return nil, err
		}
		return compact(data)
	}
	if example, err := tfexample.JSON(record); err == nil && len(record) > 0 {
		return compact(example)
	}
	if json.Valid(record) {
		return compact(record)
	}
	if utf8.Valid(record) {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(string(record))
		return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
	}
	return json.Marshal(map[string][]byte{"base64": record})
}

// compact makes one line of JSON that may have several.
func compact(data []byte) ([]byte, error) {
	var b bytes.Buffer
	err := json.Compact(&b, data)
	return b.Bytes(), err
}

// escape makes one line of printable text of any bytes.
func escape(record []byte) string {
	var b strings.Builder
	for len(record) > 0 {
		r, n := utf8.DecodeRune(record)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, record[0])
		case r == '\\':
			b.WriteString(`\\`)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		record = record[n:]
	}
	return b.String()
}
