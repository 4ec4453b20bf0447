package tfds

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

func features(t *testing.T, examples ...map[string]*tfexample.Feature) (Features, error) {
	t.Helper()
	var f Features
	for _, e := range examples {
		record, err := tfexample.Encode(e)
		require.NoError(t, err)
		if err := f.Add(record); err != nil {
			return f, err
		}
	}
	return f, nil
}

// shapes gives type and shape of each feature in features.json.
func shapes(t *testing.T, f Features) map[string]string {
	t.Helper()
	text, err := f.JSON()
	require.NoError(t, err)
	var parsed struct {
		FeaturesDict struct {
			Features map[string]struct {
				Tensor struct {
					Dtype string
					Shape struct{ Dimensions []string }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &parsed))
	shapes := map[string]string{}
	for name, feature := range parsed.FeaturesDict.Features {
		shapes[name] = feature.Tensor.Dtype
		for _, d := range feature.Tensor.Shape.Dimensions {
			shapes[name] += " " + d
		}
	}
	return shapes
}

func TestShapes(t *testing.T) {
	f, err := features(t,
		map[string]*tfexample.Feature{
			"scalar": tfexample.Ints(1), "vector": tfexample.Floats(1, 2, 3), "any": tfexample.Strings("a", "b"),
			"sometimes": tfexample.Ints(1), "empty": {}, "never": tfexample.Ints(),
		},
		map[string]*tfexample.Feature{
			"scalar": tfexample.Ints(2), "vector": tfexample.Floats(4, 5, 6), "any": tfexample.Strings("c"),
			"empty": tfexample.Strings("x"), "never": tfexample.Ints(),
		})
	require.NoError(t, err)
	want := map[string]string{
		"scalar": "int64", "vector": "float32 3", "any": "string -1", "sometimes": "int64 -1", "empty": "string -1", "never": "int64 -1",
	}
	require.Equal(t, want, shapes(t, f))

	// Of two shards: what one of them does not have may be missing.
	other, err := features(t, map[string]*tfexample.Feature{"scalar": tfexample.Ints(3), "late": tfexample.Ints(3)})
	require.NoError(t, err)
	for _, both := range [][2]Features{{f, other}, {other, f}} {
		var all Features
		require.NoError(t, all.Merge(both[0]))
		require.NoError(t, all.Merge(both[1]))
		got := shapes(t, all)
		require.Equal(t, "int64", got["scalar"])
		require.Equal(t, "float32 -1", got["vector"])
		require.Equal(t, "int64 -1", got["late"])
	}
}

func TestWhatCannotBeDescribed(t *testing.T) {
	_, err := features(t, map[string]*tfexample.Feature{"a": tfexample.Ints(1)}, map[string]*tfexample.Feature{"a": tfexample.Strings("x")})
	require.EqualError(t, err, `the feature "a" is int64 in some examples and string in others`)
	var f Features
	require.ErrorIs(t, f.Add([]byte("no example")), tfexample.ErrNotExample)
	f, err = features(t, map[string]*tfexample.Feature{"a": {}})
	require.NoError(t, err)
	_, err = f.JSON()
	require.ErrorContains(t, err, `the feature "a" has no type`)

	for _, shards := range [][]Shard{
		nil,
		{{"train", 0, 2, 1, 1}},
		{{"train", 1, 2, 1, 1}, {"train", 1, 2, 1, 1}},
		{{"train", 0, 1, 1, 1}, {"train", 0, 2, 1, 1}, {"train", 1, 2, 1, 1}}, // of two writes
	} {
		_, err := InfoJSON("x", "1.0.0", shards)
		require.Error(t, err)
	}
}

func TestNames(t *testing.T) {
	require.NoError(t, CheckNames("imagenet_2012", "10.0.3", "train"))
	for _, bad := range [][3]string{
		{"", "1.0.0", "train"}, {"a/b", "1.0.0", "train"}, {"a-b", "1.0.0", "train"}, {"a", "1.0", "train"}, {"a", "v1.0.0", "train"},
		{"a", "1.0.00", "train"}, {"a", "1.0.0", ""}, {"a", "1.0.0", "../x"},
	} {
		require.Error(t, CheckNames(bad[0], bad[1], bad[2]), bad)
	}
	shard, shards, ok := ParseShardNumber("-00003-of-100000")
	require.True(t, ok)
	require.Equal(t, []int{3, 100000}, []int{shard, shards})
	for _, bad := range []string{"", "-3-of-5", "-00005-of-00005", "-00001-of-00002.tmp", "x-00001-of-00002"} {
		_, _, ok := ParseShardNumber(bad)
		require.False(t, ok, bad)
	}
}
