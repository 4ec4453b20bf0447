package tfexample

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// digits returns the Examples that TensorFlow serialized, see testdata/README.md.
func digits(t testing.TB) (records [][]byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "digits.records"))
	require.NoError(t, err)
	for len(b) > 0 {
		n := binary.LittleEndian.Uint32(b)
		records = append(records, b[4:4+n])
		b = b[4+n:]
	}
	require.Len(t, records, 1797)
	return records
}

func encode(t testing.TB, features map[string]*Feature) []byte {
	t.Helper()
	b, err := Encode(features)
	require.NoError(t, err)
	return b
}

func TestDecodesTensorFlowsExamples(t *testing.T) {
	perLabel := make([]int, 10)
	for i, record := range digits(t) {
		example, err := Decode(record)
		require.NoError(t, err)
		f := example.GetFeatures().GetFeature()
		require.Len(t, f, 5)
		assert.Equal(t, fmt.Sprintf("digits/%04d", i), string(f["id"].GetBytesList().GetValue()[0]))

		image := f["image"].GetBytesList().GetValue()[0]
		require.Len(t, image, 64)
		sum := 0
		var ink []int64
		for at, pixel := range image {
			sum += int(pixel)
			if pixel > 8 {
				ink = append(ink, int64(at))
			}
		}
		assert.Equal(t, []float32{float32(sum) / 64}, f["mean"].GetFloatList().GetValue())
		assert.Equal(t, ink, f["ink"].GetInt64List().GetValue())
		require.Len(t, f["label"].GetInt64List().GetValue(), 1)
		perLabel[f["label"].GetInt64List().GetValue()[0]]++

		again := encode(t, f)
		require.Equal(t, record, again, "TensorFlow's bytes for example %d", i)
	}
	assert.Equal(t, []int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}, perLabel)
}

func TestJSONOfTensorFlowsExample(t *testing.T) {
	got, err := JSON(digits(t)[0])
	require.NoError(t, err)
	assert.Equal(t, `{
  "id": ["digits/0000"],
  "image": [{"base64": "AAAFDQkBAAAAAA0PCg8FAAADDwIACwgAAAQMAAAICAAABQgAAAkIAAAECwABDAcAAAIOBQoMAAAAAAYNCgAAAA=="}],
  "ink": [3, 4, 10, 11, 12, 13, 18, 21, 26, 37, 42, 45, 50, 52, 53, 59, 60],
  "label": [0],
  "mean": [4.59375]
}`, string(got))
}

func TestJSON(t *testing.T) {
	got, err := JSON(encode(t, map[string]*Feature{
		"b <&> \"\u2028": Strings("plain", "", "line\nbreak\ttab\r", `"quoted" <tag> & é 猫`),
		"a":              Bytes([]byte{0}, []byte{0xff, 0xfe}, []byte("\x1b[2J"), []byte("a\u202eb"), []byte("\ufeff")),
		"c":              Ints(0, -1, math.MaxInt64, math.MinInt64),
		"d": Floats(0, 1, -2.5, 0.1, 1e-7, 3e30, math.MaxFloat32, math.SmallestNonzeroFloat32,
			float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1))),
		"e": Bytes(), "f": Ints(), "g": Floats(), "h": {},
	}))
	require.NoError(t, err)
	assert.Equal(t, `{
  "a": [{"base64": "AA=="}, {"base64": "//4="}, {"base64": "G1sySg=="}, {"base64": "YeKArmI="}, {"base64": "77u/"}],
  "b <&> \"\u2028": ["plain", "", "line\nbreak\ttab\r", "\"quoted\" <tag> & é 猫"],
  "c": [0, -1, 9223372036854775807, -9223372036854775808],
  "d": [0.0, 1.0, -2.5, 0.1, 1e-07, 3e+30, 3.4028235e+38, 1e-45, "NaN", "Infinity", "-Infinity", -0.0],
  "e": [],
  "f": [],
  "g": [],
  "h": null
}`, string(got))
	assert.True(t, json.Valid(got))
}

func TestEmptyRecordIsAnExampleWithoutFeatures(t *testing.T) {
	for _, record := range [][]byte{nil, encode(t, nil)} {
		got, err := JSON(record)
		require.NoError(t, err)
		assert.Equal(t, "{}", string(got))
	}
}

