package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// typedRows is how many rows of a CSV file decide the types of its columns.
const typedRows = 1000

// columnTypes are the types of features: "int", "float" or "bytes". Those that --columns leaves open
// the first input of CSV decides for all.
type columnTypes struct {
	given map[string]string

	once  sync.Once
	ready chan struct{} // closed when found is
	found map[string]string
}

func parseColumns(text string) (*columnTypes, error) {
	t := &columnTypes{given: map[string]string{}, found: map[string]string{}, ready: make(chan struct{})}
	if text == "" {
		return t, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		i := strings.LastIndexByte(one, ':')
		if i < 0 {
			return nil, usagef("--columns %s: NAME:TYPE is expected", one)
		}
		switch kind := one[i+1:]; kind {
		case "int", "float", "bytes":
			t.given[one[:i]] = kind
		default:
			return nil, usagef("--columns %s: a type is int, float or bytes", one)
		}
	}
	return t, nil
}

func (t *columnTypes) settled() bool {
	select {
	case <-t.ready:
		return true
	default:
		return false
	}
}

func (t *columnTypes) wait(ctx context.Context) error {
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle finds the narrowest types that rows have. Only the first call counts.
func (t *columnTypes) settle(head []string, rows [][]string) {
	t.once.Do(func() {
		for i, name := range head {
			kind := "int"
			seen := false
			for _, cells := range rows {
				if cells[i] == "" {
					continue
				}
				seen = true
				for _, wider := range []string{"float", "bytes"} {
					if _, err := featureOfText(cells[i], kind); err != nil {
						kind = wider
					}
				}
			}
			if !seen {
				kind = "bytes"
			}
			t.found[name] = kind
		}
		close(t.ready)
	})
}

func (t *columnTypes) of(name string) string {
	if kind, ok := t.given[name]; ok {
		return kind
	}
	if kind, ok := t.found[name]; ok {
		return kind
	}
	return "bytes"
}

func featureOfText(text, kind string) (*tfexample.Feature, error) {
	switch kind {
	case "int":
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not an integer", text)
		}
		return tfexample.Ints(i), nil
	case "float":
		x, err := strconv.ParseFloat(text, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", text)
		}
		return tfexample.Floats(float32(x)), nil
	}
	return tfexample.Strings(text), nil
}

// recordOfRow makes a record of a row of CSV.
func (t *columnTypes) recordOfRow(head, cells []string, asJSON bool) ([]byte, error) {
	features := map[string]*tfexample.Feature{}
	var object bytes.Buffer
	for i, name := range head {
		if cells[i] == "" {
			continue
		}
		kind := t.of(name)
		feature, err := featureOfText(cells[i], kind)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w; '--columns %s:bytes' takes it as it is", name, err, name)
		}
		features[name] = feature
		if asJSON {
			value := any(cells[i])
			if kind != "bytes" && json.Valid([]byte(cells[i])) {
				value = json.RawMessage(cells[i])
			}
			appendMember(&object, name, value)
		}
	}
	if asJSON {
		return append(object.Bytes(), map[bool]string{true: "{}", false: "}"}[object.Len() == 0]...), nil
	}
	return tfexample.Encode(features)
}

// appendMember adds a member to a JSON object that lacks its end.
func appendMember(b *bytes.Buffer, name string, value any) {
	b.WriteByte(map[bool]byte{true: '{', false: ','}[b.Len() == 0])
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	for i, v := range []any{name, value} {
		if i > 0 {
			b.WriteByte(':')
		}
		if err := e.Encode(v); err != nil {
			panic(err) // neither a string nor JSON that is valid fails
		}
		b.Truncate(b.Len() - 1) // the line break
	}
}

// exampleOfJSON makes a tf.train.Example of a JSON object.
func (t *columnTypes) exampleOfJSON(line []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		return nil, err
	}
	if object == nil || d.More() {
		return nil, fmt.Errorf("a line must be one object")
	}
	features := map[string]*tfexample.Feature{}
	for name, value := range object {
		if value == nil {
			continue
		}
		values, isList := value.([]any)
		if !isList {
			values = []any{value}
		}
		feature, err := featureOfJSON(values, t.given[name])
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		features[name] = feature
	}
	return tfexample.Encode(features)
}

// featureOfJSON makes a feature of values of JSON, of a type or of that which they look like.
func featureOfJSON(values []any, kind string) (*tfexample.Feature, error) {
	var texts [][]byte
	var ints []int64
	var floats []float32
	number := func(text string) error {
		i, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			ints = append(ints, i)
		}
		x, err := strconv.ParseFloat(text, 32)
		if err != nil {
			return err
		}
		floats = append(floats, float32(x))
		return nil
	}
	for _, value := range values {
		switch v := value.(type) {
		case string:
			special := map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}
			if x, ok := special[v]; ok && (kind == "float" || len(floats) > 0) && kind != "bytes" {
				floats = append(floats, float32(x))
				continue
			}
			texts = append(texts, []byte(v))
		case bool:
			i := int64(0)
			if v {
				i = 1
			}
			ints, floats = append(ints, i), append(floats, float32(i))
		case json.Number:
			if kind == "bytes" {
				texts = append(texts, []byte(v))
			} else if err := number(v.String()); err != nil {
				return nil, err
			}
		case map[string]any:
			text, ok := v["base64"].(string)
			if !ok || len(v) != 1 {
				return nil, fmt.Errorf(`an object must be {"base64": ...}`)
			}
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, err
			}
			texts = append(texts, b)
		default:
			return nil, fmt.Errorf("features are lists of strings or numbers, no %T", value)
		}
	}
	n := len(values)
	switch {
	case len(texts) == n && (kind == "" || kind == "bytes"):
		return tfexample.Bytes(texts...), nil
	case len(ints) == n && (kind == "" || kind == "int"):
		return tfexample.Ints(ints...), nil
	case len(floats) == n && (kind == "" || kind == "float"):
		return tfexample.Floats(floats...), nil
	case kind != "":
		return nil, fmt.Errorf("these are no values of type %s", kind)
	}
	return nil, fmt.Errorf("strings and numbers are mixed")
}
