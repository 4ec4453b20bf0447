package tfexample

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// JSON returns the serialized tf.train.Example record as JSON for people to
// read: one object with a line per feature, sorted by name, each value an array
// whatever its length:
//
//	{
//	  "id": ["digits/0000"],
//	  "image": [{"base64": "AAUNCQ=="}],
//	  "label": [3],
//	  "mean": [4.59375, 1.0, "NaN"]
//	}
//
// Byte strings are JSON strings when they are printable UTF-8 text (line breaks
// and tabs included), else objects with the one key "base64" (standard alphabet,
// padded). Integers have neither point nor exponent, floating-point numbers
// have one or both, and as many digits as identify the 32-bit value; those that
// JSON lacks are "NaN", "Infinity" and "-Infinity". A feature without any list
// is null. The text has no line break at its end; json.Compact makes it one
// line.
//
// A record that is not an Example is an error, ErrNotExample. An empty record
// is an Example without features, "{}".
func JSON(record []byte) ([]byte, error) {
	example, err := Decode(record)
	if err != nil {
		return nil, err
	}
	features := example.GetFeatures().GetFeature()
	if len(features) == 0 {
		return []byte("{}"), nil
	}
	out := []byte("{")
	for i, name := range slices.Sorted(maps.Keys(features)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, "\n  "...)
		out = appendString(out, name)
		out = append(out, ": "...)
		out = appendFeature(out, features[name])
	}
	return append(out, "\n}"...), nil
}

func appendFeature(out []byte, feature *Feature) []byte {
	switch kind := feature.GetKind().(type) {
	case *Feature_BytesList:
		return appendArray(out, kind.BytesList.GetValue(), appendBytes)
	case *Feature_FloatList:
		return appendArray(out, kind.FloatList.GetValue(), appendFloat)
	case *Feature_Int64List:
		return appendArray(out, kind.Int64List.GetValue(), appendInt)
	}
	return append(out, "null"...)
}

func appendArray[T any](out []byte, values []T, appendValue func([]byte, T) []byte) []byte {
	out = append(out, '[')
	for i, v := range values {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = appendValue(out, v)
	}
	return append(out, ']')
}

func appendBytes(out, value []byte) []byte {
	if isText(value) {
		return appendString(out, string(value))
	}
	out = append(out, `{"base64": "`...)
	out = base64.StdEncoding.AppendEncode(out, value)
	return append(out, `"}`...)
}

func isText(value []byte) bool {
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError && size == 1 {
			return false
		}
		if !unicode.IsPrint(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		i += size
	}
	return true
}

// appendString leaves <, > and & as they are, which json.Marshal does not.
func appendString(out []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string cannot fail to encode into memory
	}
	return append(out, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

func appendFloat(out []byte, value float32) []byte {
	v := float64(value)
	switch {
	case math.IsNaN(v):
		return append(out, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(out, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(out, `"-Infinity"`...)
	}
	begin := len(out)
	out = strconv.AppendFloat(out, v, 'g', -1, 32)
	if !bytes.ContainsAny(out[begin:], ".e") {
		out = append(out, ".0"...)
	}
	return out
}

func appendInt(out []byte, value int64) []byte { return strconv.AppendInt(out, value, 10) }
