package tfexample

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

func TestValues(t *testing.T) {
	example, err := Decode(encode(t, map[string]*Feature{
		"text": Strings("a", "b"), "one": Ints(7), "floats": Floats(0.5, 2), "none": {}, "empty": Ints(),
	}))
	require.NoError(t, err)
	texts, err := Values[string](example, "text")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, texts)
	raw, err := Values[[]byte](example, "text")
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("a"), []byte("b")}, raw)
	floats, err := Values[float32](example, "floats")
	require.NoError(t, err)
	require.Equal(t, []float32{0.5, 2}, floats)
	one, err := Value[int64](example, "one")
	require.NoError(t, err)
	require.Equal(t, int64(7), one)
	none, err := Values[float32](example, "none")
	require.NoError(t, err)
	require.Empty(t, none)

	_, err = Value[string](example, "Text")
	require.ErrorIs(t, err, ErrNoFeature)
	_, err = Value[string](nil, "text")
	require.ErrorIs(t, err, ErrNoFeature)
	for _, name := range []string{"text", "empty", "none"} {
		if _, err = Value[int64](example, name); name == "text" {
			require.ErrorIs(t, err, ErrKind)
			require.EqualError(t, err, `feature "text": another kind of feature: it has byte strings, not int64`)
		} else {
			require.ErrorIs(t, err, ErrCount)
		}
	}
	_, err = Value[string](example, "text")
	require.EqualError(t, err, `feature "text": not one value: it has 2`)
	_, err = Values[string](example, "one")
	require.ErrorIs(t, err, ErrKind)
	_, err = Values[int64](example, "floats")
	require.ErrorIs(t, err, ErrKind)
	_, err = Values[float32](example, "text")
	require.ErrorIs(t, err, ErrKind)
}

// Whatever the record is, each feature has values of one kind, and encoding them gives them again.
func FuzzValues(f *testing.F) {
	f.Add(digits(f)[0])
	f.Add(encode(f, map[string]*Feature{"a": Strings("", "x"), "b": Floats(1), "c": {}, "d": Ints()}))
	f.Fuzz(func(t *testing.T, record []byte) {
		example, err := Decode(record)
		if err != nil {
			require.ErrorIs(t, err, ErrNotExample)
			return
		}
		again := map[string]*Feature{}
		for name, feature := range example.GetFeatures().GetFeature() {
			kinds := 0
			if v, err := Values[[]byte](example, name); err == nil {
				again[name] = Bytes(v...)
				kinds++
			}
			if v, err := Values[float32](example, name); err == nil {
				again[name] = Floats(v...)
				kinds++
			}
			if v, err := Values[int64](example, name); err == nil {
				again[name] = Ints(v...)
				kinds++
			}
			if feature.GetKind() == nil {
				require.Equal(t, 3, kinds)
				again[name] = feature
			} else {
				require.Equal(t, 1, kinds)
			}
		}
		decoded, err := Decode(encode(t, again))
		require.NoError(t, err)
		// An Example without features may have the message for them or not.
		if len(again) > 0 {
			require.True(t, proto.Equal(decoded, example))
		}
	})
}
