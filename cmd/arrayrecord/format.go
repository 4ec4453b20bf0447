package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/arrayrecord/arrayrecord-go/internal/tfexample"
)

// A format is a way to print a record. It is a flag value.
type format string

const formatHelp = `how to print records:
text     one line a record; what is not printable text is
         escaped as in Go strings
hex      one line of hexadecimal digits a record
raw      the bytes as they are, with nothing between records
example  as tf.train.Example: a JSON object with a line a feature`

var formats = []string{"text", "hex", "raw", "example"}

// String, Set and Type make it a pflag.Value.
func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "FORMAT" }
func (f *format) Set(s string) error {
	for _, known := range formats {
		if s == known {
			*f = format(s)
			return nil
		}
	}
	return fmt.Errorf("it must be one of %s", strings.Join(formats, ", "))
}

// print writes one record.
func (f format) print(out *bufio.Writer, record []byte) error {
	switch f {
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
	default:
		_, err := out.WriteString(escape(record) + "\n")
		return err
	}
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
