package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// Bounds of what is shown of a value.
const (
	shownText   = 4 << 10 // bytes
	shownHex    = 256     // bytes
	shownValues = 64      // numbers
	maxPixels   = 16 << 20
	maxEmbedded = 1 << 20 // bytes of a picture or sound in a file by itself
)

type recordView struct {
	Number     int
	Size, Kind string
	Features   []featureView
	Value      valueView
}

type featureView struct {
	Name, Type string
	Value      valueView
}

// valueView is a value: one of a picture, a sound and text.
type valueView struct {
	Image, Audio template.URL
	Alt          string
	Small        bool // enlarge it
	Text, Note   string
}

// show gives a record as it is shown; with embed pictures and sounds are in it.
func (v *viewer) show(i int, record []byte, embed bool) recordView {
	view := recordView{Number: i, Size: formatBytes(int64(len(record)))}
	if v.message != nil {
		line, err := recordJSON(record, v.message)
		view.Kind, view.Value.Text = string(v.message.FullName()), cutText(string(line))
		if err != nil {
			view.Value.Note = err.Error()
		}
		return view
	}
	example, err := tfexample.Decode(record)
	features := example.GetFeatures().GetFeature()
	if err != nil || len(features) == 0 {
		view.Kind = recordKind(record)
		view.Value = showBytes(record)
		v.addMedia(&view.Value, i, "", record, embed)
		return view
	}
	view.Kind = "tf.train.Example"
	for _, name := range slices.Sorted(maps.Keys(features)) {
		f := featureView{Name: name}
		f.Type, f.Value = showFeature(features[name])
		v.addMedia(&f.Value, i, name, record, embed)
		view.Features = append(view.Features, f)
	}
	return view
}

// addMedia adds the picture or sound that a feature, or a record, is.
func (v *viewer) addMedia(value *valueView, i int, feature string, record []byte, embed bool) {
	data, kind, err := v.mediaOf(record, feature)
	if err != nil {
		if !errors.Is(err, errNoMedia) {
			value.Note = err.Error()
		}
		return
	}
	address := "media?" + url.Values{"record": {strconv.Itoa(i)}, "feature": {feature}}.Encode()
	if embed {
		if len(data) > maxEmbedded {
			value.Note = fmt.Sprintf("%s of %s, too large for this file", kind, formatBytes(int64(len(data))))
			return
		}
		address = "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data)
	}
	*value = valueView{Note: fmt.Sprintf("%s, %s", kind, formatBytes(int64(len(data))))}
	if strings.HasPrefix(kind, "audio/") {
		value.Audio = template.URL(address) // of kinds that mediaType names, and base64
		return
	}
	value.Image, value.Alt = template.URL(address), strings.TrimSpace(fmt.Sprintf("%s of record %d", feature, i))
	if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil {
		value.Small = c.Width <= 64
		value.Note = fmt.Sprintf("%s, %d×%d, %s", kind, c.Width, c.Height, formatBytes(int64(len(data))))
	}
}

var errNoMedia = errors.New("this is neither a picture nor a sound")

// mediaOf gives the picture or sound that a feature of a record is, or the record for "".
func (v *viewer) mediaOf(record []byte, feature string) (data []byte, kind string, err error) {
	if feature == "" {
		if kind := mediaType(record); kind != "" {
			return record, kind, nil
		}
		return nil, "", errNoMedia
	}
	example, err := tfexample.Decode(record)
	if err != nil {
		return nil, "", errNoMedia
	}
	features := example.GetFeatures().GetFeature()
	f := features[feature]
	values := f.GetBytesList().GetValue()
	if len(values) == 1 {
		if kind := mediaType(values[0]); kind != "" {
			return values[0], kind, nil
		}
	}
	shape, given := v.shapes[feature]
	if !given {
		shape = shapeOf(features, feature)
	}
	if len(shape) == 0 {
		return nil, "", errNoMedia
	}
	pixels := pixelsOf(f)
	height, width, channels := shape[0], shape[1], shape[2]
	if height*width*channels != len(pixels) {
		if !given {
			return nil, "", errNoMedia
		}
		return nil, "", fmt.Errorf("%d values are no picture of %d×%d×%d", len(pixels), height, width, channels)
	}
	data, err = encodePNG(pixels, height, width, channels)
	return data, "image/png", err
}

// shapeOf finds the shape of a picture in the features beside it: nil if they do not tell.
func shapeOf(features map[string]*tfexample.Feature, name string) []int {
	prefixes := []string{"", name + "/"}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		prefixes = append([]string{name[:i+1]}, prefixes...)
	}
	ints := func(name string) []int64 { return features[name].GetInt64List().GetValue() }
	for _, prefix := range prefixes {
		sizes := ints(prefix + "shape")
		if height, width := ints(prefix+"height"), ints(prefix+"width"); len(height) == 1 && len(width) == 1 {
			sizes = []int64{height[0], width[0]}
			for _, c := range []string{"channels", "depth"} {
				if channels := ints(prefix + c); len(channels) == 1 {
					sizes = append(sizes[:2], channels[0])
				}
			}
		}
		if shape, ok := shapeFrom(sizes); ok {
			return shape
		}
	}
	return nil
}