// TensorFlow packs numbers; other writers may not, and parsers accept both.
func TestUnpackedNumbers(t *testing.T) {
	list := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)
	list = protowire.AppendVarint(protowire.AppendTag(list, 1, protowire.VarintType), 8)
	got, err := JSON(message(1, message(1, append(field(1, []byte("n")), field(2, message(3, list))...))))
	require.NoError(t, err)
	assert.JSONEq(t, `{"n": [7, 8]}`, string(got))
}

func field(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

func message(number protowire.Number, value []byte) []byte { return field(number, value) }

func TestWhatIsNotAnExample(t *testing.T) {
	feature := func(content []byte) []byte {
		return message(1, message(1, append(field(1, []byte("x")), field(2, content)...)))
	}
	number := protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 1)
	whole := encode(t, map[string]*Feature{"label": Ints(300)})
	for name, tt := range map[string]struct {
		record []byte
		says   string
	}{
		"text":                    {[]byte("00017 array record chunk\n"), ""},
		"random bytes":            {[]byte{0x93, 0x11, 0xf0, 0x07, 0xee}, ""},
		"cut short":               {whole[:len(whole)-1], ""},
		"sequence example":        {append(message(1, nil), message(2, nil)...), "Example has no field 2 of wire type 2"},
		"unknown in Features":     {message(1, number), "Features has no field 9 of wire type 0"},
		"unknown in Feature":      {feature(number), `feature "x": Feature has no field 9`},
		"unknown in bytes list":   {feature(message(1, number)), `feature "x": BytesList has no field 9`},
		"unknown in float list":   {feature(message(2, number)), `feature "x": FloatList has no field 9`},
		"unknown in int64 list":   {feature(message(3, number)), `feature "x": Int64List has no field 9`},
		"wrong type of a number":  {feature(message(3, protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), 1))), "field 1 of wire type 1"},
		"name that is not UTF-8":  {message(1, message(1, field(1, []byte{0xff}))), "UTF-8"},
		"an unterminated message": {[]byte{0x0a, 0xff}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := JSON(tt.record)
			assert.Nil(t, got)
			assert.ErrorIs(t, err, ErrNotExample)
			assert.ErrorContains(t, err, tt.says)
			_, err = Decode(tt.record)
			assert.ErrorIs(t, err, ErrNotExample)
		})
	}
}

func TestDecodeDoesNotShareMemory(t *testing.T) {
	record := encode(t, map[string]*Feature{"id": Strings("kept")})
	example, err := Decode(record)
	require.NoError(t, err)
	clear(record)
	assert.Equal(t, "kept", string(example.GetFeatures().GetFeature()["id"].GetBytesList().GetValue()[0]))
}

// A program that also links TensorFlow's messages must start.
func TestNamesAreOurOwn(t *testing.T) {
	for _, theirs := range []string{"tensorflow/core/example/example.proto", "tensorflow/core/example/feature.proto", "example.proto"} {
		_, err := protoregistry.GlobalFiles.FindFileByPath(theirs)
		assert.ErrorIs(t, err, protoregistry.NotFound)
	}
	for _, theirs := range []string{"Example", "Features", "Feature", "BytesList", "FloatList", "Int64List"} {
		_, err := protoregistry.GlobalTypes.FindMessageByURL("tensorflow." + theirs)
		assert.ErrorIs(t, err, protoregistry.NotFound)
	}
}

// FuzzJSON: any record gives valid JSON or ErrNotExample, and its base64 can be
// decoded.
func FuzzJSON(f *testing.F) {
	f.Add(digits(f)[0])
	f.Add(encode(f, map[string]*Feature{"a": Bytes([]byte{0xff}), "b": Floats(1, float32(math.NaN())), "c": {}}))
	f.Add(encode(f, map[string]*Feature{"\u2028": Strings("<\n>")}))
	f.Add([]byte("\x0a\x00\x12\x00"))
	f.Fuzz(func(t *testing.T, record []byte) {
		text, err := JSON(record)
		if err != nil {
			assert.ErrorIs(t, err, ErrNotExample)
			return
		}
		var object map[string][]any
		require.NoError(t, json.Unmarshal(text, &object), "%s", text)
		for _, values := range object {
			for _, value := range values {
				if m, ok := value.(map[string]any); ok {
					_, err := base64.StdEncoding.DecodeString(m["base64"].(string))
					require.NoError(t, err)
				}
			}
		}
	})
}