// shapeFrom makes height, width and channels of two or three numbers.
func shapeFrom(sizes []int64) ([]int, bool) {
	if len(sizes) == 2 {
		sizes = append(slices.Clone(sizes), 1)
	}
	if len(sizes) != 3 || sizes[2] != 1 && sizes[2] != 3 && sizes[2] != 4 {
		return nil, false
	}
	for _, n := range sizes {
		if n < 1 || n > maxPixels {
			return nil, false
		}
	}
	if sizes[0]*sizes[1] > maxPixels {
		return nil, false
	}
	return []int{int(sizes[0]), int(sizes[1]), int(sizes[2])}, true
}

// parseShapes parses the values of --image.
func parseShapes(flags []string) (map[string][]int, error) {
	shapes := map[string][]int{}
	for _, flag := range flags {
		i := strings.LastIndexByte(flag, '=')
		var sizes []int64
		for text := range strings.SplitSeq(flag[i+1:], "x") {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				n = 0
			}
			sizes = append(sizes, n)
		}
		shape, ok := shapeFrom(sizes)
		if i < 1 || !ok {
			return nil, usagef("--image %s: FEATURE=HEIGHTxWIDTH or FEATURE=HEIGHTxWIDTHxCHANNELS is expected, with 1, 3 or 4 channels", flag)
		}
		shapes[flag[:i]] = shape
	}
	return shapes, nil
}

// pixelsOf gives the values of a feature as brightness, those that are no bytes spread over all of it.
func pixelsOf(f *tfexample.Feature) []byte {
	if values := f.GetBytesList().GetValue(); len(values) == 1 {
		return values[0]
	}
	var numbers []float64
	for _, v := range f.GetInt64List().GetValue() {
		numbers = append(numbers, float64(v))
	}
	for _, v := range f.GetFloatList().GetValue() {
		numbers = append(numbers, float64(v))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range numbers {
		low, high = min(low, x), max(high, x)
	}
	pixels := make([]byte, len(numbers))
	for i, x := range numbers {
		if high > low && finite(low, high) {
			pixels[i] = byte(255 * (x - low) / (high - low))
		}
	}
	return pixels
}

func encodePNG(pixels []byte, height, width, channels int) ([]byte, error) {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	low, high := byte(0), byte(255)
	if channels == 1 && len(pixels) > 0 && slices.Max(pixels) < 32 {
		high = max(slices.Max(pixels), 1) // of few shades, such as those of 4 bits
	}
	shade := func(b byte) byte { return byte(int(b-low) * 255 / int(high-low)) }
	for i := range height * width {
		p := pixels[i*channels : (i+1)*channels]
		c := color.NRGBA{A: 255}
		switch channels {
		case 1:
			c.R, c.G, c.B = shade(p[0]), shade(p[0]), shade(p[0])
		default:
			c.R, c.G, c.B = p[0], p[1], p[2]
			if channels == 4 {
				c.A = p[3]
			}
		}
		m.SetNRGBA(i%width, i/width, c)
	}
	var b bytes.Buffer
	err := png.Encode(&b, m)
	return b.Bytes(), err
}

// showFeature gives the type of a feature and its values as text.
func showFeature(f *tfexample.Feature) (kind string, value valueView) {
	switch list := f.GetKind().(type) {
	case *tfexample.Feature_BytesList:
		values := list.BytesList.GetValue()
		kind = fmt.Sprintf("bytes[%d]", len(values))
		if len(values) == 1 {
			return kind, showBytes(values[0])
		}
		var lines []string
		for _, v := range values[:min(len(values), shownValues)] {
			lines = append(lines, short(strconv.Quote(string(v[:min(len(v), shownHex)]))))
		}
		return kind, more(strings.Join(lines, "\n"), len(values))
	case *tfexample.Feature_Int64List:
		values := list.Int64List.GetValue()
		return fmt.Sprintf("int64[%d]", len(values)), more(joinNumbers(values), len(values))
	case *tfexample.Feature_FloatList:
		values := list.FloatList.GetValue()
		return fmt.Sprintf("float[%d]", len(values)), more(joinNumbers(values), len(values))
	}
	return "empty", valueView{}
}

func joinNumbers[T any](values []T) string {
	return strings.Trim(fmt.Sprint(values[:min(len(values), shownValues)]), "[]")
}

// more says that not all of n values are shown.
func more(text string, n int) valueView {
	v := valueView{Text: text}
	if n > shownValues {
		v.Note = fmt.Sprintf("and %s more", formatCount(n-shownValues))
	}
	return v
}

// showBytes shows text as it is, and anything else as hex.
func showBytes(data []byte) valueView {
	if isPlain(data) {
		return valueView{Text: cutText(string(data))}
	}
	v := valueView{Text: strings.TrimSuffix(hex.Dump(data[:min(len(data), shownHex)]), "\n")}
	if len(data) > shownHex {
		v.Note = fmt.Sprintf("the first %d of %s bytes", shownHex, formatCount(len(data)))
	}
	return v
}

func cutText(s string) string {
	if len(s) <= shownText {
		return s
	}
	return strings.ToValidUTF8(s[:shownText], "") + "…"
}
